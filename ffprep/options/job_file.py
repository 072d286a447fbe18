"""Read `ffprep.toml`, and write the first one: jobs, and options of `convert` that they share.

A table `[defaults]` holds what all jobs share, `[job.NAME]` is a job, `[[job.NAME.picture]]` is one
of several pictures that a job makes of each photo, and `[[photo]]` says how one photo is framed
(`config.sidecars`). Relative paths start at the file's folder. Imported only if there is a file.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import click

from ffprep.config import toml
from ffprep.config.sidecars import PhotoOverride, photo_tables
from ffprep.core.known_names import known_as, nearest
from ffprep.core.location import names_url
from ffprep.errors import EnvironmentFault, UsageError, reason
from ffprep.options.command import COMMAND_LINE, FILE, keys_of
from ffprep.options.types import Parsed, PathOr, Repeatable
from ffprep.record import Record, field
from ffprep.system.messages import say

_TABLES: dict[str, toml.Reader] = dict.fromkeys(("defaults", "job", "photo"), toml.anything)
_EXCLUSIVE = (frozenset({"size", "target"}), frozenset({"mode", "scene"}))
"""Options that exclude one another: one that is set replaces the other, set at a lower level."""
_PICTURE = "picture"
_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
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


class Setting(Record):
    """The value of an option, and where it is set: `ffprep.toml:5`."""

    value: Any
    origin: str


class Settings(Record):
    """Options that are set, and overrides of single photos by their real paths.

    `place` is where the job is, if these are the settings of a job. `pictures` are those of each
    picture that the job makes of a photo, if it has tables for them.
    """

    place: str = ""
    options: Mapping[str, Setting] = field(default_factory=dict)
    photos: Mapping[str, PhotoOverride] = field(default_factory=dict)
    pictures: "tuple[Settings, ...]" = ()

    @classmethod
    def given(cls, options: Mapping[str, Any]) -> "Settings":
        """Return the options of a command line as Settings."""
        return cls("", {name: Setting(value, COMMAND_LINE) for name, value in options.items()})

    def over(self, others: "Settings") -> "Settings":
        """Return these settings, with those of `others` for options that are not set here."""
        replaced = set(self.options).union(
            *(exclusive for exclusive in _EXCLUSIVE if exclusive & self.options.keys())
        )
        rest = {name: each for name, each in others.options.items() if name not in replaced}
        photos = self.photos or others.photos
        pictures = self.pictures or others.pictures
        return Settings(self.place or others.place, rest | dict(self.options), photos, pictures)

    @property
    def values(self) -> dict[str, Any]:
        """The values alone, by the option's name, as the command line would write them."""
        return {name: _as_words(setting.value) for name, setting in self.options.items()}


class Config(Record):
    """The content of a file. The settings of a job do not include the defaults yet."""

    path: Path
    defaults: Settings
    jobs: Mapping[str, Settings]

    def job(self, name: str) -> Settings:
        """Return a job with its defaults. Raises EnvironmentFault if there is no such job."""
        return self.jobs[self.job_name(name)].over(self.defaults)

    def job_name(self, name: str) -> str:
        """Return the name of a job as the file has it. Raises EnvironmentFault as `job` does."""
        known = known_as(name, self.jobs)
        if known is None:
            names = f"; the jobs are: {', '.join(self.jobs)}" if self.jobs else "; it has no jobs"
            near = nearest(name, self.jobs)
            hint = f'; did you mean "{near}"?' if near else ""
            raise EnvironmentFault(f"{self.path}: unknown job {toml.quoted(name)}{hint}{names}")
        return known


def find_and_read(path: Path | None, command: click.Command) -> Config:
    """Read the file of that name, else the one in this folder, else in the user's configuration.

    A file that cannot be read is skipped if the other one can be. Raise EnvironmentFault if there
    is none, or for a mistake in it.
    """
    if path:
        return read(path, command)
    places = Path(FILE), Path(click.get_app_dir("ffprep")) / FILE
    for place in places:
        if os.path.isfile(place) and os.access(place, os.R_OK):
            if place != Path(FILE) and os.path.exists(FILE):
                say(f"{FILE} in this folder cannot be read; {place} is used instead")
            return read(place, command)
    if problems := "; ".join(filter(None, map(_problem, places))):
        raise EnvironmentFault(f"{problems}; name one with --config")
    words = f"there is no {FILE} here, and no {places[1]}; name one with --config"
    raise EnvironmentFault(f"{words}, or write one: ffprep config init")


def _problem(place: Path) -> str:
    """Return why a file cannot be read; "" if it does not exist."""
    try:
        is_file = stat.S_ISREG(os.stat(place).st_mode)
        return f"{place} {'cannot be read; check its permissions' if is_file else 'is not a file'}"
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        folder = os.path.abspath(place.parent)
        return f"cannot look for {FILE} in {folder}: {reason(error)}"


def read(path: Path, command: click.Command) -> Config:
    """Read a file of options of `command`. Raises EnvironmentFault with the file and line."""
    top, keys = toml.read(path), keys_of(command)
    for name, value in top.content.items():
        if name in keys and not isinstance(value, dict):
            top.fail("this key belongs in [defaults], or in a [job.NAME]", name)
    top.read(_TABLES)
    jobs = top.table("job")
    for name in jobs.content:
        if not _JOB_NAME.fullmatch(name):
            jobs.fail("the name of a job consists of letters, digits, - _ and .", name)
    defaults = Settings("", _settings(top.table("defaults"), keys), photo_tables(top))
    return Config(path, defaults, {name: _job(jobs.table(name), keys) for name in jobs.content})


def _job(table: toml.Table, keys: Mapping[str, click.Parameter]) -> Settings:
    """Return the settings of a job, and of its pictures."""
    options = _settings(table, keys, (_PICTURE,))
    own = {name: param for name, param in keys.items() if is_of_picture(param)}
    pictures = tuple(
        Settings(each.place(), _settings(each, own)) for each in table.tables(_PICTURE)
    )
    return Settings(table.place(), options, pictures=pictures)


def _settings(
    table: toml.Table, keys: Mapping[str, click.Parameter], others: tuple[str, ...] = ()
) -> dict[str, Setting]:
    """Return the options of a table, in which there may be `others`."""
    folder = table.path.absolute().parent
    readers: dict[str, toml.Reader] = {
        name: partial(_read_value, param, folder) for name, param in keys.items()
    }
    settings: dict[str, Setting] = {}
    for name, value in table.read(readers | dict.fromkeys(others, toml.anything)).items():
        if name in others:
            continue
        option = str(keys[name].name)
        if option in settings:
            table.fail("this option is set already, by another of its names", name)
        settings[option] = Setting(value, table.place(name))
    return settings


def _read_value(param: click.Parameter, folder: Path, value: Any) -> Any:
    """Return a value of a file in `folder`, at which paths start. Raise UsageError."""
    if not takes_several(param):
        return _read_one(param, folder, value)
    if isinstance(value, list):
        return [_read_item(param, folder, *each) for each in enumerate(value, 1)]
    if isinstance(param, Repeatable):
        return [_read_one(param, folder, value)]
    raise UsageError("must be a list, in [ ]")


def _read_item(param: click.Parameter, folder: Path, number: int, item: Any) -> Any:
    try:
        return _read_one(param, folder, item)
    except UsageError as error:
        raise UsageError(f"item {number} {error}") from None


def _read_one(param: click.Parameter, folder: Path, value: Any) -> Any:
    value = reader_of(param)(value)
    if not isinstance(value, str):
        return value
    if "\0" in value:
        raise UsageError("contains a NUL character")
    value = os.fsdecode(value.encode())  # as the command line gives it, under any locale
    if not is_path(param, value):
        return value
    if value in ("", "-"):
        raise UsageError("must name a file or a folder; a job has no standard input")
    return value if names_url(value) else os.path.join(folder, os.path.expanduser(value))


def is_of_picture(param: click.Parameter) -> bool:
    """Return whether each picture of a job may have its own value of an option."""
    return getattr(param, "heading", "") == "Pictures" or param.name == "names"


def takes_several(param: click.Parameter) -> bool:
    """Return whether the value of an option is a list; a Repeatable takes its only item, too."""
    return param.multiple or param.nargs != 1


def is_path(param: click.Parameter, text: str) -> bool:
    """Return whether a value of an option is a path; a slash at its end means a folder."""
    if isinstance(param.type, PathOr | Parsed) and param.type.names_path:
        return param.type.names_path(text)
    return isinstance(param.type, click.Path)


def reader_of(param: click.Parameter) -> toml.Reader:
    """Return what reads a value of an option in a file."""
    if isinstance(param, click.Option) and param.is_flag and param.is_bool_flag:
        return toml.flag
    if isinstance(param.type, (type(click.INT), type(click.FLOAT))):
        return toml.number
    if isinstance(param.type, (click.Path, type(click.STRING))):
        return toml.text
    return toml.text_or_number


def _as_words(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_words(item) for item in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


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
    import tomlkit

    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{text}: TOML cannot hold a name that is not UTF-8; rename it") from None
    return tomlkit.item(text).as_string()
