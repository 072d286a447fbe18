"""Make the content of a report of its entries, with thumbnails, and write the file."""

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path

from ffprep.config.modes import all_modes
from ffprep.config.sidecars import PhotoOverride, read_sidecar, sidecar_path
from ffprep.core.geometry import FaceFocus
from ffprep.core.job import Status
from ffprep.core.location import Location
from ffprep.errors import Kind, PhotoError
from ffprep.record import Record, astuple, field, replace
from ffprep.report.advice import ADVICE
from ffprep.report.content import (
    Asked,
    Content,
    Counts,
    ModeShown,
    OverrideShown,
    PhotoShown,
    Sample,
)
from ffprep.report.entries import Entries, Entry, Shown
from ffprep.report.framing import sizes_by_fit
from ffprep.report.page import page
from ffprep.report.pictures import Wanted, Workshop
from ffprep.run.thumbnails import Thumbnails, digest
from ffprep.storage.protocol import storage_of
from ffprep.system.files import SIDECAR, real_folder, real_path
from ffprep.system.tempfiles import errors_named_after, replace_file, temporary_beside

MOST_PICTURES = 1000
"""How many failures get thumbnails, how many notable pictures, and how many others."""

MOST_BYTES = 48_000_000
"""How much base64 of thumbnails a report has; a report stays below 60 MB."""


class Facts(Record):
    """What a report says besides its photos; `folder` is that of an ffprep.toml, if it is known.

    `output` is OUT for people. `tables` are those of ffprep.toml, by the real paths of their
    photos, and `filters` folders with modes.
    """

    output: str
    versions: tuple[tuple[str, str], ...]
    asked: Asked
    seconds: float | None
    counts: Counts
    tables: Mapping[str, PhotoOverride] = field(default_factory=dict)
    filters: tuple[Path, ...] = ()


class Document(Record):
    """A report to be written to a `path`, which an option named.

    Thumbnails are in a `folder`, which is temporary.
    """

    path: Path
    folder: Path
    workshop: Workshop
    option: str = "--report"

    def write(self, facts: Facts, entries: Entries, made: Callable[[], None]) -> None:
        """Make the thumbnails that are missing, and write the file; call `made` after each.

        Write nothing if a signal stops this. Raises EnvironmentFault.
        """
        places = [_Place.of(shown, self.folder) for shown in _in_order(entries)]
        pictured = [place for place in places if place.pictured]
        wanted = {path: each for place in pictured for path, each in place.wanted.items()}
        self.workshop.make(wanted, made)
        if self.workshop.converter.processes.stopped:
            return
        numbers, files = _numbered(pictured)
        content = _content(facts, entries, places, numbers)
        thumbnails = (file.read_bytes() for file in files)
        with errors_named_after(self.option), replace_file(self.path) as temporary:
            with temporary.open("wb") as file:
                file.writelines(page(content, thumbnails))
            temporary.chmod(0o644)


def require_writable(option: str, path: Path) -> None:
    """Raise EnvironmentFault if a report cannot be written to the path that an option named."""
    with errors_named_after(option), temporary_beside(path):
        pass


def absolute(output: Location) -> str:
    """Return OUT as an absolute path, or as a URL."""
    path = os.fspath(output)
    return os.path.abspath(path) if storage_of(output).is_local else path


class _Place(Record):
    """A picture that is shown, whether with thumbnails, and where these are.

    `after` is None if there is no output on this machine.
    """

    shown: Shown
    pictured: bool
    before: Path
    after: Path | None

    @classmethod
    def of(cls, found: tuple[Shown, bool], folder: Path) -> "_Place":
        """Return the place of a picture; thumbnails are in `folder`."""
        entry, after = found[0].entry, None
        made = entry.output if entry.status is not Status.FAILED else None
        if made and storage_of(made).is_local:
            after = folder / f"output-{digest(made).hex()}.jpg"
        return cls(*found, Thumbnails(folder).path(entry.source), after)

    @property
    def wanted(self) -> dict[Path, Wanted]:
        """The thumbnails that are to be made: what a run has made is there."""
        entry, wanted = self.shown.entry, dict[Path, Wanted]()
        if storage_of(entry.source).is_local and not self.before.exists():
            wanted[self.before] = Wanted(Path(entry.source), entry.photo, spec=entry.spec)
        if self.after and entry.output:
            # A link in place of an output may lead to a file that the report should not show.
            wanted[self.after] = Wanted(Path(entry.output), entry.size, real_path(entry.output))
        return wanted


def _in_order(entries: Entries) -> Iterable[tuple[Shown, bool]]:
    """Yield what is shown, and whether it gets thumbnails."""
    for group in entries.shown:
        for number, shown in enumerate(group):
            yield shown, number < MOST_PICTURES * entries.pictures


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


def _content(
    facts: Facts, entries: Entries, places: list[_Place], numbers: Mapping[Path, int]
) -> Content:
    places = sorted(places, key=lambda place: _sorting(place.shown.entry))
    sources = [each.shown.entry.source for each in places]
    local = {real_folder(os.path.dirname(each)) for each in sources if storage_of(each).is_local}
    root = os.path.commonpath(local) if local else os.getcwd()
    tables = os.path.dirname(facts.asked.config) if facts.asked.config else root
    links = _Links(facts.tables, tables, root)
    return Content(
        title=f"ffprep: {os.path.basename(facts.output.rstrip('/')) or facts.output}",
        output=facts.output,
        made=datetime.now().astimezone().isoformat(timespec="seconds"),
        versions=facts.versions,
        asked=facts.asked,
        seconds=facts.seconds,
        counts=facts.counts,
        failed_by_kind=dict(entries.kinds.most_common()),
        warned_by_kind=dict(entries.warned.most_common()),
        advice={kind: ADVICE[Kind(kind)] for kind in entries.kinds},
        sample=Sample(len(places), entries.total) if len(places) < entries.total else None,
        modes=tuple(
            ModeShown(
                mode.name, mode.fit.value if mode.fit else None, mode.summary, mode.cuts_at_focus
            )
            for mode in all_modes(facts.filters)
        ),
        charts=entries.charts,
        photos=tuple(_photo(place, links, numbers) for place in places),
        tables_folder=tables,
        sidecars_root=root,
    )


def _sorting(entry: Entry) -> tuple[str, str]:
    return os.fspath(entry.source), entry.name or ""


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


def _photo(place: _Place, links: _Links, numbers: Mapping[Path, int]) -> PhotoShown:
    entry, framed = place.shown.entry, place.shown.framed
    source, is_local = os.fspath(entry.source), storage_of(entry.source).is_local
    found = PhotoShown(
        source=source,
        path=links.path(source) if is_local else None,
        sidecar=links.sidecar(source) if is_local else None,
        output=entry.name,
        folder=os.path.dirname(source),
        status=entry.status.value,
        kind=entry.kind,
        message=entry.message,
        warnings=entry.warnings,
        photo=entry.photo,
        size=entry.size,
        override=links.override(Path(source)) if is_local else None,
        before=numbers.get(place.before),
        after=numbers.get(place.after) if place.after else None,
    )
    if framed is None:
        return found
    sizes = sizes_by_fit(entry.spec, entry.photo) if entry.spec and entry.photo else {}
    return replace(
        found,
        size=framed.size,
        sizes={fit: size for fit, size in sizes.items() if size != framed.size},
        mode=framed.mode,
        bounds=framed.bounds,
        shown=framed.shown,
        focus=framed.focus,
        lost=framed.lost,
        factor=framed.factor,
    )
