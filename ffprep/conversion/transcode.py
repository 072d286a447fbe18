"""One photo to one verified output; `Transcoder.convert` lists the steps in order.

    probe            what the file holds, and in which version            image.sandbox
    choose           the size and the mode for this photo                 core.fitting
    filtergraph      the command line                                     command
    ffmpeg           run it under limits                                  system.processes
    log              what was decoded, and the decoder's complaints       ffmpeg_log
    damage           whether a part of the picture is missing             image.integrity
    complete         the ICC profile and EXIF that the output is to have  image.embed
    max-bytes        all of this again at a lower quality, if need be     caveats
    verify           decode the output and compare it with its Spec       image.probe
    publish          give it its final name                               publish

A stream shares these steps, except the call of ffmpeg (`converter`).
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.conversion.command import command
from ffprep.conversion.ffmpeg_binary import Binary, stand_in
from ffprep.conversion.publish import publish
from ffprep.core.decoder_log import DecoderLog
from ffprep.core.fitting import Framing, cropped_size, resolve_spec
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import Caveat, CaveatKind, LocalJob, Result, Status
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault, FilteredOut, Kind, PhotoError, reason
from ffprep.image.pillow import plugin
from ffprep.image.probe import verify
from ffprep.image.sandbox import DecoderPool
from ffprep.record import Record, replace
from ffprep.system.files import FileStamp, content_hash, hold_open, read_whole
from ffprep.system.machine import room_for
from ffprep.system.own_folder import OwnFolders
from ffprep.system.processes import Limits, Processes, Running, ffmpeg_environment
from ffprep.system.tempfiles import (
    Temporary,
    require_writable,
    temporary_beside,
    without_line_breaks,
    write_errors,
)

if TYPE_CHECKING:
    from ffprep.conversion.fed import Reduced
    from ffprep.system.pipes import Data, Piped

# An output may have twice the bytes of its pixels at four bytes each, and some for the rest. The
# user chose the frame, so its memory is added to what a photo may take.
_BYTES_A_PIXEL, _OTHER_BYTES = 8, 1 << 24
_MEMORY_A_PIXEL = 64
_SHARE_IF_FED = 0.55  # a decoder beside an ffmpeg that is fed holds the same picture


class Photo(Record):
    """A probed LocalJob: what its source holds, in which version, and caveats known already.

    While it is converted, `open_path` leads to its open file. `reduced` is how libjpeg-turbo
    decodes it, if that happens at a fraction of its size. `film` is the command that decodes it, if
    it is a frame of a film.
    """

    job: LocalJob
    picture: ImageInfo
    stamp: FileStamp
    caveats: tuple[Caveat, ...] = ()
    open_path: Path | None = None
    reduced: "Reduced | None" = None
    film: tuple[str, ...] = ()

    @property
    def decoded(self) -> ImageInfo:
        """The picture as the filtergraph gets it."""
        return self.reduced.picture if self.reduced else self.picture

    @property
    def spec(self) -> Spec:
        """The Spec as the filtergraph gets it."""
        spec = self.job.spec
        return replace(spec, mode=self.reduced.mode) if self.reduced else spec

    @property
    def source(self) -> Path:
        """The path to read it from."""
        return self.open_path or self.job.source

    @contextmanager
    def opened(self) -> Iterator["Photo"]:
        """Yield the photo with its file held open, so that all processes read the same file.

        Raises PhotoError as `hold_open` does.
        """
        with hold_open(self.job.source, self.job.place, self.stamp) as path:
            yield replace(self, open_path=path)


Outputs = tuple[Photo, ...]
"""Outputs of one photo that are made of one decoding, each as a Photo."""


class Transcoder(Record):
    """Calls one ffmpeg under one Policy. Safe to use from several threads."""

    binary: Binary
    policy: Policy
    processes: Processes
    decoders: DecoderPool

    def convert(self, photo: Photo, folders: OwnFolders | None = None) -> Result:
        """Convert a probed photo in an ffmpeg process of its own.

        Raises EnvironmentFault if no photo can be converted.
        """
        started, steps = time.perf_counter(), self
        if self.policy.keep_damaged:  # only a second attempt shows that it is damaged
            steps = replace(self, policy=replace(self.policy, keep_damaged=False))
        try:
            return steps.attempt(photo, started, folders)
        except Exception as error:
            from ffprep.conversion.failure import failed

            return failed(self, photo.job, error, started)

    def attempt(self, photo: Photo, started: float, folders: OwnFolders | None = None) -> Result:
        """Convert a probed photo. Raises PhotoError, and EnvironmentFault as `convert` does."""
        job = photo.job
        try:
            with photo.opened() as opened, temporary_beside(job.output, folders) as temporary:
                with room_for(photo.decoded.weight):
                    caveats = self.make(opened, temporary.path)
                    if not fits(job.spec, temporary.path):
                        from ffprep.conversion.caveats import lower_quality

                        caveats += lower_quality(self, opened, temporary.path)
                read = self.read_source(photo)
                return self.verify_and_publish(photo, temporary, caveats, started, read)
        except PhotoError as error:
            from ffprep.conversion.failure import whose_fault

            raise whose_fault(self, photo, error) from None

    def probe(self, job: LocalJob, ahead: Photo | None = None) -> Photo:
        """Probe a source, and choose the size and the mode of its output.

        A photo probed `ahead`, also for another output, is probed again only if it has changed.
        Raises as `planned` does.
        """
        if ahead and ahead.stamp == FileStamp.of(job.source, job.place):
            same = ahead.job.output == job.output
            return ahead if same else self.planned(job, ahead.picture, ahead.stamp)
        return self.planned(job, *self.read_header(job))

    def read_header(self, job: LocalJob) -> tuple[ImageInfo, FileStamp]:
        """Return what a source holds, in which version. Raises PhotoError, EnvironmentFault."""
        stamp, keep = FileStamp.of(job.source, job.place), job.spec.colour == "keep"
        return self.decoders.probe_colours(job.source, keep), stamp

    def size_of(self, job: LocalJob) -> Size:
        """Return the size of a job's output. Raises as `planned` does, but not FilteredOut."""
        with suppress(FilteredOut):  # no output is made
            from ffprep.conversion.pipeline import probed

            found = probed(self, job)
            return self.planned(job, found.picture, found.stamp).job.spec.size
        return job.spec.size

    def planned(self, job: LocalJob, picture: ImageInfo, stamp: FileStamp) -> Photo:
        """Choose the size and the mode of the output of a probed source.

        Raises FilteredOut, and PhotoError if the policy does not allow to enlarge or cut the photo
        that much, or if no size of the target fits.
        """
        if not self.binary.zscale:
            picture = replace(picture, planes=None)
        if self.policy.filter:
            self.policy.filter.require(picture.shown)
        cropped = cropped_size(picture.shown, job.spec.bounds)
        asked, spec = job.spec, resolve_spec(job.spec, cropped)
        job = job if spec is asked else replace(job, spec=spec)
        framing = Framing.of(spec.mode.effective_fit, cropped, spec.size)
        caveats, fraction = tuple[Caveat, ...](), None
        if framing.enlarges or framing.cuts_much or picture.warnings:
            from ffprep.conversion.caveats import known_caveats

            caveats = known_caveats(self.policy, picture, framing, asked, cropped, spec.size)
        if spec.fast:
            from ffprep.conversion.fed import reduced

            fraction = reduced(picture, spec)
        return Photo(job, picture, stamp, caveats, reduced=fraction)

    def make(self, photo: Photo, output: Path) -> tuple[Caveat, ...]:
        """Write a complete output, of any number of bytes; return its caveats."""
        caveats = photo.caveats + self.judge(self.encode((photo,), (output,)))
        self.complete(photo, output)
        return caveats

    def encode(self, outputs: Outputs, files: Sequence[Path]) -> str | None:
        """Decode a photo once, and encode its outputs, which are not complete yet.

        Return what shows that a part of the photo is missing, if any. Raises PhotoError.
        """
        photo, picture, log = outputs[0], outputs[0].picture, None
        if photo.reduced:
            from ffprep.conversion.fed import encode

            if encode(self, outputs, files):
                return None
            outputs = tuple(replace(each, reduced=None) for each in outputs)
        if picture.ffmpeg_reads:
            log = self.transcode(outputs, picture, files)
            # A complaint about a GIF may be about a later frame; Pillow reads only the first.
            later = picture.format.name == "gif" and log.damage
            if is_whole(log, picture, files) and not later:
                return self.decoders.damage(photo.source, picture, log)
        from ffprep.conversion.fed import encode_by_pillow

        return encode_by_pillow(self, outputs, files, log)

    def transcode(
        self,
        outputs: Outputs,
        picture: ImageInfo,
        files: Sequence[Path],
        pixels: "Piped | None" = None,
    ) -> DecoderLog:
        """Build the filtergraph, run ffmpeg and read its log.

        Raises PhotoError, or EnvironmentFault for what is not a photo's fault.
        """
        job, specs = outputs[0].job, tuple(photo.spec for photo in outputs)
        with without_line_breaks(outputs[0].source, *files) as (source, *written):
            argv = command(self.binary.path, source, picture, specs, written)
            with self.started(specs, argv, None if pixels is None else [pixels]) as running:
                from ffprep.conversion import ffmpeg_log  # while ffmpeg works

                status = running.wait_at_most(self.policy.timeout)
        log = ffmpeg_log.read(running.log)
        if status != 0 or log.errors:
            from ffprep.conversion.failure import require_working

            require_working(self, job, running, status, log)
        return log

    def limits(self, *specs: Spec, fed: bool = False) -> Limits:
        """Return the limits of an ffmpeg; it has less memory if it is `fed` by a decoder."""
        frames = [spec.size.pixels for spec in specs]
        share = _SHARE_IF_FED if fed else 1.0
        memory = int(self.policy.max_memory * share) + _MEMORY_A_PIXEL * sum(frames)
        return Limits(memory, _OTHER_BYTES + _BYTES_A_PIXEL * max(frames))

    @contextmanager
    def started(
        self,
        specs: Iterable[Spec],
        argv: list[str],
        data: "Iterable[Data] | None" = None,
        limits: Limits | None = None,
    ) -> Iterator[Running]:
        """Start ffmpeg under limits, by default those for outputs of `specs`.

        Raises EnvironmentFault if it cannot be started.
        """
        limits = limits or self.limits(*specs, fed=data is not None)
        with ExitStack() as stack:
            try:
                process = self.processes.start(argv, limits, data, environment=ffmpeg_environment())
                running = stack.enter_context(process)
            except OSError as error:
                from ffprep.system.limits import advice

                words = f"{self.binary.path} cannot be started: {reason(error)}{advice(error)}"
                raise EnvironmentFault(words) from None
            for spec in specs:  # which verify the outputs; imported while ffmpeg works
                plugin(spec.format.plugin or "PNG")
            yield running

    def judge(self, missing: str | None) -> tuple[Caveat, ...]:
        """Return the caveat of a damaged photo. Raises PhotoError unless it is to be kept."""
        if missing is None:
            return ()
        if not self.policy.keep_damaged:
            raise PhotoError(
                Kind.DAMAGED,
                f"part of the picture is missing ({missing}); restore it from a backup, or convert "
                "the rest with --damaged keep",
            )
        words = f"converted although part of the picture is missing ({missing})"
        return (Caveat(words, CaveatKind.DAMAGED),)

    def complete(self, photo: Photo, output: Path) -> None:
        """Write the ICC profile and metadata of an output. Raises as `temporary_beside` does."""
        spec, profile, kept = photo.job.spec, photo.picture.output_profile, None
        if spec.kept_metadata != "none":
            kept = self.decoders.metadata(photo.source, photo.picture, spec)
        if profile or kept:
            from ffprep.image.embed import embed

            with write_errors(photo.job.output):
                embed(output, spec.format, profile, kept)

    def verify_and_publish(
        self,
        photo: Photo,
        temporary: Temporary,
        caveats: tuple[Caveat, ...],
        started: float,
        source_hash: bytes | None,
    ) -> Result:
        """Verify an output and give it its final name. Raises PhotoError.

        `started` is when the conversion began, by time.perf_counter. `source_hash` is that of
        `read_source`.
        """
        job, output = photo.job, temporary.path
        require_writable(output, job.output)
        if not fits(job.spec, output):
            from ffprep.conversion.caveats import too_many_bytes

            raise too_many_bytes(job.spec, size_of(output))
        content = verify(output, job.spec, self._decode)
        stamp = publish(temporary, job, self.policy)
        return Result(
            job.source,
            job.output,
            Status.CONVERTED,
            job.spec.size,
            time.perf_counter() - started,
            caveats=caveats,
            stamp=stamp,
            mode=job.spec.mode.name,
            faces=job.faces,
            photo=photo.picture.shown,
            source_hash=source_hash,
            output_hash=content_hash(content) if self.policy.hash_files else None,
        )

    def _decode(self, output: Path, picture: ImageInfo) -> None:
        """Decode an output with FFmpeg; memory for the frame is added, as in encoding it."""
        memory = self.policy.max_memory + _MEMORY_A_PIXEL * picture.stored.pixels
        policy = replace(self.policy, max_memory=memory)
        with stand_in(self.binary, self.processes, policy, output, picture, False):
            pass

    def read_source(self, photo: Photo) -> bytes | None:
        """Read a source to its end; return its hash, if Results have one. Raises PhotoError."""
        job = photo.job
        return read_whole(job.source, photo.stamp, self.policy.hash_files, job.place)


def is_whole(log: DecoderLog, picture: ImageInfo, files: Iterable[Path]) -> bool:
    """Return whether FFmpeg decoded what the probe found, and wrote something to each file."""
    return log.agrees_with(picture, 0) and all(size_of(file) > 0 for file in files)


def fits(spec: Spec, output: Path) -> bool:
    """Return whether an output has no more bytes than its Spec allows."""
    return spec.max_bytes is None or size_of(output) <= spec.max_bytes


def size_of(path: Path | int) -> int:
    """Return the bytes of a file, by its path or its descriptor; 0 if there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
