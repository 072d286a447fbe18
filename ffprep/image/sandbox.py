"""Decode pictures in processes of their own, except the short headers of JPEGs and PNGs.

Those are read in Python. Other headers are read by C code or may be of any length; LittleCMS and
all decoders are C code. They run in decoders: worker processes under limits, kept as
long as they work. A worker that crashes, hangs or fills its memory costs only its photo.
"""

import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from ffprep.core.formats import STAND_IN
from ffprep.core.geometry import Faces, Size
from ffprep.core.image_info import UNREAD, Extras, ImageInfo
from ffprep.core.policy import Policy
from ffprep.errors import EnvironmentFault, Killed, Kind, PhotoError, reason
from ffprep.image.probe import NeedsSandbox, known_colours, probe
from ffprep.record import replace
from ffprep.system.machine import room_for
from ffprep.system.processes import Limits, Processes

if TYPE_CHECKING:
    from ffprep.core.decoder_log import DecoderLog
    from ffprep.core.spec import Spec
    from ffprep.image.embed import Metadata
    from ffprep.system.pipes import Piped

_LARGEST_TABLE = 1 << 24

# Of a photo's max_memory. Together with an ffmpeg that is fed meanwhile (`transcode`), a decoder
# stays below 1.5 times that.
_SHARE = 0.75


class Crashed(PhotoError):
    """The worker ended before it had answered."""


class Decoder:
    """One worker process. It is `busy` from a request until its whole answer was read.

    Once it has `served`, a crash may be the fault of an earlier photo.
    """

    def __init__(self, processes: Processes, limits: Limits, timeout: float) -> None:
        self._stack, self._limits, self._timeout = ExitStack(), limits, timeout
        from ffprep.image.sandbox_worker import worker_command

        argv = worker_command()
        self._python = argv[0]
        try:
            self._running = self._stack.enter_context(processes.start(argv, limits, talks=True))
        except OSError as error:
            from ffprep.system.limits import advice

            todo = advice(error) or "; name a Python that has ffprep in FFPREP_PYTHON"
            words = f"{self._python} cannot be started: {reason(error)}{todo}"
            raise EnvironmentFault(words) from None
        self.busy = False
        self.served = False

    def call(self, name: str, *arguments: object) -> Any:
        """Call one of the worker's functions; pixels may follow its answer.

        Raises what the function raises, and PhotoError if the worker crashes or takes too long.
        """
        import pickle

        self.busy = True
        deadline = self._running.kill_after(self._timeout)
        stdin, stdout = self._running.stdin, self._running.stdout
        try:
            pickle.dump((name, arguments), stdin)
            stdin.flush()
            answer = pickle.load(stdout)
        except (OSError, EOFError, pickle.UnpicklingError):
            answer = None
        finally:
            deadline.cancel()
        if answer is None:
            raise self._late() if deadline.acted else self.failure()
        value, error, self.busy = answer
        self.served = True
        if error:
            raise error
        return value

    def _late(self) -> PhotoError:
        words = f"decoding it took more than {self._timeout:g} s"
        if self._running.waited:
            return Killed(Kind.TIMEOUT, f"{words}, mostly waiting; run again")
        return PhotoError(Kind.TIMEOUT, f"{words}; raise --timeout")

    def failure(self) -> PhotoError:
        """Return why an answer broke off. Raises EnvironmentFault if no photo is to blame."""
        from ffprep.image.sandbox_worker import NO_IMPORT

        status = self._running.status if self._running.wait(1) else None
        self.close()  # so that the rest of its log is read
        if status == NO_IMPORT:
            cause = self._running.log.strip()
            if "run: pip" in cause and self._python == sys.executable:
                raise EnvironmentFault(cause)
            words = f"{self._python} cannot decode pictures: {cause}"
            if "run: pip" not in cause:
                words += "; name a Python that has ffprep in FFPREP_PYTHON"
            raise EnvironmentFault(words)
        if status is not None and status < 0:
            from ffprep.system.limits import ended_from_outside

            if outside := ended_from_outside("its decoder", -status, self._limits):
                return outside
        return Crashed(Kind.DAMAGED, "the decoder crashed on it; restore it from a backup")

    @contextmanager
    def pixels(self, size: int) -> Iterator["Piped"]:
        """Yield the pixels that follow an answer; the decoder stays busy if some are left."""
        from ffprep.system.pipes import Piped

        pixels = Piped(self._running.stdout, size, self.failure)
        try:
            yield pixels
        finally:
            self.busy = pixels.left > 0

    def close(self) -> None:
        """End the process."""
        self._stack.close()


StandIn: TypeAlias = AbstractContextManager[tuple[Path, int]]
"""Yields a PNG of a picture that Pillow does not read (see `conversion.ffmpeg_binary.stand_in`)."""


class DecoderPool:
    """As many decoders as are needed at a time. Safe to use from several threads.

    `stand_in` makes PNGs of pictures that Pillow does not read.
    """

    def __init__(
        self,
        processes: Processes,
        policy: Policy,
        stand_in: Callable[[Path, ImageInfo, bool], StandIn],
    ) -> None:
        self._stand_in, self._max_pixels = stand_in, policy.max_pixels
        limits = Limits(int(policy.max_memory * _SHARE), _LARGEST_TABLE)
        self._options = (processes, limits, policy.timeout)
        self._lock = threading.Lock()
        self._idle: list[Decoder] = []
        weakref.finalize(self, _close, self._idle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def start_ahead(self) -> None:
        """Start a decoder for the first picture. An error shows when it is called."""
        with suppress(EnvironmentFault), self._reserved():
            pass  # it is idle now

    def probe(self, path: Path) -> ImageInfo:
        """Return what a file holds. Raises PhotoError as `probe` does."""
        try:
            return probe(path, self._max_pixels)
        except NeedsSandbox:
            picture: ImageInfo = self._call("probe.probe", path, self._max_pixels, True)
        if picture.profile == UNREAD:
            with self._stand_in(path, picture, False) as (png, _):
                found: ImageInfo = self._call("probe.probe", png, self._max_pixels, True)
            return replace(picture, profile=found.profile, cicp=found.cicp)
        return picture

    @contextmanager
    def _readable(
        self, path: Path, picture: ImageInfo, whole: bool = True
    ) -> Iterator[tuple[Path, ImageInfo]]:
        """Yield what Pillow reads of a picture: the picture, or a PNG that stands in for it."""
        if picture.format.plugin:
            yield path, picture
            return
        with self._stand_in(path, picture, whole) as (png, _):
            yield png, replace(picture, format=STAND_IN)

    def probe_colours(self, path: Path, keep: bool) -> ImageInfo:
        """Return what a file holds, and how its colours get to sRGB. Raises as `probe` does."""
        picture = self.probe(path)
        if known := known_colours(picture, keep):
            return known
        from ffprep.image.colour import tables_folder

        converted: ImageInfo = self._call("colour.to_srgb", picture, keep, tables_folder(), True)
        return converted

    def extras(self, path: Path, picture: ImageInfo) -> Extras:
        """Return what a file holds besides its pixels. Raises PhotoError as `probe` does."""
        if picture.format.plugin:
            extras: Extras = self._call("extras.extras", path, picture)
        else:
            with self._stand_in(path, picture, False) as (png, frames):
                extras = self._call("extras.extras_of_jpegxl", path, png, frames)
        return extras

    def damage(self, path: Path, picture: ImageInfo, log: "DecoderLog") -> str | None:
        """Return what shows that a part of a picture is missing (see `integrity.damage`)."""
        if log.is_conclusive(picture.format.name):
            return log.damage[0] if log.damage else None
        damage: str | None = self._call("integrity.damage", path, picture, log)
        return damage

    def hidden_damage(self, path: Path, picture: ImageInfo) -> str | None:
        """Return what shows damage that decoders accept (see `integrity.hidden_damage`)."""
        damage: str | None = self._call("integrity.hidden_damage", path, picture)
        return damage

    def require_whole(self, path: Path, picture: ImageInfo) -> None:
        """Decode a file whole. Raises PhotoError as `probe` does."""
        with self._readable(path, picture, whole=False) as (readable, found):
            if readable is path:  # otherwise FFmpeg has decoded it
                with room_for(picture.weight):
                    self._call("integrity.require_whole", path, found)

    def is_translucent(self, path: Path, picture: ImageInfo) -> bool:
        """Return whether any pixel is translucent. Raises PhotoError as `probe` does."""
        return picture.alpha and bool(self._call_to_decode("decode.is_translucent", path, picture))

    def faces(self, path: Path, picture: ImageInfo) -> Faces:
        """Find faces (see `faces.faces`). Raises PhotoError as `probe` does, EnvironmentFault."""
        faces: Faces = self._call_to_decode("faces.faces", path, picture)
        return faces

    def _call_to_decode(self, name: str, path: Path, picture: ImageInfo) -> Any:
        room = room_for(picture.weight)
        with self._readable(path, picture) as (readable, found), room:
            return self._call(name, readable, found)

    def metadata(self, path: Path, picture: ImageInfo, spec: "Spec") -> "Metadata":
        """Return what an output keeps of a file's metadata (see `kept_metadata`)."""
        with self._readable(path, picture, whole=False) as photo:
            kept: Metadata = self._call("kept_metadata.read_metadata", *photo, spec)
        return kept

    @contextmanager
    def decoded(
        self, path: Path, picture: ImageInfo, strict: bool = True
    ) -> Iterator[tuple[ImageInfo, "Piped"]]:
        """Decode a file; yield how it is handed to FFmpeg, and its pixels (see `decode.decoded`).

        Raises PhotoError as `probe` does.
        """
        with ExitStack() as stack:
            path, picture = stack.enter_context(self._readable(path, picture))
            decoder, raw = self._call_one(stack, "decode.decoded", path, picture, strict)
            size = raw.stored.pixels * (4 if raw.raw == "rgba" else 3)
            yield raw, stack.enter_context(decoder.pixels(size))

    @contextmanager
    def reduced(self, path: Path, picture: ImageInfo) -> Iterator["Piped"]:
        """Decode a JPEG at a fraction of its size; yield the pixels (see `turbojpeg.reduced`)."""
        with ExitStack() as stack:
            decoder, size = self._call_one(stack, "turbojpeg.reduced", path, picture)
            yield stack.enter_context(decoder.pixels(size))

    def close(self) -> None:
        """End the idle decoders."""
        with self._lock:
            _close(self._idle)

    def _call(self, name: str, *arguments: object) -> Any:
        with ExitStack() as stack:
            return self._call_one(stack, name, *arguments)[1]

    def _call_one(
        self, stack: ExitStack, name: str, *arguments: object, fresh: bool = False
    ) -> tuple[Decoder, Any]:
        """Return a decoder, reserved as long as the stack is open, and its answer.

        A failure of a decoder that has served others is tried again with a fresh one: an earlier
        photo may have caused it, by leaving little memory or a broken one, or a signal between two.
        """
        decoder = stack.enter_context(self._reserved(fresh))
        used = decoder.served
        try:
            return decoder, decoder.call(name, *arguments)
        except PhotoError as error:
            again = isinstance(error, Crashed | Killed) or error.kind is Kind.TOO_LARGE
            if not (used and again):
                raise self._cause(error, *arguments) from None
        return self._call_one(stack, name, *arguments, fresh=True)

    def _cause(self, error: PhotoError, *arguments: object) -> PhotoError:
        """Return the error, or that of a limit of memory which this process has inherited.

        Raises EnvironmentFault if no picture can be decoded under that limit.
        """
        from ffprep.image.pillow import may_lack_memory
        from ffprep.system import limits

        limit = limits.memory_limit(self._options[1].memory)
        if not limit or not may_lack_memory(error):
            return error
        sizes = (argument.stored for argument in arguments if isinstance(argument, ImageInfo))
        if self._decodes_drawn(next(sizes, Size(1600, 1200))):
            return error
        if not self._decodes_drawn(Size(64, 64)):
            raise limits.too_low(limit)
        return limits.met(limit, error)

    def _decodes_drawn(self, size: Size) -> bool:
        """Return whether a fresh decoder can decode a picture of this size, drawn by ffprep."""
        with self._reserved(fresh=True) as decoder, suppress(PhotoError):
            decoder.call("sandbox_worker.draw_and_decode", size)
            return True
        return False

    @contextmanager
    def _reserved(self, fresh: bool = False) -> Iterator[Decoder]:
        """Reserve a decoder; it is kept afterwards, unless it is in the middle of an answer."""
        with self._lock:
            decoder = self._idle.pop() if self._idle and not fresh else None
        decoder = decoder or Decoder(*self._options)
        try:
            yield decoder
        finally:
            if decoder.busy:
                decoder.close()
            else:
                with self._lock:
                    self._idle.append(decoder)


def _close(idle: list[Decoder]) -> None:
    while idle:
        idle.pop().close()
