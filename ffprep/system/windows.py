"""What ffprep says on Windows, where it does not run. Imported only there."""

import os
import sys
from typing import NoReturn

from ffprep.errors import ExitCode

SENTENCE = (
    "ffprep runs on Linux and macOS; on Windows, use it in WSL "
    "(https://learn.microsoft.com/windows/wsl/install) or in a container"
)


def refuse() -> NoReturn:
    """End the command `ffprep` with the sentence, or raise ImportError in a program."""
    # `python -m ffprep` has not found the module yet.
    program = os.path.splitext(os.path.basename(sys.argv[0]))[0] if sys.argv else ""
    if program in ("ffprep", "-m"):
        sys.stderr.write(f"ffprep: {SENTENCE}\n")
        sys.exit(ExitCode.ENVIRONMENT)
    raise ImportError(SENTENCE)
