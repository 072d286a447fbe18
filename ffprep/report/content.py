"""The content of a report: what its page gets, as one JSON document.

All fractions are of the upright photo. Texts may come from strangers: the page shows them only as
texts.
"""

from typing import Any

from ffprep.core.geometry import Bounds, Focus, Size
from ffprep.record import Record, asdict, field


class ModeShown(Record):
    """A mode that the page offers. `fit` is in the terms of CSS's object-fit, or "inside".

    It is None if the mode's file has none. `cuts_at_focus` says whether a frame can be dragged.
    """

    name: str
    fit: str | None
    summary: str
    cuts_at_focus: bool


class Asked(Record):
    """What was asked for, as far as it is known.

    `command` is the command line, quoted for a shell, and `config` the absolute path of its
    ffprep.toml. `options` are names and values.
    """

    sources: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    command: str | None = None
    config: str | None = None


class Counts(Record):
    """How many pictures have each status; how many files are not converted."""

    converted: int = 0
    fresh: int = 0
    failed: int = 0
    pruned: int = 0
    passed_over: int = 0


class Sample(Record):
    """How many of all photos the report shows."""

    shown: int
    of: int


Bin = tuple[float, float | None, int]
"""A bar of a chart: from, to (None without end), and how many pictures."""


class Charts(Record):
    """How much is cut, as a share, and by how much pixels are enlarged; of all photos."""

    cut: tuple[Bin, ...] = ()
    enlargement: tuple[Bin, ...] = ()


class OverrideShown(Record):
    """The sidecar (`is_sidecar`) or the `[[photo]]` table that a photo has.

    `origin` is its file, and the others are its values, as TOML has them.
    """

    origin: str
    is_sidecar: bool
    mode: str | None = None
    scene: str | None = None
    focus: str | None = None
    crop_bounds: str | None = None


class PhotoShown(Record):
    """A picture of a photo.

    `path` is what a `[[photo]]` table names, and `sidecar` the name of a sidecar below
    `sidecars_root`; None if the photo can have none (it is in a store). `output` is relative to
    OUT, and `folder` that of the photo. `status` is converted, fresh or failed; `kind` that of the
    failure, and `message` its sentence. `warnings` are kinds and sentences. `photo` is the size of
    the upright photo. `mode` is None if it is not known. `focus` is in fractions of what `bounds`
    leave. `sizes` are those of outputs in modes of each fit, where they are not `size`; None where
    there is none. `shown` is what the output shows. `lost` is the share that is cut, and `factor`
    by how much pixels are enlarged. `before` and `after` are numbers of lines of thumbnails, from
    0.
    """

    source: str
    path: str | None
    sidecar: str | None
    output: str | None
    folder: str
    status: str
    kind: str | None = None
    message: str = ""
    warnings: tuple[tuple[str, str], ...] = ()
    photo: Size | None = None
    size: Size | None = None
    sizes: dict[str, Size | None] = field(default_factory=dict)
    mode: str | None = None
    bounds: Bounds | None = None
    shown: Bounds | None = None
    focus: Focus | None = None
    lost: float | None = None
    factor: float | None = None
    override: OverrideShown | None = None
    before: int | None = None
    after: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the content of a JSON object; sizes, bounds and points are lists."""
        return {name: _listed(getattr(self, name)) for name in type(self)._fields}


class Content(Record):
    """A report. `made` is when, in ISO's notation, and `seconds` the time that the run took.

    `output` is the absolute OUT. `advice` is a sentence for each kind of failure. Without a
    `sample`, all photos are shown. `tables_folder` is the folder of an ffprep.toml with `[[photo]]`
    tables, and `sidecars_root` the one in which a .zip of sidecars is unpacked; both are absolute.
    """

    title: str
    output: str
    made: str
    versions: tuple[tuple[str, str], ...]
    asked: Asked
    seconds: float | None
    counts: Counts
    failed_by_kind: dict[str, int]
    warned_by_kind: dict[str, int]
    advice: dict[str, str]
    sample: Sample | None
    modes: tuple[ModeShown, ...]
    charts: Charts
    photos: tuple[PhotoShown, ...]
    tables_folder: str
    sidecars_root: str

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON document."""
        return asdict(self) | {"photos": [photo.as_dict() for photo in self.photos]}


def _listed(value: Any) -> Any:
    if isinstance(value, Size):
        return [value.width, value.height]
    if isinstance(value, Bounds):
        return [value.left, value.top, value.right, value.bottom]
    if isinstance(value, Focus):
        return [value.x, value.y]
    if isinstance(value, dict):
        return {key: _listed(each) for key, each in value.items()}
    return asdict(value) if isinstance(value, Record) else value
