"""What can go wrong, and the exit code each kind of trouble leads to.

    FfprepError                 exit code
     +-- UsageError             2   the request makes no sense; also a ValueError
     +-- EnvironmentFault       3   no usable ffmpeg, a bad mode file, a full disk
     +-- OutputLocked                   75  another run has the output folder
     +-- PhotoError             1   costs one file, has a Kind
     +-- Interrupted            128 + signal number (130, 143)

Anything else that escapes is a bug in ffprep (exit code 4).
"""

from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """What the process tells its caller."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    ENVIRONMENT = 3
    BUG = 4
    HELD = 75


class Kind(StrEnum):
    """Why one file failed; the word that stands in reports and in JSON."""

    DAMAGED = "damaged"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too-large"
    UPSCALE = "upscale"
    TIMEOUT = "timeout"
    COLLISION = "collision"
    MISSING = "missing"
    IO = "io"
    INTERNAL = "internal"


class FfprepError(Exception):
    """Everything that ffprep raises on purpose; its text is a sentence for people."""

    exit_code: int = ExitCode.SOME_FAILED

    def __reduce__(self) -> tuple[object, ...]:
        """For process pools, which send errors as pickles: what `__init__` takes need not be `args`."""
        return _again, (type(self), self.args), vars(self)


def _again(kind: type[FfprepError], args: tuple[object, ...]) -> FfprepError:
    return kind.__new__(kind, *args)


class UsageError(FfprepError, ValueError):
    """The request itself makes no sense."""

    exit_code = ExitCode.USAGE


class EnvironmentFault(FfprepError):
    """Nothing can be converted until something outside the photos is mended."""

    exit_code = ExitCode.ENVIRONMENT


class OutputLocked(FfprepError):
    """Another run holds the output folder (75 is EX_TEMPFAIL of sysexits.h: try again later)."""

    exit_code = ExitCode.HELD


class PhotoError(FfprepError):
    """One file that could not be converted or verified. The rest go on."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Killed(PhotoError):
    """Its process was killed from outside, for want of memory maybe: it is worth another try."""


class Interrupted(FfprepError):
    """A signal asked the run to stop."""

    def __init__(self, signal_number: int) -> None:
        super().__init__("interrupted")
        self.exit_code = 128 + signal_number


def reason(error: BaseException) -> str:
    """Return the cause of an error in a few words; of a system error, the system's, in lower case."""
    words: str = getattr(error, "strerror", None) or ""
    return words[:1].lower() + words[1:] or str(error)
