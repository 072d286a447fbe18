import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_a_race_and_a_night_are_measured_on_drawn_photos(tmp_path: Path) -> None:
    # One run: most of its time goes into drawing photos of a camera's size.
    environment = {key: value for key, value in os.environ.items() if key != "FFPREP_PHOTOS"}
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
