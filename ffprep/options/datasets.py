"""Parse the options for data sets: files beside photos, and a manifest."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ffprep.core.formats import FILMS, SUFFIXES
from ffprep.errors import PhotoError, UsageError
from ffprep.library.walk import require_no_picture
from ffprep.system.files import SIDECAR, open_regular, real_path

_START = re.compile(rb'\{"file_name": ".*", "width": \d+, "height": \d+, "bucket": ')
_LONGEST_NAME = 1 << 15


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


def read_manifest(params: Mapping[str, Any], has_ledger: bool) -> Path:
    """Return the file of --manifest. Raise UsageError."""
    path: Path = params["manifest"]
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
    return not data or _START.match(data) is not None
