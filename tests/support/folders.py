"""Look into an output folder while a run writes to it: what vanishes meanwhile is passed over."""

import os
from pathlib import Path


def finals(out: Path) -> set[Path]:
    """Return the files with final names."""
    found = set()
    for folder, folders, names in os.walk(out):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found |= {Path(folder, name) for name in names if not name.startswith(".")}
    return found


def temporaries(out: Path) -> set[Path]:
    """Return the temporary files and folders."""
    return {
        Path(folder, name)
        for folder, folders, names in os.walk(out)
        for name in folders + names
        if name.startswith(".ffprep-")
    }
