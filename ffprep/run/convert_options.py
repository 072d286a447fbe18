"""The options of a run, parsed: one frozen ConvertOptions, made of a few frozen parts."""

from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.core.policy import ClusterOptions, DryRun, Policy, RerunOptions, ThrottleOptions
from ffprep.library.request import Request
from ffprep.record import Record, field

if TYPE_CHECKING:
    from ffprep.run.depfile import Depfile


class WorkerOptions(Record):
    """Who converts: `jobs` threads with one `ffmpeg`, or the workers of a Dask cluster.

    `ffmpeg` is the path of the program; None stands for FFPREP_FFMPEG or the embedded one.
    """

    jobs: int = 1
    cluster: ClusterOptions | None = None
    ffmpeg: str | None = None


class ReportOptions(Record):
    """What a run prints and logs. A `dry_run` prints what a run would do, and does nothing.

    `status_command` is the command that shows what the ledger has; "" if there is none. If
    `to_stdout`, the only picture is written to stdout. With `only_new_failures`, failures that are
    known are only counted.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    log_file: Path | None = None
    log_format: str = "text"
    status_command: str = ""
    dry_run: DryRun | None = None
    to_stdout: bool = False
    only_new_failures: bool = False


class NotifyOptions(Record):
    """What a run writes and executes at its end: two files for monitors, and a shell command."""

    summary_file: Path | None = None
    metrics_file: Path | None = None
    on_finish: str | None = None


class ReportFile(Record):
    """The HTML file that shows what a run made. It says which `options` and `config` were given."""

    path: Path
    options: tuple[tuple[str, str], ...] = ()
    config: Path | None = None


class ConvertOptions(Record):
    """All options of `convert`.

    `request` is what to convert, and to what; `policy` the limits of one photo; `rerun` what is
    converted again; `throttle` what is left to other programs; `workers` who converts; `reporting`
    what is printed and logged; `notify` what happens at the end; `depfile` the file for make;
    `report` the file that shows all; `manifest` the file that lists all outputs.
    """

    request: Request
    policy: Policy = field(default_factory=Policy)
    rerun: RerunOptions = field(default_factory=RerunOptions)
    throttle: ThrottleOptions = field(default_factory=ThrottleOptions)
    workers: WorkerOptions = field(default_factory=WorkerOptions)
    reporting: ReportOptions = field(default_factory=ReportOptions)
    notify: NotifyOptions | None = None
    depfile: "Depfile | None" = None
    report: ReportFile | None = None
    manifest: Path | None = None
