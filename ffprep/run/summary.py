"""The summary of a run: counts, failures and warnings to name, how it ended, its exit code."""

import os
import time
from bisect import insort
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ffprep.core.job import CaveatKind, Failure, FreshCount, PassedOver, Result, Status
from ffprep.core.location import Location
from ffprep.errors import ExitCode, FfprepError, Interrupted, Kind
from ffprep.record import Record, field, replace
from ffprep.system.messages import Paint, plain

if TYPE_CHECKING:
    from ffprep.run.runner import Run

NAMED, NAMED_WARNINGS = 10, 3
"""How many failures, and how many warnings of each kind, are named at the end of a run."""


_SKIPPED = {
    PassedOver.OTHER: "not pictures",
    PassedOver.FILM: "films",
    PassedOver.RAW: "raws beside a picture of the same name",
    PassedOver.LINK: "links; see --follow-links",
    PassedOver.FILTERED: "by --only, --min-size or --min-mpx",
}


class RunEnd(StrEnum):
    """How a run ended: DONE, by a signal, by an error that concerns all photos, by --max-time."""

    DONE = "done"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    TIME = "time"


class Mention(Record):
    """What is said at the end of a run about a photo, and about how many of its pictures."""

    result: Result
    words: str
    pictures: int = 1


class Mentions(Record, frozen=False):
    """The `first` of all mentions, `most` of them, by name: they come in another order in each run.

    `total` counts all pictures. Pictures of a photo of which the same is said are one Mention.
    """

    most: int
    total: int = 0
    first: list[Mention] = field(default_factory=list)

    def add(self, result: Result, words: str) -> None:
        """Count a picture of which this is said."""
        self.total += 1
        for index, each in enumerate(self.first):
            if each.words == words and each.result.source == result.source:
                self.first[index] = replace(each, pictures=each.pictures + 1)
                return
        insort(self.first, Mention(result, words), key=lambda each: os.fspath(each.result.source))
        del self.first[self.most :]

    @property
    def more(self) -> int:
        """How many pictures are not among the first."""
        return self.total - sum(each.pictures for each in self.first)


class RunSummary(Record, frozen=False):
    """The output, the counts and the first failures of a run, and how it ended.

    `total` is the number of photos, if it is known; `error` is what ended the run. `limits` counts
    failures by the limit that this process has inherited, "" for others. `new` counts failures that
    are not known, and `reported` those that decide the exit code and are named: with `only_new`,
    the new ones, else all. `warned` counts pictures with a warning, `warnings` are those of each
    kind. `passed_over` counts files that are not converted, by the reason. `began` is in seconds
    since 1970, `started` on the monotonic clock. `cluster` describes the workers, if the run has
    some.
    """

    output: Location | None = None
    total: int | None = None
    ffmpeg: str = ""
    cluster: Mapping[str, Any] = field(default_factory=dict)
    counts: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    kinds: Counter[Kind] = field(default_factory=Counter)
    limits: Counter[str] = field(default_factory=Counter)
    only_new: bool = False
    new: int = 0
    reported: Counter[Kind] = field(default_factory=Counter)
    failures: Mentions = field(default_factory=lambda: Mentions(NAMED))
    warned: int = 0
    warnings: dict[CaveatKind, Mentions] = field(default_factory=dict)
    passed_over: Counter[PassedOver] = field(default_factory=Counter)
    ended: RunEnd = RunEnd.DONE
    error: str = ""
    last: tuple[Location, Failure | None] | None = None
    """The photo and the failure that `is_news` was asked about."""
    began: float = field(default_factory=time.time)
    started: float = field(default_factory=time.monotonic)

    @property
    def exit_code(self) -> int:
        """BUG after a bug, else SOME_FAILED if a photo failed or --max-time ended the run.

        Only the failures that are `reported` count.
        """
        if self.reported[Kind.INTERNAL]:
            return ExitCode.BUG
        incomplete = self.reported.total() or self.ended is RunEnd.TIME
        return ExitCode.SOME_FAILED if incomplete else ExitCode.OK

    @property
    def complete(self) -> bool:
        """Whether no photo failed, and the run came to its end."""
        return not self.counts[Status.FAILED] and self.ended is RunEnd.DONE

    def reports(self, failure: Failure) -> bool:
        """Return whether a failure is named, and decides the exit code."""
        return not (self.only_new and failure.known)

    def is_news(self, result: Result) -> bool:
        """Return whether a failure is reported, and not that of the photo's last picture."""
        last, self.last = self.last, (result.source, result.failure)
        is_other = last != self.last
        return result.failure is not None and is_other and self.reports(result.failure)

    def require_some(self) -> None:
        """Raise EnvironmentFault if every photo met a limit that this process has inherited."""
        done = self.counts[Status.CONVERTED] + self.counts[Status.FRESH]
        if self.limits and not self.limits[""] and not done:
            from ffprep.system.limits import too_low

            raise too_low(" and ".join(sorted(filter(None, self.limits))))

    @property
    def unseen(self) -> int | None:
        """How many photos were not processed; None if that is not known."""
        if self.total is None:
            return None
        finished = (Status.CONVERTED, Status.FRESH, Status.FAILED)
        met = sum(map(self.counts.__getitem__, finished))
        return self.total - met - self.passed_over[PassedOver.FILTERED]

    def pass_over(self, files: Counter[PassedOver]) -> None:
        """Count files that are passed over, by the reason."""
        self.passed_over.update(files)
        self.counts[Status.PASSED_OVER] += files.total()

    def count(self, result: Result | FreshCount) -> None:
        """Count one Result, or several photos that are up to date.

        Files that are not photos were counted before.
        """
        if isinstance(result, FreshCount):
            self.counts[Status.FRESH] += result.count
            self.pass_over(Counter({PassedOver.FILTERED: result.filtered}))
            return
        if result.passed_over:
            if result.passed_over is PassedOver.FILTERED:
                self.pass_over(Counter([PassedOver.FILTERED]))
            return
        self.counts[result.status] += 1
        if result.failure:
            self.kinds[result.failure.kind] += 1
            self.limits[result.failure.limit] += 1
            self.new += not result.failure.known
            if self.reports(result.failure):
                self.reported[result.failure.kind] += 1
                self.failures.add(result, result.failure.message)
        elif result.status is Status.CONVERTED:  # old warnings were reported before
            kinds = result.warning_kinds
            self.warned += bool(kinds)
            for kind, words in zip(kinds, result.warnings, strict=True):
                self.warnings.setdefault(kind, Mentions(NAMED_WARNINGS)).add(result, words)

    def break_off(self, error: BaseException) -> None:
        """Note the error that ends the run."""
        asked = isinstance(error, Interrupted | KeyboardInterrupt | GeneratorExit)
        self.ended = RunEnd.INTERRUPTED if asked else RunEnd.STOPPED
        expected = isinstance(error, FfprepError | OSError)
        self.error = str(error) if expected else repr(error)

    def summary(self) -> dict[str, Any]:
        """Return the content of the last JSON line."""
        counts = {status.value: count for status, count in self.counts.items()}
        seconds = round(time.monotonic() - self.started, 3)
        kinds = {kind.value: self.passed_over[kind] for kind in PassedOver}
        warned = {kind.value: self.warnings[kind].total for kind in sorted(self.warnings)}
        new = {"new_failures": self.new}
        rest = {"passed_over_by_kind": kinds, "warned_by_kind": warned, "seconds": seconds}
        return counts | new | rest | ({"cluster": dict(self.cluster)} if self.cluster else {})

    def sentence(self, paint: Paint = plain) -> str:
        """Return the same as text, after the reason if the run is not done."""
        summary, converted = self.summary(), f"{self.counts[Status.CONVERTED]} converted"
        new = f" ({self.new} new)" if self.new < self.counts[Status.FAILED] else ""
        parts = [paint(converted, "green") if self.counts[Status.CONVERTED] else converted]
        parts += [
            paint(f"{summary[word]} {word}{new if word == 'failed' else ''}", colour)
            for word, colour in (("fresh", ""), ("failed", "red"), ("pruned", ""))
            if summary[word]
        ]
        parts += [
            f"{count} skipped ({_SKIPPED[kind]})"
            for kind in PassedOver
            if (count := self.passed_over[kind])
        ]
        return f"{self._ending()}{', '.join(parts)} in {summary['seconds']:.1f} s"

    def _ending(self) -> str:
        if self.ended is RunEnd.DONE:
            return ""
        if self.ended is not RunEnd.TIME:
            return f"{self.ended}; "
        unseen = "some" if self.unseen is None else self.unseen
        return f"stopped after --max-time; {unseen} not processed yet; "


@contextmanager
def ending(run: "Run", summary: RunSummary) -> Iterator[None]:
    """Kill all processes at the end of the block; record the end in `summary` and the ledger."""
    try:
        yield
    except BaseException as error:
        summary.break_off(error)
        raise
    finally:
        run.converter.processes.stop()
        if run.freshness:
            run.freshness.ledger.end(summary.ended.value, summary.summary())
        if run.recorded:
            run.recorded.close()


def counted_results(
    run: "Run",
    summary: RunSummary,
    interrupted: Callable[[], bool],
    *,
    each: bool = True,
    abandon: Callable[[], None] | None = None,
) -> Generator[Result | FreshCount, None, None]:
    """Yield the results of a run, counted in `summary`; after the last one, note how the run ended.

    `each` and `abandon` are those of `Run.results`. `interrupted` says whether the run was stopped
    from outside, by a signal or by another thread. Raises as `RunSummary.require_some` does.
    """
    with closing(run.results(each, abandon)) as results:
        for result in results:
            summary.count(result)
            yield result
    if interrupted():
        summary.ended = RunEnd.INTERRUPTED
    elif run.out_of_time and summary.unseen != 0:
        summary.ended = RunEnd.TIME
    else:
        summary.require_some()
