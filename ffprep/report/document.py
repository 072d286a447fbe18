"""Make the content of a report of its entries, with thumbnails, and write the file."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from ffprep.config.modes import all_modes
from ffprep.config.sidecars import PhotoOverride, read_sidecar, sidecar_path
from ffprep.conversion.converter import Converter
from ffprep.conversion.thumbnails import thumbnail_spec
from ffprep.core.film import FilmFrame
from ffprep.core.geometry import FaceFocus, Size
from ffprep.core.job import LocalJob, Status
from ffprep.core.location import Location
from ffprep.errors import Kind, PhotoError
from ffprep.image import turbojpeg
from ffprep.record import Record, astuple, field, replace
from ffprep.report.entries import Entries, Entry, Framed, sizes_by_fit
from ffprep.report.page import Content, ModeShown, OverrideShown, Sample, page
from ffprep.run.task import Thumbnails, digest
from ffprep.storage.protocol import storage_of
from ffprep.system.files import SIDECAR, real_folder, real_path
from ffprep.system.pool import run_chunks
from ffprep.system.single import StopRules
from ffprep.system.tempfiles import (
    errors_named_after,
    replace_file,
    temporary_beside,
    temporary_folder,
)

MOST_PICTURES = 1000
"""How many failures get thumbnails, how many notable pictures, and how many others."""

MOST_BYTES = 48_000_000
"""How much base64 of thumbnails a report has; a report stays below 60 MB."""


_CHUNK = 64

_LARGE = 4_000_000
"""From so many pixels on, to decode a JPEG at a fraction of its size takes less time."""

_ADVICE = {
    Kind.DAMAGED: "Restore these photos from a backup, or convert what can be decoded with "
    "--damaged keep.",
    Kind.UNSUPPORTED: "Save these files as JPEG, PNG or TIFF with another program; the sentence "
    "says what ffprep does not read.",
    Kind.TOO_LARGE: "Raise --max-pixels or --max-memory if you trust these files.",
    Kind.UPSCALE: "Find larger originals, ask for a smaller size, or give --upscale allow.",
    Kind.CUT: "Give --mode auto, which pads such photos, or another mode for these; or --max-cut "
    "allow.",
    Kind.TIMEOUT: "Run again when the machine is less busy, or raise --timeout.",
    Kind.COLLISION: "Rename one of the photos, or give --names, so that each output has its own "
    "name.",
    Kind.MISSING: "Look where these photos went, and run again.",
    Kind.IO: "Check the disk or the network share, and the permissions, and run again.",
    Kind.INTERNAL: "This is a bug in ffprep; please report it with the photo.",
}


class Document(Record):
    """A report to be written to a `path`, which an option named.

    Thumbnails are in a `folder`, which is temporary. They are made as outputs are: decoded under
    limits, of several in one ffmpeg, and verified, on a number of `workers` threads. Large JPEGs
    are decoded at a fraction of their size if TurboJPEG is installed. `tables` are those of
    ffprep.toml, by the real paths of their photos, and `filters` folders with modes.
    """

    option: str
    path: Path
    folder: Path
    converter: Converter
    workers: int
    tables: Mapping[str, PhotoOverride] = field(default_factory=dict)
    filters: tuple[Path, ...] = ()

    @classmethod
    @contextmanager
    def opened(cls, option: str, path: Path, like: Converter, workers: int) -> Iterator[Self]:
        """Yield a report whose thumbnails are made with the ffmpeg and the limits of a Converter.

        Raises EnvironmentFault if it cannot be written to the path.
        """
        with errors_named_after(option), temporary_beside(path):
            pass
        # A thumbnail of what can be decoded is better than none.
        lenient = replace(like.policy, keep_damaged=True, upscale="allow", filter=None)
        lenient = replace(lenient, hash_files=False, fsync=False, preserve_times=False)
        converter = Converter(like.binary, lenient, processes=like.processes)
        with temporary_folder() as folder, closing(converter):
            yield cls(option, path, folder, converter, workers)

    def photo_size(self, entry: Entry) -> Size | None:
        """Return the size of an upright photo; None if it is in a store, or cannot be read."""
        if storage_of(entry.source).is_local:
            steps = self.converter.transcoder
            with suppress(PhotoError):
                return steps.decoders.probe(Path(entry.source)).shown
        return None

    def write(self, content: Content, entries: Entries, made: Callable[[], None]) -> None:
        """Make the thumbnails that are missing, and write the file; call `made` after each.

        `content` is what is known besides the photos. Write nothing if a signal stops this. Raises
        EnvironmentFault.
        """
        places = [
            _Place.of(entry, number < MOST_PICTURES * entries.pictures, self.folder)
            for group in entries.shown
            for number, entry in enumerate(group)
        ]
        pictured = [place for place in places if place.pictured]
        jobs = {job.output: job for place in pictured for job in place.jobs}
        convert, processes = self.converter.convert, self.converter.processes
        stop = StopRules(lambda: processes.stopped, processes.stop)
        chunks = _chunks(jobs.values())
        with closing(run_chunks(chunks, convert, self.workers, stop=stop)) as results:
            for _ in results:
                made()
        if processes.stopped:
            return
        numbers, files = _numbered(pictured)
        content = self._content(content, entries, places, numbers)
        thumbnails = (file.read_bytes() for file in files)
        with errors_named_after(self.option), replace_file(self.path) as temporary:
            with temporary.open("wb") as file:
                file.writelines(page(content, thumbnails))
            temporary.chmod(0o644)

    def _content(
        self,
        content: Content,
        entries: Entries,
        places: "list[_Place]",
        numbers: Mapping[Path, int],
    ) -> Content:
        places = sorted(places, key=lambda p: (os.fspath(p.entry.source), p.entry.name or ""))
        sources = [each.entry.source for each in places]
        local = {
            real_folder(os.path.dirname(each)) for each in sources if storage_of(each).is_local
        }
        root = os.path.commonpath(local) if local else os.getcwd()
        tables = os.path.dirname(content.asked.config) if content.asked.config else root
        links = _Links(self.tables, tables, root)
        modes = (
            ModeShown(mode.name, mode.fit and mode.fit.value, mode.summary, mode.cuts_at_focus)
            for mode in all_modes(self.filters)
        )
        return replace(
            content,
            title=f"ffprep: {os.path.basename(content.output.rstrip('/')) or content.output}",
            made=datetime.now().astimezone().isoformat(timespec="seconds"),
            failed_by_kind=dict(entries.kinds.most_common()),
            warned_by_kind=dict(entries.warned.most_common()),
            advice={kind: _ADVICE[Kind(kind)] for kind in entries.kinds},
            sample=Sample(len(places), entries.total) if len(places) < entries.total else None,
            modes=tuple(modes),
            charts=entries.charts,
            photos=tuple(_photo(place, links, numbers) for place in places),
            tables_folder=tables,
            sidecars_root=root,
        )


def absolute(output: Location) -> str:
    """Return OUT as an absolute path, or as a URL."""
    path = os.fspath(output)
    return os.path.abspath(path) if storage_of(output).is_local else path


class _Place(Record):
    """A picture that is shown, whether with thumbnails, and where these are.

    `after` is None if there is no output on this machine.
    """

    entry: Entry
    pictured: bool
    before: Path
    after: Path | None

    @classmethod
    def of(cls, entry: Entry, pictured: bool, folder: Path) -> "_Place":
        """Return the place of a picture; thumbnails are in `folder`."""
        after, made = None, entry.output if entry.status is not Status.FAILED else None
        if made and storage_of(made).is_local:
            after = folder / f"output-{digest(made).hex()}.jpg"
        return cls(entry, pictured, Thumbnails(folder).path(entry.source), after)

    @property
    def jobs(self) -> Iterator[LocalJob]:
        """The thumbnails that are to be made: what a run has made is there."""
        entry = self.entry
        if storage_of(entry.source).is_local and not self.before.exists():
            frame = entry.spec.frame if entry.spec else None
            yield _thumbnail(Path(entry.source), self.before, entry.photo, frame)
        if self.after and entry.output:
            # A link in place of an output may lead to a file that the report should not show.
            place = real_path(entry.output)
            yield _thumbnail(Path(entry.output), self.after, entry.size, place=place)


def _thumbnail(
    path: Path, thumbnail: Path, size: Size | None, frame: FilmFrame | None = None, place: str = ""
) -> LocalJob:
    """Return the job of a thumbnail; `size` is that of the picture, if it is known.

    `frame` is for a picture that may be a film, and `place` that of a Job.
    """
    fast = size is not None and size.pixels >= _LARGE and turbojpeg.is_installed()
    return LocalJob(path, thumbnail, thumbnail_spec(frame, fast), place)


def _chunks(jobs: Iterable[LocalJob]) -> Iterator[list[LocalJob]]:
    """Cut jobs into chunks of one suffix each, whose photos can share streams."""
    by_suffix = defaultdict[str, list[LocalJob]](list)
    for job in jobs:
        by_suffix[job.source.suffix.lower()].append(job)
    for alike in by_suffix.values():
        for start in range(0, len(alike), _CHUNK):
            yield alike[start : start + _CHUNK]


def _numbered(places: Iterable[_Place]) -> tuple[dict[Path, int], list[Path]]:
    """Return the numbers of thumbnails that exist, and these in order, within MOST_BYTES."""
    numbers, files, room = dict[Path, int](), list[Path](), MOST_BYTES
    for place in places:
        for path in (place.before, place.after):
            if not path or path in numbers:
                continue
            try:
                room -= (path.stat().st_size + 2) // 3 * 4 + 1
            except OSError:
                continue  # none was made
            if room < 0:
                return numbers, files
            numbers[path] = len(files)
            files.append(path)
    return numbers, files


class _Links(Record):
    """What leads from a photo to its table and its sidecar; `folder` is that of ffprep.toml."""

    tables: Mapping[str, PhotoOverride]
    folder: str
    root: str

    def path(self, photo: str) -> str | None:
        """Return what a table names; None if no table can."""
        path = os.path.relpath(real_path(photo), self.folder)
        # In a table, a path that begins with ~ is one of a home.
        return _writable(real_path(photo) if path.startswith("~") else path)

    def sidecar(self, photo: str) -> str | None:
        """Return the name of a sidecar in a .zip; None if it cannot have it."""
        return _writable(os.path.relpath(real_path(photo) + SIDECAR, self.root))

    def override(self, photo: Path) -> OverrideShown | None:
        """Return the sidecar or the table that a photo has; one that is wrong has no values."""
        path = sidecar_path(photo)
        table = self.tables.get(real_path(photo))
        if not os.path.isfile(path):
            origin = table.origin.rpartition(":")[0] if table else ""
            return _override(table, origin, is_sidecar=False) if table else None
        try:
            return _override(read_sidecar(photo), os.fspath(path), is_sidecar=True)
        except PhotoError:
            return OverrideShown(os.fspath(path), is_sidecar=True)


def _writable(path: str) -> str | None:
    """Return a path; None if it is not UTF-8, as TOML and .zip require."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return None
    return path


def _override(found: PhotoOverride, origin: str, is_sidecar: bool) -> OverrideShown:
    point = edges = None
    if focus := found.focus:
        point = "faces" if isinstance(focus, FaceFocus) else _numbers(focus)
    if found.bounds:
        edges = _numbers(found.bounds)
    return OverrideShown(origin, is_sidecar, found.mode, found.scene, point, edges)


def _numbers(record: Record) -> str:
    return ",".join(map(repr, astuple(record)))


def _photo(place: _Place, links: _Links, numbers: Mapping[Path, int]) -> dict[str, Any]:
    """Return the JSON object of a picture; sizes, bounds and points are lists.

    `path` is what a `[[photo]]` table names, and `sidecar` the name of a sidecar below
    `sidecars_root`; None if the photo can have none (it is in a store). `output` is relative to
    OUT, and `folder` that of the photo. `status` is converted, fresh or failed; `kind` that of the
    failure, and `message` its sentence. `warnings` are kinds and sentences. `photo` is the size of
    the upright photo. The values of `Framed` are None if they are not known; `focus` is in
    fractions of what `bounds` leave. `sizes` are those of outputs in modes of each fit, where they
    are not `size`; None where there is none. `before` and `after` are numbers of lines of
    thumbnails, from 0.
    """
    entry, framed = place.entry, place.entry.framed
    source, is_local = os.fspath(entry.source), storage_of(entry.source).is_local
    values = dict.fromkeys(Framed._fields) | {"size": entry.size}
    sizes: dict[str, Size | None] = {}
    if framed:
        values = dict(zip(Framed._fields, astuple(framed), strict=True))
        if entry.spec and entry.photo:
            sizes = sizes_by_fit(entry.spec, entry.photo)
    return {
        "source": source,
        "path": links.path(source) if is_local else None,
        "sidecar": links.sidecar(source) if is_local else None,
        "output": entry.name,
        "folder": os.path.dirname(source),
        "status": entry.status.value,
        "kind": entry.kind,
        "message": entry.message,
        "warnings": entry.warnings,
        "photo": _listed(entry.photo),
        "sizes": {fit: _listed(size) for fit, size in sizes.items() if size != values["size"]},
        "override": links.override(Path(source)) if is_local else None,
        "before": numbers.get(place.before),
        "after": numbers.get(place.after) if place.after else None,
        **{name: _listed(value) for name, value in values.items()},
    }


def _listed(value: Any) -> Any:
    """Return a value of JSON: the fields of a size, of bounds or of a point as a list."""
    return astuple(value) if isinstance(value, Record) else value
