"""Run the traced commands on one drawn photo."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from PIL import Image

COMMANDS = ("convert", "check", "run", "submit")
_TRACE = Path(__file__).with_name("trace.py")
_CONFIG = """
[job.night]
sources = ["photo.jpg"]
output = "night"
size = "1280x720"
"""


@dataclass(frozen=True, slots=True)
class Trace:
    """What one command imported and called, and how many classes it built."""

    imported: tuple[str, ...]
    packages: tuple[str, ...]
    calls: dict[str, int]
    classes: int
    edges: tuple[tuple[str, str, int], ...]

    @classmethod
    def read(cls, path: Path) -> "Trace":
        """Read the report of a traced command."""
        report = json.loads(path.read_text(encoding="utf-8"))
        edges = tuple((caller, called, count) for caller, called, count in report["edges"])
        names = tuple(report["imported"]), tuple(report["packages"])
        return cls(*names, report["calls"], report["classes"], edges)

    @property
    def changes(self) -> int:
        """Return how many calls went from one module to another."""
        return sum(count for _, _, count in self.edges)


class Measurement:
    """A folder with one photo, in which commands are traced."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.folder, self._python = folder, python
        (folder / "home").mkdir()
        gradient = Image.linear_gradient("L").resize((1600, 1200))
        gradient.convert("RGB").save(folder / "photo.jpg")
        (folder / "ffprep.toml").write_text(_CONFIG)

    def trace(self, command: str) -> Trace:
        """Trace a command of COMMANDS; `check` verifies what `convert` wrote last."""
        if command == "submit":
            return self._submit()
        if command == "convert":
            shutil.rmtree(self.folder / "out", ignore_errors=True)
        arguments = {
            "convert": "convert photo.jpg -o out --size 1280x720",
            "check": "check out --size 1280x720",
            "run": "run night",
        }
        return self.run(*arguments[command].split())

    def run(self, *arguments: str, **environment: str) -> Trace:
        """Trace a command line, which must succeed."""
        report = self.folder / "report.json"
        home = str(self.folder / "home")
        environment = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, **environment}
        argv = [self._python, "-P", str(_TRACE), str(report), *arguments]
        subprocess.run(argv, cwd=self.folder, env=environment, check=True, capture_output=True)
        return Trace.read(report)

    def _submit(self) -> Trace:
        # The video service of the tests. Imported only here, since it needs the openai package.
        with import_module("tests.support.standin").Standin() as service:
            arguments = "submit photo.jpg --prompt waves --size 1280x720 -o clip.mp4 --poll 0.05"
            return self.run(*arguments.split(), **service.environment)


@contextmanager
def measurement(python: str = sys.executable) -> Iterator[Measurement]:
    """Make a temporary folder for measurements."""
    with tempfile.TemporaryDirectory(prefix="structure-") as folder:
        yield Measurement(Path(folder), python)
