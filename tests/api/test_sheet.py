"""`compare` and `info` as Python functions, and results as dicts."""

import os
from pathlib import Path

import pytest

import ffprep
from tests.support.pictures import opened, ramp


def test_compare_draws_photos_and_says_which_failed(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no picture")
    photos = [photo, tmp_path / "bad.jpg"]
    sheet = ffprep.compare(photos, tmp_path / "s.png", (64, 48), columns=2, focus=(0.5, 0.2))
    assert sheet.pages == (tmp_path / "s.png",)
    assert [result.source for result in sheet.results] == photos
    good, bad = sheet.results
    assert (good.output, good.size, good.mode) == (tmp_path / "s.png", ffprep.Size(64, 48), "cover")
    assert bad.failure
    assert bad.failure.kind is ffprep.Kind.UNSUPPORTED
    assert opened(sheet.pages[0]).width == 24 + 2 * (300 + 24)
    assert sheet._repr_mimebundle_()["text/html"].count("<img") == 1
    with pytest.raises(ffprep.PhotoError, match=r"bad\.jpg: is not"):
        ffprep.compare(tmp_path / "bad.jpg", tmp_path / "s.png", (64, 48))
    with pytest.raises(ffprep.UsageError, match="columns"):
        ffprep.compare(photos, tmp_path / "s.png", (64, 48), columns=2, mode=["pad", "cover"])
    with pytest.raises(TypeError):
        ffprep.compare(photos, tmp_path / "s.png", (64, 48), colums=2)


def test_info_reads_photos_as_the_command_does(photo: Path, tmp_path: Path) -> None:
    ramp(100, 300).save(tmp_path / "tall.png")
    (tmp_path / "zero.jpg").touch()
    found = ffprep.info([photo, tmp_path / "tall.png", tmp_path / "zero.jpg"], "160x90")
    assert len(found) == 3
    first, tall, empty = found
    assert (first.picture.shown, tall.picture.shown) == (
        ffprep.Size(400, 300),
        ffprep.Size(100, 300),
    )
    assert {mode for _, mode, _ in tall.framings} == {"blur", "cover", "fit", "pad", "stretch"}
    assert empty.error
    rows = ffprep.info([photo, tmp_path / "zero.jpg"], target=["sora-2"]).to_dicts()
    assert [(row["width"], row["error_kind"]) for row in rows] == [(400, ""), (None, "damaged")]
    assert next(ffprep.info(photo)).framings == ()
    with pytest.raises(ffprep.UsageError, match="focus="):
        ffprep.info(photo, focus="top")


def test_results_have_a_length_and_become_flat_dicts(photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    photo.rename(folder / "a.jpg")
    (folder / os.fsdecode(b"b\xe4d.jpg")).write_text("no picture")
    results = ffprep.convert(folder, tmp_path / "out", sizes=["64x48", "800x600"])
    assert (len(results), bool(results)) == (4, True)
    rows = results.to_dicts()
    assert len(rows) == len(results) == 4
    keys = {tuple(row) for row in rows}
    assert len({frozenset(each) for each in keys}) == 1
    assert all(
        isinstance(value, str | int | float | None) for row in rows for value in row.values()
    )
    large = next(row for row in rows if row["width"] == 800)
    assert large["warning_kinds"] == "upscale"
    assert {row["error_kind"] for row in rows} == {"", "unsupported"}
    assert {Path(row["source"]).name for row in rows} == {"a.jpg", r"b\xe4d.jpg"}
    assert results.to_dicts() == []
    assert len(ffprep.check(tmp_path / "out", sizes=["64x48", "800x600"])) == 2
