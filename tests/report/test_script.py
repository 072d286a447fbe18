"""Functions of the page's script, called in a browser and compared with those in Python."""

import io
import random
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ffprep.config.sidecars import parse_sidecar
from ffprep.core.fitting import Cut
from ffprep.core.geometry import WHOLE, Bounds, Focus, Size
from ffprep.report.page import Content, Counts, ModeShown, page
from tests.support.browser import DESKTOP, opened_page

COVER = ModeShown("cover", "cover", "Fill the frame.", True)


@pytest.fixture(scope="module")
def script(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a page of a report without photos."""
    file = tmp_path_factory.mktemp("empty") / "report.html"
    empty = Content("/ready", (), Counts(), title="Report", modes=(COVER,))
    file.write_bytes(b"".join(page(empty, ())))
    with opened_page(browser, file, DESKTOP) as opened:
        yield opened


def _some_crops(number: int) -> Iterator[tuple[Size, Bounds, Size]]:
    """Yield photos with crop bounds, and frames."""
    chance = random.Random(7)
    sides = [1, 2, 3, 7, 301, 720, 1280, 4000, 4001, 65535, 100_000]
    for _ in range(number):
        photo, frame = (Size(chance.choice(sides), chance.choice(sides)) for _ in range(2))
        left, top = chance.uniform(0, 0.4), chance.uniform(0, 0.4)
        bounds = Bounds(left, top, 1 - left * chance.random(), 1 - top * chance.random())
        bounds = bounds if chance.random() < 0.5 and bounds.of(photo) else WHOLE
        yield photo, bounds, frame


def test_a_frame_is_cut_where_it_was_moved_to(script: Any) -> None:
    chance = random.Random(8)
    cases = []
    for photo, bounds, frame in _some_crops(2000):
        shown = {
            "photo": [photo.width, photo.height],
            "size": [frame.width, frame.height],
            "bounds": [bounds.left, bounds.top, bounds.right, bounds.bottom],
        }
        cases.append((shown, [chance.random(), chance.random()]))
    found = script.evaluate(
        """cases => cases.map(([photo, shares]) => {
          const framing = { mode: "cover", fit: "cover", movable: true, focus: [0.5, 0.5] };
          const room = roomToMove(photo, framing);
          const offset = room.map((length, axis) => Math.round(length * shares[axis]));
          const focus = focusAt(photo, framing, offset);
          const moved = { ...framing, focus };
          return { room, offset, focus: focus.join(","), again: offsetOf(photo, moved),
                   cut: frameOf(photo, moved) };
        })""",
        cases,
    )
    for (photo, bounds, frame), each in zip(_some_crops(2000), found, strict=True):
        left = bounds.of(photo)
        assert left is not None
        cut = Cut.covering(left, frame, Focus.parse(each["focus"]))
        assert [cut.left, cut.top] == each["offset"] == each["again"]
        corner = bounds.corner(photo)
        assert each["cut"] == {
            "left": corner[0] + cut.left,
            "top": corner[1] + cut.top,
            "width": cut.size.width,
            "height": cut.size.height,
        }
        assert each["room"] == [left.width - cut.size.width, left.height - cut.size.height]


def test_every_character_of_a_path_can_be_written_in_toml(script: Any) -> None:
    texts = ["".join(map(chr, range(start, start + 64))) for start in range(0, 0x3000, 64)]
    texts += [
        '\\"',
        "\\u0041",
        '"""',
        "'''",
        "\u202egpj.exe",
        "日本語 👩‍👩‍👧",
        "\ufeff",
        "a = 1\n[b]",
    ]
    written = script.evaluate("texts => texts.map(tomlString)", texts)
    assert [tomllib.loads(f"a = {each}")["a"] for each in written] == texts
    assert "\u202e" not in "".join(written)


def test_a_zip_of_sidecars_is_one_for_others(script: Any) -> None:
    names = ["a/b.jpg.ffprep.toml", "日本語.ffprep.toml", "x" * 200, "new\nline"]
    edit = {"mode": "cover", "movable": True, "focus": [0.25, 0.5]}
    edits = [edit | {"photo": {"sidecar": name, "bounds": [0, 0.1, 1, 0.9]}} for name in names]
    data = script.evaluate(
        """async (edits) => {
          const zip = await sidecarsZip(edits).arrayBuffer();
          return Array.from(new Uint8Array(zip));
        }""",
        edits,
    )
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == names
        assert archive.infolist()[0].external_attr >> 16 == 0o100644
        sidecar = parse_sidecar(Path("s"), archive.read(names[0]))
    assert (sidecar.mode, sidecar.focus, sidecar.bounds) == (
        "cover",
        Focus(0.25, 0.5),
        Bounds(0, 0.1, 1, 0.9),
    )
