"""Templates of command lines that are kept for the next process."""

import os
from pathlib import Path

import pytest

from ffprep.conversion import command

TEMPLATE = ("-i", command.SOURCE, "-vf", "a\n\udcff", command.OUTPUT)


def test_a_template_is_read_from_the_cache_only_if_it_is_whole_and_the_users_own(
    tmp_path: Path,
) -> None:
    file = tmp_path / "ffprep/commands/1"
    path = str(file)
    assert command._read(path, "key") is None
    command._write(path, "key", TEMPLATE)
    assert command._read(path, "key") == TEMPLATE
    assert command._read(path, "another key") is None
    assert os.listdir(file.parent) == ["1"]
    content = file.read_bytes()
    for damaged in (b"", b"\n", content[:-1], content.replace(b"-vf", b"-vg")):
        file.write_bytes(damaged)
        assert command._read(path, "key") is None
    file.write_bytes(content)
    file.chmod(0o620)
    assert command._read(path, "key") is None
    file.unlink()
    file.mkdir()
    command._write(path, "key", TEMPLATE)
    assert command._read(path, "key") is None
    command._write("/dev/null/commands/1", "key", TEMPLATE)


def test_a_template_that_cannot_be_written_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_is_full(_: int) -> None:
        raise OSError

    monkeypatch.setattr(os, "fsync", disk_is_full)
    command._write(str(tmp_path / "commands/1"), "key", TEMPLATE)
    assert os.listdir(tmp_path / "commands") == []
