"""Chunks of LocalJobs to Results: photos that can share a stream go through one ffmpeg together.

The others, and whatever has no verified output after a stream, are converted one by one, each with
its own error. The outputs of one photo share its decoding, in a stream and outside. `transcode`
lists the steps; a stream shares all of them except the call of ffmpeg. An output has its final name
only once it has been decoded again and found to be what was asked for. An error of one job stays
with that job, except an EnvironmentFault, which all jobs would meet.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.conversion import command
from ffprep.conversion.ffmpeg_binary import Binary, decoder_pool
from ffprep.conversion.transcode import Outputs, Photo, Transcoder, size_of
from ffprep.core.decoder_log import DecoderLog
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import LocalJob, Result
from ffprep.core.policy import Policy
from ffprep.errors import EnvironmentFault, Kind, PhotoError
from ffprep.image.probe import known_colours, probe
from ffprep.record import Record, astuple, field, replace
from ffprep.system.files import FileStamp, most_held
from ffprep.system.machine import LARGE, room_for
from ffprep.system.own_folder import OwnFolders
from ffprep.system.processes import Processes
from ffprep.system.tempfiles import Temporary, disk_full, temporary_beside, temporary_folder

if TYPE_CHECKING:
    from ffprep.conversion.fed import Frames

_SMALL_PROFILE = 1 << 16
_SOURCE_AND_FRAME = attrgetter("source", "place", "spec.frame")
_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.03, 1.0

StreamKey = tuple[command.Sequence, int]
"""What photos of one stream have in common, before it is known how their colours get to sRGB."""

_Entry = tuple[Outputs, tuple[Temporary, ...]]
"""A photo of a stream, its file held open, and the temporary files of its outputs."""


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
        decoders = decoder_pool(self.processes, self.policy, self.binary)
        transcoder = Transcoder(self.binary, self.policy, self.processes, decoders)
        object.__setattr__(self, "transcoder", transcoder)

    def close(self) -> None:
        """End the decoders that are kept for the next photo."""
        self.transcoder.decoders.close()

    def convert(self, jobs: Iterable[LocalJob]) -> Iterator[Result]:
        """Yield one Result a LocalJob, in the order they end; stop early if the run is stopped.

        Raises EnvironmentFault if no job can succeed: a mode that FFmpeg refuses, a full disk.
        """
        jobs = list(jobs)
        hidden = {job.thumbnail.path for job in jobs if job.thumbnail}
        results = self._results(jobs)
        return (each for each in results if each.output not in hidden) if hidden else results

    def _results(self, jobs: Iterable[LocalJob]) -> Iterator[Result]:
        photos = list[Photo]()
        for _, same in groupby(jobs, _SOURCE_AND_FRAME):
            for result in self._begun(list(same), photos):
                if self.processes.stopped:
                    return  # its decoder was ended
                yield result
        with closing(OwnFolders()) as folders:
            singles = list[Outputs]()
            while photos:
                streams, alone = self._split(by_decoding(photos))
                singles += alone
                photos = []  # those that have to be decoded in full
                for sequence, members in streams.items():
                    held = most_held()
                    length = max(1, held // sequence.outputs) if held else len(members)
                    for start in range(0, len(members), length):
                        group = members[start : start + length]
                        yield from self._convert_stream(sequence, group, singles, photos, folders)
            results = (r for outputs in singles for r in self._convert_one(outputs, folders))
            for result in results:
                if result.failure and self.processes.stopped:
                    return  # its process was ended, or never started
                yield result

    def _probe(self, job: LocalJob, last: Photo | None) -> Photo:
        """Probe a photo, unless it was probed ahead, or is the `last` one; find its focus.

        Raises PhotoError, EnvironmentFault.
        """
        ahead = self._ahead.pop(job.output, None)
        last = last if last and _probed(last.job) == _probed(job) else None
        photo = self.transcoder.probe(job, ahead or last)
        if not photo.job.spec.focuses_on_faces:
            return photo
        from ffprep.conversion.focus import focused

        if last and photo.job.faces is None:
            photo = replace(photo, job=replace(photo.job, faces=last.job.faces))
        return focused(photo, self.transcoder.decoders)

    def _convert_one(self, outputs: Outputs, folders: OwnFolders) -> Iterator[Result]:
        """Convert a photo: several outputs by one ffmpeg, and then those that are not right, alone.

        So each failure has an error of its own.
        """
        alone, steps = list(outputs), self.transcoder
        if len(outputs) > 1:
            started = time.perf_counter()
            with suppress(PhotoError), opened(outputs, folders) as (held, files):
                with room_for(held[0].decoded.weight):
                    sound = not steps.encode(held, [file.path for file in files])
                alone, seconds = [], time.perf_counter() - started
                for photo, result in finished(steps, (held, files), seconds, sound):
                    if result:
                        yield result
                    else:
                        alone.append(photo)
        for photo in alone:
            yield steps.convert(photo, folders)

    def _begun(self, jobs: list[LocalJob], photos: list[Photo]) -> Iterator[Result]:
        """Probe the photo of jobs for `photos`; yield a Result where that fails, or of a film."""
        if jobs[0].spec.frame:
            from ffprep.conversion import film

            if film.is_film(jobs[0]):
                yield from film.convert(self, jobs)
                return
        for job in jobs:
            started = time.perf_counter()
            try:
                photos.append(self._probe(job, photos[-1] if photos else None))
                if job.thumbnail:
                    from ffprep.conversion.thumbnails import thumbnails_of

                    photos += thumbnails_of(self.transcoder, photos[-1], job.thumbnail)
            except Exception as error:
                from ffprep.conversion.failure import failed

                yield failed(self.transcoder, job, error, started)

    def look_ahead(self, jobs: Sequence[LocalJob]) -> tuple[StreamKey | None, int]:
        """Probe a photo that is converted later, for its jobs.

        Return its StreamKey, if it has one, and its pixels. A photo that fails, or needs a decoder,
        fails or is probed when it is converted.
        """
        first = jobs[0]
        try:
            stamp = FileStamp.of(first.source, first.place)
            picture = probe(first.source, self.policy.max_pixels)
        except Exception:
            return None, 0
        key, pixels = None, picture.stored.pixels
        with suppress(Exception):
            colours = known_colours(picture, keep=first.spec.colour == "keep")
            picture = colours or picture
            same = (job for job in jobs if _probed(job) == _probed(first))
            photos = [self.transcoder.planned(job, picture, stamp) for job in same]
            if sequence := self._sequence(by_decoding(photos)[0]):
                key = sequence, hash(picture.profile)
            if colours and _is_small(picture):
                self._ahead.update((photo.job.output, photo) for photo in photos)
        return key, pixels

    def _sequence(self, outputs: Outputs) -> command.Sequence | None:
        """Return the Sequence that a photo can be a part of; None if it has to go alone."""
        with suppress(Exception):  # it fails again where it goes alone
            if self.streams and (decoded := outputs[0].decoded).weight < LARGE:
                return command.sequence(decoded, tuple(photo.spec for photo in outputs))
        return None

    def _split(
        self, photos: list[Outputs]
    ) -> tuple[dict[command.Sequence, list[Outputs]], list[Outputs]]:
        """Return the photos that can share streams, and those that have to go alone."""
        if len(photos) == 1:
            return {}, photos
        groups: defaultdict[command.Sequence | None, list[Outputs]] = defaultdict(list)
        for photo in photos:
            groups[self._sequence(photo)].append(photo)
        singles = groups.pop(None, [])
        singles += [group[0] for group in groups.values() if len(group) == 1]
        streams = {key: group for key, group in groups.items() if key and len(group) > 1}
        for group in streams.values():  # a graph is set up again whenever the size changes
            group.sort(key=lambda outputs: astuple(outputs[0].picture.stored))
        return streams, singles

    def verify_existing(self, job: LocalJob) -> tuple[Size, FileStamp]:
        """Return the size and FileStamp of an existing output, if it is what its Spec says.

        Any program may have written it, so it is decoded in the sandbox. Raises PhotoError.
        """
        stamp, decoders = FileStamp.of(job.output), self.transcoder.decoders
        size = self.transcoder.size_of(job) if job.spec.choice else job.spec.size
        picture = decoders.probe(job.output)
        if (picture.shown, picture.format.name) != (size, job.spec.format.name):
            raise PhotoError(Kind.IO, f"{job.output} is {picture.format.name} {picture.shown}")
        decoders.require_whole(job.output, picture)
        if FileStamp.of(job.output) != stamp:
            raise PhotoError(Kind.IO, f"{job.output} was changed while it was read; run again")
        return picture.shown, stamp

    def _convert_stream(
        self,
        sequence: command.Sequence,
        group: list[Outputs],
        singles: list[Outputs],
        refused: list[Photo],
        folders: OwnFolders,
    ) -> Iterator[Result]:
        """Convert a group as one stream; add photos without a verified output to `singles`.

        Reduced ones that have to be decoded in full are added to `refused`.
        """
        with ExitStack() as stack:
            entries: list[_Entry] = []
            for outputs in group:
                try:
                    entries.append(stack.enter_context(opened(outputs, folders)))
                except PhotoError:
                    singles += [(photo,) for photo in outputs]
            if not entries:
                return
            try:
                links = stack.enter_context(temporary_folder(held=True))
                files = ([o[0].source, *(file.path for file in made)] for o, made in entries)
                sequence.link(links, files)
            except (OSError, EnvironmentFault):  # no room for links; single photos need none
                singles += [outputs for outputs, _ in entries]
                return
            specs = (tuple(photo.spec for photo in outputs) for outputs, _ in entries)
            argv = command.sequence_command(self.binary.path, sequence, links, specs)
            started = time.perf_counter()
            frames = self._frames(entries) if sequence.raw else None
            for number, sound in self._run_stream(argv, entries, frames):
                outputs, _ = entries[number]
                if frames and number in frames.refused:
                    refused += [replace(each, open_path=None, reduced=None) for each in outputs]
                    continue
                seconds = (time.perf_counter() - started) / (number + 1)
                sound = sound and self._is_undamaged(outputs[0])
                for photo, result in finished(self.transcoder, entries[number], seconds, sound):
                    if result:
                        yield result
                    else:
                        singles.append((photo,))
            if frames and frames.fault:
                raise frames.fault

    def _frames(self, entries: list[_Entry]) -> "Frames":
        from ffprep.conversion.fed import Frames

        return Frames(self.transcoder.decoders, [outputs[0] for outputs, _ in entries])

    def _run_stream(
        self, argv: list[str], entries: list[_Entry], frames: "Frames | None"
    ) -> Iterator[tuple[int, bool]]:
        """Run a stream; yield each entry's number once all its outputs are written, or missing.

        The second value says whether the photo was decoded without a complaint. A stream without
        progress is ended.
        """
        from ffprep.conversion import ffmpeg_log

        done, idle, follower = 0, 0.0, ffmpeg_log.StreamLog()
        outputs, _ = entries[0]
        specs = [photo.job.spec for photo in outputs]
        with self.transcoder.started(specs, argv, frames) as running:
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
                # before one that has begun, all of the same Spec are finished.
                logged = [number for number in log.frames if done < number < len(entries)]
                begun = (
                    number
                    for number in logged
                    if all(size_of(temporary.file) > 0 for temporary in entries[number][1])
                )
                passed = len(entries) if ended else max(begun, default=done)
                for number in range(done, passed):
                    decoded = entries[number][0][0].decoded
                    sound = log.agrees_with(decoded, number) and not log.may_complain_about(number)
                    yield number, sound
                    done, idle = number + 1, 0.0
                if idle > self.policy.timeout:
                    running.kill()
        if ffmpeg_log.read(running.log).disk_full:
            raise disk_full(outputs[0].job.output)

    def _is_undamaged(self, photo: Photo) -> bool:
        """Return whether a photo that was decoded without a complaint is whole."""
        with suppress(PhotoError):
            return not self.transcoder.decoders.damage(photo.source, photo.picture, DecoderLog())
        return False


@contextmanager
def opened(outputs: Outputs, folders: OwnFolders) -> Iterator[_Entry]:
    """Yield a photo with its file held open, and a temporary file for each output.

    Raises PhotoError, EnvironmentFault as `temporary_beside` does.
    """
    with ExitStack() as stack:
        path = stack.enter_context(outputs[0].opened()).open_path
        beside = (temporary_beside(photo.job.output, folders) for photo in outputs)
        files = tuple(map(stack.enter_context, beside))
        yield tuple(replace(photo, open_path=path) for photo in outputs), files


def finished(
    steps: Transcoder, entry: _Entry, seconds: float, sound: bool
) -> Iterator[tuple[Photo, Result | None]]:
    """Complete, verify and publish the outputs of a photo; yield None for each that is not right.

    `seconds` is the time that all of them took. None is right unless the photo is `sound`.
    """
    outputs, files = entry
    source_hash = None
    try:
        source_hash = steps.read_source(outputs[0]) if sound else None
    except PhotoError:
        sound = False
    for photo, temporary in zip(outputs, files, strict=True):
        started, result = time.perf_counter() - seconds / len(outputs), None
        with suppress(PhotoError):
            if sound and size_of(temporary.path) > 0:
                steps.complete(photo, temporary.path)
                result = steps.verify_and_publish(
                    photo, temporary, photo.caveats, started, source_hash
                )
        yield photo, result


def by_decoding(photos: Iterable[Photo]) -> list[Outputs]:
    """Return the outputs of each photo together, if they are made of the same decoded picture."""
    groups: defaultdict[object, list[Photo]] = defaultdict(list)
    for photo in photos:
        groups[photo.job.source, photo.job.place, photo.stamp, photo.decoded].append(photo)
    return [tuple(group) for group in groups.values()]


def _probed(job: LocalJob) -> tuple[Path, str, str]:
    """Return what is equal in jobs that have the same probed picture."""
    return job.source, job.place, job.spec.colour


def _is_small(picture: ImageInfo) -> bool:
    profiles = (picture.profile, picture.output_profile)
    return sum(len(profile.data) for profile in profiles if profile) <= _SMALL_PROFILE
