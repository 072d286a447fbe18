"""A run: a plan's jobs, minus the fresh ones, in chunks, through the workers into the ledger."""

import math
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from ffprep.conversion.converter import Converter
from ffprep.conversion.staging import RemoteConverter
from ffprep.core.job import Batch, FreshCount, Job, Result
from ffprep.core.location import Location, Remote, located
from ffprep.core.policy import ClusterOptions, Retry, ThrottleOptions
from ffprep.errors import EnvironmentFault, reason
from ffprep.ledger.database import LedgerUnusable
from ffprep.ledger.freshness import Freshness, Triage
from ffprep.ledger.ledger import Conditions, Ledger
from ffprep.ledger.prune import Pruning
from ffprep.ledger.rows import FinishedJob, PendingJob
from ffprep.library.plan import Plan
from ffprep.library.walk import is_folder
from ffprep.run.convert_options import ConvertOptions
from ffprep.run.throttle import Throttle, apply_niceness
from ffprep.run.work import Work
from ffprep.storage.lock import lock_output
from ffprep.system.files import real_folder
from ffprep.system.pool import Immediate, StopRules, run_chunks
from ffprep.system.tempfiles import sweep, sweep_links
from ffprep.version import __version__

if TYPE_CHECKING:
    from ffprep.run.dask_executor import Cluster

_SECONDS = 4.0
_LONGEST = 64
_AHEAD = 1 << 14
"""How many jobs wait for a worker at most, however many workers there are."""


@dataclass(slots=True)
class _Pace:
    """How many jobs make a chunk: what takes a few seconds, since each costs ffmpeg a start.

    Learnt from the photos as they are done, the newest counting most; less towards the end, so that
    the workers end together.
    """

    seconds: float = 0.2

    def learn(self, result: Result) -> None:
        """Take a photo's time into account."""
        self.seconds += (result.seconds - self.seconds) / 8

    def length(self, remaining: int, workers: int) -> int:
        """The length of the next chunk."""
        return max(1, min(self.longest, math.ceil(remaining / (2 * workers))))

    @property
    def longest(self) -> int:
        """The length of a chunk when there is no end in sight."""
        return max(1, min(_LONGEST, round(_SECONDS / max(self.seconds, 1e-3))))


@dataclass(slots=True)
class Run:
    """What it takes to carry out an ConvertOptions. Without `freshness`, everything is done, and nothing recorded."""

    options: ConvertOptions
    converter: Converter
    plan: Plan
    freshness: Freshness | None = None
    gate: Throttle = field(default_factory=lambda: Throttle(ThrottleOptions()))
    crew: "Cluster | None" = None
    _each: bool = False
    _pace: _Pace = field(default_factory=_Pace)

    @property
    def ffmpeg(self) -> str:
        """The version of what converts."""
        return _version(self.converter, self.crew)

    @property
    def work(self) -> Work:
        """What is done with a chunk."""
        return Work(self.options.rerun if self.freshness else None)

    def results(
        self, each: bool = True, abandon: Callable[[], None] | None = None
    ) -> Generator[Result | FreshCount, None, None]:
        """One Result a job, as they come; of fresh ones only how many, unless `each` is wanted.

        Last come the outputs that are pruned. `abandon` is what `run_chunks` makes of it. Raises
        EnvironmentFault when no job can succeed.
        """
        self._each = each
        chunks = takewhile(lambda _: self.gate.admits(), self._chunks())
        work = self.crew.duty(self.work) if self.crew else self._work
        with closing(
            run_chunks(
                chunks,
                work,
                self.crew or self.options.workers.jobs,
                stop=StopRules(self._ends_now, abandon),
            )
        ) as outcomes:
            for outcome in outcomes:
                if isinstance(outcome, FinishedJob):
                    self._pace.learn(outcome.result)
                    if self.freshness:
                        self.freshness.record(outcome)
                    yield outcome.result
                else:
                    yield outcome
        if self.freshness and not self._stopped and not self.gate.refused:
            yield from self._tidied(self.freshness)

    def rehearsed(self) -> Iterator[Job | Result | FreshCount]:
        """What `results` would do, undone: the Jobs that would be converted, the Results without work."""
        for sorted_out in self._sorted():
            yield FreshCount(sorted_out.count)
            yield from sorted_out.failed
            for pending in sorted_out.pending:
                done = self.work.settled(pending, self.converter)
                yield done.result if done else pending.job
        if self.freshness:
            yield from self._tidied(self.freshness)

    def _tidied(self, freshness: Freshness) -> Iterator[Result]:
        """When all was looked at, what is no longer there is forgotten; outputs of it are removed, if asked for."""
        options, folders = self.options, self._folders()
        if options.rerun.prune:
            yield from Pruning(freshness, folders, lambda: self._stopped).results(
                not options.dry_run
            )
        if options.rerun.retry is not Retry.ONLY and not options.dry_run and not self._stopped:
            # What was not selected was not met either, and is not gone for that.
            every = options.request.selection.all
            freshness.forget_failures(
                folders if every else (), options.request.sources if every else ()
            )

    def _folders(self) -> tuple[str, ...]:
        """The SOURCEs that are folders, and hold a photo: one without is not mounted, maybe."""
        request = self.options.request
        folders = filter(is_folder, request.sources)
        return tuple(
            real_folder(os.fspath(located(folder)))
            for folder in folders
            if request.has_photo(folder)
        )

    def end(self, outcome: str, counts: dict[str, Any]) -> None:
        """Have the ledger say how it ended."""
        if self.freshness:
            self.freshness.ledger.end(outcome, counts)

    def _chunks(self) -> Iterator[list[PendingJob] | Immediate[Result | FreshCount]]:
        """Chunks, as soon as there is enough for every worker: towards the end they get shorter."""
        waiting: list[PendingJob] = []
        for item in self._sorted():
            if item.known:
                yield Immediate(item.known)
            waiting += item.pending
            while len(waiting) >= min(2 * self._width * self._pace.longest, _AHEAD):
                yield _cut(waiting, self._pace.longest)
        while waiting:
            yield _cut(waiting, self._pace.length(len(waiting), self._width))

    @property
    def _width(self) -> int:
        return self.crew.width if self.crew else self.options.workers.jobs

    def _sorted(self) -> Iterator[Triage]:
        """The plan's batches, sorted out; where there is work to do, what a killed run left is swept."""
        swept: set[str] = set()
        for item in self.plan.batches():
            if self._stopped:
                return
            if isinstance(item, Result):
                if self.freshness:
                    self.freshness.note(item)
                yield Triage(failed=[item])
                continue
            found = self._sort(item)
            folders = {os.path.dirname(pending.job.output) for pending in found.pending}
            if not self.options.dry_run:
                if folders and not swept:
                    sweep_links()
                    folders.add(
                        os.fspath(self.options.request.output)
                    )  # where --cluster has a mark
                for folder in folders - swept:
                    sweep(folder)
                swept = folders or swept
            yield found

    def _sort(self, batch: Batch) -> Triage:
        if self.freshness:
            return self.freshness.sort_out(batch, self._each)
        return Triage(pending=[PendingJob.unknown(job) for job in batch.jobs()])

    def _work(self, chunk: list[PendingJob]) -> Iterator[FinishedJob]:
        with self.gate.passed(self._ends_now) as open:
            yield from self.work.done(chunk, self.converter) if open else ()

    @property
    def staging(self) -> RemoteConverter:
        """The converter, for photos that are elsewhere too."""
        return RemoteConverter(self.converter)

    def _ends_now(self) -> bool:
        """Whether what is in hand is to be left; so it is when --max-time, and its grace, are over.

        What nobody has in hand needs no grace.
        """
        if self.gate.overdue() or (self.crew and self.crew.deserted and not self.gate.admits()):
            self.converter.processes.stop()
        return self._stopped

    @property
    def _stopped(self) -> bool:
        return self.converter.processes.stopped


@contextmanager
def prepared(
    options: ConvertOptions, converter: Converter, warn: Callable[[str], None]
) -> Iterator[Run]:
    """A Run, with its output folder held and its ledger open.

    Where the system does not let it be held or remembered, that is told, and the outputs are tried.
    Raises OutputLocked while another run has the folder, EnvironmentFault for a ledger that is of no use.
    """
    request, gate = options.request, Throttle(options.throttle)
    for warning in apply_niceness(options.throttle):
        warn(warning)
    with ExitStack() as stack:
        crew = freshness = None
        try:
            if not request.single and not options.dry_run:
                processes = converter.processes
                stack.enter_context(
                    lock_output(
                        request.output, options.rerun.wait, request.shard, lambda: processes.stopped
                    )
                )
            if options.workers.cluster and not options.dry_run:
                crew = stack.enter_context(
                    _joined(options, options.workers.cluster, converter, warn)
                )
            if options.ledger and (not options.dry_run or _is_there(options.ledger)):
                ffmpeg = _version(converter, crew)
                freshness = stack.enter_context(_remembered(options, options.ledger, ffmpeg, warn))
        except (OSError, LedgerUnusable) as error:
            if not options.dry_run and not os.path.isdir(request.output):
                words = f"the folder {request.output} cannot be made: {reason(error)}"
                raise EnvironmentFault(words) from None
            if options.ledger and request.output not in options.ledger.parents:
                raise  # it was asked for; else the outputs themselves will tell what is wrong
            words = f"nothing can be remembered in {request.output}: {reason(error)}"
            if options.rerun.retry is Retry.ONLY:  # else all would be tried, and not what failed
                raise EnvironmentFault(f"{words}; --retry-failed goes by the ledger") from None
            warn(words)
        yield Run(options, converter, Plan.of(request), freshness, gate, crew)


def _version(converter: Converter, crew: "Cluster | None") -> str:
    """Of the ffmpeg that converts: the workers', where one has come."""
    return (crew.ffmpeg if crew else "") or converter.binary.version


def _joined(
    options: ConvertOptions,
    venue: ClusterOptions,
    converter: Converter,
    warn: Callable[[str], None],
) -> AbstractContextManager["Cluster"]:
    from ffprep.run.dask_connect import joined  # of what it needs, little comes with ffprep itself

    processes = converter.processes
    return joined(
        venue,
        options.request,
        options.policy,
        options.workers.ffmpeg,
        lambda: processes.stopped,
        warn,
    )


@contextmanager
def _remembered(
    options: ConvertOptions, path: Location, ffmpeg: str, warn: Callable[[str], None]
) -> Iterator[Freshness]:
    output, policy = options.request.output, options.policy
    terms = warn, policy.fsync, options.dry_run
    with _opened(path, *terms) as ledger:
        real = real_folder(os.fspath(output)).rstrip("/") or "/"
        alike = ledger.begin(Conditions(__version__, ffmpeg, policy.terms, real))
        yield Freshness(ledger, output, policy, options.rerun, alike)


def _is_there(ledger: Location) -> bool:
    if not isinstance(ledger, Remote):
        return ledger.exists()
    from ffprep.ledger.remote import is_there

    return is_there(ledger)


def _opened(path: Location, warn: Callable[[str], None], fsync: bool, read_only: bool) -> Ledger:
    if not isinstance(path, Remote):
        return Ledger(path, warn, fsync, read_only)
    from ffprep.ledger.remote import RemoteLedger

    return RemoteLedger(path, warn, fsync, read_only)


def _cut(waiting: list[PendingJob], length: int) -> list[PendingJob]:
    """Take so many jobs off what is waiting."""
    chunk = waiting[:length]
    del waiting[:length]
    return chunk
