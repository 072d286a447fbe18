"""The jobs that wait for a worker, and the chunks they are cut into.

The photos of a chunk should share streams, which are one ffmpeg each: they have the same
orientation and the same profile, for example. In the order of their names, a chunk would have a few
photos of each kind, so some hundred photos are probed ahead, and sorted.
"""

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable

from ffprep.conversion.converter import StreamKey
from ffprep.core.job import LocalJob, Result
from ffprep.ledger.rows import PendingJob
from ffprep.record import Record

_CHUNK_SECONDS, _SHORTEST_SECONDS = 4.0, 0.25
_MAX_CHUNK = 64
_MOST_AHEAD = 512

# If a probe takes longer, as on a slow network share, the workers probe, side by side.
_SLOW_SECONDS, _ENOUGH_PROBES = 0.03, 32


class ChunkSize(Record, frozen=False):
    """How many jobs make a chunk: a few seconds of work, because each chunk starts ffmpeg anew.

    `seconds` is the time of one photo, averaged over the newest ones.
    """

    seconds: float = 0.2

    def learn(self, result: Result) -> None:
        """Take a photo's time into account."""
        self.seconds += (result.seconds - self.seconds) / 8

    def next(self, remaining: int, workers: int) -> int:
        """Return the next chunk's length; it shrinks near the end, so that workers end together.

        It does not shrink below the work of a few starts of ffmpeg.
        """
        length = min(self.longest, math.ceil(remaining / (2 * workers)))
        return max(1, length, round(_SHORTEST_SECONDS / max(self.seconds, 1e-3)))

    @property
    def longest(self) -> int:
        """The length of a chunk while many jobs remain."""
        return max(1, min(_MAX_CHUNK, round(_CHUNK_SECONDS / max(self.seconds, 1e-3))))


class Window:
    """Jobs that wait. The first ones are probed by `look_ahead`, if it is given."""

    def __init__(
        self, look_ahead: Callable[[LocalJob], tuple[StreamKey | None, int]] | None
    ) -> None:
        self._look_ahead = look_ahead
        self._jobs = deque[PendingJob]()
        self._kinds: defaultdict[StreamKey | str, list[tuple[int, PendingJob]]] = defaultdict(list)
        self._ahead, self._probes, self._seconds = 0, 0, 0.0

    def __len__(self) -> int:
        return len(self._jobs) + self._ahead

    def add(self, jobs: Iterable[PendingJob]) -> None:
        """Append jobs."""
        self._jobs.extend(jobs)

    def take(self, length: int) -> list[PendingJob]:
        """Remove and return at most `length` jobs, and at least one.

        Those of the most frequent kind come first, large photos before small ones. Only a kind with
        more jobs than `length` is divided.
        """
        for _ in range(min(2 * length, _MOST_AHEAD - self._ahead, len(self._jobs))):
            self._sort_in(self._jobs.popleft())
        chunk = list[PendingJob]()
        while kinds := self._kinds_within(length - len(chunk)) or (not chunk and [*self._kinds]):
            kind = max(kinds, key=lambda each: len(self._kinds[each]))
            jobs = self._kinds[kind]
            jobs.sort(key=lambda job: -job[0])
            chunk += (pending for _, pending in jobs[:length])
            del jobs[:length]
            if not jobs:
                del self._kinds[kind]
        self._ahead -= len(chunk)
        return chunk

    def _kinds_within(self, length: int) -> list[StreamKey | str]:
        return [kind for kind, jobs in self._kinds.items() if len(jobs) <= length]

    def _sort_in(self, pending: PendingJob) -> None:
        """Sort a job in by its photo's kind: by its suffix, if nothing else is known.

        A job with a good output may turn out to be up to date.
        """
        job, pixels = pending.job, 0
        kind: StreamKey | str | None = None
        converts = not pending.refusal and not (pending.row and pending.good)
        if self._look_ahead and isinstance(job, LocalJob) and converts and not self._slow:
            started = time.perf_counter()
            kind, pixels = self._look_ahead(job)
            self._seconds += time.perf_counter() - started
            self._probes += 1
        self._kinds[kind or job.source.suffix].append((pixels, pending))
        self._ahead += 1

    @property
    def _slow(self) -> bool:
        return self._seconds > _SLOW_SECONDS * max(self._probes, _ENOUGH_PROBES)
