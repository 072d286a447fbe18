"""One folder through ffprep, and every rule that was broken on the way.

Nothing of ffprep is imported for the judging but its list of suffixes: the files decide.
"""

import json
import os
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.film import SUFFIXES_READ
from ffprep.core.formats import HEAD_BYTES, SUFFIXES, sniff
from scripts.bench.meter import Watch

WIDTH, HEIGHT = 40, 30
"""Smaller than the seeds, so that only what is worth it is told."""

MEMORY = 1_500_000_000
"""Bytes that the tree of processes may fill."""

SECONDS = 120.0
"""How long one call may take."""

warnings.filterwarnings("ignore", module="PIL")


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that was broken; by which file is empty where only the whole folder tells."""

    rule: str
    file: str
    words: str


@dataclass(frozen=True, slots=True)
class Called:
    """What a process has said, how it ended (None: it did not), and the most memory of its tree."""

    argv: Sequence[str]
    status: int | None
    out: bytes
    err: bytes
    peak: int

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects of stdout, one a line."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith(b"{")]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a folder: the results of `convert` by file name, and the breaches."""

    results: Mapping[str, dict[str, Any]]
    breaches: tuple[Breach, ...]
    peak: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls ffprep with a home and a place for temporary files of its own."""

    command: tuple[str, ...]
    work: Path

    def judge(self, folder: Path, options: Sequence[str]) -> Verdict:
        """Convert a folder with these options, look at it with `info` and `check`; what broke."""
        size, frame = f"{WIDTH}x{HEIGHT}", _frame(options)
        with tempfile.TemporaryDirectory(dir=self.work) as place:
            out = Path(place, "out")
            argv = ["convert", str(folder), "-o", str(out), "--size", size, "--json", *options]
            converted = self._call(Path(place), argv)
            results = _by_name(converted, "source")
            breaches = [*_of_process(converted, Path(place)), *_of_outputs(results, out)]
            named = expected(folder, bool(frame))
            breaches += _of_files(named, results, "convert")
            calls = [converted]
            for command, names in (
                (("info", "--json", "--size", size, *frame), named),
                (("check", "--json", "--size", size), expected(folder)),
            ):
                calls.append(self._call(Path(place), [*command, str(folder)]))
                breaches += _of_process(calls[-1], Path(place))
                breaches += _of_files(names, _by_name(calls[-1], "path"), command[0])
            calls.append(self._call(Path(place), ["info", str(folder)]))
            breaches += [*_of_process(calls[-1], Path(place)), *_of_lines(folder, calls[-1])]
            return Verdict(results, tuple(breaches), max(call.peak for call in calls))

    def _call(self, place: Path, arguments: Sequence[str]) -> Called:
        """In a session of its own, which is ended with all that is in it when it takes too long."""
        (place / "tmp").mkdir(exist_ok=True)
        home = {"HOME": str(self.work), "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""}
        child = subprocess.Popen(
            (*self.command, *arguments),
            env={**os.environ, **home, "TMPDIR": str(place / "tmp")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        watch = Watch(child.pid)
        watch.start()
        try:
            out, err = child.communicate(timeout=SECONDS)
            status: int | None = child.returncode
        except subprocess.TimeoutExpired:
            watch.kill()
            out, err = child.communicate()
            status = None
        watch.stop()
        return Called(arguments, status, out, err, watch.peak)


def _frame(options: Sequence[str]) -> Sequence[str]:
    """Return the option that has films read, if it is there."""
    place = options.index("--frame") if "--frame" in options else len(options)
    return options[place : place + 2]


def expected(folder: Path, films: bool = False) -> set[str]:
    """The names of the files that ffprep is to tell of: by suffix; without one, by their bytes."""
    found = set()
    suffixes = {*SUFFIXES, *SUFFIXES_READ} if films else SUFFIXES
    for name in os.listdir(folder):
        suffix = os.path.splitext(name)[1].lower()
        if suffix in suffixes or (not suffix and sniff((folder / name).read_bytes()[:HEAD_BYTES])):
            found.add(name)
    return found


def _by_name(called: Called, key: str) -> dict[str, dict[str, Any]]:
    """Return the lines of files that are pictures; others are named because they are skipped."""
    lines = (line for line in called.objects if key in line)
    return {
        os.path.basename(line[key]): line for line in lines if line.get("status") != "passed_over"
    }


def _of_process(called: Called, place: Path) -> Iterator[Breach]:
    """How a process may end, what it may say, take and leave behind."""
    command, said = called.argv[0], called.err.decode(errors="backslashreplace")
    if called.status is None:
        yield Breach("hang", "", f"{command} took more than {SECONDS:g} s")
    elif called.status < 0:
        yield Breach("crash", "", f"{command}: {signal.Signals(-called.status).name}")
    elif called.status > 1:
        yield Breach("exit code", "", f"{command}: {called.status}: {said[-500:]}")
    if "Traceback" in said or "bug in ffprep" in said:
        yield Breach("traceback", "", f"{command}: {said[-2000:]}")
    if called.peak > MEMORY:
        yield Breach("memory", "", f"{command}: {called.peak / 1e6:.0f} MB")
    left = [path for path in place.rglob("*") if path.name.startswith((".ffprep-", "ffprep-"))]
    if left:
        yield Breach("leftover", "", f"{command}: {', '.join(path.name for path in left)}")


def _of_files(names: Set[str], told: Mapping[str, Any], command: str) -> Iterator[Breach]:
    """Every file has its line, and no line is of another."""
    for name in sorted(names ^ told.keys()):
        yield Breach("untold" if name not in told else "unasked", name, command)
    for name, line in told.items():
        if line.get("error") and line["error"]["kind"] == "internal":
            yield Breach("internal", name, f"{command}: {line['error']['message']}")


def _of_lines(folder: Path, called: Called) -> Iterator[Breach]:
    """`info` for people: a line a file, whatever its name and its metadata say."""
    lines = called.out.count(b"\n")
    if lines != len(expected(folder)):
        yield Breach("lines", "", f"info: {lines} for {len(expected(folder))} files")


def _of_outputs(results: Mapping[str, dict[str, Any]], out: Path) -> Iterator[Breach]:
    """What is converted is there, whole and of the size asked for; nothing else is there."""
    named = {line["output"]: name for name, line in results.items()}
    for name, line in results.items():
        exists = bool(line["output"]) and os.path.lexists(line["output"])
        if exists != (line["status"] == "converted"):
            yield Breach("output", name, f"{line['status']}, and the output is {exists}")
    kept = {out / ".ffprep", out / ".ffprep/ledger.db", out / ".ffprep/lock"}
    made = (path for path in out.rglob("*") if not path.name.startswith(".ffprep-"))
    for path in (path for path in made if path not in kept):
        if str(path) not in named:
            yield Breach("output", "", f"{path.name} is nobody's")
        elif trouble := _trouble(path):
            yield Breach("output", named[str(path)], trouble)


def _trouble(path: Path) -> str | None:
    if path.suffix == ".jxl":  # Pillow does not read it
        return _trouble_of_jxl(path)
    try:
        with Image.open(path) as image:
            image.load()
            if image.size != (WIDTH, HEIGHT):
                return f"{image.size} instead of {WIDTH}x{HEIGHT}"
    except Exception as error:  # whatever it is that a decoder says
        return f"cannot be decoded: {error}"
    return None


def _trouble_of_jxl(path: Path) -> str | None:
    argv = [find().path, "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    decoded = subprocess.run(argv, capture_output=True)
    wrong = len(decoded.stdout) != 3 * WIDTH * HEIGHT or decoded.returncode or decoded.stderr
    return f"cannot be decoded: {decoded.stderr!r}" if wrong else None
