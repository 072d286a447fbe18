"""What a run leaves for monitors, however it ended."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import ffprep as package
from ffprep.cli.reporting import notify
from ffprep.cli.reporting.notify import RunReport, send
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.job import CaveatKind, Result
from ffprep.errors import ExitCode, Kind, PhotoError
from ffprep.run.convert_options import NotifyOptions
from ffprep.run.summary import RunEnd, RunSummary
from ffprep.storage.local import LOCAL
from ffprep.system.processes import Processes
from tests.support.ffmpegs import slow_ffmpeg
from tests.support.pictures import ramp
from tests.support.processes import pid_in, until_ended
from tests.support.waiting import until

PAGE = Path(__file__).parents[2] / "docs/operations/output-and-logs.md"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    ramp(30, 20).save(tmp_path / "in/a.jpg")
    (tmp_path / "in/bad.jpg").write_text("no picture")
    (tmp_path / "in/gone.jpg").symlink_to("nothing.jpg")
    return tmp_path / "in"


def summary(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def metrics(text: str) -> dict[tuple[str, str], float]:
    """What an independent reader makes of a metrics file: by name and second label."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert (family.type, family.documentation != "") == ("gauge", True)
        for sample in family.samples:
            other = [value for label, value in sample.labels.items() if label != "output"]
            found[sample.name, *(other or [""])] = sample.value
    return found


def test_the_summary_tells_all_of_a_run(ffprep, photos: Path, tmp_path: Path) -> None:
    before = time.time()
    arguments = ["convert", photos, "-o", "out", "--size", "9x6", "--json"]
    ran = ffprep(*arguments, "--summary-file", "s.json", cwd=tmp_path)
    told = summary(tmp_path / "s.json")
    started, finished = (datetime.fromisoformat(told.pop(k)) for k in ("started", "finished"))
    assert before - 1 < started.timestamp() <= finished.timestamp() < time.time() + 1
    first = {failure["source"]: failure for failure in told.pop("first_failures")}
    assert first == {line["source"]: line for line in ran.lines if line.get("error")}
    assert told | {"seconds": 0} == ran.summary | {
        "seconds": 0,
        "output": str(tmp_path / "out"),
        "ended": "done",
        "exit_code": 1,
        "error": None,
        "total": 3,
        "unseen": 0,
        "warned": 0,
        "failures": {"missing": 1, "unsupported": 1},
        "version": package.__version__,
        "ffmpeg": find().version,
    }


def test_the_page_names_what_is_in_a_summary_and_in_the_metrics() -> None:
    page = PAGE.read_text()
    outcome = RunReport(RunSummary(Path("out")), 0, time.time())
    cells = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    rows = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    names = {name for name, _ in metrics(outcome.metrics())}
    assert rows == set(outcome.as_dict()) | names | set(notify._variables(outcome, Path("s")))


def test_metrics_are_what_prometheus_reads(ffprep, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / 'say "out"\\back\nline'
    ran = ffprep(
        "convert", photos, "-o", out, "--size", "9x6", "--json",
        "--metrics-file", tmp_path / "m.prom",
    )  # fmt: skip
    text = (tmp_path / "m.prom").read_text()
    families = list(text_string_to_metric_families(text))
    outputs = {sample.labels["output"] for family in families for sample in family.samples}
    assert outputs == {str(tmp_path / 'say "out"\\back') + "\\nline"}
    read = metrics(text)
    assert [read["ffprep_photos", s] for s in ("converted", "fresh", "failed")] == [1, 0, 2]
    assert {kind for name, kind in read if name == "ffprep_failures"} == {str(k) for k in Kind}
    assert {kind for name, kind in read if name == "ffprep_warnings"} == set(CaveatKind)
    assert sum(v for (name, _), v in read.items() if name == "ffprep_failures") == 2
    assert read["ffprep_last_run_exit_code", ""] == ran.code == 1
    assert read["ffprep_last_run_duration_seconds", ""] == pytest.approx(
        ran.summary["seconds"], abs=1
    )
    assert time.time() - 60 < read["ffprep_last_run_timestamp_seconds", ""] < time.time() + 1


def test_files_are_replaced_as_a_whole_and_readable(ffprep, photos: Path, tmp_path: Path) -> None:
    paths = (tmp_path / "s.json", tmp_path / "m.prom")
    for path in paths:
        path.write_text("of yesterday")
        path.chmod(0o600)
    was = [path.open() for path in paths]
    arguments = ["convert", photos / "a.jpg", "-o", tmp_path / "o.jpg", "--size", "9x6"]
    arguments += ["--summary-file", paths[0], "--metrics-file", paths[1]]
    assert ffprep(*arguments, umask=0o077).err.count("\n") <= 1  # it is enlarged
    for path, file in zip(paths, was, strict=True):
        assert file.read() == "of yesterday"
        file.close()
        assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.glob(".ffprep-*")) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ["--summary-file", "no/such/s.json"],
            3,
            "--summary-file no/such/s.json: its folder does not exist",
        ),
        (["--summary-file", "in"], 3, "--summary-file in: not a regular file"),
        (["--summary-file", "/dev/null"], 3, "--summary-file /dev/null: not a regular file"),
        (["--summary-file", "/proc/s.json"], 3, "--summary-file: cannot write /proc/s.json"),
        (
            ["--metrics-file", "no/such/m.prom"],
            3,
            "--metrics-file no/such/m.prom: its folder does not exist",
        ),
        (["--metrics-file", "m.txt"], 2, "names that end in .prom"),
    ],
)
def test_what_cannot_be_written_is_told_before_the_work(
    ffprep, photos: Path, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    ran = ffprep("convert", photos, "-o", "out", "--size", "9x6", *arguments, cwd=tmp_path)
    assert (ran.code, words in ran.err, "Traceback" in ran.err) == (code, True, False)
    assert not (tmp_path / "out").exists()


def test_a_link_stays_a_link_and_what_it_names_is_replaced(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/s.json").write_text("old")
    (tmp_path / "link").symlink_to("deep/s.json")
    command = ["convert", photos, "-o", "out", "--size", "9x6", "--summary-file", "link"]
    assert ffprep(*command, cwd=tmp_path).err.count("--summary-file") == 0
    assert (tmp_path / "link").is_symlink()
    assert summary(tmp_path / "deep/s.json")["ended"] == "done"


@pytest.mark.parametrize("option", ["--summary-file", "--log-file", "--metrics-file", "--depfile"])
def test_a_photo_is_no_place_to_tell_anything(
    ffprep, photos: Path, tmp_path: Path, option: str
) -> None:
    photo = tmp_path / "photo.prom"
    ramp(20, 20).save(photo, "JPEG")
    before = photo.read_bytes()
    ran = ffprep("convert", photos, "-o", "out", "--size", "9x6", option, photo, cwd=tmp_path)
    assert (ran.code, f"{option} {photo} is a photo" in ran.err) == (2, True)
    assert photo.read_bytes() == before


def test_a_run_that_cannot_begin_leaves_its_summary(ffprep, photos: Path, tmp_path: Path) -> None:
    arguments = ["convert", photos, "-o", tmp_path / "out", "--size", "9x6"]
    arguments += ["--summary-file", tmp_path / "s.json", "--metrics-file", tmp_path / "m.prom"]
    ran = ffprep(
        *arguments, "--ffmpeg", tmp_path / "nothing", "--on-finish", "echo hook $FFPREP_ENDED"
    )
    told = summary(tmp_path / "s.json")
    assert (ran.code, told["exit_code"], told["ended"], told["total"]) == (3, 3, "stopped", None)
    assert "cannot be run as ffmpeg" in told["error"]
    assert ran.err.startswith("hook stopped\n")
    assert metrics((tmp_path / "m.prom").read_text())["ffprep_last_run_exit_code", ""] == 3
    assert ffprep(*arguments, "--mode", "nothing").code == 2
    assert summary(tmp_path / "s.json")["exit_code"] == 2


def test_a_run_that_finds_the_folder_held_leaves_its_summary(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    arguments = ["convert", photos, "-o", tmp_path / "out", "--size", "9x6"]
    with LOCAL.lock(tmp_path / "out", 0):
        assert ffprep(*arguments, "--summary-file", tmp_path / "s.json").code == 75
    told = summary(tmp_path / "s.json")
    assert (told["exit_code"], told["ended"], told["total"]) == (75, "stopped", None)
    assert str(os.getpid()) in told["error"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_tells_monitors_too(
    home: Path, photos: Path, tmp_path: Path, number: int
) -> None:
    argv = [sys.executable, "-m", "ffprep", "convert", photos, "-o", tmp_path / "out"]
    argv += ["--size", "9x6", "--ffmpeg", slow_ffmpeg(tmp_path), "--log-file", tmp_path / "log"]
    argv += ["--summary-file", tmp_path / "s.json", "--on-finish", "echo hook $FFPREP_EXIT_CODE"]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE)
    log = tmp_path / "log"
    until(lambda: all(name in _text(log) for name in ("bad.jpg", "gone.jpg")))
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    told = summary(tmp_path / "s.json")
    code = 128 + number
    assert (process.returncode, told["exit_code"], told["ended"]) == (code, code, "interrupted")
    assert (told["unseen"], told["failed"]) == (1, 2)
    head, *named, hook = err.decode().splitlines()
    assert head.startswith("ffprep: interrupted; 0 converted, 2 failed in ")
    assert sorted(line.rpartition("/")[2].split(":")[0] for line in named) == [
        "bad.jpg",
        "gone.jpg",
    ]
    assert hook == f"hook {code}"


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_the_command_finds_the_run_in_its_environment(ffprep, photos: Path, tmp_path: Path) -> None:
    names = ("EXIT_CODE", "ENDED", "CONVERTED", "FRESH", "FAILED", "OUTPUT")
    show = "; ".join(f'echo "$FFPREP_{name}"' for name in names)
    command = f'{show}; cat; cat "$FFPREP_SUMMARY" > copy; echo "$FFPREP_SUMMARY" > name'
    arguments = ["convert", photos, "-o", "out put", "--size", "9x6", "--json", "--on-finish"]
    ran = ffprep(*arguments, command, cwd=tmp_path)
    assert ran.summary["failed"] == 2  # stdout is JSON and nothing else
    assert ran.err.splitlines()[-6:] == ["1", "done", "1", "0", "2", str(tmp_path / "out put")]
    assert summary(tmp_path / "copy")["exit_code"] == 1
    assert not os.path.exists((tmp_path / "name").read_text().strip())
    ffprep(*arguments, command, "--summary-file", "kept.json", cwd=tmp_path)
    assert (tmp_path / "name").read_text().strip() == str(tmp_path / "kept.json")
    assert summary(tmp_path / "kept.json") == summary(tmp_path / "copy")


def test_a_command_that_fails_is_told_and_changes_no_exit_code(ffprep, tmp_path: Path) -> None:
    ramp(30, 20).save(tmp_path / "a.jpg")
    arguments = ["convert", tmp_path / "a.jpg", "-o", tmp_path / "o.jpg", "--size", "9x6"]
    ran = ffprep(*arguments, "--on-finish", "exit 7")
    assert (ran.code, ran.err) == (0, "ffprep: --on-finish: exit code 7: exit 7\n")
    assert ffprep(*arguments, "--on-finish", "touch no/such/folder").code == 0
    ran = ffprep(*arguments, "--on-finish", "echo never", "--dry-run")
    assert (ran.code, ran.err) == (0, "")


def test_a_command_that_hangs_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(notify.COMMAND_SECONDS, RunEnd.DONE, 3)
    command = f"sleep 600 & echo $! > {tmp_path}/pid; wait"
    outcome = RunReport(RunSummary(tmp_path), ExitCode.OK, time.time())
    (told,) = send(NotifyOptions(on_finish=command), outcome, Processes())
    assert told == f"--on-finish: killed after 3 s: {command}"
    until_ended(pid_in(tmp_path / "pid"))


def test_a_signal_ends_the_command_too(home: Path, tmp_path: Path) -> None:
    ramp(30, 20).save(tmp_path / "a.jpg")
    argv = [sys.executable, "-m", "ffprep", "convert", tmp_path / "a.jpg", "-o", tmp_path / "o.jpg"]
    hook = f"echo $$ > {tmp_path}/pid; sleep 600"
    process = subprocess.Popen(
        [*argv, "--size", "9x6", "--on-finish", hook], stderr=subprocess.DEVNULL
    )
    command = pid_in(tmp_path / "pid")
    process.terminate()
    assert process.wait(60) == 143
    until_ended(command)


def test_names_that_are_not_utf8_are_told(tmp_path: Path) -> None:
    tally = RunSummary(Path("out\udcff"))
    tally.count(Result.failed(Path("\udcff.jpg"), None, PhotoError(Kind.IO, "\udcfe")))
    options = NotifyOptions(tmp_path / "s.json", tmp_path / "m.prom", "true")
    assert list(send(options, RunReport(tally, 1, time.time()), Processes())) == []
    assert summary(tmp_path / "s.json")["first_failures"][0]["source"] == "\udcff.jpg"
    assert 'out\\\\xff"' in (tmp_path / "m.prom").read_text()
