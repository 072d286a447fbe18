"""The page about 100 million photos says what its script computes."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from ffprep.run import window

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/operations/scale.md"


def computed(page: Path) -> str:
    command = [sys.executable, "-m", "scripts.scale", "--page", page]
    subprocess.run(command, check=True, cwd=ROOT)
    return page.read_text()


def test_the_tables_of_the_page_are_those_of_the_script(tmp_path: Path) -> None:
    page = Path(shutil.copy(PAGE, tmp_path))
    assert computed(page) == PAGE.read_text(), "run python -m scripts.scale"


def test_figures_are_edited_in_the_page(tmp_path: Path) -> None:
    page = tmp_path / "scale.md"
    page.write_text(re.sub(r" 3500 \|", " 35 |", PAGE.read_text()))
    text = computed(page)
    assert "|       35 |" in text.partition("PUT requests below one prefix")[2].partition("\n")[0]


def test_chunks_are_assumed_as_a_run_cuts_them() -> None:
    assert f" {window._CHUNK_SECONDS:g} |" in next(
        line for line in PAGE.read_text().splitlines() if "`chunk_seconds`" in line
    )
