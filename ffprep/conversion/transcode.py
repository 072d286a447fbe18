"""One photo through ffmpeg: what its file holds, the call, whose fault it is, and the bytes it may fill."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ffprep.config import modes
from ffprep.conversion import filtergraph as graph
from ffprep.conversion.ffmpeg_binary import Binary
from ffprep.core import ffmpeg_log as fflog
from ffprep.core.fitting import Framing, cropped_size, resolve_spec, times
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import Caveat, LocalJob
from ffprep.core.policy import Policy
from ffprep.core.spec import LOWEST_QUALITY, Spec
from ffprep.errors import EnvironmentFault, Killed, Kind, PhotoError
from ffprep.image.embed import embed
from ffprep.image.integrity import NOT_ALL
from ffprep.image.pillow import out_of_memory
from ffprep.image.sandbox import DecoderPool
from ffprep.system.files import FileStamp
from ffprep.system.processes import Limits, Processes, Running
from ffprep.system.tempfiles import disk_full, named_on_one_line, require_writable, writing

# An output is allowed twice what its pixels are at four bytes each, and some room for the rest. The frame is
# the user's own wish: what it takes is added to what a photo may.
_BYTES_A_PIXEL, _ROOM = 8, 1 << 24
_MEMORY_A_PIXEL = 64

# What is fed has a viewer beside it that holds the same picture.
_SHARE_OF_THE_FED = 0.55


@dataclass(frozen=True, slots=True)
class Photo:
    """A LocalJob, what its source holds, in which version, and what is to be said of it already."""

    job: LocalJob
    picture: ImageInfo
    stamp: FileStamp
    caveats: tuple[Caveat, ...] = ()

    def require_unchanged(self) -> None:
        """Raise PhotoError where the source is another file by now.

        What was probed of the one does not hold for the other: its turning, its colours.
        """
        if FileStamp.of(self.job.source) != self.stamp:
            raise PhotoError(Kind.IO, "was changed while it was read; run again")


@dataclass(frozen=True, slots=True)
class Transcoder:
    """Calls one ffmpeg under one Policy. Safe to use from several threads."""

    binary: Binary
    policy: Policy
    processes: Processes
    viewers: DecoderPool

    def look(self, job: LocalJob) -> Photo:
        """Probe a LocalJob's source; the Photo's LocalJob has the one size and the one mode that are for it.

        Raises PhotoError, also where it would have to be enlarged too far, is cut to nothing, or has no size.
        """
        stamp, keep = FileStamp.of(job.source), job.spec.colour == "keep"
        picture, foreign = self.viewers.look(job.source, self.policy.max_pixels, keep)
        left = cropped_size(picture.shown, job.spec.bounds)
        job = replace(job, spec=resolve_spec(job.spec, left))
        enlarged = self._enlargement(job, picture)
        caveats = ([enlarged] if enlarged else []) + ([Caveat(foreign)] if foreign else [])
        return Photo(job, picture, stamp, tuple(caveats))

    def write(self, photo: Photo, output: Path) -> tuple[Caveat, ...]:
        """Write one picture that fits its bytes; what is to be said of it.

        Raises PhotoError, or EnvironmentFault for what would meet every photo.
        """
        with self.processes.room_for(photo.picture.weight):
            said = photo.caveats + self._write(photo, output)
            if not fits(photo.job.spec, output):
                quality = self._lower_quality(photo, output)
                said += (Caveat(f"took quality {quality} to fit {photo.job.spec.max_bytes} bytes"),)
            return said

    def complete(self, photo: Photo, output: Path) -> None:
        """Give an encoded picture what it is to carry besides. Raises as an output's publishing does."""
        spec, exif = photo.job.spec, b""
        if spec.metadata == "keep-rights":
            exif = self.viewers.rights(photo.job.source, photo.picture).exif()
        with writing(photo.job.output):
            embed(output, spec.format, photo.picture.carries, exif)

    @contextmanager
    def started(
        self, job: LocalJob, argv: list[str], data: Iterable[bytes] | None = None
    ) -> Iterator[Running]:
        """A running ffmpeg, under limits. Raises EnvironmentFault when it cannot be started."""
        frame = job.spec.size.pixels
        share = 1.0 if data is None else _SHARE_OF_THE_FED
        memory = int(self.policy.max_memory * share) + _MEMORY_A_PIXEL * frame
        limits = Limits(memory, _ROOM + _BYTES_A_PIXEL * frame)
        try:
            with self.processes.start(argv, limits, data) as running:
                yield running
        except OSError as error:
            words = f"{self.binary.path} cannot be started: {error.strerror}"
            raise EnvironmentFault(words) from None

    def _enlargement(self, job: LocalJob, picture: ImageInfo) -> Caveat | None:
        """What is to be said of enlarging. Raises PhotoError where the policy does not permit it."""
        seen = cropped_size(picture.shown, job.spec.bounds)
        framing = Framing.of(job.spec.mode.lies, seen, job.spec.size)
        if not framing.enlarges:
            return None
        photo = str(seen) if job.spec.bounds.whole else f"{seen}, cut from {picture.shown},"
        factor = f"enlarged {times(framing.factor)} for {job.spec.size}"
        if self.policy.upscale == "fail":
            advice = "find a larger original, ask for a smaller size, or say --upscale allow"
            raise PhotoError(Kind.UPSCALE, f"{photo} would have to be {factor}; {advice}")
        told = self.policy.upscale == "warn"
        return Caveat(f"{photo} {factor}" if told else "", Kind.UPSCALE)

    def _write(self, photo: Photo, output: Path) -> tuple[Caveat, ...]:
        job, picture, log = photo.job, photo.picture, None
        if picture.ffmpeg_reads:
            log = self._transcode(job, picture, output)
        if log and is_whole(log, 0, picture, output) and not _may_be_later(log, picture):
            part = self.viewers.missing(job.source, picture, log)
        else:
            photo.require_unchanged()
            if log and picture.format.forgiving and _is_broken(log, picture):
                words = "cannot be decoded whole; restore it from a backup"
                raise PhotoError(Kind.DAMAGED, words)
            part = self._by_pillow(job, picture, output)
            part = part or self.viewers.unnoticed(job.source, picture)
        caveats = self._judge(part)
        self.complete(photo, output)
        return caveats

    def _lower_quality(self, photo: Photo, output: Path) -> int:
        """Write a picture at the best quality that fits; it is known not to at the Spec's own.

        Raises PhotoError where none does.
        """
        spec = photo.job.spec
        if not spec.lossy or spec.quality <= LOWEST_QUALITY:
            raise too_many_bytes(spec, size_of(output))
        low, high = LOWEST_QUALITY - 1, spec.quality
        quality = written = LOWEST_QUALITY  # where this does not fit, nothing does
        while high - low > 1:
            self._write(_at(photo, quality), output)
            written = quality
            if fits(spec, output):
                low = quality
            elif quality == LOWEST_QUALITY:
                raise too_many_bytes(spec, size_of(output))
            else:
                high = quality
            quality = (low + high) // 2
        if written != low:
            self._write(_at(photo, low), output)
        return low

    def _by_pillow(self, job: LocalJob, picture: ImageInfo, output: Path) -> str | None:
        """Decode with Pillow and hand FFmpeg the pixels; what tells that some are missing, if they may be."""
        try:
            self._pillow(job, picture, output, strict=True)
        except PhotoError as error:
            if error.kind is not Kind.DAMAGED or not self.policy.keep_damaged:
                raise
        else:
            return None
        self._pillow(job, picture, output, strict=False)
        return NOT_ALL

    def _pillow(self, job: LocalJob, picture: ImageInfo, output: Path, strict: bool) -> None:
        with self.viewers.decoded(job.source, picture, strict) as (raw, pixels):
            log = self._transcode(job, raw, output, pixels)
        if not pixels.complete:
            raise PhotoError(Kind.DAMAGED, "the decoder crashed on it; restore it from a backup")
        if not is_whole(log, 0, raw, output):
            require_writable(output, job.output)
            last = log.errors[-1] if log.errors else "and said nothing"
            raise PhotoError(Kind.INTERNAL, f"ffmpeg made nothing of its pixels: {last}")

    def _transcode(
        self, job: LocalJob, picture: ImageInfo, output: Path, pixels: Iterable[bytes] | None = None
    ) -> fflog.Log:
        with named_on_one_line(job.source, output) as (source, written):
            argv = graph.command(self.binary.path, source, picture, job.spec, written)
            return self.run(job, argv, pixels)

    def run(self, job: LocalJob, argv: list[str], data: Iterable[bytes] | None = None) -> fflog.Log:
        """Run ffmpeg to its end. Raises PhotoError, or EnvironmentFault for what is no photo's fault."""
        with self.started(job, argv, data) as running:
            status = running.wait_at_most(self.policy.timeout)
        if status is None:
            raise PhotoError(
                Kind.TIMEOUT, f"took more than {self.policy.timeout:g} s; raise --timeout"
            )
        log = fflog.read(running.log)
        self.blame(job, log)
        if log.out_of_memory:
            raise out_of_memory()
        if status == -signal.SIGKILL:
            words = "ffmpeg was killed (signal 9) while at it, for want of memory maybe; run again"
            raise Killed(Kind.DAMAGED, words)
        if status < 0 and not log.barren:
            raise PhotoError(Kind.DAMAGED, f"ffmpeg crashed on it (signal {-status})")
        return log

    def blame(self, job: LocalJob, log: fflog.Log) -> None:
        """Raise what is no photo's fault."""
        if log.lacking:
            raise EnvironmentFault(f"{self.binary.path} lacks the {log.lacking} that ffprep needs")
        if log.graph_fault:
            raise EnvironmentFault(modes.blame(job.spec.mode, log.graph_fault))
        if log.disk_full:
            raise disk_full(job.output)

    def _judge(self, part: str | None) -> tuple[Caveat, ...]:
        """What is to be said of a photo of which a part is missing. Raises PhotoError unless it is to be kept."""
        if part is None:
            return ()
        if not self.policy.keep_damaged:
            raise PhotoError(
                Kind.DAMAGED,
                f"part of the picture is missing ({part}); restore it from a backup, or convert "
                "what is left with --damaged keep",
            )
        words = f"converted although part of the picture is missing ({part})"
        return (Caveat(words, Kind.DAMAGED),)


def is_whole(log: fflog.Log, number: int, picture: ImageInfo, output: Path) -> bool:
    """Whether FFmpeg decoded what the probe saw, and wrote something."""
    decoded = picture.shown if picture.format.upright and not picture.raw else picture.stored
    return log.frames.get(number) == decoded and size_of(output) > 0


def _may_be_later(log: fflog.Log, picture: ImageInfo) -> bool:
    """Whether a complaint may be about a later frame; Pillow reads the first alone."""
    return picture.format.name == "gif" and bool(log.damage)


def _is_broken(log: fflog.Log, picture: ImageInfo) -> bool:
    """Whether FFmpeg makes nothing of a file for its damage, for which Pillow would fill in."""
    if not picture.format.upright:
        return log.refused
    # Of a HEIC of odd size, FFmpeg cuts off the last row or column.
    shown, found = picture.shown, log.frames.get(0)
    cut = found and (found.width, found.height) == (shown.width & ~1, shown.height & ~1)
    return not cut or bool(log.damage)


def fits(spec: Spec, output: Path) -> bool:
    """Whether an output fills no more bytes than its Spec allows."""
    return spec.max_bytes is None or size_of(output) <= spec.max_bytes


def too_many_bytes(spec: Spec, found: int) -> PhotoError:
    """What to say of an output that does not fit."""
    words = f"{found} bytes are more than {spec.max_bytes}"
    if not spec.lossy:
        other = "drop --lossless" if spec.lossless else "write jpeg or webp"
        words += f", and {spec.format.name} without loss has no quality to lower; {other}"
    elif spec.quality > LOWEST_QUALITY:
        words += f" even at quality {LOWEST_QUALITY}"
    return PhotoError(Kind.TOO_LARGE, f"{words}; ask for a smaller size or allow more")


def size_of(path: Path) -> int:
    """The bytes of a file, 0 where there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _at(photo: Photo, quality: int) -> Photo:
    job = photo.job
    return replace(photo, job=replace(job, spec=replace(job.spec, quality=quality)))
