import json
from pathlib import Path

import pytest

from ffprep.core.job import Result, Status
from ffprep.core.spec import Size
from ffprep.errors import ExitCode, Kind, PhotoError
from ffprep.run import summary as report

GOOD = Result(Path("a.jpg"), Path("o/a.jpg"), Status.CONVERTED, Size(8, 6), 0.12)
BAD = Result.failed(Path("b.jpg"), None, PhotoError(Kind.DAMAGED, "the file is empty"))
BUG = Result.failed(Path("c.jpg"), None, PhotoError(Kind.INTERNAL, "KeyError: 7"))


def test_the_exit_code_tells_the_worst() -> None:
    tally = report.RunSummary()
    codes = []
    for result in (GOOD, BAD, GOOD, BUG):
        tally.add(result)
        codes.append(tally.exit_code)
    assert codes == [ExitCode.OK, ExitCode.SOME_FAILED, ExitCode.SOME_FAILED, ExitCode.BUG]
    assert tally.summary() | {"seconds": 0} == {
        "converted": 2,
        "fresh": 0,
        "failed": 2,
        "pruned": 0,
        "passed_over": 0,
        "seconds": 0,
    }


def test_what_is_left_to_do_is_no_success() -> None:
    tally = report.RunSummary(total=7)
    tally.add(GOOD)
    tally.ended = report.RunEnd.TIME
    assert tally.exit_code == ExitCode.SOME_FAILED
    assert tally.sentence().startswith(
        "stopped after --max-time; 6 not looked at yet; 1 converted in "
    )


def test_a_name_cannot_steer_the_terminal() -> None:
    wild = "a\x1b[2J\n\udcff\u202eb.jpg"
    assert report.printable(wild) == "a\\x1b[2J\\n\\xff\\u202eb.jpg"
    assert report.line(Result.failed(Path(wild), None, PhotoError(Kind.IO, "x\ny"))).isprintable()
    assert report.printable("größe 世界.jpg") == "größe 世界.jpg"


def test_what_json_says_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    report.print_json(
        report.as_dict(Result(Path("\udcff"), Path("é"), Status.CONVERTED, Size(1, 2)))
    )
    line = capsys.readouterr().out
    assert line.isascii()
    assert json.loads(line) | {"seconds": 0} == {
        "source": "\udcff",
        "output": "é",
        "status": "converted",
        "width": 1,
        "height": 2,
        "mode": None,
        "seconds": 0,
        "error": None,
    }
