"""Errors of the installation: half an upgrade, another package of the same name, Windows.

Imported only after such an error.
"""

import os
import sys
from pathlib import Path
from types import ModuleType, TracebackType
from typing import NoReturn

from ffprep.errors import EnvironmentFault, ExitCode

# Where the name of a package is not that of its module.
_PACKAGES = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "ffmpeg": "ffmpeg-python",
    "imageio_ffmpeg": "imageio-ffmpeg",
    "pillow_heif": "pillow-heif",
    "_pillow_heif": "pillow-heif",
}


def installation_fault(error: BaseException) -> EnvironmentFault | None:
    """Return the fault of the installation that an error shows, if any: what to install again."""
    if isinstance(error, MemoryError):
        return _too_little_memory()
    module = _broken_module(error)
    if module is None:
        return None
    if "failed to map segment" in str(error) or "allocate memory" in str(error):
        return _too_little_memory()
    name = module.partition(".")[0]
    package, problem = _PACKAGES.get(name, name), " ".join(str(error).split())
    path = getattr(sys.modules.get(name), "__file__", None)
    where = f" in {Path(path).parent}" if path else ""
    advice = f"pip install --force-reinstall {package}"
    if name == "ffmpeg":  # two other packages have modules of this name
        advice = f"pip uninstall ffmpeg python-ffmpeg; {advice}"
    return EnvironmentFault(
        f"the Python package {package} is not installed properly: {problem}{where}; run: {advice}"
    )


def _broken_module(error: BaseException) -> str | None:
    """Return the module that cannot be imported, or lacks what it should have; None if none is."""
    if isinstance(error, AttributeError):
        if not isinstance(error.obj, ModuleType):
            return None
        found = error.obj.__name__
    elif isinstance(error, ImportError):
        found = error.name or _raised_in(error.__traceback__)
    elif isinstance(error, SyntaxError) and error.filename:
        found = _module_of(error.filename)
    else:
        return None
    return found if found and found.partition(".")[0] != "ffprep" else None


def _raised_in(traceback: TracebackType | None) -> str:
    """Return the module whose code raised an error."""
    name = ""
    while traceback:
        name = traceback.tb_frame.f_globals.get("__name__", "")
        traceback = traceback.tb_next
    return name


def _module_of(file: str) -> str:
    """Return the top module of a file in a folder of packages; "" if it is in none."""
    for folder in sys.path:
        if folder and Path(file).is_relative_to(folder):
            return Path(file).relative_to(folder).parts[0].removesuffix(".py")
    return ""


def _too_little_memory() -> EnvironmentFault:
    from ffprep.system.limits import memory_limit, too_low

    if limit := memory_limit(float("inf")):
        return too_low(limit)
    return EnvironmentFault("there is not enough memory; end other programs and run again")


NOT_ON_WINDOWS = (
    "ffprep runs on Linux and macOS; on Windows, use it in WSL "
    "(https://learn.microsoft.com/windows/wsl/install) or in a container"
)


def refuse_windows() -> NoReturn:
    """End the command `ffprep` with the sentence, or raise ImportError in a program."""
    # `python -m ffprep` has not found the module yet.
    program = os.path.splitext(os.path.basename(sys.argv[0]))[0] if sys.argv else ""
    if program in ("ffprep", "-m"):
        sys.stderr.write(f"ffprep: {NOT_ON_WINDOWS}\n")
        sys.exit(ExitCode.ENVIRONMENT)
    raise ImportError(NOT_ON_WINDOWS)
