"""One photo through ffmpeg: what its file holds, the call, whose fault it is, and the bytes it may fill."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ffprep import fflog, graph, modes, rights
from ffprep.colour import to_srgb
from ffprep.embed import embed
from ffprep.errors import EnvironmentFault, Kind, PhotoError
from ffprep.ffmpeg import Binary, Processes, Running
from ffprep.framing import Framing, times
from ffprep.job import Job, Policy
from ffprep.outputs import disk_full, writing
from ffprep.picture import Picture
from ffprep.probe import decode, probe
from ffprep.spec import LOWEST_QUALITY, Spec


@dataclass(frozen=True, slots=True)
class Photo:
    """A Job, what its source holds, and what is to be said of it already."""

    job: Job
    picture: Picture
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcoder:
    """Calls one ffmpeg under one Policy. Safe to use from several threads."""

    binary: Binary
    policy: Policy
    processes: Processes = field(default_factory=Processes)

    def look(self, job: Job) -> Photo:
        """Probe a Job's source. Raises PhotoError, also where it would have to be enlarged too far."""
        picture = probe(job.source, self.policy.max_pixels)
        enlarged = self._enlargement(job, picture)
        picture, foreign = to_srgb(picture, keep=job.spec.colour == "keep")
        return Photo(job, picture, tuple(filter(None, (enlarged, foreign))))

    def write(self, photo: Photo, output: Path) -> tuple[str, ...]:
        """Write one picture that fits its bytes; what is to be said of it.

        Raises PhotoError, or EnvironmentFault for what would meet every photo.
        """
        said = photo.warnings + self._write(photo, output)
        if not fits(photo.job.spec, output):
            quality = self._lower_quality(photo, output)
            said += (f"took quality {quality} to fit {photo.job.spec.max_bytes} bytes",)
        return said

    @contextmanager
    def started(self, argv: list[str], data: bytes | None = None) -> Iterator[Running]:
        """A running ffmpeg. Raises EnvironmentFault when it cannot be started."""
        try:
            with self.processes.start(argv, data) as running:
                yield running
        except OSError as error:
            words = f"{self.binary.path} cannot be started: {error.strerror}"
            raise EnvironmentFault(words) from None

    def _enlargement(self, job: Job, picture: Picture) -> str | None:
        """A warning where one is due. Raises PhotoError where the policy does not permit it."""
        if job.spec.mode.fit is None or self.policy.upscale == "allow":
            return None
        framing = Framing.of(job.spec.mode.fit, picture.shown, job.spec.size)
        if not framing.enlarges:
            return None
        words = f"{picture.shown} enlarged {times(framing.factor)} for {job.spec.size}"
        if self.policy.upscale == "fail":
            advice = "find a larger original, ask for a smaller size, or say --upscale allow"
            raise PhotoError(Kind.UPSCALE, f"would have to be {words}; {advice}")
        return words

    def _write(self, photo: Photo, output: Path) -> tuple[str, ...]:
        job, picture = photo.job, photo.picture
        said: tuple[str, ...] = ()
        log = self._by_ffmpeg(job, picture, output) if picture.ffmpeg_reads else None
        if log and is_whole(log, 0, picture, output):
            said = self._judge(log)
        else:
            if log and picture.format.forgiving and _is_broken(log, picture):
                words = "cannot be decoded whole; restore it from a backup"
                raise PhotoError(Kind.DAMAGED, words)
            self._by_pillow(job, picture, output)
        complete(photo, output)
        return said

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

    def _by_ffmpeg(self, job: Job, picture: Picture, output: Path) -> fflog.Log:
        """Decode with FFmpeg, which may make nothing, or another picture, of the file."""
        return self.run(job, graph.command(self.binary.path, job.source, picture, job.spec, output))

    def _by_pillow(self, job: Job, picture: Picture, output: Path) -> None:
        """Decode with Pillow, strictly, and hand FFmpeg the pixels."""
        raw, pixels = decode(job.source, picture)
        argv = graph.command(self.binary.path, job.source, raw, job.spec, output)
        log = self.run(job, argv, pixels)
        if not is_whole(log, 0, raw, output):
            last = log.errors[-1] if log.errors else "and said nothing"
            raise PhotoError(Kind.INTERNAL, f"ffmpeg made nothing of its pixels: {last}")

    def run(self, job: Job, argv: list[str], data: bytes | None = None) -> fflog.Log:
        """Run ffmpeg to its end. Raises PhotoError, or EnvironmentFault for what is no photo's fault."""
        with self.started(argv, data) as running:
            status = running.wait_at_most(self.policy.timeout)
        if status is None:
            raise PhotoError(
                Kind.TIMEOUT, f"took more than {self.policy.timeout:g} s; raise --timeout"
            )
        log = fflog.read(running.log)
        self.blame(job, log)
        if status < 0 and not log.barren:
            raise PhotoError(Kind.DAMAGED, f"ffmpeg crashed on it (signal {-status})")
        return log

    def blame(self, job: Job, log: fflog.Log) -> None:
        """Raise what is no photo's fault."""
        if log.lacking:
            raise EnvironmentFault(f"{self.binary.path} lacks the {log.lacking} that ffprep needs")
        if log.graph_fault:
            raise EnvironmentFault(modes.blame(job.spec.mode, log.graph_fault))
        if log.disk_full:
            raise disk_full(job.output)

    def _judge(self, log: fflog.Log) -> tuple[str, ...]:
        if not log.damage:
            return ()
        if not self.policy.keep_damaged:
            raise PhotoError(
                Kind.DAMAGED,
                f"part of the picture is missing ({log.damage[0]}); restore it from a backup, or convert "
                "what is left with --damaged keep",
            )
        return (f"converted although part of the picture is missing ({log.damage[0]})",)


def is_whole(log: fflog.Log, number: int, picture: Picture, output: Path) -> bool:
    """Whether FFmpeg decoded what the probe saw, and wrote something."""
    decoded = picture.shown if picture.format.upright and not picture.raw else picture.stored
    return log.frames.get(number) == decoded and size_of(output) > 0


def _is_broken(log: fflog.Log, picture: Picture) -> bool:
    """Whether FFmpeg makes nothing of a file for its damage, for which Pillow would fill in."""
    if not picture.format.upright:
        return log.refused
    # Of a HEIC of odd size, FFmpeg cuts off the last row or column.
    shown, found = picture.shown, log.frames.get(0)
    cut = found and (found.width, found.height) == (shown.width & ~1, shown.height & ~1)
    return not cut or bool(log.damage)


def complete(photo: Photo, output: Path) -> None:
    """Give an encoded picture what it is to carry besides. Raises as an output's publishing does."""
    spec, exif = photo.job.spec, b""
    if spec.metadata == "keep-rights":
        exif = rights.of(photo.job.source, photo.picture).exif()
    with writing(photo.job.output):
        embed(output, spec.format, photo.picture.carries, exif)


def fits(spec: Spec, output: Path) -> bool:
    """Whether an output fills no more bytes than its Spec allows."""
    return spec.max_bytes is None or size_of(output) <= spec.max_bytes


def too_many_bytes(spec: Spec, found: int) -> PhotoError:
    """What to say of an output that does not fit."""
    words = f"{found} bytes are more than {spec.max_bytes}"
    if not spec.lossy:
        words += (
            f", and {spec.format.name} without loss has no quality to lower; write jpeg or webp"
        )
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
