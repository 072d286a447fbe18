"""Explain why the system refuses a path: a file system that does not accept a name, a dead link.

Imported only after an error.
"""

import errno
import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ffprep.system.tempfiles import temporary_name

_ADVICE = "choose other names with --names, or rename the photo or its folder"
_RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(10))}
"""Names that Windows reserves, with any suffix."""
_MAX_TRIED = 16


def refused_name(path: Path, error: OSError) -> str | None:
    """Return why a file system refuses a name in a path, and what to do; None for other errors.

    Characters are tried: an empty file with a temporary name is created, and removed.
    """
    folder, names = _missing(path)
    if error.errno == errno.ENAMETOOLONG:
        return f"{_length(folder, names)}; {_ADVICE}"
    if not accepts(folder):
        return None
    for name in names:
        if words := _refusal(folder, name):
            return f"this file system does not accept {words}; {_ADVICE}"
    if error.errno in (errno.EINVAL, errno.EILSEQ):
        stems = (name.partition(".")[0].rstrip() for name in names)
        reserved = next((f" {stem}" for stem in stems if stem.lower() in _RESERVED), "")
        return f"this file system does not accept the name{reserved}; {_ADVICE}"
    return None


def dead_link(path: str | os.PathLike[str]) -> str | None:
    """Return a sentence about the first link in a path that leads nowhere; None if there is none.

    For example to a disk that is not mounted.
    """
    here = Path(path)
    for link in (*reversed(here.parents), here):
        if os.path.islink(link) and not os.path.exists(link):
            with suppress(OSError):
                target = os.readlink(link)
                return f"{link} is a link to {target}, {_why_dead(link)}"
    return None


def _why_dead(link: Path) -> str:
    try:
        os.stat(link)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "and these links form a loop"
        if isinstance(error, PermissionError):
            return "which may not be read; check the permissions of its folders"
    return "which does not exist (is its disk mounted?)"


def _missing(path: Path) -> tuple[Path, list[str]]:
    """Return the nearest folder that exists, and the names below it."""
    path = path.absolute()
    folder = next((each for each in path.parents if os.path.isdir(each)), path.parent)
    return folder, list(path.relative_to(folder).parts)


def _length(folder: Path, names: list[str]) -> str:
    length, limit = max(len(os.fsencode(name)) for name in names), 255
    with suppress(OSError, ValueError):
        limit = os.pathconf(folder, "PC_NAME_MAX")
    if length > limit:
        return f"the name is too long for this file system: {length} bytes, at most {limit}"
    return f"the name or its path is too long for this file system: the name has {length} bytes"


def _refusal(folder: Path, name: str) -> str | None:
    """Return what a folder does not accept in a name."""
    unusual = (each for each in dict.fromkeys(name) if not (each.isascii() and each.isalnum()))
    for each in islice((each for each in unusual if each not in "._- "), _MAX_TRIED):
        if not accepts(folder, f"{each}x"):
            return f"the character {_shown(each)} in a name"
    if name.endswith((".", " ")) and not accepts(folder, name[-1]):
        return f"{_shown(name[-1])} at the end of a name"
    return None


def accepts(folder: Path, end: str = "") -> bool:
    """Return whether a file can be created whose name ends so."""
    tried = folder / f"{temporary_name()}{end}"
    try:
        os.close(os.open(tried, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        os.unlink(tried)
    except (OSError, ValueError):
        return False
    return True


def _shown(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"0x{ord(character) - 0xDC00:02x} (a byte that is not UTF-8)"
    if character == '"':
        return "'\"'"
    return f'"{character}"' if character.isprintable() else f"U+{ord(character):04X}"
