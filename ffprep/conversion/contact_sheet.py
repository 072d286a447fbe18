"""A contact sheet: a photo and the output of each mode, side by side, to choose a mode by eye."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.config.modes import find_mode
from ffprep.conversion import filtergraph
from ffprep.conversion.converter import Converter
from ffprep.conversion.publish import publish
from ffprep.core.faces import frame_faces
from ffprep.core.fitting import Framing, choose_spec_size, cropped_size
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Bounds, FaceFocus, Focus, Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import LocalJob
from ffprep.core.mode import Mode
from ffprep.core.spec import Color, Spec
from ffprep.errors import PhotoError
from ffprep.image.probe import verify
from ffprep.image.second_reading import second_reading
from ffprep.record import Record, replace
from ffprep.system.tempfiles import temporary_beside, temporary_folder

if TYPE_CHECKING:
    from PIL import Image, ImageFont

# A sheet fits in a window on a screen of 1920 x 1080.
_WIDEST, _HIGHEST = 1760, 960
_GAP = 24
_LABEL_HEIGHT = 74  # a line for the name, two of text
_NARROWEST = 300  # so that the text has room
_PAPER, _DARK, _GREY = "#e8e8e8", "#111111", "#444444"


class _Layout(Record):
    """Cells in rows: a picture area of size `box`, and a label below it."""

    count: int
    columns: int
    box: Size

    @classmethod
    def of(cls, count: int, frame: Size) -> "_Layout":
        """Return the layout with the largest pictures, none larger than the frame."""
        most = min(count, (_WIDEST - _GAP) // (_NARROWEST + _GAP))
        return max((cls._with(count, columns, frame) for columns in range(1, most + 1)), key=_area)

    @classmethod
    def _with(cls, count: int, columns: int, frame: Size) -> "_Layout":
        rows = ceil(count / columns)
        width = (_WIDEST - _GAP) / columns - _GAP
        height = (_HIGHEST - _GAP) / rows - _GAP - _LABEL_HEIGHT
        scale = max(0.0, min(width / frame.width, height / frame.height, 1.0))
        box = Size(max(1, int(frame.width * scale)), max(1, int(frame.height * scale)))
        return cls(count, columns, box)

    @property
    def cell(self) -> Size:
        return Size(max(self.box.width, _NARROWEST), self.box.height + _LABEL_HEIGHT)

    @property
    def sheet(self) -> Size:
        rows = ceil(self.count / self.columns)
        width = self.columns * (self.cell.width + _GAP) + _GAP
        return Size(width, rows * (self.cell.height + _GAP) + _GAP)

    def corner(self, index: int) -> tuple[int, int]:
        """Return the upper left corner of a cell."""
        row, column = divmod(index, self.columns)
        x = _GAP + column * (self.cell.width + _GAP)
        return x, _GAP + row * (self.cell.height + _GAP)


def _area(layout: _Layout) -> tuple[int, int]:
    return layout.box.pixels, -layout.sheet.pixels


class _Cell(Record):
    """One picture of the sheet: its Spec, the size it is shown at, and the lines of its label."""

    spec: Spec
    shown: Size
    label: tuple[str, ...]


def draw(
    photo: Path, output: Path, spec: Spec, modes: Sequence[Mode], using: Converter
) -> tuple[str, ...]:
    """Convert a photo in every mode and write one sheet of the outputs; return the warnings.

    Raises PhotoError, and EnvironmentFault as `Converter.convert` does.
    """
    if not spec.frame:
        return _draw(photo, output, spec, modes, using, "photo")
    from ffprep.conversion.film import as_photo

    with as_photo(using.transcoder, LocalJob(photo, output, spec)) as shown:
        name = spec.frame.words if shown.container else "photo"
        still = shown.job.source
        warnings = _draw(still, output, replace(spec, frame=None), modes, using, name)
    return tuple(caveat.words for caveat in shown.caveats) + warnings


def _draw(
    photo: Path,
    output: Path,
    spec: Spec,
    modes: Sequence[Mode],
    using: Converter,
    name: str,
) -> tuple[str, ...]:
    """Do the same; the label of the uncut photo calls it `name`."""
    picture = _probed(photo, using)
    layout = _Layout.of(1 + len(modes), spec.size)
    faces, focus = None, spec.focus
    if isinstance(focus, FaceFocus):
        faces = using.transcoder.decoders.faces(photo, picture)
        focus = frame_faces(faces, picture.shown, spec.bounds, spec.size).focus
    cells = _cells(picture, layout, spec, focus, modes, name)
    with temporary_folder() as folder, temporary_beside(output) as temporary:
        files = (folder / f"{number}.png" for number in range(len(cells)))
        jobs = [
            LocalJob(photo, file, cell.spec, faces=faces)
            for file, cell in zip(files, cells, strict=True)
        ]
        warnings: dict[str, None] = {}
        for result in using.convert(jobs):
            if result.failure:
                raise PhotoError(result.failure.kind, result.failure.message)
            warnings |= dict.fromkeys(result.warnings)
        _paper(layout, cells, spec.background).save(folder / "paper.png")
        whole = replace(spec, size=layout.sheet, background=Color(0, 0, 0))
        argv = filtergraph.sheet_command(
            using.binary.path,
            folder / "paper.png",
            _placed(layout, cells, jobs),
            whole,
            temporary.path,
        )
        job = LocalJob(photo, output, whole)
        using.transcoder.run(job, argv)
        verify(temporary.path, whole, using.transcoder.decode)
        publish(temporary, job, using.policy)
    return tuple(warnings)


def _probed(photo: Path, using: Converter) -> ImageInfo:
    def probe() -> ImageInfo:
        return using.transcoder.decoders.probe(photo, using.policy.max_pixels)

    try:
        return probe()
    except PhotoError as error:
        if not error.needs_second_attempt:
            raise
        return second_reading(photo, "", error, probe)


def _cells(
    picture: ImageInfo, layout: _Layout, spec: Spec, focus: Focus, modes: Sequence[Mode], name: str
) -> list[_Cell]:
    """Return a cell for the uncut photo itself, called `name`, and one for each mode.

    `focus` is the one of modes that cut.
    """
    lossless = replace(spec, format=OUTPUT_FORMATS["png"], compression=1)
    size = _inside(picture.shown, layout.box)
    whole = replace(lossless, size=size, mode=find_mode("stretch"), bounds=Bounds())
    cropped = cropped_size(picture.shown, spec.bounds)
    cells = [_Cell(whole, size, (name, str(picture.shown), picture.format.name))]
    for mode in modes:
        label = [mode.name, f"keeps {mode.keeps}" if mode.keeps else mode.summary]
        sized, shown = lossless.in_modes(mode), layout.box
        if sized.choice:
            sized = choose_spec_size(sized, cropped)
            shown = _inside(sized.size, layout.box)
        if mode.fit:
            label.append(Framing.of(mode.fit, cropped, sized.size, focus).describe())
        cells.append(_Cell(sized, shown, tuple(label)))
    return cells


def _inside(size: Size, box: Size) -> Size:
    scale = min(box.width / size.width, box.height / size.height)
    return Size(max(1, int(size.width * scale)), max(1, int(size.height * scale)))


def _placed(
    layout: _Layout, cells: Sequence[_Cell], jobs: Sequence[LocalJob]
) -> list[filtergraph.Placed]:
    """Return the place of each picture: in the middle of its cell, above the label."""
    placed = []
    for index, (cell, job) in enumerate(zip(cells, jobs, strict=True)):
        x, y = layout.corner(index)
        x += (layout.cell.width - cell.shown.width) // 2
        y += (layout.box.height - cell.shown.height) // 2
        placed.append(filtergraph.Placed(job.output, cell.shown, x, y))
    return placed


def _paper(layout: _Layout, cells: Sequence[_Cell], background: Color) -> "Image.Image":
    """Draw the sheet with its labels, and the background below pictures, since some have alpha."""
    from PIL import Image, ImageDraw

    paper = Image.new("RGB", (layout.sheet.width, layout.sheet.height), _PAPER)
    pen = ImageDraw.Draw(paper)
    for index, cell in enumerate(cells):
        left, top = layout.corner(index)
        x, y = left + layout.cell.width // 2, top + layout.box.height + 8
        paper.paste(
            _backdrop(cell.shown, background),
            (x - cell.shown.width // 2, top + (layout.box.height - cell.shown.height) // 2),
        )
        for number, text in enumerate(cell.label):
            height, colour = (14, _GREY) if number else (20, _DARK)
            text, font = _fitted(text, height, layout.cell.width)
            pen.text((x, y), text, colour, font, anchor="ma")
            y += 20 if number else 26
    return paper


def _backdrop(size: Size, background: Color) -> "Image.Image":
    """Draw the background of a picture, or squares if the background itself is translucent."""
    from PIL import Image

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


def _fitted(
    text: str, height: int, width: int
) -> tuple[str, "ImageFont.FreeTypeFont | ImageFont.ImageFont"]:
    """Return a text and a font in which it fits the width: smaller, and then cut."""
    from PIL import ImageFont

    # The font that comes with Pillow: a server may have no other.
    font = ImageFont.load_default(height)
    while height > 11 and font.getlength(text) > width:
        height -= 1
        font = ImageFont.load_default(height)
    whole = text
    while font.getlength(text) > width:
        whole = whole[:-1]
        text = f"{whole}…"
    return text, font
