"""What notebooks show, and the notebook of the guide, run in a kernel."""

import base64
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import ffprep
from tests.support.pages import ROOT
from tests.support.pictures import psnr

NOTEBOOK = ROOT / "docs/guide/notebook.ipynb"

RUN = """
import json, sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
print(json.dumps([cell.get("outputs", []) for cell in notebook.cells if cell.cell_type == "code"]))
"""


def pictures(html: str) -> list[Image.Image]:
    found = re.findall(
        r'<img alt="[^"<>]*" style="[^"]*" src="data:image/\w+;base64,([^"]+)">', html
    )
    assert html.count("<img") == len(found)
    return [Image.open(io.BytesIO(base64.b64decode(each))) for each in found]


def test_a_prepared_picture_shows_itself_with_size_and_mode(photo: Path) -> None:
    picture = ffprep.prepare(photo, (1280, 720), mode="pad")
    shown = picture._repr_mimebundle_()
    (preview,) = pictures(shown["text/html"])
    assert preview.size == (640, 360)
    whole = Image.open(io.BytesIO(picture.data)).resize((640, 360))
    assert psnr(preview.convert("RGB"), whole) > 35
    assert "photo.jpg, 1280x720, pad, jpeg<br>" in shown["text/html"]
    assert "enlarged" in shown["text/html"]
    clear = ffprep.prepare(photo, (1280, 720), "pad", format="png", background="transparent")
    (preview,) = pictures(clear._repr_mimebundle_()["text/html"])
    assert preview.convert("RGBA").getpixel((1, 180)) == (0, 0, 0, 0)


def test_results_show_a_bounded_table_in_which_names_are_text(folder: Path) -> None:
    (folder / "<script>alert(1)</script>&\n.jpg".replace("/", "")).write_text("no picture")
    results = ffprep.convert(folder, folder.parent / "out", "320x180", ledger=False)
    html = results._repr_mimebundle_()["text/html"]
    assert "60 converted" in html
    assert "1 failed" in html
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert html.count("<tr>") == 1 + 20
    assert len(html) < 200_000
    assert [picture.size for picture in pictures(html)] == [(96, 54)] * 20
    assert list(results) == []
    assert results._repr_mimebundle_()["text/html"] == html


def test_a_bar_is_shown_if_it_is_asked_for(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for wanted in (None, False, True):
        results = ffprep.convert(photo, tmp_path / "o", "16x9", ledger=False, progress=wanted)
        assert capsys.readouterr().err == ""
        assert len(list(results)) == 1
        shown = capsys.readouterr().err
        assert ("1/1" in shown) == (wanted is True)


@pytest.mark.slow
def test_the_notebook_of_the_guide_runs(home: Path, tmp_path: Path) -> None:
    cells = [c for c in json.loads(NOTEBOOK.read_text())["cells"] if c["cell_type"] == "code"]
    assert [(c["outputs"], c["execution_count"]) for c in cells] == [([], None)] * len(cells)
    argv = [sys.executable, "-c", RUN, NOTEBOOK]
    ran = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    outputs = json.loads(ran.stdout)
    assert len(outputs) == len(cells)
    html = ["".join(o.get("data", {}).get("text/html", "")) for each in outputs for o in each]
    assert sum(len(pictures(each)) for each in html) == 1 + 1 + 1 + 3
    text = json.dumps(outputs)
    assert "3/3" in text  # the bar
    assert "3 converted" in text
    assert text.count("fresh") == 3
    assert "3 photos" in text
