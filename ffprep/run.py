"""A run: a plan's jobs, minus the fresh ones, in chunks, through the workers into the ledger."""

import math
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from ffprep import __version__
from ffprep.converter import Converter
from ffprep.database import Unusable
from ffprep.depfile import Depfile
from ffprep.errors import EnvironmentFault, reason
from ffprep.files import real_folder
from ffprep.freshness import Freshness, Sorted
from ffprep.holding import held
from ffprep.job import Batch, Errand, Fresh, Manners, Policy, Renewal, Result, Retry
from ffprep.ledger import Conditions, Ledger
from ffprep.library import Plan, Request
from ffprep.locations import Location, Remote, located
from ffprep.polite import Gate, behave
from ffprep.pruning import Pruning
from ffprep.records import NO_HASHES, Done, Pending
from ffprep.staging import Staging
from ffprep.temporaries import sweep, sweep_links
from ffprep.walking import is_folder
from ffprep.workers import spread

_SECONDS = 4.0
_LONGEST = 64
_MANY = 4096


@dataclass(frozen=True, slots=True)
class Order:
    """All that the options of `convert` say: what is to be made, under which Policy, what is done again.

    `ledger` is None where there is none. `wait` is in seconds.
    """

    request: Request
    policy: Policy = field(default_factory=Policy)
    renewal: Renewal = field(default_factory=Renewal)
    ledger: Location | None = None
    jobs: int = 1
    ffmpeg: str | None = None
    wait: float = 0.0
    prune: bool = False
    depfile: Depfile | None = None
    dry_run: bool = False
    manners: Manners = field(default_factory=Manners)


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
class _Chunk:
    """What a worker takes: what is known already, and what is to be done."""

    fresh: int
    known: list[Result]
    pending: list[Pending]


@dataclass(slots=True)
class Run:
    """What it takes to carry out an Order. Without `freshness`, everything is done, and nothing recorded."""

    order: Order
    converter: Converter
    plan: Plan
    freshness: Freshness | None = None
    gate: Gate = field(default_factory=lambda: Gate(Manners()))
    _each: bool = False
    _pace: _Pace = field(default_factory=_Pace)

    def results(
        self, each: bool = True, abandon: Callable[[], None] | None = None
    ) -> Generator[Result | Fresh, None, None]:
        """One Result a job, as they come; of fresh ones only how many, unless `each` is wanted.

        Last come the outputs that are pruned. `abandon` is what `spread` makes of it. Raises
        EnvironmentFault when no job can succeed.
        """
        self._each = each
        chunks = takewhile(lambda _: self.gate.admits(), self._chunks())
        workers = self.order.jobs
        with closing(
            spread(chunks, self._work, workers, stopped=self._ends_now, abandon=abandon)
        ) as outcomes:
            for outcome in outcomes:
                if isinstance(outcome, Done):
                    self._pace.learn(outcome.result)
                    if self.freshness:
                        self.freshness.record(outcome)
                    yield outcome.result
                else:
                    yield outcome
        if self.freshness and not self._stopped and not self.gate.refused:
            yield from self._tidied(self.freshness)

    def rehearsed(self) -> Iterator[Errand | Result | Fresh]:
        """What `results` would do, undone: the Errands that would be converted, the Results without work."""
        for sorted_out in self._sorted():
            yield Fresh(sorted_out.count)
            yield from sorted_out.failed
            for pending in sorted_out.pending:
                done = self.freshness and self.freshness.settle(pending, self.staging.prove)
                yield done.result if done else pending.job
        if self.freshness:
            yield from self._tidied(self.freshness)

    def _tidied(self, freshness: Freshness) -> Iterator[Result]:
        """When all was looked at, what is no longer there is forgotten; outputs of it are removed, if asked for."""
        order, folders = self.order, self._folders()
        if order.prune:
            yield from Pruning(freshness, folders, lambda: self._stopped).results(not order.dry_run)
        if order.renewal.retry is not Retry.ONLY and not order.dry_run and not self._stopped:
            # What was not selected was not met either, and is not gone for that.
            every = order.request.selection.all
            freshness.forget_failures(
                folders if every else (), order.request.sources if every else ()
            )

    def _folders(self) -> tuple[str, ...]:
        """The SOURCEs that are folders, and hold a photo: one without is not mounted, maybe."""
        request = self.order.request
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

    def _chunks(self) -> Iterator[_Chunk]:
        """Chunks, as soon as there is enough for every worker: towards the end they get shorter."""
        waiting = _Chunk(0, [], [])
        for item in self._sorted():
            waiting.fresh += item.count
            waiting.known += item.fresh + item.failed
            waiting.pending += item.pending
            while len(waiting.pending) >= 2 * self.order.jobs * self._pace.longest:
                yield _cut(waiting, self._pace.longest)
            if max(waiting.fresh, len(waiting.known)) >= _MANY:
                yield _cut(waiting, 0)
        while waiting.pending:
            yield _cut(waiting, self._pace.length(len(waiting.pending), self.order.jobs))
        if waiting.fresh or waiting.known:
            yield waiting

    def _sorted(self) -> Iterator[Sorted]:
        """The plan's batches, sorted out; where there is work to do, what a killed run left is swept."""
        swept: set[str] = set()
        for item in self.plan.batches():
            if self._stopped:
                return
            if isinstance(item, Result):
                if self.freshness:
                    self.freshness.note(item)
                yield Sorted(failed=[item])
                continue
            found = self._sort(item)
            folders = {os.path.dirname(pending.job.output) for pending in found.pending}
            if not self.order.dry_run:
                if folders and not swept:
                    sweep_links()
                for folder in folders - swept:
                    sweep(folder)
                swept = folders or swept
            yield found

    def _sort(self, batch: Batch) -> Sorted:
        if self.freshness:
            return self.freshness.sort_out(batch, self._each)
        return Sorted(pending=[Pending.unknown(job) for job in batch.jobs()])

    def _work(self, chunk: _Chunk) -> Iterator[Done | Result | Fresh]:
        if chunk.fresh:
            yield Fresh(chunk.fresh)
        yield from chunk.known
        if chunk.pending:
            with self.gate.passed(self._ends_now) as open:
                yield from self._convert(chunk.pending) if open else ()

    def _convert(self, todo: list[Pending]) -> Iterator[Done]:
        left: dict[Location, Pending] = {}
        for pending in todo:
            done = self.freshness and self.freshness.settle(pending, self.staging.prove)
            if done:
                yield done
            else:
                left[pending.job.output] = pending
        for result in self.staging.convert(pending.job for pending in left.values()):
            assert result.output
            pending = left[result.output]
            yield Done(
                result, pending, self.freshness.hashes(pending) if self.freshness else NO_HASHES
            )

    @property
    def staging(self) -> Staging:
        """The converter, for photos that are elsewhere too."""
        return Staging(self.converter)

    def _ends_now(self) -> bool:
        """Whether what is in hand is to be left; so it is when --max-time, and its grace, are over."""
        if self.gate.overdue():
            self.converter.processes.stop()
        return self._stopped

    @property
    def _stopped(self) -> bool:
        return self.converter.processes.stopped


@contextmanager
def prepared(order: Order, converter: Converter, warn: Callable[[str], None]) -> Iterator[Run]:
    """A Run, with its output folder held and its ledger open.

    Where the system does not let it be held or remembered, that is told, and the outputs are tried.
    Raises Held while another run has the folder, EnvironmentFault for a ledger that is of no use.
    """
    request, gate = order.request, Gate(order.manners)
    for warning in behave(order.manners):
        warn(warning)
    with ExitStack() as stack:
        freshness = None
        try:
            if not request.single and not order.dry_run:
                stack.enter_context(
                    held(request.output, order.wait, lambda: converter.processes.stopped)
                )
            if order.ledger and (not order.dry_run or _is_there(order.ledger)):
                freshness = stack.enter_context(_remembered(order, order.ledger, converter, warn))
        except (OSError, Unusable) as error:
            if not order.dry_run and not os.path.isdir(request.output):
                words = f"the folder {request.output} cannot be made: {reason(error)}"
                raise EnvironmentFault(words) from None
            if order.ledger and request.output not in order.ledger.parents:
                raise  # it was asked for; else the outputs themselves will tell what is wrong
            words = f"nothing can be remembered in {request.output}: {reason(error)}"
            if order.renewal.retry is Retry.ONLY:  # else all would be tried, and not what failed
                raise EnvironmentFault(f"{words}; --retry-failed goes by the ledger") from None
            warn(words)
        yield Run(order, converter, Plan.of(request), freshness, gate)


@contextmanager
def _remembered(
    order: Order, path: Location, converter: Converter, warn: Callable[[str], None]
) -> Iterator[Freshness]:
    output, policy = order.request.output, order.policy
    terms = warn, policy.fsync, order.dry_run
    with _opened(path, *terms) as ledger:
        real, ffmpeg = real_folder(os.fspath(output)).rstrip("/") or "/", converter.binary.version
        alike = ledger.begin(Conditions(__version__, ffmpeg, policy.terms, real))
        yield Freshness(ledger, output, policy, order.renewal, alike)


def _is_there(ledger: Location) -> bool:
    if not isinstance(ledger, Remote):
        return ledger.exists()
    from ffprep.keeping import is_there

    return is_there(ledger)


def _opened(path: Location, warn: Callable[[str], None], fsync: bool, read_only: bool) -> Ledger:
    if not isinstance(path, Remote):
        return Ledger(path, warn, fsync, read_only)
    from ffprep.keeping import KeptLedger

    return KeptLedger(path, warn, fsync, read_only)


def _cut(waiting: _Chunk, length: int) -> _Chunk:
    """Take what is known, and so many jobs, off what is waiting."""
    chunk = _Chunk(waiting.fresh, waiting.known, waiting.pending[:length])
    waiting.fresh, waiting.known, waiting.pending = 0, [], waiting.pending[length:]
    return chunk
