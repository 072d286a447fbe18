"""A contact sheet: pictures side by side, with labels, to judge modes and crops by eye."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from signal import SIGINT

from ffprep.config.modes import find_mode
from ffprep.conversion import filtergraph
from ffprep.conversion.converter import Converter
from ffprep.conversion.label_fonts import Lettering
from ffprep.conversion.publish import publish
from ffprep.conversion.sheet_layout import Cell, Layout, paper
from ffprep.core.faces import frame_faces
from ffprep.core.fitting import Framing, cropped_size, resolve_spec
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Bounds, FaceFocus, Faces, Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import LocalJob, Result
from ffprep.core.spec import Color, Spec
from ffprep.errors import Interrupted, PhotoError
from ffprep.image.probe import verify
from ffprep.image.second_reading import second_reading
from ffprep.record import Record, field, replace
from ffprep.system.tempfiles import temporary_beside, temporary_folder

_INPUTS = 12
"""The most pictures that one ffmpeg lays on a page."""


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
    """What the pages of a sheet share. `spec` is that of a page, except for its size.

    With `uncut`, the photo itself is shown before its pictures. If it is `strict`, a photo that
    fails is an error of the sheet; else its cell says so.
    """

    spec: Spec
    layout: Layout
    uncut: bool
    strict: bool
    letters: Lettering = field(default_factory=Lettering)


class _Drawn(Record):
    """A cell of a photo; without a `job`, it has no picture. `result` is known if it failed."""

    photo: SheetPhoto
    cell: Cell
    job: LocalJob | None = None
    result: Result | None = None
    is_uncut: bool = False


def draw(
    sheet: Sheet, photos: Sequence[SheetPhoto], output: Path, using: Converter
) -> list[Result]:
    """Convert photos and write one page; return a Result for each picture.

    Raises PhotoError as the sheet says, and EnvironmentFault as `Converter.convert` does.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        temporary = stack.enter_context(temporary_beside(output))
        drawn = [cell for photo in photos for cell in _cells_or_failure(sheet, photo, using, stack)]
        files = (folder / f"{number}.png" for number in range(len(drawn)))
        drawn = [
            replace(each, job=replace(each.job, output=file)) if each.job else each
            for each, file in zip(drawn, files, strict=True)
        ]
        drawn = _converted(sheet, drawn, using)
        cells = [each.cell for each in drawn]
        background = sheet.spec.background
        paper(sheet.layout, cells, background, sheet.letters).save(folder / "paper.png")
        whole = replace(sheet.spec, size=sheet.layout.sheet(len(cells)), background=Color(0, 0, 0))
        job = LocalJob(photos[0].path, output, whole)
        _lay(list(_placed(sheet.layout, drawn)), folder, job, temporary.path, using)
        verify(temporary.path, whole, using.transcoder.decode)
        publish(temporary, job, using.policy)
    return [
        replace(each.result, source=each.photo.path, output=output)
        for each in drawn
        if each.result and (each.result.failure or not each.is_uncut)
    ]


def _lay(
    pictures: Sequence[filtergraph.Placed],
    folder: Path,
    job: LocalJob,
    output: Path,
    using: Converter,
) -> None:
    """Lay pictures on the paper of a `folder`, some at a time: each needs threads and memory."""
    lower, lossless = folder / "paper.png", _lossless(job.spec)
    *before, last = range(0, max(len(pictures), 1), _INPUTS)
    for start in before:
        upper = folder / f"paper-{start}.png"
        some = pictures[start : start + _INPUTS]
        argv = filtergraph.sheet_command(using.binary.path, lower, some, lossless, upper)
        using.transcoder.run(replace(job, spec=lossless), argv)
        lower = upper
    argv = filtergraph.sheet_command(using.binary.path, lower, pictures[last:], job.spec, output)
    using.transcoder.run(job, argv)


def _converted(sheet: Sheet, drawn: list[_Drawn], using: Converter) -> list[_Drawn]:
    """Return the cells with their Results, and those of failures with the reason."""
    results = {r.output: r for r in using.convert([each.job for each in drawn if each.job])}
    if using.processes.stopped:
        raise Interrupted(SIGINT)
    done = []
    for each in drawn:
        result = results[each.job.output] if each.job else each.result
        failure = result.failure if result else None
        if failure and sheet.strict:
            raise PhotoError(failure.kind, failure.message)
        cell = each.cell
        if failure:
            words = f"{failure.kind}: {failure.message}"
            cell = replace(cell, spec=None, failure=words)
        done.append(replace(each, cell=cell, result=result, job=None if failure else each.job))
    return done


def _cells_or_failure(
    sheet: Sheet, photo: SheetPhoto, using: Converter, stack: ExitStack
) -> list[_Drawn]:
    try:
        if photo.error:
            raise photo.error
        return list(_cells(sheet, photo, using, stack))
    except PhotoError as error:
        cells = [Cell(None, sheet.layout.box, (photo.name,), path=True)]
        cells += [Cell(None, sheet.layout.box, ())] * (len(photo.specs) - (not sheet.uncut))
        failed = Result.failed(photo.path, None, error)
        return [_Drawn(photo, each, result=None if n else failed) for n, each in enumerate(cells)]


def _cells(sheet: Sheet, photo: SheetPhoto, using: Converter, stack: ExitStack) -> Iterator[_Drawn]:
    """Yield the cells of a photo: of the uncut photo, if that is shown, and of each Spec."""
    job, container = LocalJob(photo.path, photo.path, photo.specs[0], place=photo.place), ""
    specs = list(photo.specs)
    if frame := job.spec.frame:
        from ffprep.conversion.film import as_photo

        shown = stack.enter_context(as_photo(using.transcoder, job))
        job, container = shown.job, shown.container and frame.words
        specs = [replace(spec, frame=None) for spec in specs]
    picture = _probed(job, using)
    faces = None
    if any(isinstance(spec.focus, FaceFocus) for spec in specs):
        faces = using.transcoder.decoders.faces(job.source, picture)
    if sheet.uncut:
        names = (container or "photo", "") if sheet.strict else (photo.name, container)
        cell = _uncut(picture, sheet, specs[0], *names)
        yield _Drawn(photo, cell, replace(job, spec=_spec_of(cell)), is_uncut=True)
    for spec in specs:
        cell = _cell(picture, sheet, spec, faces, photo.name)
        yield _Drawn(photo, cell, replace(job, spec=_spec_of(cell), faces=faces))


def _spec_of(cell: Cell) -> Spec:
    assert cell.spec
    return cell.spec


def _probed(job: LocalJob, using: Converter) -> ImageInfo:
    def probe() -> ImageInfo:
        return using.transcoder.decoders.probe(job.source, using.policy.max_pixels)

    try:
        return probe()
    except PhotoError as error:
        if not error.needs_second_attempt:
            raise
        return second_reading(job.source, job.place, error, probe)


def _uncut(picture: ImageInfo, sheet: Sheet, spec: Spec, name: str, about: str) -> Cell:
    """Return the cell of the uncut photo itself, whose label says `about` or its format."""
    size = _inside(picture.shown, sheet.layout.box)
    whole = replace(_lossless(spec), size=size, mode=find_mode("stretch"), bounds=Bounds())
    whole = replace(whole, choice=None, fallback=None)
    label = name, str(picture.shown), about or picture.format.name
    return Cell(whole, size, label, path=not sheet.strict)


def _cell(picture: ImageInfo, sheet: Sheet, spec: Spec, faces: Faces | None, name: str) -> Cell:
    """Return the cell of one picture: labelled by its mode, or by the photo's `name`."""
    box, cropped = sheet.layout.box, cropped_size(picture.shown, spec.bounds)
    computed, spec = spec.choice is not None, resolve_spec(_lossless(spec), cropped)
    shown = _inside(spec.size, box) if computed else box
    mode, focus, framing = spec.mode, spec.focus, ""
    if mode.fit:
        if isinstance(focus, FaceFocus):
            focus = frame_faces(faces or (), picture.shown, spec.bounds, spec.size).focus
        framing = Framing.of(mode.fit, cropped, spec.size, focus).describe()
        framing = framing.replace(" of the photo", "").partition(":")[0]
    if sheet.uncut:
        keeps = f"keeps {mode.keeps}" if mode.keeps else mode.summary
        return Cell(spec, shown, (mode.name, keeps, framing))
    scaled, _, changed = framing.partition(", ")
    words = f"{mode.name}, {scaled}" if scaled else mode.name
    return Cell(spec, shown, (name, words, changed), path=True)


def _lossless(spec: Spec) -> Spec:
    return replace(spec, format=OUTPUT_FORMATS["png"], compression=1)


def _inside(size: Size, box: Size) -> Size:
    scale = min(box.width / size.width, box.height / size.height)
    return Size(max(1, int(size.width * scale)), max(1, int(size.height * scale)))


def _placed(layout: Layout, drawn: Sequence[_Drawn]) -> Iterator[filtergraph.Placed]:
    """Yield the place of each picture."""
    for index, each in enumerate(drawn):
        if each.job:
            shown = each.cell.shown
            yield filtergraph.Placed(each.job.output, shown, *layout.place(index, shown))
