"""Which photos a run converts, what it may do and does again, how much of the machine it takes."""

import math
from enum import StrEnum
from itertools import chain, combinations

from ffprep.core.geometry import Size
from ffprep.core.location import Location
from ffprep.errors import FilteredOut, Kind
from ffprep.record import Record, field

TOLERABLE = (Kind.CUT, Kind.DAMAGED, Kind.UPSCALE)
"""The failures that a Policy may allow, in the order of their names."""


class PhotoFilter(Record):
    """The conditions of --only, --min-size and --min-mpx, all of which an upright photo must meet.

    `shapes` are those that are converted, all of them if it is empty. Sizes are in pixels.
    """

    shapes: tuple[str, ...] = ()
    min_size: Size | None = None
    min_pixels: float = 0

    def require(self, shown: Size) -> None:
        """Raise FilteredOut if an upright photo of this size does not meet a condition."""
        shape = shown.shape
        if self.shapes and shape not in self.shapes:
            raise FilteredOut(f"{shape}, {shown}")
        least = self.min_size
        if least and (shown.width < least.width or shown.height < least.height):
            raise FilteredOut(f"{shown}, smaller than {least}")
        if shown.pixels < self.min_pixels:
            raise FilteredOut(f"{shown}, fewer than {self.min_pixels / 1e6:g} megapixels")

    @property
    def terms(self) -> str:
        """The conditions as text: a ledger row of another filter says nothing about a photo."""
        return f"{' '.join(sorted(self.shapes))} {self.min_size} {self.min_pixels:g}"


class Policy(Record):
    """What a run may do; unlike a Spec, it never changes the pixels of a sound photo.

    `upscale` is how to handle photos with fewer pixels than the frame: `allow`, `warn` or `fail`;
    `max_cut` the same for photos of which the frame cuts more than half.
    `keep_damaged` converts what can still be decoded of a damaged photo. With `fsync`, every output
    and its name are on the disk before it counts as done. `timeout` is in seconds a photo.
    `max_pixels` limits width x height of what is decoded; the default is FFmpeg's own limit.
    `max_memory` is in bytes a photo. `mode` is the file mode of outputs, as for chmod; None leaves
    it to the umask. With `hash_files`, Results have hashes of the contents of both files. Photos
    that do not meet the conditions of `filter` are passed over.
    """

    upscale: str = "warn"
    max_cut: str = "warn"
    keep_damaged: bool = False
    preserve_times: bool = False
    fsync: bool = False
    timeout: float = 120.0
    max_pixels: int = 268_000_000
    max_memory: int = 1_000_000_000
    mode: int | None = None
    hash_files: bool = False
    filter: PhotoFilter | None = None

    def permits(self, kind: Kind) -> bool:
        """Return whether an output may have a caveat of this kind."""
        if kind is Kind.DAMAGED:
            return self.keep_damaged
        return (self.max_cut if kind is Kind.CUT else self.upscale) != "fail"

    @property
    def allowed_caveats(self) -> tuple[str, ...]:
        """The combinations of kinds of caveat that an output may have, each as names in order."""
        kinds = list(filter(self.permits, TOLERABLE))
        found = (combinations(kinds, count) for count in range(len(kinds) + 1))
        return tuple(" ".join(names) for names in chain.from_iterable(found))

    @property
    def failure_terms(self) -> str:
        """All that decides whether a photo fails; a failure is tried again when it changes."""
        limits = (self.timeout, self.max_pixels, self.max_memory)
        cut = " cut" * (self.max_cut == "fail")  # else the terms are those of earlier versions
        terms = f"{self.upscale} {self.keep_damaged} {limits}{cut}"
        return f"{terms} {self.filter.terms}" if self.filter else terms


class DryRun(StrEnum):
    """What is printed of a run that converts nothing: its plan, or its commands for a shell."""

    PLAN = "plan"
    COMMANDS = "commands"


class Retry(StrEnum):
    """Which failed photos to try again: changed ones, all, or all of them and no other photos."""

    CHANGED = "changed"
    ALWAYS = "always"
    ONLY = "only"


class RerunOptions(Record):
    """What to convert again although nothing has changed, what to accept, and what to record.

    With `checksum`, contents decide and not times. With `adopt`, existing outputs count as up to
    date if they verify. `ledger` is None if nothing is recorded. `prune` removes unaltered outputs
    that this run does not make of any photo; with `prune_emptied` also those of folders whose
    photos are all gone. `wait` is how many seconds to wait for another run that has locked the
    output folder. `unsettled` are the real paths of photos that are still being written, and that a
    later run converts.
    """

    force: bool = False
    checksum: bool = False
    adopt: bool = False
    retry: Retry = Retry.CHANGED
    ledger: Location | None = None
    prune: bool = False
    prune_emptied: bool = False
    wait: float = 0.0
    unsettled: frozenset[str] = frozenset()


class ThrottleOptions(Record):
    """Process priority, load limit and time limit.

    `nice` is added to the process's niceness; with `idle`, it uses the disk only when no other
    process does. No photo is started after `max_time` seconds, and started ones get `grace` seconds
    more. While the load average is `max_load` or more, only one chunk of photos at a time is
    converted.
    """

    nice: int = 0
    idle: bool = False
    max_time: float = math.inf
    max_load: float = math.inf
    grace: float = field(default=0.0, compare=False)


class ClusterOptions(Record):
    """A Dask cluster: its scheduler's address, and the most chunks at a time (None: by threads)."""

    address: str
    most: int | None = None
