"""Contact sheets of photos and folders: which photo is on which page. Threads draw the pages."""

import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from ffprep.config.sidecars import PhotoOverrides, read_sidecar
from ffprep.conversion.contact_sheet import Layout, Sheet, SheetPhoto, draw
from ffprep.conversion.converter import Converter
from ffprep.core.geometry import Size
from ffprep.core.job import Result
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.errors import PhotoError, UsageError
from ffprep.library.selection import Selection
from ffprep.library.walk import FoundPhoto, Walk, is_folder
from ffprep.record import Record, replace
from ffprep.storage.stamps import stamp_or_none
from ffprep.system.messages import warn
from ffprep.system.pool import run_chunks
from ffprep.system.single import StopRules

_Page = tuple[Path, Sequence[FoundPhoto]]
"""A file to write, and the photos on it."""


class SheetOptions(Record):
    """What is shown of which photos, and where.

    `specs` are those of the pictures of each photo; their frame has the same `size`.
    """

    paths: tuple[Path, ...]
    output: Path
    size: Size
    specs: Sequence[Spec]
    overrides: PhotoOverrides
    policy: Policy
    jobs: int
    columns: int | None = None
    follow_links: bool = False
    default_excludes: bool = True
    ffmpeg: str | None = None

    @property
    def single(self) -> bool:
        """Whether one photo is named, and no folder."""
        return len(self.paths) == 1 and not is_folder(self.paths[0])

    @property
    def uncut(self) -> bool:
        """Whether the photo itself is shown beside its pictures: the only one, or in each row."""
        return self.single or len(self.specs) > 1

    def contact_sheets(self) -> "ContactSheets":
        """Find the photos. Raises UsageError if there are none, or if a page would be one."""
        selection = Selection(default_excludes=self.default_excludes)
        films = any(spec.frame for spec in self.specs)
        walk = Walk(self.paths, None, self.follow_links, selection, films=films)
        photos = list(walk.files())
        if not photos:
            raise UsageError(f"no photos in {', '.join(map(str, self.paths))}; nothing to show")
        sheets = ContactSheets(self, photos)
        sheets.require_no_source()
        return sheets


class ContactSheets(Record):
    """The photos of a contact sheet, in pages."""

    options: SheetOptions
    photos: Sequence[FoundPhoto]

    @property
    def layout(self) -> Layout:
        """The layout of each page."""
        options, cells = self.options, self.options.uncut + len(self.options.specs)
        if options.single:
            return Layout.of(cells, options.size, options.columns)
        columns = cells if options.uncut else options.columns
        return Layout.of_pages(len(self.photos), options.size, columns)

    def pages(self) -> list[_Page]:
        """Return the pages: `sheet.jpg`, or `sheet-01.jpg`, `sheet-02.jpg` and so on."""
        options, layout = self.options, self.layout
        most = layout.cells if not options.uncut else 1 if options.single else layout.rows
        parts = [self.photos[n : n + most] for n in range(0, len(self.photos), most)]
        if len(parts) == 1:
            return [(options.output, parts[0])]
        output, digits = options.output, max(2, len(str(len(parts))))
        return [
            (output.with_name(f"{output.stem}-{number:0{digits}}{output.suffix}"), part)
            for number, part in enumerate(parts, 1)
        ]

    def require_no_source(self) -> None:
        """Raise UsageError if a page would overwrite a photo, or lie among the photos."""
        written = os.path.join(os.path.realpath(self.options.output.parent), "")
        for path in filter(is_folder, self.options.paths):
            if written.startswith(os.path.join(os.path.realpath(path), "")):
                words = f"lies in {path}, where it would be a photo of the next sheet"
                raise UsageError(f"{self.options.output} {words}; write it to another folder")
        sources = {stamp_or_none(photo.path) for photo in self.photos} - {None}
        for page, _ in self.pages():
            if stamp_or_none(page) in sources:
                words = "is the photo itself" if self.options.single else "is one of the photos"
                raise UsageError(f"{page} {words}, and sources are never overwritten")

    def draw(self, using: Converter) -> Generator[Result, None, None]:
        """Draw the pages; yield a Result for each picture, whose output is its page.

        A photo that fails has a cell that says so. Raises PhotoError if the single photo does.
        """
        options, processes = self.options, using.processes
        look = options.specs[0].format, options.specs[0].background
        sheet = Sheet(*look, self.layout, options.uncut, strict=options.single)

        def work(page: _Page) -> Iterator[Result]:
            path, found = page
            yield from draw(sheet, list(map(self._photo, found)), path, using)

        stop = StopRules(lambda: processes.stopped, processes.stop)
        yield from run_chunks(self.pages(), work, options.jobs, ordered=True, stop=stop)
        if sheet.letters.complaint:
            warn(sheet.letters.complaint)

    def _photo(self, found: FoundPhoto) -> SheetPhoto:
        """Return a photo with its Specs: those of `convert`, or of each mode that is compared."""
        options, path = self.options, Path(found.path)
        photo = SheetPhoto(path, self._name(path), options.specs, found.place, found.error)
        try:
            sidecar = read_sidecar(path, found.sidecar_place) if found.has_sidecar else None
            own = options.overrides.spec(path, options.specs[0], sidecar)
        except PhotoError as error:
            return replace(photo, error=found.error or error)
        if options.uncut:
            return replace(photo, specs=[own.in_modes(s.mode, s.fallback) for s in options.specs])
        return replace(photo, specs=[own])

    def _name(self, path: Path) -> str:
        """Return the name of a photo in labels: its path from the folder of all photos."""
        folder = os.path.commonpath([os.path.abspath(each.path.parent) for each in self.photos])
        return os.path.relpath(path, folder)
