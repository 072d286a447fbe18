"""Looking at pictures without meeting their bytes in this process, but for short heads of JPEGs and PNGs.

Those Pillow reads in Python. Other heads are read by C code or may be of any length; LittleCMS, and all decoders,
are C. They run in viewers: processes of their own, under limits, kept while they are well. One that crashes,
hangs or fills its memory costs its photo.
"""

import os
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import PIL

import ffprep.version
from ffprep.core.ffmpeg_log import Log
from ffprep.core.image_info import ImageInfo
from ffprep.core.policy import Policy
from ffprep.errors import EnvironmentFault, Kind, PhotoError
from ffprep.image import colour
from ffprep.image import integrity as damage
from ffprep.image.metadata import Rights
from ffprep.image.probe import Extras, NeedsSandbox, probe
from ffprep.image.sandbox_worker import receive, send
from ffprep.system.processes import Limits, Processes, timer

# The same ffprep as this one, whatever else is on the way of a program that has it in its hands; its folder, and
# Pillow's, come last on that way, and hide nothing.
_NO_IMPORT = 97
_START = f"""import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
sys.path += sys.argv[1:]
try:
    if spec := PathFinder.find_spec("ffprep", sys.argv[1:2]):
        sys.modules["ffprep"] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules["ffprep"])
    from ffprep.image.sandbox_worker import main
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit({_NO_IMPORT})
main()
"""
_PIECE = 1 << 20
_LARGEST_TABLE = 1 << 24

# Of what a photo may take. With what is fed to an ffmpeg meanwhile (transcode), both stay below 1.5 times that.
_SHARE = 0.75


def _argv() -> list[str]:
    """How a viewer is started. Raises EnvironmentFault where there is no Python to do it."""
    python = os.environ.get("FFPREP_PYTHON") or sys.executable
    # A frozen program is its own `executable`, and would start all over again.
    if not python or (python == sys.executable and getattr(sys, "frozen", False)):
        words = "this program brings no Python that can be started to look at pictures"
        raise EnvironmentFault(f"{words}; name one that has ffprep installed in FFPREP_PYTHON")
    files = [os.path.abspath(module.__file__ or "") for module in (ffprep.version, PIL)]
    places = [os.path.dirname(os.path.dirname(file)) for file in files]
    return [python, "-P", "-c", _START, *places]


class Crashed(PhotoError):
    """A viewer was gone before it had answered."""


class Decoder:
    """One viewer. It is `busy` from a request until all of the answer was read.

    Once it has `served`, a crash may be the fault of a photo before.
    """

    def __init__(self, processes: Processes, limits: Limits, timeout: float) -> None:
        self._stack = ExitStack()
        self._timeout = timeout
        argv = _argv()
        self._python = argv[0]
        try:
            self._running = self._stack.enter_context(processes.start(argv, limits, talks=True))
        except OSError as error:
            words = f"{self._python} cannot be started: {error.strerror}"
            raise EnvironmentFault(words) from None
        self.busy = False
        self.served = False

    def ask(self, name: str, *arguments: object, more: bool = False) -> Any:
        """Call one of the viewer's functions; with `more`, there is more to read after the answer.

        Raises what it raises, and PhotoError where it crashes, or takes too long.
        """
        self.busy = True
        overdue = timer(self._timeout, self._running.kill)
        try:
            send(self._running.stdin, (name, arguments))
            self._running.stdin.flush()
            answer = receive(self._running.stdout)
        except OSError:
            answer = None
        finally:
            late = not overdue.is_alive()
            overdue.cancel()
        if answer is None and late:
            words = f"took more than {self._timeout:g} s to look at; raise --timeout"
            raise PhotoError(Kind.TIMEOUT, words)
        if answer is None:
            self._require_imported()
            raise Crashed(Kind.DAMAGED, "the decoder crashed on it; restore it from a backup")
        value, error = answer
        self.busy = more and error is None
        self.served = True
        if error:
            raise PhotoError(*error)
        return value

    def _require_imported(self) -> None:
        """Raise EnvironmentFault where it is no photo's fault that it ended."""
        if self._running.wait(1) and self._running.status == _NO_IMPORT:
            self.close()  # and its last words are read
            words = f"{self._python} cannot look at pictures: {self._running.log.strip()}"
            raise EnvironmentFault(f"{words}; name a Python that has ffprep in FFPREP_PYTHON")

    def read(self, count: int) -> bytes:
        """Some of what comes after an answer; less than asked for only where it broke off."""
        return self._running.stdout.read(count)

    def close(self) -> None:
        """End the process."""
        self._stack.close()


class Pixels:
    """What a viewer says of a picture's pixels, once; `complete` when all of it was read."""

    def __init__(self, viewer: Decoder, size: int) -> None:
        self._viewer, self._left = viewer, size

    def __iter__(self) -> Iterator[bytes]:
        while part := self._viewer.read(min(self._left, _PIECE)):
            self._left -= len(part)
            self._viewer.busy = self._left > 0
            yield part

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self._left == 0


class DecoderPool:
    """As many viewers as are needed at a time. Safe to use from several threads."""

    def __init__(self, processes: Processes, policy: Policy) -> None:
        self._processes = processes
        limits = Limits(int(policy.max_memory * _SHARE), _LARGEST_TABLE)
        self._make = (processes, limits, policy.timeout)
        self._tables = colour.folder()
        self._lock = threading.Lock()
        self._idle: list[Decoder] = []
        weakref.finalize(self, _close, self._idle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def look(self, path: Path, max_pixels: int, keep: bool) -> tuple[ImageInfo, str | None]:
        """What a file holds, its colours on their way to sRGB, and a warning where they are not.

        Raises PhotoError as `probe` does.
        """
        picture = self.probe(path, max_pixels)
        try:
            return colour.to_srgb(picture, keep, self._tables)
        except colour.Unknown:
            looked: tuple[ImageInfo, str | None]
            looked = self._ask("to_srgb", picture, keep, self._tables, True)
            return looked

    def probe(self, path: Path, max_pixels: int) -> ImageInfo:
        """What a file holds. Raises PhotoError as `probe` does."""
        try:
            return probe(path, max_pixels)
        except NeedsSandbox:
            picture: ImageInfo = self._ask("probe", path, max_pixels, True)
            return picture

    def look_closer(self, path: Path, picture: ImageInfo) -> Extras:
        """What a file holds besides. Raises PhotoError as `probe` does."""
        extras: Extras = self._ask("extras", path, picture)
        return extras

    def unnoticed(self, path: Path, picture: ImageInfo) -> str | None:
        """What tells of damage that decoders do not mind (see `damage.unnoticed`)."""
        part: str | None = self._ask("hidden_damage", path, picture)
        return part

    def require_whole(self, path: Path, picture: ImageInfo) -> None:
        """Decode a file whole. Raises PhotoError as `probe` does."""
        with self._processes.room_for(picture.weight):
            self._ask("require_whole", path, picture)

    def is_translucent(self, path: Path, picture: ImageInfo) -> bool:
        """Whether anything shines through its pixels. Raises PhotoError as `probe` does."""
        if not picture.alpha:
            return False
        with self._processes.room_for(picture.weight):
            return bool(self._ask("is_translucent", path, picture))

    def missing(self, path: Path, picture: ImageInfo, log: Log) -> str | None:
        """What tells that some of a picture is missing (see `damage.missing`)."""
        if not damage.is_to_be_asked(picture, log):
            return log.damage[0] if log.damage else None
        part: str | None = self._ask("damage", path, picture, log)
        return part

    def rights(self, path: Path, picture: ImageInfo) -> Rights:
        """What may be kept of a file's metadata (see `rights.of`)."""
        found: Rights = self._ask("of", path, picture)
        return found

    @contextmanager
    def decoded(
        self, path: Path, picture: ImageInfo, strict: bool = True
    ) -> Iterator[tuple[ImageInfo, Pixels]]:
        """A file decoded, as it is handed to FFmpeg, and its pixels (see `probe.decoded`).

        Raises PhotoError as `probe` does.
        """
        with ExitStack() as stack:
            viewer, raw = self._asked(stack, "decoded", path, picture, strict, more=True)
            yield raw, Pixels(viewer, raw.stored.pixels * (4 if raw.raw == "rgba" else 3))

    def close(self) -> None:
        """End those that are idle."""
        with self._lock:
            _close(self._idle)

    def _ask(self, name: str, *arguments: object) -> Any:
        with ExitStack() as stack:
            return self._asked(stack, name, *arguments)[1]

    def _asked(
        self, stack: ExitStack, name: str, *arguments: object, more: bool = False
    ) -> tuple[Decoder, Any]:
        """A viewer, for as long as the stack is, and its answer.

        What may be the fault of a photo before, which has left little memory or a broken one, is asked
        again of a fresh viewer.
        """
        viewer = stack.enter_context(self._one())
        used = viewer.served
        try:
            return viewer, viewer.ask(name, *arguments, more=more)
        except PhotoError as error:
            if not used or not (isinstance(error, Crashed) or error.kind is Kind.TOO_LARGE):
                raise
        viewer = stack.enter_context(self._one(fresh=True))
        return viewer, viewer.ask(name, *arguments, more=more)

    @contextmanager
    def _one(self, fresh: bool = False) -> Iterator[Decoder]:
        """A viewer that nobody else uses; kept, unless it was left in the middle of something."""
        with self._lock:
            viewer = self._idle.pop() if self._idle and not fresh else None
        viewer = viewer or Decoder(*self._make)
        try:
            yield viewer
        finally:
            if viewer.busy:
                viewer.close()
            else:
                with self._lock:
                    self._idle.append(viewer)


def _close(idle: list[Decoder]) -> None:
    while idle:
        idle.pop().close()
