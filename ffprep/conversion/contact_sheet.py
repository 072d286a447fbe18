"""A contact sheet: pictures side by side, with labels, to judge modes and crops by eye."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from signal import SIGINT

from ffprep.config.modes import find_mode
from ffprep.conversion.converter import Converter
from ffprep.conversion.film import is_film
from ffprep.conversion.label_fonts import Lettering
from ffprep.conversion.sheet_layout import Cell, Layout, inside, paper
from ffprep.core.faces import frame_faces
from ffprep.core.fitting import Framing, cropped_size, resolve_spec
from ffprep.core.formats import HEAD_BYTES, OUTPUT_FORMATS, OutputFormat, sniff
from ffprep.core.geometry import FaceFocus, Size
from ffprep.core.job import LocalJob, Result
from ffprep.core.spec import NOT_CHOSEN, Color, SizeChoice, Spec
from ffprep.errors import Interrupted, PhotoError
from ffprep.record import Record, field, replace
from ffprep.system.files import open_regular
from ffprep.system.tempfiles import temporary_folder


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
        page = paper(sheet.layout, [cell for cell, _ in drawn], sheet.background, sheet.letters)
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
    shown = inside(result.size, box) if spec.choice and result.size else box
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
