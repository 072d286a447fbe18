"""A contact sheet: a photo and what each mode makes of it, side by side, for choosing with one's own eyes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.config.modes import find_mode
from ffprep.conversion import filtergraph as graph
from ffprep.conversion.converter import Converter
from ffprep.conversion.publish import publish
from ffprep.core.fitting import Framing, cropped_size
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Bounds, Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import LocalJob
from ffprep.core.mode import Mode
from ffprep.core.spec import Color, Spec
from ffprep.errors import PhotoError
from ffprep.image.probe import verify
from ffprep.system.tempfiles import temporary_beside, temporary_folder

if TYPE_CHECKING:
    from PIL import Image, ImageFont

# What fits a screen of 1920 x 1080 with a window around it.
_WIDEST, _HIGHEST = 1760, 960
_GAP = 24
_LABEL = 74  # a line for the name, two for words
_NARROWEST = 300  # so that the words have room
_PAPER, _INK, _FAINT = "#e8e8e8", "#111111", "#444444"


@dataclass(frozen=True, slots=True)
class _Layout:
    """Cells in rows: a picture area of `box`, and a label below it."""

    count: int
    columns: int
    box: Size

    @classmethod
    def of(cls, count: int, frame: Size) -> "_Layout":
        """The one with the largest pictures, none larger than the frame itself."""
        most = min(count, (_WIDEST - _GAP) // (_NARROWEST + _GAP))
        return max((cls._with(count, columns, frame) for columns in range(1, most + 1)), key=_area)

    @classmethod
    def _with(cls, count: int, columns: int, frame: Size) -> "_Layout":
        rows = ceil(count / columns)
        width = (_WIDEST - _GAP) / columns - _GAP
        height = (_HIGHEST - _GAP) / rows - _GAP - _LABEL
        scale = max(0.0, min(width / frame.width, height / frame.height, 1.0))
        box = Size(max(1, int(frame.width * scale)), max(1, int(frame.height * scale)))
        return cls(count, columns, box)

    @property
    def cell(self) -> Size:
        return Size(max(self.box.width, _NARROWEST), self.box.height + _LABEL)

    @property
    def sheet(self) -> Size:
        rows = ceil(self.count / self.columns)
        width = self.columns * (self.cell.width + _GAP) + _GAP
        return Size(width, rows * (self.cell.height + _GAP) + _GAP)

    def corner(self, index: int) -> tuple[int, int]:
        """The upper left of a cell."""
        row, column = divmod(index, self.columns)
        x = _GAP + column * (self.cell.width + _GAP)
        return x, _GAP + row * (self.cell.height + _GAP)


def _area(layout: _Layout) -> tuple[int, int]:
    return layout.box.pixels, -layout.sheet.pixels


@dataclass(frozen=True, slots=True)
class _Cell:
    """One picture of the sheet: what makes it, the size at which it is shown, and its words."""

    spec: Spec
    shown: Size
    words: tuple[str, ...]


def draw(
    photo: Path, output: Path, spec: Spec, modes: Sequence[Mode], using: Converter
) -> tuple[str, ...]:
    """Convert `photo` in every mode and write one sheet of them; returns what is to be said of it.

    Raises PhotoError, and EnvironmentFault as converting does.
    """
    picture = using.transcoder.viewers.probe(photo, using.policy.max_pixels)
    layout = _Layout.of(1 + len(modes), spec.size)
    cells = _cells(picture, layout, spec, modes)
    with temporary_folder() as folder, temporary_beside(output) as temporary:
        jobs = [LocalJob(photo, folder / f"{i}.png", cell.spec) for i, cell in enumerate(cells)]
        warnings: dict[str, None] = {}
        for result in using.convert(jobs):
            if result.failure:
                raise PhotoError(result.failure.kind, result.failure.message)
            warnings |= dict.fromkeys(result.warnings)
        _paper(layout, cells, spec.background).save(folder / "paper.png")
        whole = replace(spec, size=layout.sheet, background=Color(0, 0, 0))  # it is opaque
        argv = graph.sheet_command(
            using.binary.path, folder / "paper.png", _laid(layout, cells, jobs), whole, temporary
        )
        job = LocalJob(photo, output, whole)
        using.transcoder.run(job, argv)
        verify(temporary, whole)
        publish(temporary, job, using.policy)
    return tuple(warnings)


def _cells(picture: ImageInfo, layout: _Layout, spec: Spec, modes: Sequence[Mode]) -> list[_Cell]:
    """The photo itself, whole, and the modes."""
    lossless = replace(spec, format=OUTPUT_FORMATS["png"], compression=1)
    size = _inside(picture.shown, layout.box)
    itself = replace(lossless, size=size, mode=find_mode("stretch"), bounds=Bounds())
    seen = cropped_size(picture.shown, spec.bounds)
    cells = [_Cell(itself, size, ("photo", str(picture.shown), picture.format.name))]
    for mode in modes:
        words = [mode.name, f"keeps {mode.keeps}" if mode.keeps else mode.summary]
        if mode.fit:
            words.append(Framing.of(mode.fit, seen, spec.size, spec.focus).describe())
        cells.append(_Cell(replace(lossless, mode=mode), layout.box, tuple(words)))
    return cells


def _inside(size: Size, box: Size) -> Size:
    scale = min(box.width / size.width, box.height / size.height)
    return Size(max(1, int(size.width * scale)), max(1, int(size.height * scale)))


def _laid(layout: _Layout, cells: Sequence[_Cell], jobs: Sequence[LocalJob]) -> list[graph.Laid]:
    """Where each picture lies: in the middle of its cell, above the label."""
    laid = []
    for index, (cell, job) in enumerate(zip(cells, jobs, strict=True)):
        x, y = layout.corner(index)
        x += (layout.cell.width - cell.shown.width) // 2
        y += (layout.box.height - cell.shown.height) // 2
        laid.append(graph.Laid(job.output, cell.shown, x, y))
    return laid


def _paper(layout: _Layout, cells: Sequence[_Cell], background: Color) -> "Image.Image":
    """The sheet with its labels, and the background where pictures will lie, for some have alpha."""
    from PIL import Image, ImageDraw

    paper = Image.new("RGB", (layout.sheet.width, layout.sheet.height), _PAPER)
    pen = ImageDraw.Draw(paper)
    for index, cell in enumerate(cells):
        left, top = layout.corner(index)
        x, y = left + layout.cell.width // 2, top + layout.box.height + 8
        paper.paste(
            _under(cell.shown, background),
            (x - cell.shown.width // 2, top + (layout.box.height - cell.shown.height) // 2),
        )
        for number, words in enumerate(cell.words):
            height, ink = (14, _FAINT) if number else (20, _INK)
            words, font = _fitted(words, height, layout.cell.width)
            pen.text((x, y), words, ink, font, anchor="ma")
            y += 20 if number else 26
    return paper


def _under(size: Size, background: Color) -> "Image.Image":
    """What shines through a picture: the background, or squares where that is transparent itself."""
    from PIL import Image

    colour = (background.red, background.green, background.blue)
    if background.opaque:
        return Image.new("RGB", (size.width, size.height), colour)
    squares = Image.new("RGB", (16, 16), "#ffffff")
    for corner in ((0, 0), (8, 8)):
        squares.paste((187, 187, 187), (*corner, corner[0] + 8, corner[1] + 8))
    under = Image.new("RGB", (size.width, size.height))
    for x in range(0, size.width, 16):
        for y in range(0, size.height, 16):
            under.paste(squares, (x, y))
    return under


def _fitted(
    words: str, height: int, width: int
) -> tuple[str, "ImageFont.FreeTypeFont | ImageFont.ImageFont"]:
    """Words and a font in which they fit the width: smaller, and then cut."""
    from PIL import ImageFont

    # The font that comes with Pillow: there may be no other on a server.
    font = ImageFont.load_default(height)
    while height > 11 and font.getlength(words) > width:
        height -= 1
        font = ImageFont.load_default(height)
    whole = words
    while font.getlength(words) > width:
        whole = whole[:-1]
        words = f"{whole}…"
    return words, font
