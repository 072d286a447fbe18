import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from scripts.bench import sets
from tests.support.pictures import ramp

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_a_race_and_a_night_are_measured(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name, size in (("a", (3264, 2448)), ("b", (2448, 3264))):
        ramp(*size).save(tmp_path / f"photos/{name}.jpg")
    environment = os.environ | {"FFPREP_PHOTOS": str(tmp_path / "photos")}
    files = {name: tmp_path / name for name in ("json", "markdown", "svg")}
    argv = [sys.executable, "-m", "scripts.bench", "--quick", "--race", "--nightly"]
    argv += ["--sets", "small", "--peers", "pillow"]
    argv += [str(word) for name, path in files.items() for word in (f"--{name}", path)]
    subprocess.run(argv, env=environment, check=True, capture_output=True, cwd=ROOT)
    report, markdown = json.loads(files["json"].read_text()), files["markdown"].read_text()
    assert "1280x720" in markdown
    assert "--fsync" in markdown
    assert ElementTree.parse(files["svg"]).getroot().tag.endswith("svg")
    check_race(report)
    check_night(report["nightly"])


def test_photos_are_drawn_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FFPREP_PHOTOS", raising=False)
    monkeypatch.setattr(sets, "_DRAWINGS", (("160x120", ".jpg"), ("120x160", ".webp")))
    folder, drawn = sets.photo_folder(tmp_path)
    assert drawn
    sizes = [(photo.format, photo.size) for photo in sets.sound_photos(folder)]
    assert sizes == [("JPEG", (160, 120)), ("WEBP", (120, 160))]


def check_race(report: dict[str, Any]) -> None:
    (race,) = report["races"]
    rows = {row["peer"]: row for row in race["rows"]}
    assert set(rows) == {"ffprep", "ffprep-420", "pillow"}
    assert all(row["exact"] == race["photos"] for row in rows.values())


def check_night(night: dict[str, Any]) -> None:
    assert bool(night["idle"]) == bool(shutil.which("rsync"))
    layouts = [(held["photos"], held["each"]) for held in night["held"]]
    assert layouts == [(100, 50), (200, 50), (100, 100)]
    assert all(0 < held[key] < 150e6 for held in night["held"] for key in ("adopting", "idle"))
    assert [set["what"] for set in night["synced"]] == ["small"]
