"""Write the first `ffprep.toml`: a job for each folder, and the usual options as comments."""

import os
import re
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import tomlkit

from ffprep.core.location import names_url
from ffprep.errors import UsageError

_HEAD = """\
# Jobs for `ffprep run NAME` and `ffprep run --all`, which convert what is new.
#
# A key is the long name of an option of `ffprep convert`, whose --help has all of them. Lines that
# begin with "#" are examples. Relative paths start at the folder of this file. `ffprep config show`
# prints what is set.

[defaults]                           # for every job; a job may say otherwise
size = "1280x720"
# target = "sora-2/1280x720"         # instead of size: the rules of a service (ffprep targets)
# mode = "auto"                      # how photos fit; the default is "cover" (ffprep modes)
# focus = "top"                      # what cover keeps in the frame
# background = "white"               # bars, and behind transparency
# format = "webp"                    # the default is "jpeg"
# quality = 90
# metadata = "keep-rights"           # keep copyright, artist and capture date
# upscale = "allow"                  # no warnings about photos that are too small
# exclude = ["Trash/", "*.tmp.jpg"]  # as in .gitignore
# prune = true                       # remove outputs of photos that were deleted
# log-file = "ffprep.log"
# max-time = "5h"                    # start no photo after it; the next run continues
"""

_JOB = """
[job.{name}]
sources = [{source}]
output = {output}
"""


def new_job_file(sources: Sequence[str], folder: Path) -> str:
    """Return the text of a file in `folder` with a job for each source.

    Raise UsageError for a source that does not exist, or whose name TOML cannot hold.
    """
    jobs = _jobs(sources or ["photos"])
    for source in sources:
        if not source:
            raise UsageError("a SOURCE is empty; name a file or a folder")
        if not names_url(source) and not os.path.exists(source):
            raise UsageError(f"{source}: there is no such file or folder")
    return _HEAD + "".join(
        _JOB.format(name=name, source=_quoted(_path_from(source, folder)), output=_quoted(output))
        for name, source, output in jobs
    )


def _jobs(sources: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield name, source and output folder of each job; the names are unique."""
    taken = set[str]()
    for source in sources:
        own = os.path.basename(source.rstrip("/") if names_url(source) else os.path.abspath(source))
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", own).strip("-_") or "photos"
        numbered = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
        name = next(each for each in numbered if each not in taken)
        taken.add(name)
        yield name, source, f"{name}-ready"


def _path_from(source: str, folder: Path) -> str:
    """Return a source as a file in `folder` names it: a relative path only for what lies below."""
    if names_url(source):
        return source
    path = os.path.abspath(source)
    relative = os.path.relpath(path, os.path.abspath(folder))
    return path if relative.split(os.sep, 1)[0] == os.pardir else relative


def _quoted(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{text}: TOML cannot hold a name that is not UTF-8; rename it") from None
    return tomlkit.item(text).as_string()
