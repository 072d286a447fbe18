"""Run the command line in forked processes, which need not import ffprep again.

An import takes three times as long as the conversion of a small photo. So a server imports every
module of ffprep once and forks for each call. The child has the working directory, the environment,
the umask and the streams of the caller, and runs `python -m ffprep` from its first line.
FFPREP_TESTS_FORK=0 starts a new interpreter for each call instead.
"""

import gc
import importlib
import os
import pickle
import pkgutil
import runpy
import select
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


class ForkServer:
    """The caller's side: a server process, and calls to it from any thread."""

    def __init__(self, *more: str) -> None:
        """Start the server, which imports the modules of `more` too."""
        self._folder = tempfile.TemporaryDirectory(prefix="fork-")
        self._address = os.path.join(self._folder.name, "socket")
        argv = [sys.executable, "-P", __file__, self._address, *more]
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


def _import_everything(*more: str) -> None:
    """Import the modules of ffprep and some more, but not all that functions import when called."""
    import ffprep

    for module in pkgutil.walk_packages(ffprep.__path__, "ffprep."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in more:
        importlib.import_module(name)


def _next_call(listener: socket.socket) -> tuple[list[str], list[int]]:
    """Return in a new process for each call: its arguments, and its streams."""
    while True:
        if sys.stdin in select.select([listener, sys.stdin], [], [])[0]:
            raise SystemExit
        connection, _ = listener.accept()
        if os.fork():
            connection.close()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            continue
        listener.close()
        head, streams, *_ = socket.recv_fds(connection, _STATUS.size, 3)
        request = _receive(connection, _STATUS.unpack(head)[0])
        argv, cwd, environment, umask = pickle.loads(request)
        pid = os.fork()
        if not pid:
            connection.close()
            os.chdir(cwd)
            os.umask(umask)
            os.environ.clear()
            os.environ.update(environment)
            time.tzset()
            return [os.fsdecode(word) for word in argv], streams
        for descriptor in streams:
            os.close(descriptor)
        connection.sendall(_STATUS.pack(pid))
        status = os.waitpid(pid, 0)[1]
        with suppress(OSError):
            connection.sendall(_STATUS.pack(status))
        os._exit(0)


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


def main() -> None:
    """Serve until killed; in the process of a call, run the command line."""
    _import_everything(*sys.argv[2:])
    gc.freeze()  # the children need not look at what was imported
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen()
        print("ready", flush=True)
        argv, streams = _next_call(listener)
    _take_streams(streams)
    sys.argv[1:] = argv
    sys.path.insert(0, os.getcwd())
    runpy.run_module("ffprep", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
