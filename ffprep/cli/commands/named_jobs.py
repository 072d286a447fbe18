"""The named jobs of a file, with the command line over them: checked, run one after the other, told."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ffprep.cli.commands.convert import convert, parse_and_run
from ffprep.cli.exit_codes import FINAL, report_error
from ffprep.cli.reporting.progress import Style
from ffprep.cli.reporting.text import printable
from ffprep.config.job_file import Config, Key, Settings, ValueKind
from ffprep.core.location import names_url
from ffprep.errors import EnvironmentFault, ExitCode, Interrupted, UsageError
from ffprep.options.config_file import COMMAND_LINE, default_of, key_names, keys_of
from ffprep.options.parse import read_convert
from ffprep.system.shutdown import Signals

GRAVEST_FIRST = (
    ExitCode.BUG,
    ExitCode.ENVIRONMENT,
    ExitCode.USAGE,
    ExitCode.HELD,
    ExitCode.SOME_FAILED,
    ExitCode.OK,
)
"""Exit codes, the one first that a night of several jobs should end with."""


@dataclass(frozen=True, slots=True)
class EffectiveOption:
    """An option of a job: its value as a file would say it, None for nothing, and where that comes from."""

    key: str
    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class NamedJob:
    """A job of the file: its settings, the command line's over them, and what `convert` makes of them."""

    name: str
    settings: Settings
    given: dict[str, Any]

    def check(self) -> None:
        """Raise EnvironmentFault, or UsageError where the command line has a say, if it makes no sense."""
        lists = self.given["sources_from"]
        try:
            if "-" in lists or (self.given["from_null"] and not lists):
                raise UsageError("a job has no stdin; --sources-from names a FILE")
            read_convert(self.given)
        except UsageError as error:
            words = f"{self.settings.place}: job {self.name}: {error}"
            origins = {setting.origin for setting in self.settings.said.values()}
            fault = UsageError if COMMAND_LINE in origins else EnvironmentFault
            raise fault(words) from None

    def run(self, signature: str) -> int:
        """The exit code of this job; what ends it ends no other. `signature` is on all that is told."""
        try:
            with Signals() as signals:
                code = parse_and_run(self.given, signals, signature)
        except FINAL:
            raise
        except Exception as error:
            code = report_error(error, Style(job=signature).signed)
        if signals.number is not None:
            raise Interrupted(signals.number)
        return code

    def told(self) -> Iterator[EffectiveOption]:
        """Every option that a file may say."""
        keys = keys_of(convert)
        for param in convert.params:
            name, option = key_names(param)[0], str(param.name)
            if name not in keys:
                continue
            setting = self.settings.said.get(option)
            value = setting.value if setting else default_of(param)
            if keys[name].wants in (ValueKind.FLAG, ValueKind.NUMBER):
                value = self.given[option]
            if setting and setting.origin == COMMAND_LINE:
                value = _from_anywhere(keys[name], value)
            value = list(value or ()) if keys[name].many else value
            yield EffectiveOption(name, value, setting.origin if setting else "default")


def jobs_of(config: Config, names: Sequence[str], said: Settings) -> Iterator[NamedJob]:
    """The jobs of these names, or all; each once. Raises EnvironmentFault for what is wrong in the file."""
    if not config.jobs:
        raise EnvironmentFault(f"{config.path} has no jobs; write a table [job.NAME]")
    for name in dict.fromkeys(names or config.jobs):
        settings = said.over(config.job(name))
        words = settings.values | {"config": str(config.path)}
        with convert.make_context(name, [], obj=settings, default_map=words) as context:
            yield NamedJob(name, settings, context.params)


def as_toml(jobs: Sequence[NamedJob]) -> str:
    """A file that says all that these jobs are, with where it was said as comments."""
    import tomlkit

    tables = tomlkit.table(is_super_table=True)
    for job in jobs:
        table = tomlkit.table()
        for told in job.told():
            if told.value is None:
                table.add(tomlkit.comment(f"{told.key}: not set"))
            else:
                table.add(told.key, tomlkit.item(told.value).comment(printable(told.origin)))
        tables.append(job.name, table)
    return tomlkit.dumps({"job": tables})


def _from_anywhere(key: Key, value: Any) -> Any:
    """Paths of the command line, which start here, and in a file would start there."""
    if isinstance(value, list | tuple):
        return [_from_anywhere(key, item) for item in value]
    is_path = isinstance(value, str) and key.names_path(value) and not names_url(value)
    return os.path.join(Path.cwd(), value) if is_path else value


def _require_files_of_their_own(jobs: Sequence[NamedJob]) -> None:
    """Raise where jobs of one night would overwrite what another one has told: a failure would be lost."""
    for option in ("summary_file", "metrics_file", "depfile"):
        writers: dict[str, NamedJob] = {}
        for job in jobs:
            if not (path := job.given[option]):
                continue
            other = writers.setdefault(os.path.realpath(path), job)
            if other is not job:
                setting = job.settings.said[option]
                words = f"--{option.replace('_', '-')} is also that of job {other.name}; each needs its own"
                fault = UsageError if setting.origin == COMMAND_LINE else EnvironmentFault
                raise fault(f"{setting.origin}: job {job.name}: {words}")


def run_in_turn(jobs: Sequence[NamedJob]) -> int:
    """Check all, run all; the gravest of their exit codes. Where there are several, each signs what it tells."""
    for job in jobs:
        job.check()
    _require_files_of_their_own(jobs)
    return min(
        (job.run(job.name if len(jobs) > 1 else "") for job in jobs), key=GRAVEST_FIRST.index
    )
