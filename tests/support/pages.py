"""The examples of the pages, for the tests that run them."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Page:
    """A page of the project, by its path from the root."""

    def __init__(self, path: str) -> None:
        self.text = (ROOT / path).read_text()

    def blocks(self, kind: str) -> list[str]:
        """The fenced blocks that are marked as `kind`, in their order."""
        found = re.findall(r"^```(\w*)\n(.*?)^```$", self.text, re.DOTALL | re.MULTILINE)
        return [block for marked, block in found if marked == kind]

    def commands(self, kind: str) -> list[list[str]]:
        """The lines of these blocks as the words of commands."""
        lines = [line for block in self.blocks(kind) for line in block.splitlines()]
        return [shlex.split(line, comments=True) for line in lines]

    def sessions(self) -> list[tuple[str, str]]:
        """The commands after a `$ `, each with what it is said to print."""
        blocks = [block for block in self.blocks("") if block.startswith("$ ")]
        parts = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)]
        return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts if part]


def run_python(code: str, cwd: Path, *flags: str) -> None:
    """Run an example as a program, which must neither fail nor complain."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *flags, "-c", code],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
