"""Chunks of LocalJobs to Results: photos that can share a stream go through one ffmpeg together.

The others, and whatever has no verified output after a stream, are converted one by one, each with
its own error. `transcode` lists the steps; a stream shares all of them except the call of ffmpeg.
An output has its final name only once it has been decoded again and found to be what was asked for.
An error of one job stays with that job, except an EnvironmentFault, which all jobs would meet.
"""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.conversion import command
from ffprep.conversion.ffmpeg_binary import Binary
from ffprep.conversion.transcode import Photo, Transcoder, is_whole, size_of
from ffprep.core.decoder_log import DecoderLog
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo, Profile
from ffprep.core.job import LocalJob, Result
from ffprep.core.policy import Policy
from ffprep.errors import Kind, PhotoError
from ffprep.image.probe import known_colours, probe
from ffprep.image.sandbox import DecoderPool, StandIn
from ffprep.record import Record, field, replace
from ffprep.system.files import FileStamp, most_held
from ffprep.system.own_folder import OwnFolders
from ffprep.system.processes import LARGE, Processes
from ffprep.system.tempfiles import Temporary, disk_full, temporary_beside, temporary_folder

if TYPE_CHECKING:
    from ffprep.conversion.reduced import Frames

_SMALL_PROFILE = 1 << 16
_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.03, 1.0

StreamKey = tuple[command.Sequence, Profile | None]
"""What photos of one stream have in common, before it is known how their colours get to sRGB."""

_Entry = tuple[Photo, Temporary]
"""A photo of a stream, its file held open, and the temporary file of its output."""


class Converter(Record):
    """Converts chunks of LocalJobs with one ffmpeg, under one Policy.

    Safe to use from several threads. Without `streams`, every photo has a process of its own.
    """

    binary: Binary
    policy: Policy
    streams: bool = True
    processes: Processes = field(default_factory=Processes)
    transcoder: Transcoder = field(init=False)
    _ahead: dict[Path, Photo] = field(default_factory=dict)
    """What `look_ahead` has found, by its output, without profiles that take much memory."""

    def __post_init__(self) -> None:
        decoders = DecoderPool(self.processes, self.policy, self._stand_in)
        transcoder = Transcoder(self.binary, self.policy, self.processes, decoders)
        object.__setattr__(self, "transcoder", transcoder)

    def _stand_in(self, path: Path, picture: ImageInfo, whole: bool) -> StandIn:
        from ffprep.conversion.stand_in import stand_in

        return stand_in(self.binary, self.processes, self.policy, path, picture, whole)

    def close(self) -> None:
        """End the decoders that are kept for the next photo."""
        self.transcoder.decoders.close()

    def convert(self, jobs: Iterable[LocalJob]) -> Iterator[Result]:
        """Yield one Result a LocalJob, in the order they end; stop early if the run is stopped.

        Raises EnvironmentFault if no job can succeed: a mode that FFmpeg refuses, a full disk.
        """
        photos = list[Photo]()
        for job in jobs:
            started = time.perf_counter()
            try:
                photo = self.transcoder.probe(job, self._ahead.pop(job.output, None))
                photos.append(self._focused(photo))
            except Exception as error:
                if self.processes.stopped:
                    return  # its decoder was ended
                from ffprep.conversion.failure import failed

                result = failed(self.transcoder, job, error, started)
                if self.processes.stopped:
                    return
                yield result
        with closing(OwnFolders()) as folders:
            singles = list[Photo]()
            while photos:
                streams, alone = self._split(photos)
                singles += alone
                photos = []  # those that have to be decoded in full
                for sequence, members in streams.items():
                    length = most_held() or len(members)
                    for start in range(0, len(members), length):
                        group = members[start : start + length]
                        yield from self._convert_stream(sequence, group, singles, photos, folders)
            for photo in singles:
                result = self.transcoder.convert(photo, folders)
                if result.failure and self.processes.stopped:
                    return  # its process was ended, or never started
                yield result

    def _focused(self, photo: Photo) -> Photo:
        """Return a photo whose focus is known. Raises PhotoError, EnvironmentFault."""
        if not photo.job.spec.focuses_on_faces:
            return photo
        from ffprep.conversion.focus import focused

        return focused(photo, self.transcoder.decoders)

    def look_ahead(self, job: LocalJob) -> tuple[StreamKey | None, int]:
        """Probe a photo that is converted later; return its StreamKey, if it has one, and pixels.

        A photo that fails, or needs a decoder, fails or is probed when it is converted.
        """
        try:
            stamp = FileStamp.of(job.source, job.place)
            picture = probe(job.source, self.policy.max_pixels)
        except Exception:
            return None, 0
        sequence, pixels = None, picture.stored.pixels
        with suppress(Exception):
            colours = known_colours(picture, keep=job.spec.colour == "keep")
            picture, warning = colours or (picture, None)
            photo = self.transcoder.planned(job, picture, stamp, warning)
            sequence = self._sequence(photo)
            if colours and _is_small(picture):
                self._ahead[job.output] = photo
        return (sequence, picture.profile) if sequence else None, pixels

    def _sequence(self, photo: Photo) -> command.Sequence | None:
        """Return the Sequence that a photo can be a part of; None if it has to go alone."""
        with suppress(Exception):  # it fails again where it goes alone
            if self.streams and photo.decoded.weight < LARGE:
                return command.sequence(photo.decoded, photo.spec)
        return None

    def _split(
        self, photos: list[Photo]
    ) -> tuple[dict[command.Sequence, list[Photo]], list[Photo]]:
        """Return the photos that can share streams, and those that have to go alone."""
        if len(photos) == 1:
            return {}, photos
        groups: defaultdict[command.Sequence | None, list[Photo]] = defaultdict(list)
        for photo in photos:
            groups[self._sequence(photo)].append(photo)
        singles = groups.pop(None, [])
        singles += [group[0] for group in groups.values() if len(group) == 1]
        streams = {key: group for key, group in groups.items() if key and len(group) > 1}
        for group in streams.values():  # a graph is set up again whenever the size changes
            group.sort(key=lambda photo: (photo.picture.stored.width, photo.picture.stored.height))
        return streams, singles

    def verify_existing(self, job: LocalJob) -> tuple[Size, FileStamp]:
        """Return the size and FileStamp of an existing output, if it is what its Spec says.

        Any program may have written it, so it is decoded in the sandbox. Raises PhotoError.
        """
        stamp, decoders = FileStamp.of(job.output), self.transcoder.decoders
        if job.spec.choice:
            job = self.transcoder.probe(job).job
        picture = decoders.probe(job.output, self.policy.max_pixels)
        if (picture.shown, picture.format.name) != (job.spec.size, job.spec.format.name):
            raise PhotoError(Kind.IO, f"{job.output} is {picture.format.name} {picture.shown}")
        decoders.require_whole(job.output, picture)
        if FileStamp.of(job.output) != stamp:
            raise PhotoError(Kind.IO, f"{job.output} was changed while it was read; run again")
        return picture.shown, stamp

    def command_lines(self, job: LocalJob) -> list[list[str]]:
        """Return the commands for a LocalJob, each piped into the next; the last writes its output.

        Raises PhotoError if the file cannot be probed.
        """
        photo = self._focused(self.transcoder.probe(job))
        job, picture, before = photo.job, photo.picture, list[list[str]]()
        options = []
        if photo.reduced:
            picture = photo.decoded
            options = [f"--reduced={picture.stored}"]
        elif not picture.ffmpeg_reads:
            with self.transcoder.decoders.decoded(job.source, picture) as (picture, _):
                pass
        if picture.raw:
            policy = self.policy
            options += [f"--max-pixels={policy.max_pixels}", f"--max-memory={policy.max_memory}"]
            options += [f"--colour={job.spec.colour}"]
            ffprep = [sys.executable, "-P", "-m", "ffprep"]
            before = [[*ffprep, "frame", *options, "--", str(job.source)]]
        argv = command.command(self.binary.path, job.source, picture, photo.spec, job.output)
        return [*before, argv]

    def _convert_stream(
        self,
        sequence: command.Sequence,
        group: list[Photo],
        singles: list[Photo],
        refused: list[Photo],
        folders: OwnFolders,
    ) -> Iterator[Result]:
        """Convert a group as one stream; add photos without a verified output to `singles`.

        Reduced ones that have to be decoded in full are added to `refused`.
        """
        with ExitStack() as stack:
            entries: list[_Entry] = []
            for photo in group:
                try:
                    opened = stack.enter_context(photo.opened())
                    temporary = stack.enter_context(temporary_beside(photo.job.output, folders))
                except PhotoError:
                    singles.append(photo)
                else:
                    entries.append((opened, temporary))
            try:
                links = stack.enter_context(temporary_folder(held=True))
                _link(links, entries)
            except OSError:  # there is no room for links; single photos need none
                singles += [photo for photo, _ in entries]
                return
            specs = (photo.spec for photo, _ in entries)
            argv = command.sequence_command(self.binary.path, sequence, links, specs)
            started = time.perf_counter()
            frames = self._frames(entries) if sequence.raw else None
            for number, whole in self._run_stream(group[0].job, argv, entries, frames):
                photo, temporary = entries[number]
                share = (time.perf_counter() - started) / (number + 1)
                result = self._finish(photo, temporary, share) if whole else None
                if result:
                    yield result
                elif frames and number in frames.refused:
                    refused.append(replace(photo, open_path=None, reduced=None))
                else:
                    singles.append(photo)
            if frames and frames.fault:
                raise frames.fault

    def _frames(self, entries: list[_Entry]) -> "Frames":
        """Return what the ffmpeg of a stream of reduced photos is fed with."""
        from ffprep.conversion.reduced import Frames

        return Frames(self.transcoder.decoders, [photo for photo, _ in entries])

    def _run_stream(
        self, job: LocalJob, argv: list[str], entries: list[_Entry], frames: "Frames | None"
    ) -> Iterator[tuple[int, bool]]:
        """Run a stream; yield each entry's number once ffmpeg has passed it, and if it is whole.

        A stream without progress is ended.
        """
        from ffprep.conversion import ffmpeg_log

        done, idle, follower = 0, 0.0, ffmpeg_log.StreamLog()
        with self.transcoder.started(job, argv, frames) as running:
            ended = False
            while done < len(entries):
                before = time.perf_counter()
                ended = ended or running.wait(_POLL_SECONDS)
                # While this process is stopped, its children may be stopped too.
                idle += min(time.perf_counter() - before, _LONGEST_POLL_SECONDS)
                if ended:
                    running.finish()
                log = follower.read(running.log, ended)
                # An output is written after its frame was logged. Outputs are written in order:
                # before one that has begun, all are finished.
                logged = [number for number in log.frames if done < number < len(entries)]
                begun = (number for number in logged if size_of(entries[number][1].file) > 0)
                passed = len(entries) if ended else max(begun, default=done)
                for number in range(done, passed):
                    photo, temporary = entries[number]
                    whole = is_whole(log, number, photo.decoded, temporary.path)
                    yield number, whole and not log.may_complain_about(number)
                    done, idle = number + 1, 0.0
                if idle > self.policy.timeout:
                    running.kill()
        if ffmpeg_log.read(running.log).disk_full:
            raise disk_full(job.output)

    def _finish(self, photo: Photo, temporary: Temporary, share: float) -> Result | None:
        """Complete, verify and publish an output of a stream; None if that fails.

        `share` is its share of the stream's time, in seconds.
        """
        steps, started = self.transcoder, time.perf_counter() - share
        try:
            if steps.decoders.damage(photo.source, photo.picture, DecoderLog()):
                return None
            steps.complete(photo, temporary.path)
            return steps.verify_and_publish(photo, temporary, photo.caveats, started)
        except PhotoError:
            return None


def _is_small(picture: ImageInfo) -> bool:
    profiles = (picture.profile, picture.output_profile)
    return sum(len(profile.data) for profile in profiles if profile) <= _SMALL_PROFILE


def _link(folder: Path, entries: list[_Entry]) -> None:
    """Link sources and temporary files under the numbers that a sequence has for them."""
    for name in command.SEQUENCE_FOLDERS:
        (folder / name).mkdir()
    source, output = (folder / name for name in command.SEQUENCE_FOLDERS)
    for number, (photo, temporary) in enumerate(entries):
        (source / str(number)).symlink_to(os.path.abspath(photo.source))
        (output / str(number)).symlink_to(os.path.abspath(temporary.path))
