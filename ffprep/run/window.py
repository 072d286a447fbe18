"""The jobs that wait for a worker, and the chunks they are cut into.

The photos of a chunk should share streams, which are one ffmpeg each: they have the same
orientation and the same profile, for example. In the order of their names, a chunk would have a few
photos of each kind, so some hundred photos are probed ahead, and sorted. The jobs of one photo stay
together, because one decode serves them all.
"""

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence

from ffprep.conversion.converter import StreamKey
from ffprep.core.job import LocalJob
from ffprep.core.location import Location
from ffprep.ledger.rows import FinishedJob, PendingJob
from ffprep.record import Record, replace

_CHUNK_SECONDS, _SHORTEST_SECONDS = 4.0, 0.25
_MAX_CHUNK = 64
_MOST_AHEAD = 512

# A photo's work in pixels: those that are decoded, and a part that is the same for all photos. A
# photo that was not probed counts as one of twelve megapixels.
SAME_FOR_ALL, _NOT_PROBED = 4_000_000, 12_000_000

# If a probe takes longer, as on a slow network share, the workers probe, side by side.
_SLOW_SECONDS, _ENOUGH_PROBES = 0.03, 32


def work(pending: PendingJob) -> int:
    """Return the work for a job, in pixels."""
    return (pending.pixels or _NOT_PROBED) + SAME_FOR_ALL


class ChunkSize(Record, frozen=False):
    """How much work makes a chunk: a few seconds, because each chunk starts ffmpeg anew.

    `pace` is the seconds that a pixel of work takes, averaged over the newest photos.
    """

    pace: float = 1.25e-8

    def learn(self, finished: FinishedJob) -> None:
        """Take a photo's time into account."""
        self.pace += (finished.result.seconds / work(finished.pending) - self.pace) / 8

    def next(self, remaining: float, workers: int) -> float:
        """Return the next chunk's work; it shrinks near the end, so that workers end together.

        It does not shrink below the work of a few starts of ffmpeg.
        """
        pace = max(self.pace, 1e-12)
        return max(min(_CHUNK_SECONDS / pace, remaining / (2 * workers)), _SHORTEST_SECONDS / pace)


Photo = list[PendingJob]
"""The jobs of one photo."""


class Window:
    """Jobs that wait. Those of the first photos are probed by `look_ahead`, if it is given."""

    def __init__(
        self,
        look_ahead: Callable[[Sequence[LocalJob]], tuple[StreamKey | None, int]] | None,
        size: ChunkSize | None = None,
    ) -> None:
        self._look_ahead, self._size = look_ahead, size or ChunkSize()
        self._photos = deque[Photo]()
        self._incomplete = dict[Location, Photo]()
        self._kinds: defaultdict[StreamKey | str, list[Photo]] = defaultdict(list)
        self._ahead, self._probes, self._seconds = 0, 0, 0.0
        self._sorted, self._work, self._work_ahead = 0, 0, 0

    def __len__(self) -> int:
        return len(self._photos) + self._ahead

    def add(self, jobs: Iterable[PendingJob], others_follow: bool = False) -> None:
        """Append jobs. If `others_follow`, the next ones are other jobs of the same photos."""
        for pending in jobs:
            self._incomplete.setdefault(pending.job.source, []).append(pending)
        if not others_follow:
            self._photos.extend(self._incomplete.values())
            self._incomplete = {}

    def feeds(self, workers: int) -> bool:
        """Return whether the jobs are enough for two full chunks a worker."""
        chunk = min(self._size.next(math.inf, workers), _MAX_CHUNK * self._mean_work)
        return self._remaining >= 2 * workers * chunk

    def take(self, workers: int) -> list[PendingJob]:
        """Remove and return the jobs of the next chunk; there is at least one.

        The kind with the most work comes first, and is divided if it is more than a chunk. What is
        left of the chunk is filled with whole kinds. So kinds are divided while chunks are long,
        and those with few photos are left for the end.
        """
        for _ in range(min(2 * _MAX_CHUNK, _MOST_AHEAD - self._ahead, len(self._photos))):
            self._sort_in(self._photos.popleft())
        room = self._size.next(self._remaining, workers)
        chunk = list[Photo]()
        amounts = {kind: sum(map(_work, photos)) for kind, photos in self._kinds.items()}
        for kind in sorted(amounts, key=lambda kind: -amounts[kind]):
            photos = self._kinds[kind]
            # A small rest would need a start of ffmpeg, too.
            fits = amounts[kind] <= (room if chunk else 1.5 * room)
            if fits and len(chunk) + len(photos) <= _MAX_CHUNK:
                chunk += self._kinds.pop(kind)
            elif not chunk:
                photos.sort(key=lambda photo: -photo[0].pixels)
                chunk = photos[: _length(photos, room)]
                del photos[: len(chunk)]
            room -= amounts[kind]
        self._ahead -= len(chunk)
        self._work_ahead -= sum(map(_work, chunk))
        return [pending for photo in chunk for pending in photo]

    @property
    def _remaining(self) -> float:
        return self._work_ahead + len(self._photos) * self._mean_work

    @property
    def _mean_work(self) -> float:
        return self._work / self._sorted if self._sorted else _NOT_PROBED + SAME_FOR_ALL

    def _sort_in(self, photo: Photo) -> None:
        """Sort jobs in by their photo's kind: by its suffix, if nothing else is known.

        A job with a good output may turn out to be up to date.
        """
        kind: StreamKey | str | None = None
        local = [
            each.job
            for each in photo
            if isinstance(each.job, LocalJob) and not each.refusal and not (each.row and each.good)
        ]
        slow = self._seconds > _SLOW_SECONDS * max(self._probes, _ENOUGH_PROBES)
        if self._look_ahead and local and not slow:
            started = time.perf_counter()
            kind, pixels = self._look_ahead(local)
            self._seconds += time.perf_counter() - started
            self._probes += 1
            photo = [replace(pending, pixels=pixels // len(photo)) for pending in photo]
        self._kinds[kind or photo[0].job.source.suffix].append(photo)
        self._ahead += 1
        self._sorted += 1
        self._work += _work(photo)
        self._work_ahead += _work(photo)


def _work(photo: Photo) -> int:
    return sum(map(work, photo))


def _length(photos: list[Photo], room: float) -> int:
    """Return how many of these photos are not more than that work; at least one."""
    for number, photo in enumerate(photos[:_MAX_CHUNK]):
        room -= _work(photo)
        if room < 0:
            return max(1, number)
    return min(len(photos), _MAX_CHUNK)
