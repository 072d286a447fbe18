"""`compare`: contact sheets as a Python function."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Unpack

from ffprep.api.batch import paths_of
from ffprep.api.notebook import picture_html
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.job import Result
from ffprep.errors import PhotoError
from ffprep.options import keywords
from ffprep.options.compare import compare_parameters, read_compare
from ffprep.options.keywords import CompareOptions, PathLike, SizeLike
from ffprep.record import Record, field

_SHOWN, _SIDE = 4, 1280
"""How many pages a notebook shows, and the longest side of each in pixels."""


class ContactSheet(Record):
    """The `pages` of a contact sheet, and a Result for each picture. Notebooks show the pages."""

    pages: tuple[Path, ...]
    results: tuple[Result, ...] = field(repr=False)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        shown = [picture_html(p.read_bytes(), str(p), side=_SIDE) for p in self.pages[:_SHOWN]]
        more = len(self.pages) - len(shown)
        words = f"<p>{more} more pages</p>" * bool(more)
        return {"text/html": "".join(shown) + words, "text/plain": repr(self)}


def compare(
    photos: PathLike | Iterable[PathLike],
    output: PathLike,
    size: SizeLike | None = None,
    *,
    target: str | None = None,
    **options: Unpack[CompareOptions],
) -> ContactSheet:
    """Draw photos, and those of folders, on a contact sheet, as `ffprep compare` does.

    The sheet is written to `output`, or to several pages beside it. One photo is shown in every
    mode; of several, each has a cell, or with several modes a row. The options are those of
    `ffprep.options.keywords.CompareOptions`.

    Raises UsageError (a ValueError) for options that contradict one another, PhotoError if the only
    photo cannot be shown, EnvironmentFault if none can. Of several photos, those that fail have a
    Result with a `failure`, and a cell that says so.
    """
    keywords.require_known(options, CompareOptions)
    with keywords.errors_for_python():
        given = {**options, "target": target, "paths": paths_of("photos", photos), "size": size}
        keywords.require_one_size(size, "size takes one size: that of all pictures")
        given["output"] = keywords.path_text("output", output)
        parsed = read_compare(keywords.read(compare_parameters, given))
        sheets = parsed.contact_sheets()
        with (
            closing(Converter(find(parsed.ffmpeg), parsed.policy)) as converter,
            closing(sheets.draw(converter)) as results,
        ):
            try:
                found = tuple(results)
            except PhotoError as error:
                raise PhotoError(error.kind, f"{parsed.paths[0]}: {error}") from None
    return ContactSheet(tuple(page for page, _ in sheets.pages()), found)
