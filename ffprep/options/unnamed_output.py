"""Outputs without a name: beside the only photo, without `-o`; or on stdout, with `-o -`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ffprep.core.geometry import read_size
from ffprep.core.location import Location, names_url
from ffprep.errors import UsageError
from ffprep.library.sources import Sources
from ffprep.library.walk import is_folder

NAMES = "{stem}_{width}x{height}"
"""The names of outputs beside their photo."""

_EXAMPLE = "add -o OUT, for example -o ready/"


def place_beside(params: Mapping[str, Any], sources: Sources) -> Location:
    """Return the folder of the only SOURCE, for its outputs. Raise UsageError if it is not a photo.

    The error says which argument was probably meant as OUT.
    """
    photo, arguments = sources.only, params["sources"]
    if photo is None:
        if params["sources_from"] or params["from_null"] or "-" in arguments:
            raise UsageError(f"a list of photos needs an output folder; {_EXAMPLE}")
        raise UsageError(_meant(arguments) or f"several sources need an output folder; {_EXAMPLE}")
    if names_url(photo):
        raise UsageError(f"outputs of {photo} need a place; add -o OUT, a path or a URL")
    if is_folder(photo):
        raise UsageError(f"{photo} is a folder, and its outputs need one; {_EXAMPLE}")
    if params["depfile"] and not params["depfile_target"]:
        raise UsageError("--depfile needs the name of the output; add -o OUT")
    return Path(photo).parent


def _meant(arguments: Sequence[str]) -> str:
    """Return a question about the last argument, which may be OUT or a size; "" if it is not."""
    last = arguments[-1]
    if os.path.exists(last) and not (last.endswith("/") or os.path.isdir(last)):
        return ""
    try:
        return f"{last} is not a file; did you mean --size {read_size(last)}?"
    except UsageError:
        return f"no output is named; did you mean -o {last}?"


def require_one_picture(params: Mapping[str, Any], sources: Sources) -> None:
    """Raise UsageError if the options name more than one picture, or need a named output."""
    photo = sources.only
    if photo is None or is_folder(photo):
        raise UsageError("-o - writes one picture to stdout; name one photo, or an output folder")
    if len(params["size"]) > 1 or len(params["target"]) > 1:
        raise UsageError("-o - writes one picture to stdout; name one size, or an output folder")
    for name in ("json", "dry_run", "depfile", "cluster"):
        if params["as_json" if name == "json" else name]:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} needs a named output, and -o - is stdout")
