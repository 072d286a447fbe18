"""The named jobs of ffprep.toml: parsed, checked, and listed option by option."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ffprep.config import toml
from ffprep.core.location import names_url
from ffprep.errors import EnvironmentFault, UsageError
from ffprep.options.command import COMMAND_LINE, NOT_OF_A_FILE, key_names
from ffprep.options.convert import convert_parameters
from ffprep.options.job_file import (
    Config,
    Setting,
    Settings,
    is_path,
    reader_of,
    takes_several,
)
from ffprep.options.parse import read_convert
from ffprep.options.types import Repeatable
from ffprep.record import Record

_DEFAULT = "default"
"""The origin of options that are not set."""


class EffectiveOption(Record):
    """An option of a job: its value as in a file, None for none, and where it was set."""

    key: str
    value: Any
    origin: str

    @property
    def is_set(self) -> bool:
        """Whether the file or the command line sets the option."""
        return self.origin != _DEFAULT


class NamedJob(Record):
    """A job of the file: its settings, overridden by the command line, and click's parameters.

    If it has tables for pictures, `params["pictures"]` are the parameters of each.
    """

    name: str
    settings: Settings
    params: Mapping[str, Any]

    def check(self) -> None:
        """Raise EnvironmentFault for bad options, or UsageError if the command line set any."""
        lists = self.params["sources_from"]
        try:
            if "-" in lists or (self.params["from_null"] and not lists):
                raise UsageError("a job cannot read stdin; name a FILE with --sources-from")
            read_convert(self.params)
        except UsageError as error:
            words = f"{self.settings.place}: job {self.name}: {error}"
            origins = {setting.origin for setting in self.settings.options.values()}
            fault = UsageError if COMMAND_LINE in origins else EnvironmentFault
            raise fault(words) from None

    def picture_options(self) -> list[list[EffectiveOption]]:
        """Return, for each picture, the options that the file sets for it."""
        params = {str(param.name): param for param in convert_parameters.params}
        return [
            [_effective(params[name], each.value, each) for name, each in picture.options.items()]
            for picture in self.settings.pictures
        ]

    def effective_options(self) -> Iterator[EffectiveOption]:
        """Yield every option that a file may set."""
        for param in convert_parameters.params:
            name = str(param.name)
            if name in NOT_OF_A_FILE:
                continue
            setting = self.settings.options.get(name)
            value = setting.value if setting else param.default
            if not isinstance(value, int | float | str | list | tuple):
                value = None
            if reader_of(param) in (toml.flag, toml.number):
                value = self.params[name]
            if setting is None and value == math.inf:
                value = None
            if setting and setting.origin == COMMAND_LINE:
                value = _absolute(param, value)
            yield _effective(param, value, setting)


def named_jobs(config: Config, names: Sequence[str], overrides: Settings) -> list[NamedJob]:
    """Return the jobs of these names, or all, each once.

    Raise EnvironmentFault for mistakes in the file.
    """
    if not config.jobs:
        raise EnvironmentFault(f"{config.path} has no jobs; write a table [job.NAME]")
    chosen = dict.fromkeys(map(config.job_name, names or config.jobs))
    return [_named_job(config, name, overrides) for name in chosen]


def _named_job(config: Config, name: str, overrides: Settings) -> NamedJob:
    job = config.job(name)
    if "output" not in job.options and "output" not in overrides.options:
        raise EnvironmentFault(f'{job.place}: "output" is missing')
    pictures = [_params(config, name, overrides.over(each.over(job))) for each in job.pictures]
    settings = overrides.over(job)
    return NamedJob(name, settings, _params(config, name, settings) | {"pictures": pictures})


def _params(config: Config, name: str, settings: Settings) -> dict[str, Any]:
    """Return click's parameters for settings."""
    words = settings.values | {"config": str(config.path)}
    with convert_parameters.make_context(name, [], obj=settings, default_map=words) as context:
        return context.params


def check_all(jobs: Sequence[NamedJob]) -> None:
    """Check every job, and that no two write the same report: one would replace the other.

    Raise UsageError, EnvironmentFault.
    """
    for job in jobs:
        job.check()
    for option in ("summary_file", "metrics_file", "depfile", "report", "manifest"):
        writers: dict[str, NamedJob] = {}
        for job in (job for job in jobs if job.params[option]):
            first = writers.setdefault(os.path.realpath(job.params[option]), job)
            if first is not job:
                origin = job.settings.options[option].origin
                words = f"--{option.replace('_', '-')} is also that of job {first.name}"
                fault = UsageError if origin == COMMAND_LINE else EnvironmentFault
                raise fault(f"{origin}: job {job.name}: {words}; each needs its own")


def _effective(param: click.Parameter, value: Any, setting: Setting | None) -> EffectiveOption:
    """Return an option with its value as a file has it: a list, or for some its only item."""
    if takes_several(param):
        value = list(value or ())
        if len(value) < 2 and isinstance(param, Repeatable):
            value = next(iter(value), None)
    return EffectiveOption(key_names(param)[0], value, setting.origin if setting else _DEFAULT)


def _absolute(param: click.Parameter, value: Any) -> Any:
    """Return a value with absolute paths: in a file, relative ones start at the file's folder."""
    if isinstance(value, list | tuple):
        return [_absolute(param, item) for item in value]
    is_relative = isinstance(value, str) and is_path(param, value) and not names_url(value)
    return os.path.join(Path.cwd(), value) if is_relative else value
