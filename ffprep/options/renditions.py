"""Several pictures of each photo: several sizes or targets, and the pictures of a job.

Each picture has a folder of its own in OUT, unless --names decides where it lies.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from ffprep.core.constraints import SizeConstraints
from ffprep.core.formats import OutputFormat
from ffprep.core.geometry import Size
from ffprep.core.location import Location
from ffprep.core.mode import Fit
from ffprep.core.spec import NOT_CHOSEN
from ffprep.errors import UsageError
from ffprep.library.naming import Names, folded
from ffprep.library.request import Rendition
from ffprep.options.frame import size_or_target_of_each
from ffprep.options.parse import read_rendition
from ffprep.record import replace


def read_several(
    params: Mapping[str, Any], file_format: OutputFormat | None, output: Location
) -> tuple[Rendition, ...]:
    """Return all pictures that are made of each photo. Raise UsageError."""
    found = list[Rendition]()
    for picture in params.get("pictures") or [params]:
        for size, target in size_or_target_of_each(picture["size"], picture["target"]):
            rendition = read_rendition(picture, size, target, file_format, output)
            found.append(replace(rendition, folder=_folder(rendition, size, target)))
    if len(found) == 1:
        return (replace(found[0], folder=""),)
    if file_format:
        problem = f"{output} is a file, and {len(found)} pictures are asked for"
        raise UsageError(f"{problem}; name a folder for them: -o FOLDER/")
    for one, other in combinations(found, 2):
        _require_apart(one, other)
    return tuple(found)


def _folder(rendition: Rendition, size: Size | None, target: str | None) -> str:
    """Return the folder of a picture: 1280x720/, or that of its target; "" with --names."""
    if rendition.names != Names():
        return ""
    if target is None:
        return f"{size}/"
    name, _, chosen = target.partition("/")
    return f"{name}/{rendition.spec.size}/" if chosen else f"{name}/"


def _require_apart(one: Rendition, other: Rendition) -> None:
    """Raise UsageError if two pictures of a photo would have the same name.

    Pictures that differ in nothing but the frame of a computed size are the same if they have the
    same size. So their names may tell them apart by the size; the names of others may not.
    """
    any_suffix = one.same_format or other.same_format
    listed = any(each.choice and each.choice.listed for each in (one.spec, other.spec))
    by_size = not (one.spec.choice or other.spec.choice) or _unsized(one) == _unsized(other)
    example = _example(one, any_suffix, by_size)
    if example != _example(other, any_suffix, by_size):
        return
    if one == other:
        where = one.folder.rstrip("/") or one.spec.size
        raise UsageError(f"two pictures of each photo are the same: {where}; leave one out")
    problem = f"two pictures of photo.jpg would be {example}"
    advice = "leave out --names, or give each picture its own"
    if by_size and not listed:
        advice = "tell them apart by --names, for example '{width}x{height}/{stem}'"
    raise UsageError(f"{problem}; {advice}")


def _unsized(rendition: Rendition) -> tuple[Rendition, SizeConstraints | None]:
    """Return all of a Rendition but its size or the frame of it."""
    choice, spec = rendition.spec.choice, replace(rendition.spec, size=NOT_CHOSEN, choice=None)
    return replace(rendition, spec=spec), choice.envelope if choice else None


def _example(rendition: Rendition, any_suffix: bool, by_size: bool) -> str:
    """Return the name of the output of photo.jpg, without its suffix if there are several.

    A computed size is that of a photo that fills the frame. Without `by_size`, it is NOT_CHOSEN.
    """
    spec, choice = rendition.spec, rendition.spec.choice
    if choice and choice.fit is Fit.INSIDE:
        spec = replace(spec, size=choice.sizes[0], choice=None)
    if not by_size:
        spec = replace(spec, size=NOT_CHOSEN, choice=None)
    suffix = ".*" if any_suffix else spec.format.suffixes[0]
    (name,) = rendition.names.render("", ["photo.jpg"], [suffix], spec, [1])
    return folded(rendition.folder + name)
