"""Reports of a run while it goes and after it: on a terminal, for cron, in a log file."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ffprep.cli.reporting.log_file import LogFile
from ffprep.cli.reporting.progress import Console, ConvertReporter
from ffprep.core.geometry import Size
from ffprep.core.job import Caveat, CaveatKind, FreshCount, Result, Status
from ffprep.errors import EnvironmentFault, Kind, PhotoError
from ffprep.run.convert_options import ReportOptions
from ffprep.run.summary import RunSummary
from tests.support.pictures import ramp

GOOD = Result(Path("a.jpg"), Path("o/a.jpg"), Status.CONVERTED, Size(8, 6), 0.12)
FRESH = Result(Path("f.jpg"), Path("o/f.jpg"), Status.FRESH, Size(8, 6))


def bad(number: int) -> Result:
    error = PhotoError(Kind.DAMAGED, "the file is empty")
    return Result.failed(Path(f"bad{number}.jpg"), None, error)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return a folder of two photos, and thirteen files that are not photos."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a", "b"):
        ramp(90, 60).save(folder / f"{name}.jpg")
    for number in range(13):
        (folder / f"bad{number}.jpg").write_text("no picture")
    return folder


@pytest.mark.parametrize("quiet", [True, False])
def test_cron_gets_one_block_with_ten_names_and_the_place_of_the_others(
    ffprep, library: Path, tmp_path: Path, quiet: bool
) -> None:
    log = tmp_path / "night's log"
    arguments = ["convert", library, "-o", tmp_path / "out", "--size", "9x6", "--log-file", log]
    ran = ffprep(*arguments, *(["--quiet"] if quiet else []))
    lines = ran.err.splitlines()
    if not quiet:
        assert re.fullmatch(r"ffprep: 2 converted, 13 failed in [\d.]+ s", lines.pop(0))
    lead = "ffprep: " if quiet else "  "
    places = f"`ffprep status {tmp_path}/out --failed`, or the log {log}"
    assert lines.pop() == f"{lead}and 3 more that failed: see {places}"
    named = [re.match(rf"{lead}.*/(bad\d+\.jpg): unsupported: is not a picture", x) for x in lines]
    first = sorted(path.name for path in library.glob("bad*"))[:10]
    assert (ran.code, [match and match[1] for match in named]) == (1, first)
    assert len(set(re.findall(r"bad\d+\.jpg(?=: unsupported)", log.read_text()))) == 13


def test_json_names_all_failures(ffprep, library: Path, tmp_path: Path) -> None:
    arguments = ["convert", library, "-o", tmp_path / "out", "--size", "9x6", "--ledger", "none"]
    ran = ffprep(*arguments, "--json")
    assert ran.err.splitlines()[-1] == "  and 3 more that failed: see the JSON lines"
    assert len(ran.kinds()) == 13


def test_all_failures_are_named_if_they_are_recorded_nowhere(
    ffprep, library: Path, tmp_path: Path
) -> None:
    listing = ["convert", library, "-o", tmp_path / "out", "--size", "9x6"]
    for arguments in ([*listing, "--ledger", "none"], [*listing, "-v", "--retry", "always"]):
        named = re.findall(r"bad\d+\.jpg(?=: unsupported)", ffprep(*arguments).err)
        assert (len(named), len(set(named))) == (13, 13)


def test_all_failures_are_named_if_the_ledger_cannot_be_written(
    ffprep, library: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.ffprep").write_text("in the way")
    ran = ffprep("convert", library, "-o", tmp_path / "out", "--size", "9x6")
    assert "the next run will convert everything again" in ran.err
    assert "ffprep status" not in ran.err
    assert len(re.findall(r"bad\d+\.jpg(?=: unsupported)", ran.err)) == 13


def test_warnings_are_summed_by_kind_and_a_few_are_named(ffprep, tmp_path: Path) -> None:
    """Twelve photos are enlarged, and two of them lose more than half."""
    (tmp_path / "in").mkdir()
    for number in range(10):
        ramp(30, 20).save(tmp_path / f"in/{number}.jpg")
    for name in ("x", "y"):
        ramp(20, 30).save(tmp_path / f"in/{name}.jpg")
    out = tmp_path / "out"
    arguments = ["convert", tmp_path / "in", "-o", out, "--size", "60x40"]
    ran = ffprep(*arguments, "--log-file", tmp_path / "log")
    cut = "20x30 cut by 55.6 % for 60x40; --mode auto pads such photos"
    listing = f"`ffprep status {out} --warnings`, or the log {tmp_path}/log"
    assert (ran.code, ran.err.splitlines()) == (
        0,
        [
            "ffprep: 12 enlarged",
            f"ffprep: {tmp_path}/in/x.jpg: {cut}",
            f"ffprep: {tmp_path}/in/y.jpg: {cut}",
            f"ffprep: to see which: {listing}",
        ],
    )
    listed = ffprep("status", out, "--warnings").out.decode().splitlines()
    assert len(listed) == 12
    assert listed[-1] == f"{tmp_path}/in/y.jpg: 20x30 enlarged 3.00x for 60x40; {cut}"
    assert ffprep(*arguments).err == ""
    again = ffprep(*arguments, "--json", "--force")
    assert again.results["x.jpg"]["warning_kinds"] == ["upscale", "cut"]
    assert again.summary["warned_by_kind"] == {"cut": 2, "upscale": 12}


def test_a_photo_is_named_once_if_all_its_pictures_fail_alike(
    ffprep, library: Path, tmp_path: Path
) -> None:
    sizes = ["--size", "9x6", "--size", "6x4"]
    photos = [library / "a.jpg", library / "bad0.jpg"]
    ran = ffprep("convert", *photos, "-o", tmp_path / "out", *sizes)
    head, line = ran.err.splitlines()
    assert head.startswith("ffprep: 2 converted, 2 failed in ")
    assert line.startswith(f"  {library}/bad0.jpg: unsupported: is not a picture")
    assert line.endswith(" (2 pictures)")
    assert len(ffprep("status", tmp_path / "out", "--failed").out.splitlines()) == 1
    assert len(ffprep("status", tmp_path / "out", "--failed", "--json").lines) == 2


def test_many_failures_are_counted_but_not_kept() -> None:
    summary = RunSummary()
    for number in range(5000):
        summary.count(bad(number))
        caveats = (Caveat("enlarged", CaveatKind.UPSCALE),)
        photo = Path(f"w{number}")
        summary.count(Result(photo, Path("o"), Status.CONVERTED, caveats=caveats))
    first = sorted(f"bad{number}.jpg" for number in range(5000))[:10]
    assert [each.result.source.name for each in summary.failures.first] == first
    warnings = summary.warnings[CaveatKind.UPSCALE]
    assert (len(warnings.first), warnings.total, summary.warned) == (3, 5000, 5000)
    assert (summary.kinds[Kind.DAMAGED], summary.failures.more) == (5000, 4990)


@pytest.mark.parametrize("error", [EnvironmentFault("the disk is full"), LookupError("planted")])
def test_failures_are_reported_if_the_run_breaks_off(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, error: Exception
) -> None:
    console = Console(ReportOptions(log_file=tmp_path / "log"))

    def run() -> None:
        summary = RunSummary()
        with ConvertReporter(console, summary, "ffprep status 'O\x1bT'") as reporter:
            for number in range(11):
                summary.count(bad(number))
                reporter.report(bad(number))
            raise error

    with pytest.raises(type(error)):
        run()
    head, *named, rest = capsys.readouterr().err.splitlines()
    assert head.startswith("ffprep: stopped; 0 converted, 11 failed in ")
    first = sorted(f"bad{number}.jpg" for number in range(11))[:10]
    assert named == [f"  {name}: damaged: the file is empty" for name in first]
    places = f"`ffprep status 'O\\x1bT' --failed`, or the log {tmp_path}/log"
    assert rest == f"  and 1 more that failed: see {places}"
    assert str(error) in (tmp_path / "log").read_text().splitlines()[-1]


@pytest.mark.parametrize(
    "options", [ReportOptions(), ReportOptions(verbose=True), ReportOptions(json=True)]
)
def test_photos_that_are_up_to_date_are_counted_and_named_only_on_request(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: ReportOptions
) -> None:
    summary = RunSummary()
    console = Console(replace(options, log_file=tmp_path / "log"))
    with ConvertReporter(console, summary) as reporter:
        assert reporter.each == (options.verbose or options.json)
        for result in (FRESH,) if reporter.each else (FRESH, FreshCount(41)):
            summary.count(result)
            reporter.report(result)
    printed = capsys.readouterr()
    assert ("f.jpg" in printed.out + printed.err) == reporter.each
    assert ("f.jpg" in (tmp_path / "log").read_text()) == options.verbose
    assert summary.counts[Status.FRESH] == (1 if reporter.each else 42)


def test_a_photo_that_is_up_to_date_costs_three_calls(tmp_path: Path) -> None:
    calls: list[str] = []
    summary = RunSummary()
    console = Console(ReportOptions(log_file=tmp_path / "log"))
    with ConvertReporter(console, summary) as reporter:
        sys.setprofile(lambda frame, event, _: calls.append(f"{event} {frame.f_code.co_name}"))
        try:
            summary.count(FRESH)
            reporter.report(FRESH)
        finally:
            sys.setprofile(None)
    assert sum(call.startswith("call ") for call in calls) <= 3, calls  # count, add, report


def test_a_json_log_has_the_lines_of_json_output(ffprep, library: Path, tmp_path: Path) -> None:
    arguments = ["convert", library, "-o", tmp_path / "out", "--size", "9x6", "--json"]
    ran = ffprep(*arguments, "--log-file", tmp_path / "log", "--log-format", "json")
    begin, *photos, end = map(json.loads, (tmp_path / "log").read_text().splitlines())
    for line in (begin, *photos, end):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
        assert len({line.pop("pid"), begin.get("pid")} - {None}) == 1
    assert begin["begin"] | {"version": "", "ffmpeg": ""} == {
        "total": 15,
        "output": str(tmp_path / "out"),
        "version": "",
        "ffmpeg": "",
    }
    assert photos == ran.lines[:-1]
    assert end["summary"] | {"seconds": 0} == ran.summary | {
        "seconds": 0,
        "ended": "done",
        "error": None,
    }


def test_text_lines_have_time_zone_and_process_id(ffprep, library: Path, tmp_path: Path) -> None:
    arguments = ["convert", library, "-o", tmp_path / "out", "--size", "9x6"]
    environment = {**os.environ, "TZ": "UTC-5:30"}
    ffprep(*arguments, "--log-file", tmp_path / "log", env=environment)
    lines = (tmp_path / "log").read_text().splitlines()
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+05:30 \[(\d+)\] "
    matches = [re.match(stamp, line) for line in lines]
    assert len({match[1] for match in matches if match}) == 1
    assert None not in matches
    assert re.search(r"\] begin: 15 photos to .*/out \(ffprep .*, ffmpeg .*\)$", lines[0])
    assert re.search(r"\] end: 2 converted, 13 failed in .* s$", lines[-1])


def test_a_renamed_or_removed_log_is_created_again(tmp_path: Path) -> None:
    path = tmp_path / "logs/ffprep.log"
    path.parent.mkdir()
    log = LogFile(path, "text")
    log.photo(bad(1))
    path.rename(tmp_path / "logs/ffprep.log.1")
    log.photo(bad(2))
    assert "bad2.jpg" in path.read_text()
    path.unlink()
    log.photo(bad(3))
    assert [n for n in range(4) if f"bad{n}.jpg" in path.read_text()] == [3]
    assert "bad1.jpg" in (tmp_path / "logs/ffprep.log.1").read_text()
    log.end(RunSummary())


def test_a_log_without_its_folder_is_reported_once_and_continues_when_that_is_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "logs/ffprep.log"
    path.parent.mkdir()
    log = LogFile(path, "text")
    shutil.rmtree(path.parent)
    log.photo(bad(1))
    log.photo(bad(2))
    words = "no such file or directory; the run continues, log lines are lost"
    assert capsys.readouterr().err == f"ffprep: --log-file {path}: {words}\n"
    path.parent.mkdir()
    log.photo(bad(3))
    log.end(RunSummary())
    assert [n for n in range(4) if f"bad{n}.jpg" in path.read_text()] == [3]
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_log_on_a_full_disk_causes_a_warning_only(ffprep, library: Path, tmp_path: Path) -> None:
    good = (library / "a.jpg", library / "b.jpg")
    ran = ffprep("convert", *good, "-o", tmp_path, "--size", "9x6", "--log-file", "/dev/full")
    words = "no space left on device; the run continues, log lines are lost"
    assert (ran.code, ran.err) == (0, f"ffprep: --log-file /dev/full: {words}\n")
    assert (tmp_path / "a.jpg").is_file()


def test_a_log_may_be_a_pipe_or_a_stream(ffprep, library: Path, tmp_path: Path) -> None:
    arguments = ["convert", library / "a.jpg", "-o", tmp_path / "o.jpg", "--size", "9x6"]
    assert "] end: 1 converted" in ffprep(*arguments, "--log-file", "/dev/stderr").err
    assert ffprep(*arguments, "--log-file", "/dev/null").err == ""
    os.mkfifo(tmp_path / "fifo")
    heard: list[str] = []
    listener = threading.Thread(target=lambda: heard.append((tmp_path / "fifo").read_text()))
    listener.start()
    ran = ffprep(*arguments, "--log-file", tmp_path / "fifo")
    listener.join(30)
    assert (ran.code, ran.err) == (0, "")
    assert "] end: 1 converted" in heard[0]


def test_a_pipe_without_a_reader_is_an_error(ffprep, library: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    command = ["convert", library / "a.jpg", "-o", tmp_path / "o.jpg", "--size", "9x6"]
    ran = ffprep(*command, "--log-file", tmp_path / "fifo")
    words = f"ffprep: --log-file {tmp_path}/fifo: no process reads this pipe\n"
    assert (ran.code, ran.err) == (3, words)


def test_a_pipe_that_loses_its_reader_stops_nothing(
    home: Path, library: Path, tmp_path: Path
) -> None:
    command = f"{sys.executable} -m ffprep convert {library}/a.jpg -o {tmp_path}/o.jpg --size 9x6"
    os.mkfifo(tmp_path / "fifo")
    gone = f"head -c 1 {tmp_path}/fifo > {tmp_path}/read & {command} --log-file {tmp_path}/fifo"
    ran = subprocess.run(["sh", "-c", gone], capture_output=True, text=True)
    assert (ran.returncode, "Traceback" in ran.stderr) == (0, False)
    assert (tmp_path / "o.jpg").is_file()
