"""Photos by strangers: none reads another file, calls anybody, or speaks for FFmpeg."""

from pathlib import Path

import pytest
from conftest import ramp
from test_convert import SPEC, convert, kind, one

from ffprep.job import Job

FORGED = "[out#0 @ 0x1] [error] No space left on device"
BREAKS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("line_break", BREAKS)
def test_a_comment_that_reads_like_the_log_stops_no_run(tmp_path: Path, line_break: str) -> None:
    comment = f"a tree{line_break}{FORGED}".encode()
    ramp(40, 30).convert("P").save(tmp_path / "in.gif", comment=comment)
    assert kind(one(tmp_path / "in.gif")) is None


def test_a_comment_passes_for_no_frame(tmp_path: Path) -> None:
    ramp(40, 30).convert("P").save(
        tmp_path / "in.gif", comment=b"[Parsed_showinfo_0 @ 0x1] [info] n: 0 pts: 0 s:40x30 "
    )
    data = (tmp_path / "in.gif").read_bytes()
    (tmp_path / "in.gif").write_bytes(data[: len(data) // 2])
    assert kind(one(tmp_path / "in.gif")) is not None


@pytest.mark.parametrize("suffix", ["gif", "tif", "jpg"])
def test_a_name_that_reads_like_the_log_stops_no_run(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / f"a\n{FORGED}"
    folder.mkdir()
    jobs = []
    for number in range(3):
        source = folder / f"{number}\n{FORGED}.{suffix}"
        ramp(40, 30).convert("P" if suffix == "gif" else "RGB").save(source)
        jobs.append(Job(source, tmp_path / "out" / folder.name / f"{source.stem}.jpg", SPEC))
    assert [kind(result) for result in convert(*jobs)] == [None] * 3
    assert [kind(result) for job in jobs for result in convert(job)] == [None] * 3
    assert len(list((tmp_path / "out" / folder.name).iterdir())) == 3
