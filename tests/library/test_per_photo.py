from pathlib import Path

from ffprep.core.job import PassedOver
from ffprep.library.naming import Names
from ffprep.run.summary import RunSummary
from tests.library.test_plan import collisions, outputs, plan, tree


def test_a_raw_beside_a_picture_of_its_stem_is_skipped(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.CR2", "a.JPG", "b.NEF", "c.d.dng", "c.jpg", "x/a.cr2", "x/a.heic")
    made = plan(tmp_path / "in", out=tmp_path / "out")
    assert outputs(made) == ["a.jpg", "b.jpg", "c.d.jpg", "c.jpg", "x/a.jpg"]
    assert (made.passed_over, made.total) == ({PassedOver.RAW: 2}, 5)
    words = "2 skipped (raws beside a picture of the same name)"
    assert words in RunSummary(passed_over=made.passed_over).sentence()


def test_two_raws_of_a_stem_collide(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.cr2", "a.dng")
    assert set(collisions(plan(tmp_path / "in", out=tmp_path / "out"))) == {"a.cr2", "a.dng"}


def test_numbers_tell_both_of_a_pair_apart(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.cr2", "a.jpg")
    made = plan(tmp_path / "in", out=tmp_path / "out", names=Names("{stem}-{n}"))
    assert outputs(made) == ["a-1.jpg", "a-2.jpg"]
