"""The pictures of a report, and what each shows of its photo.

All are counted, and a bounded number is kept to be shown. What did not go well is kept; of the
rest, a sample.
"""

import heapq
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable

from ffprep.core.faces import frame_faces
from ffprep.core.fitting import Cut, Framing, choose_spec_size, cropped_size, resolve_spec
from ffprep.core.geometry import Bounds, Faces, Focus, Size
from ffprep.core.job import Status
from ffprep.core.location import Location
from ffprep.core.mode import Fit, Mode
from ffprep.core.spec import Spec
from ffprep.errors import PhotoError, UsageError
from ffprep.record import Record, field, replace
from ffprep.report.page import Charts
from ffprep.run.task import draw

SAMPLE = 1000
"""How many photos that went well are shown."""

MOST_NOTABLE = 10_000
"""How many failures are shown, and how many pictures that are notable: a few MB of each."""

_CUT = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
_ENLARGEMENT = (0.0, 0.125, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0)
"""The edges of the bars of charts. A value is greater than the lower edge of its bar."""


class Framed(Record):
    """The frame of a picture. `shown` is the part of the whole photo that the output shows.

    It is None if the faces of the photo decide, and are not known; the `focus`, too.
    """

    size: Size
    mode: str
    bounds: Bounds
    shown: Bounds | None
    focus: Focus | None
    lost: float
    factor: float

    @property
    def is_notable(self) -> bool:
        """Whether much is cut, or the photo is enlarged."""
        return self.factor > 1 or Framing(self.factor, self.lost).cuts_much


class Entry(Record):
    """A picture as a run or a ledger has it; `name` is its output, relative to OUT.

    `spec` is that of the job. `photo` is the size of the upright photo, and `faces` are its faces,
    if they are known. `framed` is how it is framed, once that was found out.
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
    framed: Framed | None = None


class _Kept(Record, frozen=False):
    """The pictures with the lowest lots, at most as many as a number."""

    most: int
    _heap: list[tuple[float, int, Entry]] = field(default_factory=list)
    _count: int = 0

    def add(self, entry: Entry) -> None:
        self._count += 1
        item = -draw(entry.source), self._count, entry
        if len(self._heap) < self.most:
            heapq.heappush(self._heap, item)
        else:
            heapq.heappushpop(self._heap, item)

    @property
    def by_lot(self) -> list[Entry]:
        return [entry for _, _, entry in sorted(self._heap, reverse=True)]


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
    _enlargement: list[int] = field(default_factory=lambda: [0] * len(_ENLARGEMENT))
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
            self._enlargement[bisect_left(_ENLARGEMENT[1:], frame.factor)] += 1
        self.warned.update(kind for kind, _ in entry.warnings)
        if entry.kind:
            self.kinds[entry.kind] += 1
        is_notable = entry.warnings or (frame and frame.is_notable)
        kept = self._failed if entry.kind else self._notable if is_notable else self._good
        kept.add(replace(entry, photo=photo, framed=frame))

    @property
    def charts(self) -> Charts:
        """The charts of all pictures that exist and whose photos are known."""
        cut = zip((0.0, *_CUT[:-1]), _CUT, self._cut, strict=True)
        enlargement = zip(_ENLARGEMENT, (*_ENLARGEMENT[1:], None), self._enlargement, strict=True)
        return Charts(tuple(cut), tuple(enlargement))

    @property
    def shown(self) -> tuple[list[Entry], ...]:
        """What is shown: failures, what else is notable, the rest; each by their lots."""
        return self._failed.by_lot, self._notable.by_lot, self._good.by_lot


def framed(asked: Spec, photo: Size, size: Size | None, faces: Faces | None) -> Framed | None:
    """Return how an upright photo is framed by a Spec, in an output of this size, if it is known.

    `faces` are those of the photo, if they are known. Return None if the photo has no picture by
    this Spec.
    """
    try:
        cropped = cropped_size(photo, asked.bounds)
        spec = resolve_spec(asked, cropped)
    except PhotoError:
        return None
    frame, bounds, fit = size or spec.size, spec.bounds, spec.mode.effective_fit
    focus: Focus | None = spec.focus
    if spec.focuses_on_faces:
        focus = frame_faces(faces, photo, bounds, frame).focus if faces is not None else None
    framing, shown = Framing.of(fit, cropped, frame), bounds if fit is not Fit.COVER else None
    if fit is Fit.COVER and focus:
        shown = _shown(photo, cropped, replace(spec, focus=focus), frame)
    return Framed(frame, spec.mode.name, bounds, shown, focus, framing.lost, framing.factor)


def sizes_by_fit(asked: Spec, photo: Size) -> dict[str, Size | None]:
    """Return the size that an output has in modes of each Fit; None where it can have none."""
    return {fit.value: _size_in(fit, asked, photo) for fit in Fit}


def _size_in(fit: Fit, asked: Spec, photo: Size) -> Size | None:
    try:
        spec = asked.in_modes(Mode(fit.value, (), fit))
        return choose_spec_size(spec, cropped_size(photo, asked.bounds)).size
    except (PhotoError, UsageError):
        return None


def _shown(photo: Size, cropped: Size, spec: Spec, frame: Size) -> Bounds:
    """Return the part of a photo that is not cut, to the pixel."""
    cut = Cut.covering(cropped, frame, spec.focus)
    left, top = spec.bounds.corner(photo)
    left, top = left + cut.left, top + cut.top
    return Bounds(
        left / photo.width,
        top / photo.height,
        (left + cut.size.width) / photo.width,
        (top + cut.size.height) / photo.height,
    )
