"""Temporary files and folders: a signal that comes while one is made."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ffprep.errors import Interrupted
from ffprep.storage.local import LOCAL
from ffprep.system.tempfiles import temporary_folder
from tests.support.folders import temporaries


def interrupted_after(make: Callable[..., None]) -> Callable[..., None]:
    """Return `make` with a signal that is handled as soon as the file or folder is there."""

    def made(path: Path, *args: object, **options: object) -> None:
        make(path, *args, **options)
        raise Interrupted(signal.SIGTERM)

    return made


def test_what_is_made_as_a_signal_comes_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(Path, "touch", interrupted_after(Path.touch))
    with pytest.raises(Interrupted):
        LOCAL.ignores_case(tmp_path)
    assert not temporaries(tmp_path)
    monkeypatch.setattr(Path, "mkdir", interrupted_after(Path.mkdir))
    with pytest.raises(Interrupted), temporary_folder():
        pass
    assert not temporaries(tmp_path)
