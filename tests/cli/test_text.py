"""Text and JSON of results: safe for a terminal, and readable again."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from ffprep.cli.reporting.text import print_json, result_line, shell_command
from ffprep.core.geometry import Size
from ffprep.core.job import Result, Status
from ffprep.errors import Kind, PhotoError
from ffprep.system.messages import printable
from tests.support.pictures import ramp


def test_a_name_cannot_steer_the_terminal() -> None:
    wild = "a\x1b[2J\n\udcff\u202eb.jpg"
    assert printable(wild) == "a\\x1b[2J\\n\\xff\\u202eb.jpg"
    assert result_line(Result.failed(Path(wild), None, PhotoError(Kind.IO, "x\ny"))).isprintable()
    assert printable("größe 世界.jpg") == "größe 世界.jpg"


def test_what_json_says_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(Result(Path("\udcff"), Path("é"), Status.CONVERTED, Size(1, 2)).as_dict())
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


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_reads_quoted_words_as_they_were(shell: str) -> None:
    words = [
        "plain",
        "it's",
        "-n\x1b]0;t\x07",
        "a\nb\u202e100%\udcff'\\x!\"$(id)`id`.jpg",
        "end\n\n",
    ]
    command = shell_command(["printf", "%s\\0", *words])
    assert command.rstrip("'\n").isprintable()
    said = subprocess.run([shell, "-c", command], capture_output=True, check=True).stdout
    assert [os.fsdecode(word) for word in said.split(b"\0")[:-1]] == words


def test_no_error_of_a_command_steers_the_terminal_or_forges_a_line(ffprep, tmp_path: Path) -> None:
    wild = "\x1b]0;t\x07\u202e\udcff\nffprep: all is well"
    photo, out = tmp_path / f"x{wild}.jpg", tmp_path / "out"
    ramp(40, 30).save(tmp_path / "x.jpg")
    (tmp_path / "x.jpg").rename(photo)
    (out / ".ffprep").mkdir(parents=True)
    (out / ".ffprep/ledger.db").write_bytes(photo.read_bytes())
    config = tmp_path / "ffprep.toml"
    config.write_text('[job.a]\nsources = ["x\\u001b\\u009b"]\noutput = "o"\nsize = "1\\u001b"\n')
    size = ["--size", "64x48"]
    escaped = 0
    for command in (
        ["convert", tmp_path / f"gone{wild}.jpg", "-o", tmp_path / "o", *size],
        ["convert", photo, "-o", photo, *size],
        ["convert", photo, "-o", tmp_path / "o.jpg", "--log-file", photo, *size],
        ["convert", photo, "-o", tmp_path / "o.jpg", f"--x{wild}", *size],
        ["convert", photo, "-o", tmp_path / "o.jpg", "--size", wild],
        ["convert", photo, "-o", out, *size],
        ["run", "a", "--config", config],
        ["status", photo],
        ["check", photo, *size],
        ["info", photo],
        [f"command{wild}"],
    ):
        ran = ffprep(*command)
        for line in (ran.err + os.fsdecode(ran.out)).splitlines():
            assert line.isprintable(), (command, line)
            assert line != "ffprep: all is well", command
        escaped += "\\x1b" in ran.err + os.fsdecode(ran.out)
    assert escaped >= 8
