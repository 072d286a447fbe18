"""The paper of a contact sheet: cells in rows, with a picture and a label each."""

from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path

from PIL import Image, ImageDraw

from ffprep.conversion.label_fonts import Lettering, drawable
from ffprep.core.formats import STAND_IN
from ffprep.core.geometry import Size
from ffprep.core.spec import Color
from ffprep.image.pillow import open_as
from ffprep.record import Record
from ffprep.system.messages import printable

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
        page = cls._page(columns or _COLUMNS, frame)
        return page if columns or count > page.cells else cls.of(count, frame)

    @classmethod
    def _page(cls, columns: int, frame: Size) -> "Layout":
        one = cls._with(1, columns, frame)
        return cls._with(max(1, (_HIGHEST - _GAP) // (one.cell.height + _GAP)), columns, frame)

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


def paper(
    layout: Layout, cells: Sequence[Cell], background: Color, letters: Lettering
) -> Image.Image:
    """Draw the sheet: pictures on the background, since some have alpha, and their labels."""
    sheet = layout.sheet(len(cells))
    drawn = Image.new("RGB", (sheet.width, sheet.height), _PAPER)
    for index, cell in enumerate(cells):
        if cell.picture:
            place = layout.place(index, cell.shown)
            drawn.paste(_picture(cell.picture, cell.shown, background), place)
    with letters.turn:
        _write(drawn, layout, cells, letters)
    return drawn


def inside(size: Size, box: Size) -> Size:
    """Return a size, scaled to fit in a box."""
    scale = min(box.width / size.width, box.height / size.height)
    return Size(max(1, int(size.width * scale)), max(1, int(size.height * scale)))


def _write(drawn: Image.Image, layout: Layout, cells: Sequence[Cell], letters: Lettering) -> None:
    """Draw the labels, and why pictures are missing."""
    pen = ImageDraw.Draw(drawn)
    for index, cell in enumerate(cells):
        left, top = layout.corner(index)
        middle = left + layout.cell.width // 2
        if cell.failure:
            x, y = layout.place(index, layout.box)
            drawn.paste(_EMPTY, (x, y, x + layout.box.width, y + layout.box.height))
            _write_failure(pen, middle, y, layout, cell.failure, letters)
        top += layout.box.height + 8
        for number, text in enumerate(map(drawable, cell.label)):
            height, ink = (14, _GREY) if number else (20, _DARK)
            fitted = letters.fitted(text, height, layout.cell.width, cell.path and not number)
            letters.draw(pen, middle, top, *fitted, ink)
            top += 20 if number else 26


def _write_failure(
    pen: ImageDraw.ImageDraw,
    middle: float,
    top: int,
    layout: Layout,
    words: str,
    letters: Lettering,
) -> None:
    lines = list(_wrapped(printable(words), 14, layout.box.width - 16, letters))
    lines = lines[: max(1, (layout.box.height - 8) // 20)]
    top += max(4, (layout.box.height - 20 * len(lines)) // 2)
    for line in lines:
        letters.draw(pen, middle, top, *letters.fitted(line, 14, layout.box.width, False), _RED)
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
    squares = Image.new("RGB", (16, 16), "#ffffff")
    for corner in ((0, 0), (8, 8)):
        squares.paste((187, 187, 187), (*corner, corner[0] + 8, corner[1] + 8))
    backdrop = Image.new("RGB", (size.width, size.height))
    for x in range(0, size.width, 16):
        for y in range(0, size.height, 16):
            backdrop.paste(squares, (x, y))
    return backdrop
