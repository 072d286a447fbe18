"""The exceptions of ffprep, and the exit code that each leads to.

    FfprepError                 exit code
     +-- UsageError             2   options that contradict each other; also a ValueError
     +-- EnvironmentFault       3   no usable ffmpeg, a bad mode file, a full disk
     +-- OutputLocked          75   another run has locked the output folder
     +-- PhotoError             1   one file failed; has a Kind
     +-- Interrupted            128 + signal number (130, 143)

Any other exception is a bug in ffprep (exit code 4).
"""

from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """The exit codes of the command `ffprep`."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    ENVIRONMENT = 3
    BUG = 4
    HELD = 75


class Kind(StrEnum):
    """Why one file failed: the word in reports and in JSON."""

    DAMAGED = "damaged"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too-large"
    UPSCALE = "upscale"
    CUT = "cut"
    TIMEOUT = "timeout"
    COLLISION = "collision"
    MISSING = "missing"
    IO = "io"
    INTERNAL = "internal"


class FfprepError(Exception):
    """The base of all exceptions of ffprep. The message is a sentence for people."""

    exit_code: int = ExitCode.SOME_FAILED

    def __reduce__(self) -> tuple[object, ...]:
        """Make errors picklable: the parameters of `__init__` need not be `args`."""
        return _restore, (type(self), self.args), vars(self)


def _restore(kind: type[FfprepError], args: tuple[object, ...]) -> FfprepError:
    return kind.__new__(kind, *args)


class UsageError(FfprepError, ValueError):
    """Options or arguments are wrong, or contradict each other."""

    exit_code = ExitCode.USAGE


class EnvironmentFault(FfprepError):
    """Nothing can be converted until something other than the photos is corrected.

    In a TOML file, this is at a `line`, and `keys` lead to it.
    """

    exit_code = ExitCode.ENVIRONMENT

    def __init__(self, *args: object, line: int = 0, keys: tuple[str | int, ...] = ()) -> None:
        super().__init__(*args)
        self.line, self.keys = line, keys


class ProgramExiting(EnvironmentFault):
    """The Python program is exiting, and starts no more threads."""


class OutputLocked(FfprepError):
    """Another run has locked the output folder. 75 is EX_TEMPFAIL: try again later."""

    exit_code = ExitCode.HELD


Held = OutputLocked
"""The name of OutputLocked in version 0.1, which works in all of 1.x."""


class PhotoError(FfprepError):
    """One file could not be converted or verified. The run continues with the others."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def needs_second_attempt(self) -> bool:
        """Whether a sound photo on a failing disk may meet this error (`conversion.failure`)."""
        return self.kind in (Kind.DAMAGED, Kind.UNSUPPORTED)


class FilteredOut(PhotoError):
    """A photo does not meet a condition of the run, such as --min-size; this is not a failure."""

    needs_second_attempt = False  # the header was read

    def __init__(self, message: str) -> None:
        super().__init__(Kind.UNSUPPORTED, message)


class ReadError(PhotoError):
    """A file, or a part of it, could not be read."""

    needs_second_attempt = True  # it may be readable again by now


class Killed(PhotoError):
    """The process of a photo was ended or stopped from outside: try again."""

    needs_second_attempt = True  # the next process may come to its end


class LimitReached(Killed):
    """A photo needs more than a limit allows that this process inherited, such as `ulimit -v`."""

    needs_second_attempt = False  # the limit stays

    def __init__(self, limit: str, what: str) -> None:
        advice = f"this process has inherited the limit {limit}; raise it and run again"
        super().__init__(Kind.IO, f"{what}: {advice}")
        self.limit = limit


class Interrupted(FfprepError):
    """A signal stopped the run."""

    def __init__(self, signal_number: int) -> None:
        super().__init__("interrupted")
        self.exit_code = 128 + signal_number


def reason(error: BaseException) -> str:
    """Return the cause of an error in a few words: a system error's text in lower case."""
    words: str = getattr(error, "strerror", None) or ""
    return words[:1].lower() + words[1:] or str(error)
