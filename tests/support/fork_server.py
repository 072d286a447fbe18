"""Run the command line in forked processes, which need not import ffprep again.

An import takes three times as long as the conversion of a small photo. So a server imports every
module of ffprep once and forks for each call. The child has the working directory, the environment,
the umask and the streams of the caller, and runs `python -m ffprep` from its first line. The slow
openai package is imported at the first `submit`.
FFPREP_TESTS_FORK=0 starts a new interpreter for each call instead.
"""

import atexit
import gc
import importlib
import os
import pickle
import pkgutil
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from typing import Any

_STATUS = struct.Struct("i")
# A program that does what ForkServer.run does, with its own streams.
_PROGRAM = """#!{python} -IS
import os, pickle, socket, struct, sys
umask = os.umask(0)
os.umask(umask)
request = pickle.dumps((sys.argv[1:], os.getcwd(), dict(os.environ), umask))
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect({address!r})
    socket.send_fds(connection, [struct.pack("i", len(request))], [0, 1, 2])
    connection.sendall(request)
    _, status = struct.unpack("ii", connection.recv(8, socket.MSG_WAITALL))
sys.exit(os.waitstatus_to_exitcode(status))
"""


class ForkServer:
    """The caller's side: a server process, and calls to it from any thread."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fork-")
        self._address = os.path.join(self._folder.name, "socket")
        argv = [sys.executable, "-P", __file__, self._address]
        # The server ends when this process does, since that closes its standard input.
        self._server = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._server.stdout
        assert self._server.stdout.readline() == b"ready\n"
        self._environment = dict(os.environ)

    def can_run(self, environment: dict[str, str]) -> bool:
        """Return whether Python would start as the server did under this environment."""
        names = {*environment, *self._environment}
        start = {name for name in names if name.startswith(("PYTHON", "LC_", "LANG", "LD_"))}
        return all(environment.get(name) == self._environment.get(name) for name in start)

    def run(
        self, argv: list[str | bytes], stdin: bytes, cwd: Any, environment: dict[str, str]
    ) -> tuple[int, bytes, bytes]:
        """Run `python -m ffprep` with these arguments; return its exit code and its output."""
        umask = os.umask(0)
        os.umask(umask)
        request = pickle.dumps((argv, os.fspath(cwd or os.getcwd()), environment, umask))
        pipes = [os.pipe() for _ in range(3)]
        (child_in, feed), (out, child_out), (err, child_err) = pipes
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(300)
            connection.connect(self._address)
            socket.send_fds(
                connection, [_STATUS.pack(len(request))], [child_in, child_out, child_err]
            )
            connection.sendall(request)
            for descriptor in (child_in, child_out, child_err):
                os.close(descriptor)
            read = {out: b"", err: b""}
            threads = [threading.Thread(target=_write, args=(feed, stdin))]
            threads += [threading.Thread(target=_read, args=(end, read)) for end in (out, err)]
            for thread in threads:
                thread.start()
            (pid,) = _STATUS.unpack(_receive(connection, _STATUS.size))
            try:
                (status,) = _STATUS.unpack(_receive(connection, _STATUS.size))
            except TimeoutError:
                os.kill(pid, 9)
                raise
            finally:
                for thread in threads:
                    thread.join()
        return os.waitstatus_to_exitcode(status), read[out], read[err]

    def program(self) -> str:
        """Return a script that stands in for `ffprep` in a shell with the server's environment."""
        return _PROGRAM.format(python=sys.executable, address=self._address)

    def close(self) -> None:
        """End the server."""
        self._server.kill()
        self._server.communicate()
        self._folder.cleanup()


def _write(descriptor: int, data: bytes) -> None:
    with suppress(BrokenPipeError), open(descriptor, "wb") as pipe:
        pipe.write(data)


def _read(descriptor: int, into: dict[int, bytes]) -> None:
    with open(descriptor, "rb") as pipe:
        into[descriptor] = pipe.read()


def _receive(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise EOFError("the fork server closed the connection")
        data += part
    return data


def _import_everything() -> None:
    """Import the modules of ffprep, but not all that functions import when called."""
    import ffprep.record

    for module in pkgutil.walk_packages(ffprep.__path__, "ffprep."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    _compile_records(ffprep.record.Record)


def _compile_records(record: type) -> None:
    """Make a record of each class: it compiles its `__init__`, even if it lacks values then."""
    for cls in record.__subclasses__():
        with suppress(TypeError):
            cls()
        _compile_records(cls)


class _Server:
    """Fork a process for each call, and tell the caller its number and its exit status."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._callers: dict[int, socket.socket] = {}
        # A child that ends makes the pipe readable, which ends a wait.
        self._ended, self._wakeup = os.pipe()
        os.set_blocking(self._wakeup, False)
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def next_call(self) -> tuple[list[str], list[int]]:
        """Return in a new process for each call: its arguments, and its streams."""
        while True:
            ready = select.select([self._listener, self._ended, sys.stdin], [], [])[0]
            if sys.stdin in ready:
                raise SystemExit
            if self._ended in ready:
                self._report_ended()
            if self._listener in ready and (call := self._accept()):
                return call

    def _accept(self) -> tuple[list[str], list[int]] | None:
        """Fork for a call; return None in the server."""
        connection, _ = self._listener.accept()
        head, streams, *_ = socket.recv_fds(connection, _STATUS.size, 3)
        argv, cwd, environment, umask = pickle.loads(_receive(connection, _STATUS.unpack(head)[0]))
        if "submit" in argv:
            importlib.import_module("openai")
        if pid := os.fork():
            for descriptor in streams:
                os.close(descriptor)
            self._callers[pid] = connection
            with suppress(OSError):
                connection.sendall(_STATUS.pack(pid))
            return None
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (*self._callers.values(), connection, self._listener):
            end.close()
        os.close(self._ended)
        os.close(self._wakeup)
        os.chdir(cwd)
        os.umask(umask)
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        return [os.fsdecode(word) for word in argv], streams

    def _report_ended(self) -> None:
        os.read(self._ended, 4096)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                with self._callers.pop(ended[0]) as caller, suppress(OSError):
                    caller.sendall(_STATUS.pack(ended[1]))


def _take_streams(streams: list[int]) -> None:
    """Make the standard streams as Python does at its start."""
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        before = getattr(sys, name)
        stream = open(  # noqa: SIM115
            before.fileno(), mode, encoding=before.encoding, errors=before.errors, closefd=False
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _leave(code: object) -> None:
    """Exit as Python does, but without freeing all modules, which takes most of a short call."""
    if code is not None and not isinstance(code, int):
        sys.exit(code)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(code)
    os._exit((code or 0) & 0xFF)


def main() -> None:
    """Serve until killed; in the process of a call, run the command line."""
    _import_everything()
    gc.freeze()  # the children need not look at what was imported
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen()
        print("ready", flush=True)
        argv, streams = _Server(listener).next_call()
    _take_streams(streams)
    sys.argv[1:] = argv
    sys.path.insert(0, os.getcwd())
    code: object = 0
    try:
        runpy.run_module("ffprep", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
    _leave(code)


if __name__ == "__main__":
    main()
