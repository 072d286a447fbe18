"""What holds of a plan however large it is, and whatever numbers its names come to."""

import builtins
import gc
import tracemalloc
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffprep.core.job import BATCH, Batch, LocalJob
from ffprep.library import collisions as module
from ffprep.library.naming import Names
from ffprep.library.plan import Plan
from tests.library.test_plan import SPEC, collisions, outputs, plan, tree


def batches(made: Plan) -> list[Batch]:
    return [item for item in made.batches() if isinstance(item, Batch)]


def many(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:05}.jpg").touch()
    return folder


def test_batches_are_of_one_folder_and_bounded(tmp_path: Path) -> None:
    many(tmp_path / "in/a", BATCH + 2)
    many(tmp_path / "in/b", 3)
    made = plan(tmp_path / "in", out=tmp_path / "out")
    found = batches(made)
    assert [len(batch) for batch in found] == [BATCH, 2, 3]
    assert found[2].folder == f"{tmp_path}/in/b/"
    assert found[2].output_folder == f"{tmp_path}/out/b/"
    assert found[2].outputs == ["00000.jpg", "00001.jpg", "00002.jpg"]
    assert list(chain.from_iterable(batch.jobs() for batch in found)) == list(made.jobs())


def test_files_that_are_named_one_by_one_share_a_batch_while_their_folder_is_the_same(
    tmp_path: Path,
) -> None:
    tree(tmp_path, "a/1.jpg", "a/2.jpg", "b/3.jpg", "a/4.jpg")
    named = [tmp_path / name for name in ("a/1.jpg", "a/2.jpg", "b/3.jpg", "a/4.jpg")]
    assert [len(batch) for batch in batches(plan(*named, out=tmp_path / "out"))] == [2, 1, 1]


def test_a_collision_takes_only_those_who_collide_from_their_batch(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.jpg", "b.jpg", "b.png", "c.jpg")
    made = plan(tmp_path / "in", out=tmp_path / "out")
    assert [list(batch.names) for batch in batches(made)] == [["a.jpg"], ["c.jpg"]]


def test_sources_keep_the_spelling_of_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path / "in", "a.jpg", "b/c.jpg")
    monkeypatch.chdir(tmp_path / "in")
    for folder, spelt in ((".", ["a.jpg", "b/c.jpg"]), ("./b//", ["b/c.jpg"]),
                          ("../in/b", ["../in/b/c.jpg"])):  # fmt: skip
        jobs = list(plan(folder, out=Path("../out")).jobs())  # type: ignore[arg-type]
        assert [str(job.source) for job in jobs] == spelt


def test_of_a_file_no_more_is_held_than_two_numbers(tmp_path: Path) -> None:
    for folder in range(4):
        many(tmp_path / f"in/{folder}", 1500)
    plan(tmp_path / "in", out=tmp_path / "out")  # what is cached is there
    gc.collect()
    tracemalloc.start()
    try:
        made = plan(tmp_path / "in", out=tmp_path / "out")
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made.total == 6000
    assert held / made.total < 20


def test_numbers_that_agree_by_chance_are_no_collision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number}.jpg" for number in range(20)]
    tree(tmp_path / "in", *names, "7.png")

    def rarely_different(value: object) -> int:  # 64 bits agree too seldom to wait for
        coarse = isinstance(value, str) and "/out/" in value
        return builtins.hash(value) % 2 if coarse else builtins.hash(value)

    monkeypatch.setattr(module, "hash", rarely_different, raising=False)
    made = plan(tmp_path / "in", tmp_path / "in/3.jpg", out=tmp_path / "out")
    assert sorted(outputs(made)) == sorted(set(names) - {"7.jpg"})
    assert set(collisions(made)) == {"7.jpg", "7.png"}
    assert made.total == 21


def test_a_source_that_is_seen_to_agree_by_chance_may_be_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path / "in", "a.jpg", "b.jpg")
    tree(tmp_path / "out", "a.jpg")
    numbers = {f"{tmp_path}/out/b.jpg": 1, f"{tmp_path}/in/a.jpg": 1}
    monkeypatch.setattr(
        module, "hash", lambda value: numbers.get(value) or builtins.hash(value), raising=False
    )
    made = plan(tmp_path / "in", tmp_path / "out/a.jpg", out=tmp_path / "out")
    assert (outputs(made), made.total) == (["b.jpg"], 3)


def test_a_late_file_waits_also_where_its_output_was_planned_twice(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.jpg")
    made = plan(tmp_path / "in", tmp_path / "in/a.jpg", out=tmp_path / "out")
    tree(tmp_path / "in", "a.gif", "a.png")
    jobs = [item for item in made.jobs() if isinstance(item, LocalJob)]
    assert [job.source.name for job in jobs] == ["a.jpg"]


def test_a_photo_that_is_another_by_now_waits(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.jpg", "b.jpg")
    made = plan(tmp_path / "in", out=tmp_path / "out")
    (tmp_path / "in/a.jpg").rename(tmp_path / "in/a.png")
    assert outputs(made) == ["b.jpg"]


file_names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).filter(
    lambda name: name not in (".", "..")
)


@given(st.lists(file_names, max_size=4), st.sampled_from(["", "x/", "a-"]), st.sampled_from("-_"))
def test_the_quick_way_to_a_name_is_the_same_way(names: list[str], before: str, after: str) -> None:
    suffixes = [".jpg"] * len(names)
    quick, slow = (
        Names(f"{before}{stem}{after}").render("in/", names, suffixes, SPEC, 1)
        for stem in ("{stem}", "{stem!s}")
    )
    assert quick == slow
