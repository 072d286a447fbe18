"""Resize photos to exactly the dimensions you ask for, with FFmpeg, and verify every output.

The public names below are imported when they are first used. The command line begins in
`ffprep.cli`, the Python functions in `ffprep.api`. Packages import downwards only, in the order
that pyproject.toml lists.
"""

import sys

from ffprep.version import __version__

if sys.platform == "win32":
    from ffprep.system.installation import refuse_windows

    refuse_windows()

__all__ = [
    "ContactSheet",
    "EnvironmentFault",
    "FfprepError",
    "Finding",
    "Kind",
    "OutputLocked",
    "PhotoError",
    "Prepared",
    "Preprocessor",
    "Result",
    "Results",
    "Size",
    "Status",
    "UsageError",
    "__version__",
    "check",
    "compare",
    "convert",
    "info",
    "prepare",
]

# Type checkers take it for True. Importing `typing` would take ten times as long as this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ffprep.api.batch import ContactSheet, check, compare, convert, info
    from ffprep.api.prepare import Prepared, prepare
    from ffprep.api.preprocessor import Preprocessor
    from ffprep.api.results import Results
    from ffprep.core.geometry import Size
    from ffprep.core.job import Result, Status
    from ffprep.errors import (
        EnvironmentFault,
        FfprepError,
        Kind,
        OutputLocked,
        PhotoError,
        UsageError,
    )
    from ffprep.run.inspect import Finding

_MODULES = {
    "api.batch": ("ContactSheet", "check", "compare", "convert", "info"),
    "errors": (
        "EnvironmentFault",
        "FfprepError",
        "OutputLocked",
        "Kind",
        "PhotoError",
        "UsageError",
    ),
    "core.job": ("Result", "Status"),
    "api.prepare": ("Prepared", "prepare"),
    "api.preprocessor": ("Preprocessor",),
    "api.results": ("Results",),
    "core.geometry": ("Size",),
    "run.inspect": ("Finding",),
}


_RENAMED = {"Answers": "Results", "Held": "OutputLocked"}
"""Names of version 0.1, which work in all of 1.x: docs/operations/compatibility.md."""


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first asked for (PEP 562)."""
    name = _RENAMED.get(name, name)
    for module, names in _MODULES.items():
        if name in names:
            from importlib import import_module

            try:
                return getattr(import_module(f"ffprep.{module}"), name)
            except (AttributeError, ImportError, SyntaxError) as error:
                from ffprep.system.installation import installation_fault

                raise (installation_fault(error) or error) from None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
