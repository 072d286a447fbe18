"""Text and JSON of results: safe for a terminal, and readable again."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from ffprep.cli.reporting.text import print_json, result_as_dict, result_line, shell_command
from ffprep.core.geometry import Size
from ffprep.core.job import Result, Status
from ffprep.errors import Kind, PhotoError
from ffprep.system.messages import printable


def test_a_name_cannot_steer_the_terminal() -> None:
    wild = "a\x1b[2J\n\udcff\u202eb.jpg"
    assert printable(wild) == "a\\x1b[2J\\n\\xff\\u202eb.jpg"
    assert result_line(Result.failed(Path(wild), None, PhotoError(Kind.IO, "x\ny"))).isprintable()
    assert printable("größe 世界.jpg") == "größe 世界.jpg"


def test_what_json_says_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(result_as_dict(Result(Path("\udcff"), Path("é"), Status.CONVERTED, Size(1, 2))))
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
