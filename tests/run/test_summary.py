"""The summary of a run: counts, exit code, sentence."""

from pathlib import Path

from ffprep.core.geometry import Size
from ffprep.core.job import Result, Status
from ffprep.errors import ExitCode, Kind, PhotoError
from ffprep.run.summary import RunEnd, RunSummary

GOOD = Result(Path("a.jpg"), Path("o/a.jpg"), Status.CONVERTED, Size(8, 6), 0.12)
BAD = Result.failed(Path("b.jpg"), None, PhotoError(Kind.DAMAGED, "the file is empty"))
BUG = Result.failed(Path("c.jpg"), None, PhotoError(Kind.INTERNAL, "KeyError: 7"))


def test_the_exit_code_is_that_of_the_worst_result() -> None:
    summary = RunSummary()
    codes = []
    for result in (GOOD, BAD, GOOD, BUG):
        summary.count(result)
        codes.append(summary.exit_code)
    assert codes == [ExitCode.OK, ExitCode.SOME_FAILED, ExitCode.SOME_FAILED, ExitCode.BUG]
    assert summary.summary() | {"seconds": 0} == {
        "converted": 2,
        "fresh": 0,
        "failed": 2,
        "pruned": 0,
        "passed_over": 0,
        "new_failures": 2,
        "passed_over_by_kind": {"raw": 0, "film": 0, "link": 0, "other": 0, "filtered": 0},
        "warned_by_kind": {},
        "seconds": 0,
    }


def test_a_run_that_leaves_work_undone_does_not_succeed() -> None:
    summary = RunSummary(total=7)
    summary.count(GOOD)
    summary.ended = RunEnd.TIME
    assert summary.exit_code == ExitCode.SOME_FAILED
    assert summary.sentence().startswith(
        "stopped after --max-time; 6 not processed yet; 1 converted in "
    )
