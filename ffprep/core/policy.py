"""What a run may do, what it does again, and how much of the machine it takes."""

import math
from dataclasses import dataclass
from enum import StrEnum

from ffprep.core.location import Location
from ffprep.errors import Kind


@dataclass(frozen=True, slots=True)
class Policy:
    """What a run permits itself; unlike a Spec it never changes the pixels of a sound photo.

    `upscale` is what becomes of photos with fewer pixels than the frame: `allow`, `warn` or `fail`.
    `keep_damaged` converts what can still be decoded of a damaged photo. `fsync` has every output, and its
    name, on the disk before it counts as done. `timeout` is in seconds a photo. `max_pixels` bounds
    width x height of what is decoded; FFmpeg's own bound is the default. `max_memory` is in bytes, for
    one photo in work. `mode` is of outputs, as of chmod; None leaves it to the umask.
    """

    upscale: str = "warn"
    keep_damaged: bool = False
    preserve_times: bool = False
    fsync: bool = False
    timeout: float = 120.0
    max_pixels: int = 268_000_000
    max_memory: int = 1_000_000_000
    mode: int | None = None

    def permits(self, kind: Kind) -> bool:
        """Whether an output may have a caveat of this kind."""
        return self.keep_damaged if kind is Kind.DAMAGED else self.upscale != "fail"

    @property
    def tolerated(self) -> tuple[str, ...]:
        """The kinds of caveat, as many as there are in one output, that this permits; sorted by name."""
        kinds = [kind.value for kind in (Kind.DAMAGED, Kind.UPSCALE) if self.permits(kind)]
        return ("", *kinds, " ".join(kinds))

    @property
    def terms(self) -> str:
        """All that decides whether a photo fails; when it changes, a failure is no longer sure."""
        limits = (self.timeout, self.max_pixels, self.max_memory)
        return f"{self.upscale} {self.keep_damaged} {limits}"


class Retry(StrEnum):
    """Which photos that failed are tried: those of which something changed, all, or all and no others."""

    CHANGED = "changed"
    ALWAYS = "always"
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class RerunOptions:
    """What is converted again although nothing has changed, what is not, and what is remembered of it.

    With `checksum`, contents decide and not times. With `adopt`, existing outputs count as up to date
    if they verify. `ledger` is None where nothing is recorded. `prune` removes unaltered outputs whose
    photo is gone. `wait` is how many seconds to wait for another run that has locked the output folder.
    """

    force: bool = False
    checksum: bool = False
    adopt: bool = False
    retry: Retry = Retry.CHANGED
    ledger: Location | None = None
    prune: bool = False
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class ThrottleOptions:
    """What a run leaves to others on the same machine.

    `nice` is added to the niceness it was started with; `idle` takes the disk only when nobody else does. No
    photo begins after `max_time` seconds, and what has begun is given `grace` seconds more. While the
    load average is `max_load` or more, one chunk of photos at a time is worked on.
    """

    nice: int = 0
    idle: bool = False
    max_time: float = math.inf
    max_load: float = math.inf
    grace: float = 0.0

    @property
    def limits_anything(self) -> bool:
        """Whether any option is set."""
        return bool(self.nice or self.idle) or min(self.max_time, self.max_load) < math.inf


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """A Dask cluster: its scheduler's address, and how many chunks it has at a time (None: by its threads)."""

    address: str
    most: int | None = None
