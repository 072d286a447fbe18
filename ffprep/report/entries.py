"""The pictures of a report: all are counted, and a bounded number is kept to be shown.

What did not go well is kept; of the rest, a sample.
"""

import heapq
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable

from ffprep.core.geometry import Faces, Size
from ffprep.core.job import Status
from ffprep.core.location import Location
from ffprep.core.spec import Spec
from ffprep.record import Record, field, replace
from ffprep.report.content import Bin, Charts
from ffprep.report.framing import Framed, framed
from ffprep.run.thumbnails import draw

SAMPLE = 1000
"""How many photos that went well are shown."""

MOST_NOTABLE = 10_000
"""How many failures are shown, and how many pictures that are notable: a few MB of each."""

_CUT = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
_ENLARGEMENT = (0.0, 0.125, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0, None)
"""The edges of the bars of charts. A value is greater than the lower edge of its bar."""


class Entry(Record):
    """A picture as a run or a ledger has it; `name` is its output, relative to OUT.

    `spec` is that of the job. `photo` is the size of the upright photo, and `faces` are its faces,
    if they are known.
    """

    source: Location
    output: Location | None
    name: str | None
    status: Status
    kind: str | None = None
    message: str = ""
    warnings: tuple[tuple[str, str], ...] = ()
    spec: Spec | None = None
    size: Size | None = None
    photo: Size | None = None
    faces: Faces | None = None


class Shown(Record):
    """An Entry that is shown, and its frame."""

    entry: Entry
    framed: Framed | None


class _Kept(Record, frozen=False):
    """The pictures with the lowest lots, at most as many as a number."""

    most: int
    _heap: list[tuple[float, int, Shown]] = field(default_factory=list)
    _count: int = 0

    def add(self, shown: Shown) -> None:
        self._count += 1
        item = -draw(shown.entry.source), self._count, shown
        if len(self._heap) < self.most:
            heapq.heappush(self._heap, item)
        else:
            heapq.heappushpop(self._heap, item)

    @property
    def by_lot(self) -> list[Shown]:
        return [shown for _, _, shown in sorted(self._heap, reverse=True)]


class Entries(Record, frozen=False):
    """All pictures of a report. `size_of` returns the size of an upright photo, if it can."""

    size_of: Callable[[Entry], Size | None]
    pictures: int = 1
    """How many are made of each photo."""
    total: int = 0
    statuses: Counter[Status] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    warned: Counter[str] = field(default_factory=Counter)
    _cut: list[int] = field(default_factory=lambda: [0] * len(_CUT))
    _enlargement: list[int] = field(default_factory=lambda: [0] * (len(_ENLARGEMENT) - 1))
    _failed: _Kept = field(default_factory=lambda: _Kept(MOST_NOTABLE))
    _notable: _Kept = field(default_factory=lambda: _Kept(MOST_NOTABLE))
    _good: _Kept = field(init=False)

    def __post_init__(self) -> None:
        self._good = _Kept(SAMPLE * self.pictures)

    def add(self, entry: Entry) -> None:
        """Count a picture, and keep it if it is to be shown."""
        self.total += 1
        self.statuses[entry.status] += 1
        photo = entry.photo or self.size_of(entry)
        frame = None
        if entry.spec and photo:
            frame = framed(entry.spec, photo, entry.size, entry.faces)
        if frame and entry.status is not Status.FAILED:
            self._cut[bisect_left(_CUT, frame.lost)] += 1
            self._enlargement[bisect_left(_ENLARGEMENT[1:-1], frame.factor)] += 1
        self.warned.update(kind for kind, _ in entry.warnings)
        if entry.kind:
            self.kinds[entry.kind] += 1
        is_notable = entry.warnings or (frame and frame.is_notable)
        kept = self._failed if entry.kind else self._notable if is_notable else self._good
        kept.add(Shown(replace(entry, photo=photo), frame))

    @property
    def charts(self) -> Charts:
        """The charts of all pictures that exist and whose photos are known."""
        cut = zip((0.0, *_CUT[:-1]), _CUT, self._cut, strict=True)
        enlargement = zip(_ENLARGEMENT[:-1], _ENLARGEMENT[1:], self._enlargement, strict=True)
        return Charts(tuple(cut), tuple(_bins(enlargement)))

    @property
    def shown(self) -> tuple[list[Shown], ...]:
        """What is shown: failures, what else is notable, the rest; each by their lots."""
        return self._failed.by_lot, self._notable.by_lot, self._good.by_lot


def _bins(bins: Iterable[tuple[float | None, float | None, int]]) -> Iterable[Bin]:
    return ((low or 0.0, high, count) for low, high, count in bins)
