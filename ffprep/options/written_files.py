"""Parse the options of files that few runs write: a depfile, a report, a manifest, captions."""

import os
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from ffprep.core.formats import FILMS, SUFFIXES
from ffprep.core.geometry import FaceFocus
from ffprep.errors import PhotoError, UsageError
from ffprep.library.walk import require_no_picture
from ffprep.options.command import key_names
from ffprep.options.convert import convert_parameters
from ffprep.record import Record, astuple
from ffprep.run.convert_options import ReportFile
from ffprep.run.depfile import Depfile
from ffprep.system.files import SIDECAR, open_regular, real_path

_MANIFEST_START = re.compile(rb'\{"file_name": ".*", "width": \d+, "height": \d+, "bucket": ')
_LONGEST_NAME = 1 << 15
_NOT_IN_REPORT = ("sources", "output", "config", "report")
"""What a report shows elsewhere."""


def read_depfile(params: Mapping[str, Any]) -> Depfile | None:
    """Return the depfile of --depfile, if there is one. Raise UsageError."""
    if not params["depfile"]:
        if params["depfile_target"]:
            raise UsageError("--depfile-target needs --depfile FILE")
        return None
    require_no_picture("--depfile", params["depfile"])
    # A list may be a pipe, such as a shell's <(find ...): make cannot compare its time.
    lists = [Path(file) for file in params["sources_from"] if os.path.isfile(file)]
    others = (*([params["config"]] if params["config"] else []), *params["targets_file"], *lists)
    return Depfile(params["depfile"], params["depfile_target"] or params["output"], others)


def read_report(params: Mapping[str, Any]) -> ReportFile | None:
    """Return the report of --report, and the options to show in it. Raise UsageError."""
    if params["report"] is None:
        return None
    require_html("--report", params["report"])
    return ReportFile(params["report"], tuple(_given(params)), params["config"])


def require_html(option: str, path: Path) -> None:
    """Raise UsageError if a report would replace a file of another kind, by its name."""
    if path.suffix.lower() not in (".html", ".htm"):
        problem = f"{option} {path} is not the name of a page; give one that ends in .html"
        raise UsageError(problem)


def _given(params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the options that differ from their defaults, by their names."""
    usual = convert_parameters.make_context("convert", []).params
    for param in convert_parameters.params:
        name = str(param.name)
        if name not in _NOT_IN_REPORT and name in usual and params[name] != usual[name]:
            yield key_names(param)[0], _spelled(params[name])


def _spelled(value: Any) -> str:
    """Return a value as the command line would spell it; flags are "yes" or "no"."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(map(_spelled, value))
    if isinstance(value, FaceFocus):
        return "faces"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Record) and type(value).__str__ is object.__str__:
        return ",".join(map(_spelled, astuple(value)))
    return str(value)


def read_manifest(params: Mapping[str, Any], has_ledger: bool) -> Path | None:
    """Return the file of --manifest, if there is one. Raise UsageError."""
    path: Path | None = params["manifest"]
    if path is None:
        return None
    require_no_picture("--manifest", path)
    if path.is_dir():
        raise UsageError(f"--manifest {path} is a folder; name a file, such as metadata.jsonl")
    if path.suffix.lower() != ".jsonl":
        raise UsageError(f"--manifest {path} has another suffix than .jsonl; write metadata.jsonl")
    for option in ("ledger", "log_file", "summary_file", "depfile"):
        if params[option] and real_path(path) == real_path(params[option]):
            words = f"--manifest is also --{option.replace('_', '-')}"
            raise UsageError(f"{words}; each needs a file of its own")
    if not _is_replaceable(path):
        problem = f"--manifest {path} exists, and ffprep did not write it"
        raise UsageError(f"{problem}; remove it, or choose another name")
    if not has_ledger:
        problem = "--manifest lists what the ledger has, and there is none"
        raise UsageError(f"{problem}; name an output folder (-o FOLDER/), and no --ledger none")
    return path


def _is_replaceable(path: Path) -> bool:
    """Return whether a file does not exist, is empty, or begins as a manifest does."""
    if not os.path.lexists(path):
        return True
    try:
        with open_regular(path) as file:
            data = file.read(_LONGEST_NAME)
    except PhotoError:
        return False
    return not data or _MANIFEST_START.match(data) is not None


def read_suffixes(text: str) -> tuple[str, ...]:
    """Read the suffixes of --carry, such as `.txt,.json`. Raise UsageError."""
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for each in found:
        if not re.fullmatch(r"(\.[\w-]+)+", each):
            raise UsageError(f"{each!r} is not a suffix; write .txt, or .txt,.json")
        if each.lower() in SUFFIXES or each.lower() in FILMS:
            raise UsageError(f"{each} files are photos or films, and are converted")
        if SIDECAR.endswith(each):
            raise UsageError(f"{each} files may frame photos, and outputs are framed already")
    return found
