"""What real runs print and write: JSON keys, metrics, the ledger, names of outputs."""

import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from PIL import Image

_JOBS = """
[job.all]
sources = ["photos"]
output = "out"
size = "64x48"
"""
_CONVERT = [*"convert photos -o out --size 64x48 --json -v --on-finish".split(), "env > variables"]
_FILES = "--summary-file summary.json --metrics-file m.prom --log-file log --log-format json"
_SUBMIT = "submit photos -o clips --size 64x48 --prompt Zoom --json --dry-run".split()
_SUBMIT += "--base-url http://127.0.0.1:9/v1 --model one".split()
_RUNS = {
    "convert": [
        [*_CONVERT, *_FILES.split()],
        _CONVERT,  # all is up to date
        "run all --json".split(),
        [*_CONVERT, "--dry-run", "--force"],
    ],
    "check": ["check out --size 64x64 --json".split()],
    "info": ["info photos --size 64x48 --json".split()],
    "status": [
        "status out --json".split(),
        "status out --json --failed".split(),
        "status out --json --warnings".split(),
        "status out --json --accept".split(),
    ],
    "modes": ["modes --json".split()],
    "targets": ["targets --json".split(), "targets --check mine.toml --json".split()],
    "config show": ["config show --json".split()],
    "submit": [_SUBMIT],
    "doctor": ["doctor --ffmpeg nowhere --json".split()],  # fast without an ffmpeg
}
_MAPS = frozenset(
    "failures headers options passed_over_by_kind recommended refusals sizes warned_by_kind".split()
)
"""Objects whose keys are kinds, sizes and other values."""


def lines(run: Callable[[list[str], Path], str], folder: Path) -> Iterator[str]:
    """Yield a line for each name that the runs print or write."""
    _prepare(folder)
    for name, calls in _RUNS.items():
        printed = [line for argv in calls for line in run(argv, folder).splitlines()]
        yield from _keys(f"JSON of {name}", printed)
    yield from _files(folder)
    run(["convert", "photos/a.jpg", "--size", "64x48"], folder)
    yield from (f"output without -o: {path.name}" for path in folder.glob("photos/a_*"))
    yield from _keys("JSON of clean", run("clean out --json".split(), folder).splitlines())


def _prepare(folder: Path) -> None:
    """Draw a photo that is enlarged and one that is empty, and write what some runs read."""
    (folder / "photos").mkdir()
    Image.new("RGB", (40, 30), "teal").save(folder / "photos/a.jpg")
    Image.new("RGB", (400, 300), "teal").save(folder / "photos/b.png")
    (folder / "photos/empty.jpg").touch()
    (folder / "photos/notes.txt").touch()
    (folder / "ffprep.toml").write_text(_JOBS)
    (folder / "mine.toml").write_text("[mine]\nsizes = []\n")


def _keys(name: str, texts: Iterable[str]) -> Iterator[str]:
    """Yield each path in some JSON objects, with the types of its values."""
    found: dict[str, set[str]] = {}
    for text in texts:
        for place, kind in _values(json.loads(text), ""):
            found.setdefault(place, set()).add(kind)
    return (f"{name}: {place}: {' or '.join(sorted(kinds))}" for place, kinds in found.items())


def _values(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        is_map = place.rpartition(".")[2] in _MAPS
        for key, each in value.items():
            name = "*" if is_map else key
            yield from _values(each, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        yield place, "list"
        for each in value:
            yield from _values(each, f"{place}[]")
    else:
        kinds = {int: "number", float: "number", str: "text", bool: "flag"}
        yield place, kinds.get(type(value), "null")


def _files(folder: Path) -> Iterator[str]:
    """Yield the names in the files of the first run."""
    yield from _keys("--summary-file", [(folder / "summary.json").read_text()])
    yield from _keys("--log-format json", (folder / "log").read_text().splitlines())
    for line in (folder / "m.prom").read_text().splitlines():
        if not line.startswith("#"):
            yield "metric " + re.sub(r'output=".*?",?', "", line.rpartition(" ")[0])
    for line in (folder / "variables").read_text().splitlines():
        name = line.partition("=")[0]
        if name.startswith("FFPREP_") and name not in os.environ:
            yield f"variable of --on-finish: {name}"
    with closing(sqlite3.connect(folder / "out/.ffprep/ledger.db")) as ledger:
        yield "ledger: version {}".format(*ledger.execute("PRAGMA user_version").fetchone())
        columns = "SELECT name, type FROM pragma_table_info(?)"
        tables = ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for name, kind in ledger.execute(columns, (table,)):
                yield f"ledger: {table}.{name} {kind}".strip()
