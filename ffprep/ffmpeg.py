"""The ffmpeg binary: which one, and how it is run. The only room that starts processes."""

import contextlib
import importlib.util
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from ffprep.errors import EnvironmentFault

OLDEST = (9, 0)
"""The oldest version ffprep works with: the graphs negotiate colour by options that older ones lack
(5.1, 7.0), and those read one tile of a HEIC as the whole picture."""

_LOG_LIMIT = 1 << 20
_VERSION = re.compile(r"ffmpeg version (?:n)?(\S+)")


@dataclass(frozen=True, slots=True)
class Binary:
    """An ffmpeg that was asked its version. `version` is its own word, such as `9.0.2-17-g2a571b6`.

    The `embedded` one came with ffprep, so that what it gets wrong is ffprep's own fault.
    """

    path: str
    version: str
    embedded: bool = False


def find(path: str | None = None) -> Binary:
    """The ffmpeg to use: `path`, else FFPREP_FFMPEG, else the one imageio-ffmpeg brings.

    Raises EnvironmentFault when there is none or it is of no use.
    """
    path = path or os.environ.get("FFPREP_FFMPEG")
    if not path and (embedded := _embedded()):
        return embedded
    return _asked(path or _installed())


def _embedded() -> Binary | None:
    """The binary that imageio-ffmpeg brings.

    Its name tells its version: asking it would cost 15 ms, and the import, with a trial run, 60.
    """
    package = importlib.util.find_spec("imageio_ffmpeg")
    for folder in (package and package.submodule_search_locations) or ():
        for path in sorted(Path(folder, "binaries").glob("ffmpeg-*")):
            match = re.search(r"-v(\d+\.\d+\S*)$", path.name.removesuffix(".exe"))
            if match and os.access(path, os.X_OK) and "IMAGEIO_FFMPEG_EXE" not in os.environ:
                return replace(_required(str(path), match[1]), embedded=True)
    return None


def _installed() -> str:
    """What imageio-ffmpeg finds where it brings none: a system's or a conda environment's."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise EnvironmentFault(f"no ffmpeg was found: {error}") from None


def _asked(path: str) -> Binary:
    try:
        done = subprocess.run(
            [path, "-version"], capture_output=True, stdin=subprocess.DEVNULL, timeout=30
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise EnvironmentFault(
            f"{path} cannot be run as ffmpeg ({_reason(error)}); name another one with --ffmpeg or "
            "FFPREP_FFMPEG, or leave both out to use the embedded one"
        ) from None
    match = _VERSION.match(done.stdout.decode(errors="replace"))
    if not match:
        raise EnvironmentFault(f"{path} does not answer like ffmpeg: it prints no version")
    return _required(path, match[1])


def _required(path: str, version: str) -> Binary:
    number = re.match(r"(\d+)\.(\d+)", version)
    # A build from FFmpeg's development branch has no number, and is newer than any release.
    if number and (int(number[1]), int(number[2])) < OLDEST:
        raise EnvironmentFault(
            f"{path} is ffmpeg {version}, and ffprep needs {OLDEST[0]}.{OLDEST[1]} or newer (for colour "
            "negotiation and whole HEIC pictures); leave out --ffmpeg and FFPREP_FFMPEG to use the embedded one"
        )
    return Binary(path, version)


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


class Running:
    """A child process in a session of its own. Its stderr is drained; the start of it is kept."""

    def __init__(self, argv: Sequence[str], data: bytes | None = None) -> None:
        self._child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._log = bytearray()
        self._helpers = [
            threading.Thread(target=_drain, args=(self._child.stderr, self._log), daemon=True)
        ]
        if data is not None:
            feed = threading.Thread(target=_feed, args=(self._child.stdin, data), daemon=True)
            self._helpers.append(feed)
        for helper in self._helpers:
            helper.start()

    @property
    def log(self) -> str:
        """What it has said so far, up to a limit."""
        return bytes(self._log).decode(errors="replace")

    def wait(self, seconds: float) -> bool:
        """Wait a while; True when it has ended. Looks again and again, up to 50 ms apart."""
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait_at_most(self, seconds: float) -> int | None:
        """Wait for the end and return the status; None if it had to be killed after `seconds`.

        By a timer and not by looking: for small photos, that is twice as fast.
        """
        late = threading.Event()

        def end() -> None:
            late.set()
            self.kill()

        overdue = threading.Timer(seconds, end)
        overdue.start()
        status = self._child.wait()
        overdue.cancel()
        return None if late.is_set() else status

    def kill(self) -> None:
        """End it with its group, also what it left behind."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)

    def finish(self) -> None:
        """Leave nobody behind, and read the rest of the log."""
        self.kill()
        self._child.wait()
        for helper in self._helpers:
            helper.join(timeout=1)


class Processes:
    """The child processes of one run, ended together by `stop`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[Running] = set()
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """True once `stop` was called."""
        return self._stopped

    def stop(self) -> None:
        """End every child, and let no new one start."""
        with self._lock:
            self._stopped = True
            for running in self._running:
                running.kill()

    @contextlib.contextmanager
    def start(self, argv: Sequence[str], data: bytes | None = None) -> Iterator[Running]:
        """A child that is ended, at the latest, with the context.

        Once stopped, what is started ends at once. Raises OSError if it cannot be started.
        """
        with self._lock:
            running = Running(argv, data)
            self._running.add(running)
            if self._stopped:
                running.kill()
        try:
            yield running
        finally:
            running.finish()
            with self._lock:
                self._running.discard(running)


def _drain(pipe: IO[bytes], log: bytearray) -> None:
    """Read to the end, so that the child never waits for us; keep what fits the limit."""
    with pipe, contextlib.suppress(ValueError, OSError):
        while chunk := os.read(pipe.fileno(), 1 << 16):
            log += chunk[: max(0, _LOG_LIMIT - len(log))]


def _feed(pipe: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError, ValueError), pipe:
        pipe.write(data)
