"""Libraries in C that make system calls fail, loaded into a program by LD_PRELOAD.

For faults of file systems that cannot be mounted where the tests run.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

_HEAD = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
"""


def need(tool: str, found: object) -> None:
    """Skip the test if a tool was not found; fail it in CI."""
    if not found:
        assert not os.environ.get("FFPREP_TESTS_NEED_TOOLS"), f"install {tool}"
        pytest.skip(f"{tool} is missing")


def shim(code: str) -> dict[str, str]:
    """Return this process's environment with a library of C functions loaded in front of others.

    Skips the test where there is no compiler, except in CI.
    """
    need("gcc", shutil.which("gcc"))
    text = _HEAD + code
    folder = Path(tempfile.gettempdir(), f"ffprep-shims-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    library = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.so"
    if not library.exists():
        made = library.with_suffix(f".{os.getpid()}")
        command = ["gcc", "-shared", "-fPIC", "-O1", "-w", "-o", made, "-xc", "-", "-ldl"]
        subprocess.run(command, input=text.encode(), check=True)
        made.rename(library)
    return {**os.environ, "LD_PRELOAD": str(library)}
