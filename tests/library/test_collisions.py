"""Plans of any size: batches, memory, equal hashes, and plans of a single photo."""

import builtins
import gc
import tracemalloc
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffprep.core.job import BATCH, Batch, LocalJob
from ffprep.library import collisions as module
from ffprep.library.naming import Names
from ffprep.library.plan import Plan
from ffprep.library.walk import Listing, Walk
from ffprep.storage.local import LocalStorage
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


def test_only_photos_that_collide_are_taken_from_a_batch(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.jpg", "b.jpg", "b.png", "c.jpg")
    made = plan(tmp_path / "in", out=tmp_path / "out")
    assert [list(batch.names) for batch in batches(made)] == [["a.jpg"], ["c.jpg"]]


def test_sources_keep_the_spelling_of_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path / "in", "a.jpg", "b/c.jpg")
    monkeypatch.chdir(tmp_path / "in")
    for folder, expected in ((".", ["a.jpg", "b/c.jpg"]), ("./b//", ["b/c.jpg"]),
                          ("../in/b", ["../in/b/c.jpg"])):  # fmt: skip
        jobs = list(plan(folder, out=Path("../out")).jobs())  # type: ignore[arg-type]
        assert [str(job.source) for job in jobs] == expected


def test_a_plan_keeps_less_than_20_bytes_a_file(tmp_path: Path) -> None:
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


def test_equal_hashes_of_different_names_are_not_a_collision(
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


def test_an_equal_hash_does_not_protect_another_file(
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


def test_a_late_file_waits_even_if_its_output_was_planned_twice(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.jpg")
    made = plan(tmp_path / "in", tmp_path / "in/a.jpg", out=tmp_path / "out")
    tree(tmp_path / "in", "a.gif", "a.png")
    jobs = [item for item in made.jobs() if isinstance(item, LocalJob)]
    assert [job.source.name for job in jobs] == ["a.jpg"]


def test_a_photo_that_was_renamed_meanwhile_waits_for_the_next_run(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.jpg", "b.jpg")
    made = plan(tmp_path / "in", out=tmp_path / "out")
    (tmp_path / "in/a.jpg").rename(tmp_path / "in/a.png")
    assert outputs(made) == ["b.jpg"]


def test_a_single_photo_is_walked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path / "in", "a.jpg")
    walks: list[Walk] = []
    listings = Walk.listings

    def counted(walk: Walk) -> Iterator[Listing]:
        walks.append(walk)
        return listings(walk)

    monkeypatch.setattr(Walk, "listings", counted)
    made = plan(tmp_path / "in", out=tmp_path / "out")
    assert (outputs(made), outputs(made), made.total, len(walks)) == (["a.jpg"], ["a.jpg"], 1, 1)
    tree(tmp_path / "in", "b.jpg")
    assert outputs(plan(tmp_path / "in", out=tmp_path / "out")) == ["a.jpg", "b.jpg"]
    assert len(walks) == 3


def test_a_single_photo_never_overwrites_itself_by_any_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path / "in", "a.jpg")
    (tmp_path / "other").symlink_to("in")
    (tmp_path / "link.jpg").symlink_to("in/a.jpg")
    for source, out in (("in/a.jpg", "in"), ("in", "other"), ("in/a.jpg", "other")):
        made = plan(tmp_path / source, out=tmp_path / out)
        assert (len(collisions(made)), outputs(made), made.total) == (1, [], 1), (source, out)
    named = Names("a")
    assert len(collisions(plan(tmp_path / "link.jpg", out=tmp_path / "other", names=named))) == 1
    named = Names("A")
    assert outputs(plan(tmp_path / "in/a.jpg", out=tmp_path / "in", names=named)) == ["A.jpg"]
    monkeypatch.setattr(LocalStorage, "ignores_case", lambda self, folder: True)
    made = plan(tmp_path / "in/a.jpg", out=tmp_path / "in", names=named)
    assert (len(collisions(made)), outputs(made)) == (1, [])


file_names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).filter(
    lambda name: name not in (".", "..")
)


@given(st.lists(file_names, max_size=4), st.sampled_from(["", "x/", "a-"]), st.sampled_from("-_"))
def test_the_fast_path_of_names_gives_the_same_names(
    names: list[str], before: str, after: str
) -> None:
    suffixes, numbers = [".jpg"] * len(names), range(len(names))
    quick, slow = (
        Names(f"{before}{stem}{after}").render("in/", names, suffixes, SPEC, numbers)
        for stem in ("{stem}", "{stem:s}")
    )
    assert quick == slow
