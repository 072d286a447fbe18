"""Read `ffprep.toml`: named jobs, and the options that they share.

A table `[defaults]` holds what all jobs share, `[job.NAME]` is a job, `[[job.NAME.picture]]` is one
of several pictures that a job makes of each photo, and `[[photo]]` says how one photo is framed
(`sidecars`). The command line decides which keys there are. Relative paths start at
the file's folder.
"""

import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ffprep.config import toml
from ffprep.config.sidecars import PhotoOverride, photo_tables
from ffprep.core.known_names import known_as, nearest
from ffprep.core.location import names_url
from ffprep.errors import EnvironmentFault, UsageError
from ffprep.record import Record, field

_TABLES: dict[str, toml.Reader] = dict.fromkeys(("defaults", "job", "photo"), toml.anything)
_EXCLUSIVE = (frozenset({"size", "target"}), frozenset({"mode", "scene"}))
"""Options that exclude one another: one that is set replaces the other, set at a lower level."""
_PICTURE = "picture"
_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


class Key(Record):
    """A key: the option that it sets, by its name in the program, and what reads its values.

    If it is `many`, its value is a list; if it is also `lone`, it may be a single value.
    `of_picture` is true for options of a single picture. `names_path` decides whether a text is a
    path.
    """

    option: str
    reader: toml.Reader
    many: bool = False
    lone: bool = False
    of_picture: bool = False
    names_path: Callable[[str], bool] = lambda _: False

    def read(self, value: Any, folder: Path) -> Any:
        """Return a value of a file in `folder`, at which paths start. Raise UsageError."""
        if not self.many:
            return self._read_one(value, folder)
        if isinstance(value, list):
            return [self._read_item(number, each, folder) for number, each in enumerate(value, 1)]
        if self.lone:
            return [self._read_one(value, folder)]
        raise UsageError("must be a list, in [ ]")

    def _read_item(self, number: int, item: Any, folder: Path) -> Any:
        try:
            return self._read_one(item, folder)
        except UsageError as error:
            raise UsageError(f"item {number} {error}") from None

    def _read_one(self, value: Any, folder: Path) -> Any:
        value = self.reader(value)
        if not isinstance(value, str):
            return value
        if "\0" in value:
            raise UsageError("contains a NUL character")
        value = os.fsdecode(value.encode())  # as the command line gives it, under any locale
        return _absolute(value, folder) if self.names_path(value) else value


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


def read(path: Path, keys: Mapping[str, Key]) -> Config:
    """Read a file whose tables may hold `keys`. Raises EnvironmentFault with the file and line."""
    document = toml.read(path)
    top = document.table
    for name, value in top.content.items():
        if name in keys and not isinstance(value, dict):
            top.fail("this key belongs in [defaults], or in a [job.NAME]", name)
    top.read(_TABLES)
    jobs = top.table("job")
    folder = path.absolute().parent
    readers = {name: partial(key.read, folder=folder) for name, key in keys.items()}
    for name in jobs.content:
        if not _JOB_NAME.fullmatch(name):
            jobs.fail("the name of a job consists of letters, digits, - _ and .", name)
    return Config(
        path,
        Settings("", _settings(top.table("defaults"), keys, readers), photo_tables(document)),
        {name: _job(jobs.table(name), jobs.place(name), keys, readers) for name in jobs.content},
    )


def _job(
    table: toml.Table, place: str, keys: Mapping[str, Key], readers: Mapping[str, toml.Reader]
) -> Settings:
    """Return the settings of a job, and of its pictures."""
    options = _settings(table, keys, {**readers, _PICTURE: toml.anything})
    of_picture = {name: reader for name, reader in readers.items() if keys[name].of_picture}
    pictures = tuple(
        Settings(each.place(), _settings(each, keys, of_picture)) for each in table.tables(_PICTURE)
    )
    return Settings(place, options, pictures=pictures)


def _settings(
    table: toml.Table, keys: Mapping[str, Key], readers: Mapping[str, toml.Reader]
) -> dict[str, Setting]:
    settings: dict[str, Setting] = {}
    for name, value in table.read(readers).items():
        if name == _PICTURE:
            continue
        option = keys[name].option
        if option in settings:
            table.fail("this option is set already, by another of its names", name)
        settings[option] = Setting(value, table.place(name))
    return settings


def _absolute(path: str, folder: Path) -> str:
    """Return an absolute path. A slash at its end, which means a folder, stays."""
    if path in ("", "-"):
        raise UsageError("must name a file or a folder; a job has no standard input")
    return path if names_url(path) else os.path.join(folder, os.path.expanduser(path))


def _as_words(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_words(item) for item in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
