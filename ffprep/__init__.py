"""Photos to pictures of exactly the size asked for, with FFmpeg, and proved."""

__version__ = "0.1.0"

__all__ = [
    "Answers",
    "EnvironmentFault",
    "FfprepError",
    "Finding",
    "Held",
    "Kind",
    "PhotoError",
    "Prepared",
    "Preprocessor",
    "Result",
    "Size",
    "Status",
    "UsageError",
    "__version__",
    "check",
    "convert",
    "prepare",
]

# Type checkers take it for True; to import `typing` for it would take ten times as long as all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ffprep.answers import Answers
    from ffprep.calling import check, convert
    from ffprep.errors import EnvironmentFault, FfprepError, Held, Kind, PhotoError, UsageError
    from ffprep.job import Result, Status
    from ffprep.preparing import Prepared, prepare
    from ffprep.preprocessor import Preprocessor
    from ffprep.spec import Size
    from ffprep.survey import Finding

_ROOMS = {
    "answers": ("Answers",),
    "calling": ("check", "convert"),
    "errors": ("EnvironmentFault", "FfprepError", "Held", "Kind", "PhotoError", "UsageError"),
    "job": ("Result", "Status"),
    "preparing": ("Prepared", "prepare"),
    "preprocessor": ("Preprocessor",),
    "spec": ("Size",),
    "survey": ("Finding",),
}


def __getattr__(name: str) -> object:
    """A public name, from its room, which is imported when somebody asks for it (PEP 562)."""
    for room, names in _ROOMS.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"ffprep.{room}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
