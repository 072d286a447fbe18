"""A contact sheet: pictures side by side, with labels, to judge modes and crops by eye.

Cells are in rows, with a picture and a label each.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import product
from math import ceil
from pathlib import Path
from signal import SIGINT

from PIL import Image, ImageDraw

from ffprep.config.modes import find_mode
from ffprep.conversion.converter import Converter
from ffprep.conversion.film import is_film
from ffprep.conversion.label_fonts import TURN, Lettering, drawable
from ffprep.core.constraints import UNCONSTRAINED
from ffprep.core.faces import frame_faces
from ffprep.core.fitting import Framing, cropped_size, inside_size, resolve_spec
from ffprep.core.formats import HEAD_BYTES, OUTPUT_FORMATS, STAND_IN, OutputFormat, sniff
from ffprep.core.geometry import FaceFocus, Size
from ffprep.core.job import LocalJob, Result
from ffprep.core.spec import NOT_CHOSEN, Color, SizeChoice, Spec
from ffprep.errors import Interrupted, PhotoError
from ffprep.image.pillow import open_as
from ffprep.record import Record, field, replace
from ffprep.system.files import open_regular
from ffprep.system.messages import printable
from ffprep.system.tempfiles import temporary_folder

# A sheet fits in a window on a screen of 1920 x 1080.
_WIDEST, _HIGHEST = 1760, 960
_GAP = 24
_LABEL_HEIGHT = 74  # a line for the name, two of text
_NARROWEST = 300  # so that the text has room
_PAPER, _DARK, _GREY, _EMPTY, _RED = "#e8e8e8", "#111111", "#444444", "#d2d2d2", "#8c1010"
_COLUMNS = (_WIDEST - _GAP) // (_NARROWEST + _GAP)


class Layout(Record):
    """Pages of cells: a picture area of size `box`, and a label below it."""

    columns: int
    rows: int
    box: Size

    @classmethod
    def of(cls, count: int, frame: Size, columns: int | None = None) -> "Layout":
        """Return the layout of one page with the largest pictures, none larger than the frame."""
        choice = [columns] if columns else range(1, min(count, _COLUMNS) + 1)
        layouts = (cls._with(ceil(count / each), each, frame) for each in choice)
        return max(layouts, key=lambda each: (each.box.pixels, -each.sheet(count).pixels))

    @classmethod
    def of_pages(cls, count: int, frame: Size, columns: int | None = None) -> "Layout":
        """Return the layout of pages with as many rows as there is room for.

        Without `columns`, it has the most in which labels have room, or fewer for a single page.
        """
        one = cls._with(1, columns or _COLUMNS, frame)
        rows = max(1, (_HIGHEST - _GAP) // (one.cell.height + _GAP))
        page = cls._with(rows, columns or _COLUMNS, frame)
        return page if columns or count > page.cells else cls.of(count, frame)

    @classmethod
    def _with(cls, rows: int, columns: int, frame: Size) -> "Layout":
        width = (_WIDEST - _GAP) / columns - _GAP
        height = (_HIGHEST - _GAP) / rows - _GAP - _LABEL_HEIGHT
        scale = max(0.0, min(width / frame.width, height / frame.height, 1.0))
        box = Size(max(1, int(frame.width * scale)), max(1, int(frame.height * scale)))
        return cls(columns, rows, box)

    @property
    def cells(self) -> int:
        """How many cells a page has."""
        return self.columns * self.rows

    @property
    def cell(self) -> Size:
        """The size of a cell."""
        room = min(_NARROWEST, (_WIDEST - _GAP) // self.columns - _GAP)
        return Size(max(self.box.width, room), self.box.height + _LABEL_HEIGHT)

    def sheet(self, count: int) -> Size:
        """Return the size of a page with that many cells."""
        width = min(count, self.columns) * (self.cell.width + _GAP) + _GAP
        return Size(width, ceil(count / self.columns) * (self.cell.height + _GAP) + _GAP)

    def corner(self, index: int) -> tuple[int, int]:
        """Return the upper left corner of a cell."""
        row, column = divmod(index, self.columns)
        x = _GAP + column * (self.cell.width + _GAP)
        return x, _GAP + row * (self.cell.height + _GAP)

    def place(self, index: int, shown: Size) -> tuple[int, int]:
        """Return the upper left corner of a picture: in the middle of its cell, above the label."""
        x, y = self.corner(index)
        return x + (self.cell.width - shown.width) // 2, y + (self.box.height - shown.height) // 2


class Cell(Record):
    """One picture of the sheet: its file, the size it is shown at, and the lines of its label.

    A cell without a picture is an empty area with the words of `failure`, if any. A label that is a
    `path` is shortened in the middle; other labels at the end.
    """

    shown: Size
    label: tuple[str, ...]
    picture: Path | None = None
    failure: str = ""
    path: bool = False


class SheetPhoto(Record):
    """A photo of a sheet, called `name` there, with a picture for each of `specs`.

    `place` is where a link in place of the photo may lead, as `open_regular` takes it. `error` says
    why it cannot be shown, if that is known.
    """

    path: Path
    name: str
    specs: Sequence[Spec]
    place: str = ""
    error: PhotoError | None = None


class Sheet(Record):
    """What the pages of a sheet share.

    With `uncut`, the photo itself is shown before its pictures. If it is `strict`, a photo that
    fails is an error of the sheet; else its cell says so.
    """

    format: OutputFormat
    background: Color
    layout: Layout
    uncut: bool
    strict: bool
    letters: Lettering = field(default_factory=Lettering)


def draw(
    sheet: Sheet, photos: Sequence[SheetPhoto], output: Path, using: Converter
) -> list[Result]:
    """Convert photos and write one page; return a Result for each picture.

    Raises PhotoError as the sheet says, and EnvironmentFault as `Converter.convert` does.
    """
    started, steps = time.perf_counter(), using.transcoder
    with temporary_folder() as folder:
        jobs = [_jobs(sheet, photo, f"{folder}/{n}") for n, photo in enumerate(photos)]
        made = {r.output: r for r in using.convert([job for each in jobs for job in each])}
        if using.processes.stopped:
            raise Interrupted(SIGINT)
        drawn = list[tuple[Cell, Result | None]]()
        for photo, own in zip(photos, jobs, strict=True):
            drawn += _cells(sheet, photo, own, [made[job.output] for job in own])
        page = _paper(sheet, [cell for cell, _ in drawn])
        page.save(file := folder / "page.png", compress_level=1)
        spec = Spec(Size(*page.size), find_mode("stretch"), sheet.format)
        steps.attempt(steps.probe(LocalJob(file, output, spec)), started)
    return [replace(result, output=output) for _, result in drawn if result]


def _jobs(sheet: Sheet, photo: SheetPhoto, prefix: str) -> list[LocalJob]:
    """Return the jobs of a photo: of the uncut photo, if that is shown, and of each Spec."""
    if photo.error:
        return []
    specs = list(photo.specs)
    if sheet.uncut:
        choice = SizeChoice.inside(sheet.layout.box)
        specs.insert(0, Spec(NOT_CHOSEN, find_mode("fit"), choice=choice, frame=specs[0].frame))
    lossless = (replace(spec, format=OUTPUT_FORMATS["png"], compression=1) for spec in specs)
    return [
        LocalJob(photo.path, Path(f"{prefix}-{number}.png"), spec, place=photo.place)
        for number, spec in enumerate(lossless)
    ]


def _cells(
    sheet: Sheet, photo: SheetPhoto, jobs: list[LocalJob], results: list[Result]
) -> Iterator[tuple[Cell, Result | None]]:
    """Yield the cells of a photo, and a Result of each picture.

    Of a photo without any picture, only the first cell has a Result.
    """
    box, count = sheet.layout.box, sheet.uncut + len(photo.specs)
    if photo.error:
        results = [Result.failed(photo.path, None, photo.error)]
    failures = [result.failure for result in results if result.failure]
    if failures and sheet.strict:
        raise PhotoError(failures[0].kind, failures[0].message)
    if len(failures) == len(results):
        words = f"{failures[0].kind}: {failures[0].message}"
        yield Cell(box, (photo.name,), failure=words, path=True), results[0]
        yield from ((Cell(box, ()), None) for _ in range(count - 1))
        return
    for number, (job, result) in enumerate(zip(jobs, results, strict=True)):
        is_uncut = sheet.uncut and number == 0
        cell = _uncut(sheet, photo, result) if is_uncut else _cell(sheet, job, result, photo.name)
        if result.failure:
            cell = replace(cell, failure=f"{result.failure.kind}: {result.failure.message}")
        else:
            cell = replace(cell, picture=job.output)
        yield cell, None if is_uncut and not result.failure else result


def _uncut(sheet: Sheet, photo: SheetPhoto, result: Result) -> Cell:
    """Return the cell of the uncut photo itself, which says its format, or which frame it is."""
    with open_regular(photo.path, photo.place) as file:
        format = sniff(file.read(HEAD_BYTES))
    about, frame = format.name if format else "", photo.specs[0].frame
    name = "photo" if sheet.strict else photo.name
    if frame and is_film(LocalJob(photo.path, photo.path, photo.specs[0], place=photo.place)):
        name, about = (frame.words, about) if sheet.strict else (name, frame.words)
    label = name, str(result.photo or ""), about
    return Cell(result.size or sheet.layout.box, label, path=not sheet.strict)


def _cell(sheet: Sheet, job: LocalJob, result: Result, name: str) -> Cell:
    """Return the cell of one picture: labelled by its mode, or by the photo's `name`."""
    spec, box, framing = job.spec, sheet.layout.box, ""
    shown = inside_size(result.size, box, UNCONSTRAINED) if spec.choice and result.size else box
    if result.photo and result.size:
        cropped = cropped_size(result.photo, spec.bounds)
        spec = resolve_spec(spec, cropped)
        focus = spec.focus
        if isinstance(focus, FaceFocus):
            found = frame_faces(result.faces or (), result.photo, spec.bounds, result.size)
            focus = found.focus
        if spec.mode.fit:
            framing = Framing.of(spec.mode.fit, cropped, result.size, focus).describe()
            framing = framing.replace(" of the photo", "").partition(":")[0]
    mode = spec.mode
    if sheet.uncut:
        keeps = f"keeps {mode.keeps}" if mode.keeps else mode.summary
        return Cell(shown, (mode.name, keeps, framing))
    scaled, _, changed = framing.partition(", ")
    words = f"{mode.name}, {scaled}" if scaled else mode.name
    return Cell(shown, (name, words, changed), path=True)


def _paper(sheet: Sheet, cells: Sequence[Cell]) -> Image.Image:
    """Draw a page: pictures on the background, since some have alpha, and their labels."""
    layout, page = sheet.layout, sheet.layout.sheet(len(cells))
    drawn = Image.new("RGB", (page.width, page.height), _PAPER)
    for index, cell in enumerate(cells):
        if cell.picture:
            place = layout.place(index, cell.shown)
            drawn.paste(_picture(cell.picture, cell.shown, sheet.background), place)
    with TURN:
        _write(sheet, drawn, cells)
    return drawn


def _write(sheet: Sheet, drawn: Image.Image, cells: Sequence[Cell]) -> None:
    """Draw the labels, and why pictures are missing."""
    pen, layout, letters = ImageDraw.Draw(drawn), sheet.layout, sheet.letters
    for index, cell in enumerate(cells):
        left, top = layout.corner(index)
        middle = left + layout.cell.width // 2
        if cell.failure:
            x, y = layout.place(index, layout.box)
            drawn.paste(_EMPTY, (x, y, x + layout.box.width, y + layout.box.height))
            _write_failure(sheet, pen, middle, y, cell.failure)
        top += layout.box.height + 8
        for number, text in enumerate(map(drawable, cell.label)):
            height, ink = (14, _GREY) if number else (20, _DARK)
            fitted = letters.fitted(text, height, layout.cell.width, cell.path and not number)
            letters.draw(pen, middle, top, *fitted, ink)
            top += 20 if number else 26


def _write_failure(
    sheet: Sheet, pen: ImageDraw.ImageDraw, middle: float, top: int, words: str
) -> None:
    box, letters = sheet.layout.box, sheet.letters
    lines = list(_wrapped(printable(words), 14, box.width - 16, letters))
    lines = lines[: max(1, (box.height - 8) // 20)]
    top += max(4, (box.height - 20 * len(lines)) // 2)
    for line in lines:
        letters.draw(pen, middle, top, *letters.fitted(line, 14, box.width, False), _RED)
        top += 20


def _wrapped(text: str, height: int, width: int, letters: Lettering) -> Iterator[str]:
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and letters.width(longer, height) > width:
            yield line
            longer = word
        line = longer
    yield line


def _picture(file: Path, size: Size, background: Color) -> Image.Image:
    """Draw a PNG, scaled to a size, on its background."""
    backdrop = _backdrop(size, background)
    with file.open("rb") as content, open_as(STAND_IN, content) as picture:
        scaled = picture.convert("RGBA").resize(backdrop.size, Image.Resampling.LANCZOS)
    backdrop.paste(scaled, mask=scaled)
    return backdrop


def _backdrop(size: Size, background: Color) -> Image.Image:
    """Draw the background of a picture, or squares if the background itself is translucent."""
    colour = (background.red, background.green, background.blue)
    if background.opaque:
        return Image.new("RGB", (size.width, size.height), colour)
    backdrop = Image.new("RGB", (size.width, size.height), "#ffffff")
    for x, y in product(range(0, size.width, 8), range(0, size.height, 8)):
        if x % 16 == y % 16:
            backdrop.paste("#bbbbbb", (x, y, x + 8, y + 8))
    return backdrop
