"""What a run leaves for monitors when it has ended, however that was: summary, metrics, a command.

A file is written beside and renamed, so that who reads it never reads half of one. What cannot be
written or run at the end is told, and changes no exit code: the photos are what they are.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ffprep.cli.exit_codes import exit_code_of
from ffprep.cli.reporting.text import printable, printable_path, result_as_dict, utc_timestamp
from ffprep.core.job import Status
from ffprep.core.location import Remote
from ffprep.errors import EnvironmentFault, Kind, UsageError
from ffprep.library.walk import require_no_picture
from ffprep.run.convert_options import NotifyOptions
from ffprep.run.summary import RunEnd, RunSummary
from ffprep.system.messages import say
from ffprep.system.processes import Processes
from ffprep.system.shutdown import Signals
from ffprep.system.tempfiles import replacing, temporary_beside, temporary_folder, told_as
from ffprep.version import __version__

PATIENCE = dict.fromkeys(RunEnd, 60.0) | {RunEnd.INTERRUPTED: 5.0}
"""Seconds that --on-finish may take: whoever interrupts a run does not want to wait."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """A RunSummary when the run is over: the exit code, and when it ended, in seconds since 1970."""

    tally: RunSummary
    exit_code: int
    finished: float

    @property
    def output(self) -> str:
        """Where the pictures went."""
        output = self.tally.output
        return output.url if isinstance(output, Remote) else os.path.abspath(output or "")

    def as_dict(self) -> dict[str, Any]:
        """The content of --summary-file; docs/operations/output-and-logs.md has it for readers."""
        tally = self.tally
        return tally.summary() | {
            "output": self.output,
            "ended": tally.ended.value,
            "exit_code": self.exit_code,
            "error": tally.error or None,
            "total": tally.total,
            "unseen": tally.unseen,
            "warned": tally.warned,
            "started": utc_timestamp(tally.began),
            "finished": utc_timestamp(self.finished),
            "failures": {kind.value: count for kind, count in sorted(tally.kinds.items()) if count},
            "first_failures": [result_as_dict(result) for result in tally.failures],
            "version": __version__,
            "ffmpeg": tally.ffmpeg or None,
        }

    def metrics(self) -> str:
        """The same in Prometheus' text format, as node_exporter's textfile collector reads it.

        https://prometheus.io/docs/instrumenting/exposition_formats/ has the format, and what is
        escaped in it. Every status and kind is there, so that no series comes and goes.
        """
        tally = self.tally
        seconds = tally.summary()["seconds"]
        statuses = {f'status="{status}"': tally.counts[status] for status in Status}
        kinds = {f'kind="{kind}"': tally.kinds[kind] for kind in Kind}
        lines = [
            *self._metric("last_run_timestamp_seconds", "When it ended.", {"": self.finished}),
            *self._metric("last_run_duration_seconds", "How long it took.", {"": seconds}),
            *self._metric("last_run_exit_code", "0 where all is well.", {"": self.exit_code}),
            *self._metric("photos", "Photos of the last run.", statuses),
            *self._metric("failures", "Failed photos of the last run.", kinds),
        ]
        return "".join(f"{line}\n" for line in lines)

    def _metric(self, name: str, help: str, values: Mapping[str, float]) -> Iterator[str]:
        yield f"# HELP ffprep_{name} {help}"
        yield f"# TYPE ffprep_{name} gauge"
        output = printable_path(Path(self.output)).replace("\\", r"\\").replace('"', r"\"")
        for label, value in values.items():
            labels = f'output="{output}"' + (f",{label}" if label else "")
            yield f"ffprep_{name}{{{labels}}} {value}"


@dataclass(frozen=True, slots=True)
class Notifications:
    """Who is told when a run has ended.

    Raises UsageError for a metrics file that nobody would read, EnvironmentFault for a file that
    cannot be written: before the work, not after it.
    """

    summary_file: Path | None = None
    metrics_file: Path | None = None
    on_finish: str | None = None
    processes: Processes = field(default_factory=Processes)

    def __post_init__(self) -> None:
        if self.metrics_file and self.metrics_file.suffix != ".prom":
            raise UsageError(
                f"--metrics-file {printable_path(self.metrics_file)}: node_exporter reads only names that end in .prom"
            )
        for option, path in self._files():
            if os.path.lexists(path) and not os.path.isfile(path):
                raise EnvironmentFault(f"{option} {printable_path(path)}: is no regular file")
            require_no_picture(option, path)
            if not os.path.isdir(path.parent):
                raise EnvironmentFault(f"{option} {printable_path(path)}: there is no such folder")
            with told_as(option), temporary_beside(path.resolve()):
                pass

    def _files(self) -> Iterator[tuple[str, Path]]:
        files = {"--summary-file": self.summary_file, "--metrics-file": self.metrics_file}
        yield from ((option, path) for option, path in files.items() if path)

    def send(self, outcome: RunReport) -> Iterator[str]:
        """Tell them all; yield in sentences what went wrong with it."""
        summary = json.dumps(outcome.as_dict(), indent=2) + "\n"
        contents = {"--summary-file": summary, "--metrics-file": outcome.metrics()}
        for option, path in self._files():
            try:
                with told_as(option):
                    _write(path, contents[option])
            except EnvironmentFault as error:
                yield str(error)
        if self.on_finish:
            try:
                yield from self._run_command(self.on_finish, outcome, summary)
            except (OSError, ValueError) as error:
                yield f"--on-finish: {printable(str(error))}"

    def _run_command(self, command: str, outcome: RunReport, summary: str) -> Iterator[str]:
        patience = PATIENCE[outcome.tally.ended]
        with ExitStack() as stack:
            path = self.summary_file
            if path is None:
                path = stack.enter_context(temporary_folder()) / "summary.json"
                path.write_text(summary)
            # stdout is for --json; what it says there or on stderr is told when it has ended.
            argv = ["/bin/sh", "-c", f"exec >&2\n{command}"]
            with self.processes.start(argv, more=_variables(outcome, path)) as hook:
                status = hook.wait_at_most(patience)
        sys.stderr.write(hook.log)
        if status is None:
            yield f"--on-finish: took longer than {patience:g} s, and was ended: {printable(command)}"
        elif status:
            yield f"--on-finish: ended with {status}: {printable(command)}"


@contextmanager
def notifying(options: NotifyOptions, tally: RunSummary, signals: Signals) -> Iterator[None]:
    """Write the files and run the command of `options` when the block has ended.

    Do nothing if `options` names none of them. A signal ends the command too.
    """
    if options == NotifyOptions():
        yield
        return
    notices = Notifications(options.summary_file, options.metrics_file, options.on_finish)
    try:
        yield
    except BaseException as error:
        tally.break_off(error)
        outcome = RunReport(tally, exit_code_of(error), time.time())
        raise
    else:
        number = signals.number
        code = tally.exit_code if number is None else 128 + number
        outcome = RunReport(tally, code, time.time())
    finally:
        signals.while_running(notices.processes.stop)
        for trouble in notices.send(outcome):
            say(trouble)


def _variables(outcome: RunReport, summary: Path) -> dict[str, str]:
    """What --on-finish finds in its environment."""
    counts = outcome.tally.counts
    return {
        "FFPREP_SUMMARY": os.path.abspath(summary),
        "FFPREP_EXIT_CODE": str(int(outcome.exit_code)),
        "FFPREP_ENDED": outcome.tally.ended.value,
        "FFPREP_OUTPUT": outcome.output,
    } | {f"FFPREP_{status.name}": str(counts[status]) for status in Status}


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole, readable for those who watch; a link to it stays one."""
    with replacing(path.resolve()) as temporary:
        temporary.write_text(text, encoding="utf-8")
        temporary.chmod(0o644)
