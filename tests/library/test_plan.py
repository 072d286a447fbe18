import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffprep.config.modes import find_mode
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob, PassedOver, Result
from ffprep.core.spec import Spec
from ffprep.errors import Kind, UsageError
from ffprep.library.naming import Names
from ffprep.library.plan import Plan
from ffprep.library.request import Rendition, Request
from ffprep.library.walk import Walk
from ffprep.record import replace
from ffprep.storage.local import LOCAL, LocalStorage

SPEC = Spec(Size(32, 18), find_mode("cover"))
JPEG = b"\xff\xd8\xff\xe0"


def tree(folder: Path, *names: str, content: bytes = JPEG) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def plan(*sources: Path, out: Path, **options: object) -> Plan:
    own = {name: options.pop(name) for name in ("names", "same_format") if name in options}
    renditions = (Rendition(SPEC, **own),)  # type: ignore[arg-type]
    return Plan.of(Request(tuple(sources), out, renditions, **options))  # type: ignore[arg-type]


def outputs(made: Plan) -> list[str]:
    jobs = [item for item in made.jobs() if isinstance(item, LocalJob)]
    return [job.output.relative_to(made.request.output).as_posix() for job in jobs]


def collisions(made: Plan) -> dict[str, str]:
    failed = [item for item in made.jobs() if isinstance(item, Result)]
    assert all(item.failure and item.failure.kind is Kind.COLLISION for item in failed)
    return {item.source.name: item.failure.message for item in failed if item.failure}


def test_a_tree_is_mirrored_in_order(tmp_path: Path) -> None:
    tree(tmp_path / "in", "b.png", "a.jpg", "x/c.heic", "x/y/d.TIF", "notes.txt", "x/clip.mov")
    made = plan(tmp_path / "in", out=tmp_path / "out")
    assert outputs(made) == ["a.jpg", "b.jpg", "x/c.jpg", "x/y/d.jpg"]
    assert made.total == 4
    assert made.passed_over == {PassedOver.FILM: 1, PassedOver.OTHER: 1}


def test_every_rendition_has_its_names_and_its_collisions(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "a.jpg", "a.png", "x/b.jpg")
    renditions = (
        Rendition(SPEC, folder="small/"),
        Rendition(SPEC, Names("{n}/{stem}.{ext}")),
        Rendition(SPEC, Names("{stem}-{suffix}")),
    )
    made = Plan.of(Request((folder,), tmp_path / "out", renditions))
    assert set(outputs(made)) == {
        "small/x/b.jpg",
        *("1/a.jpg", "2/a.jpg", "x/3/b.jpg"),
        *("a-jpg.jpg", "a-png.jpg", "x/b-jpg.jpg"),
    }
    assert collisions(made).keys() == {"a.jpg", "a.png"}
    assert made.total == 9
    alone = Plan.of(Request((folder / "x",), tmp_path / "out", renditions))
    assert outputs(alone) == ["small/b.jpg", "1/b.jpg", "b-jpg.jpg"]
    assert alone.total == 3


def test_hidden_files_and_folders_are_left_alone(tmp_path: Path) -> None:
    tree(tmp_path / "in", ".a.jpg", ".cache/b.jpg", ".ffprep-1-2.part", "c.jpg")
    made = plan(tmp_path / "in", out=tmp_path / "out")
    assert outputs(made) == ["c.jpg"]
    assert not made.passed_over


def test_a_file_without_a_suffix_is_known_by_its_bytes(tmp_path: Path) -> None:
    tree(tmp_path / "in", "scan")
    tree(tmp_path / "in", "README", content=b"plain words")
    made = plan(tmp_path / "in", out=tmp_path / "out")
    assert outputs(made) == ["scan.jpg"]
    assert made.passed_over == {PassedOver.OTHER: 1}


def test_links_are_followed_on_request_and_no_folder_is_walked_twice(
    tmp_path: Path,
) -> None:
    tree(tmp_path / "in", "a.jpg", "sub/b.jpg")
    (tmp_path / "in/sub/loop").symlink_to(tmp_path / "in")
    (tmp_path / "in/zlink").symlink_to(tmp_path / "in/sub")
    tree(tmp_path / "far", "c.jpg")
    (tmp_path / "in/far").symlink_to(tmp_path / "far")
    (tmp_path / "in/d.jpg").symlink_to(tmp_path / "far/c.jpg")
    made = plan(tmp_path / "in", out=tmp_path / "out")
    assert outputs(made) == ["a.jpg", "sub/b.jpg"]
    assert made.passed_over == {PassedOver.LINK: 4}
    made = plan(tmp_path / "in", out=tmp_path / "out", follow_links=True)
    assert sorted(outputs(made)) == ["a.jpg", "d.jpg", "far/c.jpg", "sub/b.jpg"]


def test_a_link_is_followed_when_it_is_named_or_stays(tmp_path: Path) -> None:
    """What is inside is read anyway; and whoever names a link means what it leads to."""
    tree(tmp_path / "far", "a.jpg", "b.jpg")
    tree(tmp_path / "far-away", "secret.jpg")
    (tmp_path / "in").symlink_to("far")
    (tmp_path / "far/again.jpg").symlink_to(tmp_path / "in/a.jpg")
    (tmp_path / "far/secret.jpg").symlink_to(
        "../far-away/secret.jpg"
    )  # a name that begins the same
    (tmp_path / "far/chain.jpg").symlink_to("secret.jpg")
    (tmp_path / "file.jpg").symlink_to("far-away/secret.jpg")
    made = plan(tmp_path / "in", tmp_path / "file.jpg", out=tmp_path / "out")
    assert outputs(made) == ["a.jpg", "again.jpg", "b.jpg", "file.jpg"]
    assert made.passed_over == {PassedOver.LINK: 2}


def test_an_output_folder_inside_a_source_is_not_walked(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.jpg", "ready/a.jpg", "ready/x/b.jpg")
    assert outputs(plan(tmp_path / "in", out=tmp_path / "in/ready")) == ["a.jpg"]


def test_devices_and_pipes_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.jpg")
    os.mkfifo(tmp_path / "in/pipe.jpg")
    made = plan(tmp_path / "in", out=tmp_path / "out")
    assert (outputs(made), made.passed_over) == (["a.jpg"], {PassedOver.OTHER: 1})


def test_a_dangling_link_is_reported(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.jpg")
    (tmp_path / "in/lost.jpg").symlink_to("nowhere.jpg")
    assert outputs(plan(tmp_path / "in", out=tmp_path / "out")) == ["a.jpg", "lost.jpg"]


def test_an_output_of_two_sources_is_a_collision(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.png", "a.jpg", "b.jpg", "x/a.jpg")
    made = plan(tmp_path / "in", out=tmp_path / "out")
    assert outputs(made) == ["b.jpg", "x/a.jpg"]
    told = collisions(made)
    assert set(told) == {"a.png", "a.jpg"}
    assert str(tmp_path / "in/a.png") in told["a.jpg"]
    assert str(tmp_path / "in/a.jpg") in told["a.png"]
    assert made.total == 4


def test_names_that_differ_in_case_collide_only_on_a_disk_that_ignores_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path / "in", "A.jpg", "a.jpg", "e\u0301.jpg", "\u00e9.jpg", "b.jpg")
    assert len(outputs(plan(tmp_path / "in", out=tmp_path / "out"))) == 5
    # No case-blind disk can be had everywhere; the question to the disk is all that is faked.
    monkeypatch.setattr(LocalStorage, "ignores_case", lambda self, folder: True)
    made = plan(tmp_path / "in", out=tmp_path / "out")
    assert outputs(made) == ["b.jpg"]
    assert len(collisions(made)) == 4


def test_a_disk_that_distinguishes_case_is_detected(tmp_path: Path) -> None:
    probe = tmp_path / "Case"
    probe.touch()
    blind = (tmp_path / "cASE").exists()
    assert LOCAL.ignores_case(tmp_path / "not/there/yet") == blind
    assert [p.name for p in tmp_path.iterdir()] == ["Case"]


def test_an_output_that_is_a_source_is_refused(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.jpg", "b.png")
    made = plan(tmp_path / "in", out=tmp_path / "in")
    assert outputs(made) == ["b.jpg"]
    assert "sources are never overwritten" in collisions(made)["a.jpg"]


def test_a_source_is_safe_from_other_spellings_and_links(tmp_path: Path) -> None:
    tree(tmp_path / "real", "a.jpg")
    (tmp_path / "in").symlink_to(tmp_path / "real")
    assert set(collisions(plan(tmp_path / "in/../in", out=tmp_path / "real"))) == {"a.jpg"}
    (tmp_path / "links").mkdir()
    (tmp_path / "links/a.jpg").symlink_to(tmp_path / "real/a.jpg")
    made = plan(tmp_path / "links", out=tmp_path / "real", follow_links=True)
    assert set(collisions(made)) == {"a.jpg"}


def test_a_source_named_twice_is_converted_once(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.jpg")
    made = plan(
        tmp_path / "in", tmp_path / "in/a.jpg", tmp_path / "in/../in/a.jpg", out=tmp_path / "out"
    )
    assert (outputs(made), made.total) == (["a.jpg"], 1)


def test_a_file_that_appears_late_waits_for_the_next_run(tmp_path: Path) -> None:
    tree(tmp_path / "in", "b.jpg")
    made = plan(tmp_path / "in", out=tmp_path / "out")
    tree(tmp_path / "in", "b.png", "c.jpg")
    assert "c.jpg" not in outputs(made)


def test_templates(tmp_path: Path) -> None:
    tree(tmp_path / "trip", "a.png", "b.jpg")
    names = Names("{parent}/{n:03}_{stem}_{width}x{height}-{mode}")
    made = plan(tmp_path / "trip", out=tmp_path / "out", names=names)
    assert outputs(made) == ["trip/001_a_32x18-cover.jpg", "trip/002_b_32x18-cover.jpg"]
    swapped = plan(tmp_path / "trip", out=tmp_path / "o", names=Names("{suffix}-{ext}.{stem}"))
    assert outputs(swapped) == ["png-jpg.a", "jpg-jpg.b"]


def _errors(request: Request) -> list[str]:
    failed = [item for item in Plan.of(request).jobs() if isinstance(item, Result)]
    return [item.failure.message for item in failed if item.failure]


def test_the_advice_for_photos_of_one_output_keeps_them_apart(tmp_path: Path) -> None:
    """A phone's pair, two folders of one library, and a template without the stem."""
    cases = {
        "pair": (("pair/IMG_1.HEIC", "pair/IMG_1.JPG"), Names()),
        "folders": (("x/a.jpg", "y/a.jpg"), Names()),
        "stems": (("stems/a.jpg", "stems/b.jpg"), Names("photo")),
    }
    for photos, names in cases.values():
        tree(tmp_path, *photos)
        sources = [tmp_path / photo for photo in photos]
        found = collisions(plan(*sources, out=tmp_path / "out", names=names)).values()
        (template,) = {message.split("--names '")[1].split("'")[0] for message in found}
        made = plan(*sources, out=tmp_path / "out", names=Names(template))
        assert (len(set(outputs(made))), collisions(made)) == (2, {})
        # With two sizes, the template has to name their folders as well.
        sizes = [replace(SPEC, size=Size(side, side)) for side in (8, 9)]
        folders = tuple(Rendition(s, names, folder=f"{s.size}/") for s in sizes)
        several = Request(tuple(sources), tmp_path / "out", folders)
        advised = {said.split("--names '")[1].split("'")[0] for said in _errors(several)}
        assert advised == {"{width}x{height}/" + template}
        named = tuple(Rendition(s, Names(*advised)) for s in sizes)
        assert not _errors(replace(several, renditions=named))


def test_dates_make_folders(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.jpg", "x/b.jpg")
    for name, moment in (("a.jpg", 86400), ("x/b.jpg", 40 * 86400)):
        os.utime(tmp_path / "in" / name, (moment, moment))
    names = Names("{date:%Y/%m}/{date}_{stem}")
    made = plan(tmp_path / "in", out=tmp_path / "out", names=names)
    assert outputs(made) == ["1970/01/1970-01-02_a.jpg", "x/1970/02/1970-02-10_b.jpg"]
    assert Names("{date:%Y/%m}/{n}").number_in("in/a.jpg", "1970/01/7.jpg") == 7


@pytest.mark.parametrize(
    "template",
    ["{name}", "{stem.real}", "{stem", "/etc/{stem}", "../{stem}", "a/../../{stem}", "{}", "{0}",
     "{stem!z}", "{stem!r}", "{date!r}", "{stem:5d}", "{date:/%Y}", "{date.year}",
     "{n:999999999}", "", "{ext}/", ".ffprep-{stem}", "a\0{stem}"],
)  # fmt: skip
def test_a_bad_template_is_an_error(template: str) -> None:
    with pytest.raises(UsageError, match="--names"):
        Names(template)


@given(st.text(max_size=30))
def test_a_template_works_or_is_an_error_and_never_leaves_its_folder(template: str) -> None:
    try:
        (name,) = Names(template).render("in/", ["photo.png"], [".jpg"], SPEC, [7])
    except UsageError:
        return
    assert os.path.abspath(os.path.join("/out", name)).startswith("/out/")


def test_same_keeps_a_format_that_can_be_written(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.JPEG", "fake.png")
    tree(tmp_path / "in", "b.png", "noext", content=b"\x89PNG\r\n\x1a\n")
    tree(tmp_path / "in", "c.gif", content=b"GIF89a")
    tree(tmp_path / "in", "d.heic", content=b"\0\0\0\x18ftypheic\0\0\0\0")
    made = plan(tmp_path / "in", out=tmp_path / "out", same_format=True)
    assert outputs(made) == ["a.JPEG", "b.png", "c.png", "d.jpg", "fake.jpg", "noext.png"]
    formats = {
        job.output.suffix: job.spec.format for job in made.jobs() if isinstance(job, LocalJob)
    }
    assert formats[".png"] is OUTPUT_FORMATS["png"]


def test_an_unreadable_folder_is_reported_and_the_rest_is_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path / "in", "a.jpg", "shut/b.jpg")
    scandir = os.scandir

    def refuse(path: Path) -> object:  # root may read everything, so a refusal has to be faked
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    made = plan(tmp_path / "in", out=tmp_path / "out")
    told = [item for item in made.jobs() if isinstance(item, Result)]
    assert outputs(made) == ["a.jpg"]
    assert [(r.source.name, r.failure.kind) for r in told if r.failure] == [("shut", Kind.IO)]


def test_files_named_by_themselves_are_always_found(tmp_path: Path) -> None:
    tree(tmp_path, "notes.txt", ".hidden.jpg")
    named = ["notes.txt", ".hidden.jpg", "gone.jpg"]
    found = Walk([tmp_path / name for name in named]).files()
    assert [f.path.name for f in found] == named


def test_numbers_do_not_drift_when_the_output_folder_appears_inside_the_source(
    tmp_path: Path,
) -> None:
    tree(tmp_path / "in", "a/1.jpg", "b/2.jpg", "c/3.jpg")
    made = plan(tmp_path / "in", out=tmp_path / "in/b/out", names=Names("{n}"))
    tree(tmp_path / "in/b/out", "1.jpg")  # what a run writes while it walks
    jobs = [item for item in made.jobs() if isinstance(item, LocalJob)]
    assert [job.source.name for job in jobs] == ["1.jpg", "2.jpg", "3.jpg"]


def test_a_photo_whose_number_changed_is_reported(tmp_path: Path) -> None:
    tree(tmp_path / "in", "b.jpg", "c.jpg")
    made = plan(tmp_path / "in", out=tmp_path / "out", names=Names("{n}"))
    tree(tmp_path / "in", "a.jpg")
    told = [item for item in made.jobs() if isinstance(item, Result)]
    assert [item.source.name for item in told] == ["b.jpg", "c.jpg"]
    assert all("run again" in item.failure.message for item in told if item.failure)


def test_a_repeated_source_does_not_hide_a_collision(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.jpg", "a.png")
    folder = tmp_path / "in"
    made = plan(folder, folder / "a.jpg", tmp_path / "in/../in", out=tmp_path / "out")
    told = collisions(made)
    assert (set(told), made.total, outputs(made)) == ({"a.jpg", "a.png"}, 2, [])
    assert "a.png" in told["a.jpg"]


def test_a_missing_file_does_not_affect_others(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg")
    made = plan(tmp_path / "gone/a.jpg", tmp_path / "a.jpg", out=tmp_path / "out")
    assert (outputs(made), made.total) == (["a.jpg"], 2)


def test_real_folders_come_before_links_to_them(tmp_path: Path) -> None:
    tree(tmp_path / "in", "z/photo.jpg")
    (tmp_path / "in/a").symlink_to("z")
    made = plan(tmp_path / "in", out=tmp_path / "out", follow_links=True)
    assert outputs(made) == ["z/photo.jpg"]


def test_links_that_lead_to_themselves_are_passed_over(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.jpg")
    (tmp_path / "in/loop").symlink_to("loop")
    assert outputs(plan(tmp_path / "in", out=tmp_path / "out")) == ["a.jpg"]


def test_a_name_that_only_one_photo_gives_fails_only_that_one(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg", ".ffprep-x.jpg")
    made = plan(tmp_path / ".ffprep-x.jpg", tmp_path / "a.jpg", out=tmp_path / "out")
    assert outputs(made) == ["a.jpg"]
    (told,) = (item for item in made.jobs() if isinstance(item, Result))
    assert told.failure
    assert told.failure.kind is Kind.IO
