"""One run: the plan's jobs that are not up to date, in chunks, through the workers into the ledger.

`open_run` locks the output folder and opens the ledger and the cluster. `Run` does the rest.
"""

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, cast

from ffprep.conversion.converter import Converter
from ffprep.core.job import Batch, FreshCount, Result
from ffprep.core.location import Location
from ffprep.core.policy import ThrottleOptions
from ffprep.ledger.freshness import Freshness, Triage
from ffprep.ledger.rows import FinishedJob, PendingJob
from ffprep.library.plan import Plan
from ffprep.library.request import Request
from ffprep.library.selection import MadeFiles
from ffprep.record import Record, replace
from ffprep.run.convert_options import ConvertOptions
from ffprep.run.task import ChunkTask, Thumbnails
from ffprep.storage.protocol import storage_of
from ffprep.system.files import FOLDER, is_url, real_folder, takes_files
from ffprep.system.messages import is_command_line
from ffprep.system.single import StopRules, run_single
from ffprep.system.tempfiles import sweep_folder, sweep_temp_dir

if TYPE_CHECKING:
    from ffprep.ledger.outputs import RecordedOutputs
    from ffprep.run.dask_executor import Cluster
    from ffprep.run.summary import RunSummary
    from ffprep.run.throttle import Throttle
    from ffprep.run.window import ChunkSize, Window
    from ffprep.system.pool import Immediate

_MAX_WAITING = 1 << 14  # jobs that wait for a worker at most, however many workers there are


class Run(Record, frozen=False):
    """One run. Without `freshness` (no ledger), it converts everything and records nothing.

    With `list_fresh`, jobs that are up to date are listed; else they are counted. `throttle` and
    `cluster` are None if there are none; then, threads also make `thumbnails` for a report.
    """

    options: ConvertOptions
    converter: Converter
    plan: Plan
    warn: Callable[[str], None]
    freshness: Freshness | None = None
    throttle: "Throttle | None" = None
    cluster: "Cluster | None" = None
    list_fresh: bool = False
    thumbnails: Thumbnails | None = None
    _chunk_size: "ChunkSize | None" = None

    @property
    def recorded(self) -> "RecordedOutputs | None":
        """The record of outputs, if they lie among photos."""
        made = self.plan.request.made
        return cast("RecordedOutputs | None", made.record) if made else None

    @property
    def out_of_time(self) -> bool:
        """Whether photos were not begun, or not finished, because of --max-time."""
        return self.throttle is not None and self.throttle.refused

    def results(
        self, list_fresh: bool = True, abandon: Callable[[], None] | None = None
    ) -> Generator[Result | FreshCount, None, None]:
        """Yield one Result per job as they come, then those of other files and pruned outputs.

        `abandon` is that of StopRules. Raises EnvironmentFault if no job can succeed.
        """
        self.list_fresh = list_fresh
        stopped = partial(getattr, self.converter.processes, "stopped")  # quick, for frequent polls
        stop = StopRules(self._must_stop if self.throttle else stopped, abandon)
        with closing(self._outcomes(stop)) as outcomes:
            for outcome in outcomes:
                if not isinstance(outcome, FinishedJob):
                    yield outcome
                    continue
                if self._chunk_size:
                    self._chunk_size.learn(outcome)
                result = self.freshness.record(outcome) if self.freshness else outcome.result
                if self.options.report:
                    result = replace(result, spec=outcome.pending.job.spec)
                if self.recorded:
                    self.recorded.take(result)
                yield result
        last = self.clean_up()
        if self.options.request.carry or self.options.manifest:
            from ffprep.run.data_set import with_data_set

            last = with_data_set(self, last)
        yield from last

    def _outcomes(
        self, stop: StopRules
    ) -> Generator[FinishedJob | Result | FreshCount, None, None]:
        """Convert all chunks, and yield what comes of them."""
        cluster = self.cluster
        # A command that converts one photo does so with the slot that make gave it.
        if is_command_line() and self.plan.total == 1 and not (cluster or self.throttle):
            for triage in self.triages():
                yield from triage.known
                yield from run_single(partial(self._convert, triage.pending), stop)
            return
        from ffprep.system.pool import run_chunks

        if cluster:
            cluster.set_task(self.task)
        workers = cluster or self.options.workers.jobs
        chunks, throttle = self._chunks(), self.throttle
        if throttle:
            chunks = takewhile(lambda _: throttle.admits(), chunks)
        with closing(run_chunks(chunks, self._convert, workers, stop=stop)) as outcomes:
            yield from outcomes

    @property
    def task(self) -> ChunkTask:
        """The work on the chunks of this run."""
        return ChunkTask(self.options.rerun if self.freshness else None, self.thumbnails)

    def _convert(self, chunk: list[PendingJob]) -> Iterator[FinishedJob]:
        """Convert a chunk in a thread of this process."""
        throttle = self.throttle
        with throttle.wait_turn(self._must_stop) if throttle else nullcontext(True) as admitted:
            if admitted:
                yield from self.task.results(chunk, self.converter)

    def _must_stop(self) -> bool:
        """Return whether the run is stopped; stop it when --max-time and its grace are over.

        A cluster without workers has nothing in work, so it gets no grace.
        """
        processes, throttle = self.converter.processes, self.throttle
        if throttle:
            idle = self.cluster is not None and self.cluster.empty
            if throttle.overdue() or (idle and not throttle.admits()):
                processes.stop()
        return self.stopped

    @property
    def stopped(self) -> bool:
        """Whether its processes are stopped."""
        return self.converter.processes.stopped

    def _chunks(self) -> Iterator["list[PendingJob] | Immediate[Result | FreshCount]"]:
        """Yield chunks as soon as there is enough for every worker; near the end, shorter ones."""
        from ffprep.system.pool import Immediate

        waiting = self._window()
        for triage in self.triages():
            if triage.known:
                yield Immediate(triage.known)
            waiting.add(triage.pending, triage.others_follow)
            while len(waiting) >= _MAX_WAITING or waiting.feeds(self._width):
                yield waiting.take(self._width)
        waiting.add(())
        while waiting:
            yield waiting.take(self._width)

    def _window(self) -> "Window":
        """Return an empty window. A cluster, and a run with --adopt, probe nothing ahead."""
        from ffprep.run.window import ChunkSize, Window  # not needed for a single photo

        self._chunk_size = ChunkSize()
        ahead = not self.cluster and not self.options.rerun.adopt and self.plan.total > 1
        return Window(self.converter.look_ahead if ahead else None, self._chunk_size)

    @property
    def _width(self) -> int:
        return self.cluster.width if self.cluster else self.options.workers.jobs

    def triages(self) -> Iterator[Triage]:
        """Classify the plan's batches, and sweep their output folders first."""
        swept: set[str] = set()
        reporting = self.options.reporting
        for item in self.plan.batches(reporting.json or reporting.verbose):
            if self.stopped:
                return
            if isinstance(item, Result):
                if self.freshness and item.failure:
                    item = self.freshness.record_early_failure(item)
                yield Triage(listed=[item])
                continue
            triage = (
                self.freshness.classify(item, self.list_fresh)
                if self.freshness
                else Triage(pending=list(map(PendingJob, item.jobs())))
            )
            triage.others_follow = item.rendition + 1 < len(self.plan.request.renditions)
            if self.recorded:
                triage.pending = self.recorded.refuse_others(triage.pending)
            folders = self._folders_to_sweep(item, triage)
            if folders and not self.options.reporting.dry_run:
                if self.recorded:
                    self.recorded.list_new(triage.pending)
                if not swept:
                    sweep_temp_dir()
                    # A run with --cluster has a temporary file in the output folder itself.
                    folders.add(os.fspath(self.options.request.output))
                for folder in folders - swept:
                    sweep_folder(folder)
                swept = folders
            yield triage

    def _folders_to_sweep(self, batch: Batch, triage: Triage) -> set[str]:
        """Return the output folders that may contain temporary files of a killed run."""
        folders = {os.path.dirname(pending.job.output) for pending in triage.pending}
        if self.freshness and self.freshness.ledger.after_kill:
            folders.add(batch.output_folder)
        return folders

    def clean_up(self, passed_over: Iterable[Location] = ()) -> Iterator[Result]:
        """Compare the ledger with what a complete run met, see CleanUp."""
        freshness = self.freshness
        if freshness is None or self.stopped or self.out_of_time:
            return
        if not self.options.rerun.prune and freshness.ledger.count() <= self.plan.total:
            return  # the ledger has only photos that this run met
        from ffprep.run.clean_up import CleanUp

        for result in CleanUp.of(self, freshness, passed_over).results():
            if self.recorded and not self.options.reporting.dry_run:
                self.recorded.take(result)
            yield result


@contextmanager
def open_run(
    options: ConvertOptions,
    converter: Converter,
    summary: "RunSummary",
    warn: Callable[[str], None],
) -> Iterator[Run]:
    """Open a Run: lock its output folder, connect to its cluster, open its ledger.

    What is known before the first photo is noted in `summary`.
    A ledger that cannot be written leads to a warning, and the run converts without it. Raises
    OutputLocked if another run has the folder, EnvironmentFault if the folder cannot be created, if
    a ledger named by --ledger cannot be used, or if the cluster cannot convert.
    """
    throttle = None
    if options.throttle != ThrottleOptions():
        from ffprep.run.throttle import Throttle, apply_niceness

        throttle = Throttle(options.throttle)
        for warning in apply_niceness(options.throttle):
            warn(warning)
    _require_no_photos(options)
    with ExitStack() as stack:
        writable = stack.enter_context(_locked_output(options, converter, warn))
        cluster = None
        if options.workers.cluster and not options.reporting.dry_run:
            from ffprep.run.dask_connect import connect_cluster

            stopped = partial(getattr, converter.processes, "stopped")
            cluster = stack.enter_context(connect_cluster(options, stopped, warn))
        # The workers' version, if one has come.
        summary.ffmpeg = (cluster.ffmpeg if cluster else "") or converter.binary.version
        freshness = None
        if writable:
            freshness = stack.enter_context(_opened_ledger(options, summary.ffmpeg, warn))
        plan = Plan.of(_with_records(options, converter, freshness))
        run = Run(options, converter, plan, warn, freshness, throttle, cluster)
        if run.recorded:
            from ffprep.run.recorded import require_apart

            require_apart(plan)
        summary.total = plan.total
        summary.pass_over(plan.passed_over)
        summary.cluster = cluster.info if cluster else {}
        yield run


def _require_no_photos(options: ConvertOptions) -> None:
    request, output = options.request, os.fspath(options.request.output)
    unknown = os.path.isdir(output) and not os.path.lexists(os.path.join(output, FOLDER))
    apart = request.single or options.rerun.adopt or request.keeps_apart
    if (unknown or is_url(output)) and not apart:
        from ffprep.run.recorded import require_no_photos

        require_no_photos(options)


def _with_records(
    options: ConvertOptions, converter: Converter, freshness: Freshness | None
) -> Request:
    """Return the request with what earlier runs made and read, and how they numbered photos."""
    request, numbering = options.request, None
    size_of, date_of = converter.transcoder.size_of, request.date_of
    if request.single:
        return replace(request, size_of=size_of)
    if request.numbered and options.rerun.ledger:
        from ffprep.run.recorded import numbering_of

        numbering = numbering_of(options)

    def read() -> "RecordedOutputs":
        from ffprep.run.recorded import recorded_outputs

        return recorded_outputs(options)

    made = MadeFiles(real_folder(os.fspath(request.output)), read)
    if freshness and request.named_by_headers:
        from ffprep.run.recorded import Headers

        headers = Headers(freshness.ledger, converter.transcoder)
        size_of, date_of = headers.size_of, headers.date_of
    return replace(request, made=made, numbering=numbering, size_of=size_of, date_of=date_of)


@contextmanager
def _locked_output(
    options: ConvertOptions, converter: Converter, warn: Callable[[str], None]
) -> Iterator[bool]:
    """Lock the output folder; a single output and a dry run need no lock.

    Yield False, after a warning, if nothing can be written to the folder itself: folders below it
    may be writable, and each photo reports its own error. Raises as `open_run` does.
    """
    request, processes = options.request, converter.processes
    with ExitStack() as stack:
        writable = True
        if request.single and not options.reporting.dry_run:
            if not takes_files(request.folder):
                from ffprep.run.recorded import require_writable

                require_writable(request.folder)
        elif not options.reporting.dry_run:
            try:
                lock = storage_of(options.request.output).lock(
                    request.output, options.rerun.wait, request.shard, lambda: processes.stopped
                )
                stack.enter_context(lock)
            except OSError as error:
                from ffprep.run.recorded import continue_without_lock

                writable = continue_without_lock(options, error, warn)
        yield writable


@contextmanager
def _opened_ledger(
    options: ConvertOptions, ffmpeg: str, warn: Callable[[str], None]
) -> Iterator[Freshness | None]:
    """Open the ledger and begin a run in it; yield None if there is none.

    Yield None, after a warning, also if the ledger lies in the output folder and the system does
    not let it be read or written. Every other error ends the run.
    """
    location, is_dry = options.rerun.ledger, options.reporting.dry_run is not None
    if not location:
        yield None
        return
    from ffprep.ledger.database import LedgerUnusable
    from ffprep.ledger.ledger import open_ledger

    with ExitStack() as stack:
        freshness = None
        try:
            if is_dry:
                from ffprep.ledger.remote import ledger_exists
            if not is_dry or ledger_exists(location):
                output, policy = options.request.output, options.policy
                ledger = stack.enter_context(open_ledger(location, warn, policy.fsync, is_dry))
                real = real_folder(os.fspath(output)).rstrip("/") or "/"
                same = ledger.begin(ffmpeg, policy.failure_terms, real)
                freshness = Freshness(ledger, output, policy, options.rerun, same)
        except (OSError, LedgerUnusable) as error:
            stack.close()
            from ffprep.run.recorded import continue_without_ledger

            continue_without_ledger(options, error, warn)
        yield freshness
