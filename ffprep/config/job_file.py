"""`ffprep.toml`: named jobs, and what they share. Which keys there are, the command line says.

A table `[defaults]` holds what all jobs share, `[job.NAME]` a job, `[[photo]]` how one photo is framed (`aims`). Relative paths start at the file's folder.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

from ffprep.config import toml
from ffprep.config.sidecars import PhotoOverride, tables
from ffprep.core.location import names_url
from ffprep.errors import EnvironmentFault

TABLES = ("defaults", "job", "photo")
_RIVALS = (frozenset({"size", "target"}), frozenset({"mode", "scene"}))
"""Options that exclude one another: who says one of them takes back what was said of the other before."""
_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


class ValueKind(Enum):
    """What a value may be."""

    FLAG = ("true or false", bool)
    NUMBER = ("a number", int | float)
    TEXT = ("a text", str)
    WORD = ("a text or a number", str | int | float | date)

    def allows(self, value: object) -> bool:
        """Whether a value is of the kind; true and false are no numbers."""
        return isinstance(value, self.value[1]) and isinstance(value, bool) == (
            self is ValueKind.FLAG
        )


@dataclass(frozen=True, slots=True)
class Key:
    """What a key stands for: an option, by its name in the program; and what it takes.

    `names_path` tells of a text whether it is a path.
    """

    option: str
    wants: ValueKind
    many: bool = False
    names_path: Callable[[str], bool] = lambda _: False


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of an option, and who said it: `ffprep.toml:5`."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Options that were said, and what was said of single photos, by their real paths.

    `place` is where the job is that they make up, if they do.
    """

    place: str = ""
    said: Mapping[str, Setting] = field(default_factory=dict)
    photos: Mapping[str, PhotoOverride] = field(default_factory=dict)

    def over(self, others: "Settings") -> "Settings":
        """These, and of the others what these say nothing of."""
        taken = set(self.said).union(*(rivals for rivals in _RIVALS if rivals & self.said.keys()))
        rest = {name: setting for name, setting in others.said.items() if name not in taken}
        photos = self.photos or others.photos
        return Settings(self.place or others.place, rest | dict(self.said), photos)

    @property
    def values(self) -> dict[str, Any]:
        """The values alone, by the option's name, in the words of a command line."""
        return {name: _in_words(setting.value) for name, setting in self.said.items()}


@dataclass(frozen=True, slots=True)
class Config:
    """What a file says. A job's settings do not hold the defaults yet."""

    path: Path
    defaults: Settings
    jobs: Mapping[str, Settings]

    def job(self, name: str) -> Settings:
        """A job with its defaults. Raises EnvironmentFault where there is no such job."""
        if name not in self.jobs:
            known = f"; there are: {', '.join(self.jobs)}" if self.jobs else "; it has no jobs"
            raise EnvironmentFault(
                f"{self.path}: no job is called {toml.quoted(name)}{toml.alike(name, self.jobs)}{known}"
            )
        return self.jobs[name].over(self.defaults)


def read(path: Path, keys: Mapping[str, Key]) -> Config:
    """Read a file whose tables may hold `keys`. Raises EnvironmentFault with file and line."""
    document = toml.read(path)
    return _Reader(document, document.lines(), keys).config()


@dataclass(frozen=True, slots=True)
class _Reader:
    """Checks one file."""

    document: toml.Document
    lines: Mapping[toml.Way, int]
    keys: Mapping[str, Key]

    def config(self) -> Config:
        content = self.document.content
        for name, value in content.items():
            if name in self.keys and not isinstance(value, dict):
                self._fail((name,), f'"{name}" belongs in [defaults], or in a [job.NAME]')
            if name not in TABLES:
                self._fail((name,), f"unknown table {toml.quoted(name)}{toml.alike(name, TABLES)}")
        jobs = self._table(("job",), content.get("job", {}))
        for name in jobs:
            if not _JOB_NAME.fullmatch(name):
                self._fail(("job", name), "the name of a job is letters, digits, - _ and .")
        return Config(
            self.document.path,
            Settings(
                "", self._said(("defaults",), content.get("defaults", {})), tables(self.document)
            ),
            {
                name: Settings(self._place(("job", name)), self._said(("job", name), table))
                for name, table in jobs.items()
            },
        )

    def _said(self, way: toml.Way, table: object) -> dict[str, Setting]:
        said: dict[str, Setting] = {}
        for name, value in self._table(way, table).items():
            here = (*way, name)
            if name not in self.keys:
                self._fail(here, f"unknown key {toml.quoted(name)}{toml.alike(name, self.keys)}")
            key = self.keys[name]
            if key.option in said:
                self._fail(here, f'"{name}" is said twice, the other time by another name')
            said[key.option] = Setting(self._value(here, key, value), self._place(here))
        return said

    def _table(self, way: toml.Way, table: object) -> dict[str, Any]:
        if not isinstance(table, dict):
            self._fail(way, f"{way[-1]} must be a table")
        return table

    def _value(self, way: toml.Way, key: Key, value: object) -> Any:
        if not key.many:
            return self._one(way, key, value)
        if not isinstance(value, list):
            self._fail(way, f'"{way[-1]}" must be a list, in [ ]')
        return [self._one(way, key, item) for item in value]

    def _one(self, way: toml.Way, key: Key, value: Any) -> Any:
        if not key.wants.allows(value):
            each = "each of " if key.many else ""
            self._fail(way, f'{each}"{way[-1]}" must be {key.wants.value[0]}')
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, str) and "\0" in value:
            self._fail(way, f'"{way[-1]}" has a NUL in it')
        return self._path(way, value) if isinstance(value, str) and key.names_path(value) else value

    def _path(self, way: toml.Way, text: str) -> str:
        """A path as it is from anywhere: a slash at its end, which means a folder, stays."""
        if text in ("", "-"):
            self._fail(way, f'"{way[-1]}" must name a file or a folder; a job has no stdin')
        if names_url(text):
            return text
        return os.path.join(self.document.path.absolute().parent, os.path.expanduser(text))

    def _place(self, way: toml.Way) -> str:
        return f"{self.document.path}:{toml.nearest(self.lines, way)}"

    def _fail(self, way: toml.Way, why: str) -> NoReturn:
        raise EnvironmentFault(f"{self._place(way)}: {why}")


def _in_words(value: Any) -> Any:
    if isinstance(value, list):
        return [_in_words(item) for item in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
