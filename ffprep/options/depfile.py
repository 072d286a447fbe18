"""Parse the options of a depfile."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ffprep.errors import UsageError
from ffprep.library.walk import require_no_picture
from ffprep.run.depfile import Depfile


def read_depfile(params: Mapping[str, Any]) -> Depfile:
    """Return the depfile of --depfile. Raise UsageError."""
    if not params["depfile"]:
        raise UsageError("--depfile-target needs --depfile FILE")
    require_no_picture("--depfile", params["depfile"])
    # A list may be a pipe, such as a shell's <(find ...): make cannot compare its time.
    lists = [Path(file) for file in params["sources_from"] if os.path.isfile(file)]
    others = (*([params["config"]] if params["config"] else []), *params["targets_file"], *lists)
    return Depfile(params["depfile"], params["depfile_target"] or params["output"], others)
