"""The examples of the pages, for the tests that run them."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Page:
    """A page of the project; `path` is relative to the root."""

    def __init__(self, path: str) -> None:
        self.text = (ROOT / path).read_text()

    def blocks(self, kind: str) -> list[str]:
        """Return the fenced blocks of a language, in order."""
        found = re.findall(r"^```(\w*)\n(.*?)^```$", self.text, re.DOTALL | re.MULTILINE)
        return [block for marked, block in found if marked == kind]

    def commands(self, kind: str) -> list[list[str]]:
        """Return the lines of these blocks, split into words."""
        lines = [line for block in self.blocks(kind) for line in block.splitlines()]
        return [shlex.split(line, comments=True) for line in lines]

    def sessions(self) -> list[tuple[str, str]]:
        """Return the commands after a `$ `, each with its documented output."""
        blocks = [block for block in self.blocks("") if block.startswith("$ ")]
        parts = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)]
        return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts if part]


def run_python(code: str, cwd: Path, *flags: str) -> None:
    """Run an example as a program, which must succeed without warnings."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *flags, "-c", code],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
