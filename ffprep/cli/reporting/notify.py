"""Notifications when a run has ended: --summary-file, --metrics-file, --on-finish.

Files are written to a temporary file and renamed, so that no reader sees half of one. A file that
cannot be written, or a command that fails, is reported, and does not change the exit code.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ffprep.cli.errors import exit_code_of
from ffprep.cli.reporting.text import printable_path, utc_timestamp
from ffprep.core.job import CaveatKind, Status
from ffprep.core.location import absolute
from ffprep.errors import EnvironmentFault, Kind, UsageError
from ffprep.library.walk import require_no_picture
from ffprep.record import Record
from ffprep.run.convert_options import NotifyOptions
from ffprep.run.summary import RunEnd, RunSummary
from ffprep.system.messages import printable, say
from ffprep.system.processes import Processes
from ffprep.system.shutdown import Signals
from ffprep.system.tempfiles import (
    errors_named_after,
    replace_file,
    temporary_beside,
    temporary_folder,
)
from ffprep.version import __version__

COMMAND_SECONDS = dict.fromkeys(RunEnd, 60.0) | {RunEnd.INTERRUPTED: 5.0}
"""Seconds that --on-finish may take; few after an interrupt, so that the program ends soon."""


class RunReport(Record):
    """A run that is over: its summary, its exit code, and when it ended, in seconds since 1970."""

    summary: RunSummary
    exit_code: int
    finished: float

    @property
    def output(self) -> str:
        """The path or URL of the output."""
        return str(absolute(self.summary.output or Path()))

    def as_dict(self) -> dict[str, Any]:
        """Return the content of --summary-file; see docs/operations/output-and-logs.md."""
        summary = self.summary
        return summary.summary() | {
            "output": self.output,
            "ended": summary.ended.value,
            "exit_code": self.exit_code,
            "error": summary.error or None,
            "total": summary.total,
            "unseen": summary.unseen,
            "warned": summary.warned,
            "started": utc_timestamp(summary.began),
            "finished": utc_timestamp(self.finished),
            "failures": {
                kind.value: count for kind, count in sorted(summary.kinds.items()) if count
            },
            "first_failures": [each.result.as_dict() for each in summary.failures.first],
            "version": __version__,
            "ffmpeg": summary.ffmpeg or None,
        }

    def json(self) -> str:
        """Return the text of --summary-file."""
        return json.dumps(self.as_dict(), indent=2) + "\n"

    def metrics(self) -> str:
        """Return the text of --metrics-file, in the text format of Prometheus.

        https://prometheus.io/docs/instrumenting/exposition_formats/ specifies the format and its
        escapes. Every status and kind has a value in every run, so that no series disappears.
        """
        summary = self.summary
        end, seconds = {"": self.finished}, {"": summary.summary()["seconds"]}
        code, new = {"": self.exit_code}, {"": summary.new}
        statuses = {f'status="{status}"': summary.counts[status] for status in Status}
        kinds = {f'kind="{kind}"': summary.kinds[kind] for kind in Kind}
        totals = {kind: each.total for kind, each in summary.warnings.items()}
        warned = {f'kind="{kind}"': totals.get(kind, 0) for kind in CaveatKind}
        lines = [
            *self._metric("last_run_timestamp_seconds", "Unix time when the last run ended.", end),
            *self._metric("last_run_duration_seconds", "Duration of the last run.", seconds),
            *self._metric("last_run_exit_code", "Exit code of the last run; 0 is success.", code),
            *self._metric("photos", "Photos of the last run.", statuses),
            *self._metric("failures", "Failed photos of the last run.", kinds),
            *self._metric("new_failures", "Photos whose failure in the last run was new.", new),
            *self._metric("warnings", "Converted photos with a warning.", warned),
        ]
        return "".join(f"{line}\n" for line in lines)

    def _metric(self, name: str, help: str, values: Mapping[str, float]) -> Iterator[str]:
        yield f"# HELP ffprep_{name} {help}"
        yield f"# TYPE ffprep_{name} gauge"
        output = printable_path(Path(self.output)).replace("\\", r"\\").replace('"', r"\"")
        for label, value in values.items():
            labels = f'output="{output}"' + (f",{label}" if label else "")
            yield f"ffprep_{name}{{{labels}}} {value}"


def send(options: NotifyOptions, report: RunReport, processes: Processes) -> Iterator[str]:
    """Write the files and run the command; yield what went wrong, in sentences."""
    if options.summary_file:
        yield from _write("--summary-file", options.summary_file, report.json())
    if options.metrics_file:
        yield from _write("--metrics-file", options.metrics_file, report.metrics())
    if options.on_finish:
        try:
            yield from _run_command(options.on_finish, options.summary_file, report, processes)
        except (OSError, ValueError, EnvironmentFault) as error:
            yield f"--on-finish: {printable(str(error))}"


def _run_command(
    command: str, path: Path | None, report: RunReport, processes: Processes
) -> Iterator[str]:
    """Run the command, with the summary at `path`, else in a temporary file."""
    seconds = COMMAND_SECONDS[report.summary.ended]
    with ExitStack() as stack:
        if path is None:
            path = stack.enter_context(temporary_folder()) / "summary.json"
            path.write_text(report.json())
        # stdout is for --json, so the command's own output goes to stderr, when it has ended.
        argv = ["/bin/sh", "-c", f"exec >&2\n{command}"]
        environment = os.environ | _variables(report, path)  # the command is the user's own
        with processes.start(argv, environment=environment) as process:
            status = process.wait_at_most(seconds)
    sys.stderr.write(process.log)
    if status is None:
        yield f"--on-finish: killed after {seconds:g} s: {printable(command)}"
    elif status:
        yield f"--on-finish: exit code {status}: {printable(command)}"


@contextmanager
def notifying(options: NotifyOptions, summary: RunSummary, signals: Signals) -> Iterator[None]:
    """Send the notifications of `options` when the block has ended, however it ends.

    A signal ends the command of --on-finish too. Raises UsageError for a metrics file that
    node_exporter would not read, EnvironmentFault for a file that cannot be written: before the
    run, not after it.
    """
    if options.metrics_file and options.metrics_file.suffix != ".prom":
        words = "node_exporter reads only names that end in .prom"
        raise UsageError(f"--metrics-file {printable_path(options.metrics_file)}: {words}")
    _require_writable("--summary-file", options.summary_file)
    _require_writable("--metrics-file", options.metrics_file)
    try:
        yield
    except BaseException as error:
        summary.break_off(error)
        report = RunReport(summary, exit_code_of(error), time.time())
        raise
    else:
        number = signals.number
        code = summary.exit_code if number is None else 128 + number
        report = RunReport(summary, code, time.time())
    finally:
        processes = Processes()
        signals.while_running(processes.stop)
        for problem in send(options, report, processes):
            say(problem)


def _require_writable(option: str, path: Path | None) -> None:
    """Raise EnvironmentFault if a file cannot be written, UsageError if it is a picture."""
    if path is None:
        return
    if os.path.lexists(path) and not os.path.isfile(path):
        raise EnvironmentFault(f"{option} {printable_path(path)}: not a regular file")
    require_no_picture(option, path)
    if not os.path.isdir(path.parent):
        raise EnvironmentFault(f"{option} {printable_path(path)}: its folder does not exist")
    with errors_named_after(option), temporary_beside(path.resolve()):
        pass


def _variables(report: RunReport, summary: Path) -> dict[str, str]:
    """Return the environment variables of --on-finish."""
    counts = report.summary.counts
    return {
        "FFPREP_SUMMARY": os.path.abspath(summary),
        "FFPREP_EXIT_CODE": str(int(report.exit_code)),
        "FFPREP_ENDED": report.summary.ended.value,
        "FFPREP_OUTPUT": report.output,
        "FFPREP_NEW_FAILURES": str(report.summary.new),
    } | {f"FFPREP_{status.name}": str(counts[status]) for status in Status}


def _write(option: str, path: Path, text: str) -> Iterator[str]:
    """Replace a file, readable for everybody, and not a link to it; yield what went wrong."""
    try:
        with errors_named_after(option), replace_file(path.resolve()) as temporary:
            temporary.write_text(text, encoding="utf-8")
            temporary.chmod(0o644)
    except EnvironmentFault as error:
        yield str(error)
