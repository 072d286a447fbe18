"""The states of a submission, and its result."""

from enum import StrEnum

from ffprep.core.geometry import Size
from ffprep.core.location import Location
from ffprep.errors import FfprepError
from ffprep.record import Record


class Status(StrEnum):
    """The result of one submission."""

    DONE = "done"
    FRESH = "fresh"
    FAILED = "failed"


class State(StrEnum):
    """What comes next for a submission. `submission` lists the steps."""

    NEW = "new"
    CHECKING = "checking"
    UNPREPARED = "unprepared"
    PREPARED = "prepared"
    SENDING = "sending"
    SUBMITTED = "submitted"
    RENDERED = "rendered"
    DONE = "done"


class Outcome(Record):
    """The result of a submission. `job_id` is empty if no job exists; `size` is the clip's."""

    photo: Location | None
    clip: Location
    status: Status
    job_id: str = ""
    size: Size | None = None
    seconds: float = 0.0
    error: FfprepError | None = None
    warnings: tuple[str, ...] = ()
