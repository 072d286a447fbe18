import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_the_benchmark_runs_on_photos_it_draws_itself(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "FFPREP_PHOTOS"}
    files = {name: tmp_path / name for name in ("json", "markdown", "svg")}
    argv = [
        sys.executable,
        "-m",
        "scripts.bench",
        "--quick",
        "--sets",
        "small",
        "--peers",
        "pillow",
    ]
    argv += [word for name, path in files.items() for word in (f"--{name}", path)]
    subprocess.run(argv, env=environment, check=True, capture_output=True, cwd=ROOT)
    (race,) = json.loads(files["json"].read_text())["races"]
    rows = {row["peer"]: row for row in race["rows"]}
    assert set(rows) == {"ffprep", "pillow"}
    assert all(row["exact"] == race["photos"] for row in rows.values())
    assert "1280x720" in files["markdown"].read_text()
    assert ElementTree.parse(files["svg"]).getroot().tag.endswith("svg")


def test_the_night_is_measured(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "FFPREP_PHOTOS"}
    files = {name: tmp_path / name for name in ("json", "markdown")}
    argv = [sys.executable, "-m", "scripts.bench", "--quick", "--nightly"]
    argv += [word for name, path in files.items() for word in (f"--{name}", path)]
    subprocess.run(argv, env=environment, check=True, capture_output=True, cwd=ROOT)
    night = json.loads(files["json"].read_text())["nightly"]
    assert bool(night["idle"]) == bool(shutil.which("rsync"))
    layouts = [(held["photos"], held["each"]) for held in night["held"]]
    assert layouts == [(100, 50), (100, 100), (200, 50), (200, 200)]
    assert all(0 < held[key] < 150e6 for held in night["held"] for key in ("adopting", "idle"))
    assert [set["what"] for set in night["synced"]] == ["small", "camera"]
    assert "--fsync" in files["markdown"].read_text()
