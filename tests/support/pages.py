"""The examples of the pages, for the tests that run them.

`follow` runs a page from its first line to its last, as a reader who pastes each block into one
shell:

- a block `sh` is typed into the shell, and a block `python` is a program; both must succeed;
- a block `crontab` is a line that cron runs, which must print nothing;
- a block `text` directly after one of these is what the reader sees. `...` stands for any text,
  and dates and seconds may differ;
- a block with `title="NAME"` is a file, which is written where the shell is.

Other blocks are not run.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w*)(?: title=\"([^\"\n]+)\")?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_RUN = ("sh", "python", "crontab")
# What differs each time: dates, times and seconds.
_VARIES = re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d(?:\.\d+)?|\d+\.\d+(?= s\b)")
# The SDK's words at each call about videos, since OpenAI's own service has ended.
_ENDED = "ignore:The Sora API:DeprecationWarning"
_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
# The environment of cron, which has none of the shell's variables.
_CRON = 'env -i HOME="$HOME" LOGNAME=reader SHELL=/bin/sh PATH=/usr/bin:/bin'


class Block(NamedTuple):
    """A fenced block: its language, the name of the file that it is, its text, its place."""

    kind: str
    title: str
    text: str
    start: int
    end: int


class Page:
    """A page of the project, or a part of it; `path` is relative to the root."""

    def __init__(self, path: str, text: str = "") -> None:
        self.path = path
        self.text = text or (ROOT / path).read_text()
        found = _BLOCK.finditer(self.text)
        self._blocks = [Block(*match.groups(""), *match.span()) for match in found]

    def blocks(self, kind: str) -> list[str]:
        """Return the fenced blocks of a language, in order."""
        return [block.text for block in self._blocks if block.kind == kind]

    def commands(self, kind: str) -> list[list[str]]:
        """Return the lines of these blocks, split into words."""
        lines = [line for block in self.blocks(kind) for line in block.splitlines()]
        return [shlex.split(line, comments=True) for line in lines]

    def sections(self) -> list["Page"]:
        """Return what stands under each heading of the second level."""
        parts = re.split(r"^## ", self.text, flags=re.MULTILINE)
        return [Page(f"{self.path}: {part.splitlines()[0]}", part) for part in parts[1:]]

    def steps(self) -> list[tuple[Block, str | None]]:
        """Return each block that is run or written, with the text that the page shows after it."""
        steps = []
        for block, after in zip(self._blocks, [*self._blocks[1:], None], strict=True):
            if block.title or block.kind in _RUN:
                near = after and not self.text[block.end : after.start].strip()
                shown = after.text if after and near and after.kind == "text" else None
                steps.append((block, "" if block.kind == "crontab" else shown))
        return steps


def follow(
    page: Page, folder: Path, replaced: Mapping[str, str], programs: Mapping[str, str]
) -> list[str]:
    """Run a page in a folder, and compare what it shows with what is printed.

    `replaced` has texts of the page, and what the test has in their place. `programs` has the
    scripts that stand in for programs. Return what each block printed.
    """
    outside = folder.with_name(f"{folder.name}.reader")
    outside.mkdir()
    for name, text in programs.items():
        (outside / name).write_text(text if text[:2] == "#!" else f"#!/bin/sh -eu\n{text}\n")
        (outside / name).chmod(0o755)
    said = re.compile("|".join(map(re.escape, replaced)) or "(?!)")

    def here(text: str) -> str:
        return said.sub(lambda match: replaced[match[0]], text)

    steps = page.steps()
    script = ""
    for number, (block, _) in enumerate(steps):
        script += f"exec >>{shlex.quote(str(outside))}/{number}.out 2>&1\n"
        script += _typed(block, here(block.text))
    # The reader has not typed this in a recipe of make, as `make test` does.
    environment = {name: text for name, text in os.environ.items() if name not in _OF_MAKE}
    environment["PATH"] = f"{outside}:{Path(sys.executable).parent}:/usr/bin:/bin"
    ran = subprocess.run(
        ["/bin/sh", "-eu", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    outputs = [path.read_text() for path in sorted(outside.glob("*.out"), key=_number)]
    assert ran.returncode == 0, f"{page.path}:\n{steps[len(outputs) - 1][0].text}{outputs[-1]}"
    for (block, shown), printed in zip(steps, outputs, strict=True):
        if shown is not None:
            same = _pattern(here(shown)).fullmatch(_VARIES.sub("0", printed))
            assert same, f"{page.path}:\n{block.text}the page shows\n{shown}and it is\n{printed}"
    return outputs


def _typed(block: Block, text: str) -> str:
    if block.title:
        return f"cat > {shlex.quote(block.title)} <<'END-OF-FILE'\n{text}END-OF-FILE\n"
    if block.kind == "python":
        python = f"{sys.executable} -W error -W {shlex.quote(_ENDED)}"
        return f"{python} - <<'END-OF-PROGRAM'\n{text}END-OF-PROGRAM\n"
    if block.kind == "crontab":
        (line,) = text.splitlines()
        command = line.split(maxsplit=5)[5]
        return f'(cd "$HOME"; {_CRON} /bin/sh -c {shlex.quote(command)})\n'
    return text


def _pattern(shown: str) -> re.Pattern[str]:
    parts = map(re.escape, _VARIES.sub("0", shown).split("..."))
    return re.compile(".*".join(parts), re.DOTALL)


def _number(path: Path) -> int:
    return int(path.stem)


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
