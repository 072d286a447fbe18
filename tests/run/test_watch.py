"""When watched jobs run, by a clock and by changes that the tests make."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from ffprep.run import watch
from ffprep.run.watch import Watch, WatchedJob


class Machine:
    """A clock, a list of changes for each second, and the runs that they lead to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, changes: dict[int, set[str]]) -> None:
        self.now, self.changes = 0.0, changes
        self.runs: list[tuple[float, set[str]]] = []
        self.lasts: list[float] = []
        monkeypatch.setattr(watch, "_changes", self._seconds)
        monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=lambda: self.now))

    def _seconds(self, *_: object) -> Iterator[set[str]]:
        for second in range(1, max(self.changes) + 40):
            self.now = max(self.now, float(second))
            yield self.changes.get(second, set())

    def run(self, unsettled: frozenset[str]) -> None:
        self.runs.append((self.now, set(unsettled)))
        self.now += self.lasts.pop(0) if self.lasts else 0

    def watch(self, folder: Path, poll: float | None = None) -> list[tuple[float, set[str]]]:
        out = folder.parent / "out"
        job = WatchedJob((str(folder),), str(out), frozenset(), self.run)
        Watch([job], 2.0, poll, lambda: False).run()
        return self.runs


@pytest.fixture
def photo(tmp_path: Path) -> str:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jpg").touch()
    return str(tmp_path / "in/a.jpg")


def test_a_job_runs_once_at_first_and_when_a_photo_has_settled(
    monkeypatch: pytest.MonkeyPatch, photo: str
) -> None:
    changes: dict[int, set[str]] = {second: {photo} for second in range(10, 14)}
    assert Machine(monkeypatch, changes).watch(Path(photo).parent) == [(2, set()), (15, set())]


def test_a_photo_that_never_settles_does_not_hold_up_the_others(
    monkeypatch: pytest.MonkeyPatch, photo: str
) -> None:
    other = str(Path(photo).with_name("b.jpg"))
    changes: dict[int, set[str]] = {second: {photo} for second in range(10, 45)}
    changes[10] |= {other}
    runs = Machine(monkeypatch, changes).watch(Path(photo).parent)
    assert runs == [(2, set()), (12, {photo}), (46, set())]


def test_a_long_run_is_followed_by_a_rest(monkeypatch: pytest.MonkeyPatch, photo: str) -> None:
    machine = Machine(monkeypatch, {7: {photo}, 20: {photo}})
    machine.lasts = [5.0, 9.0]
    # The run of 2 to 7 rests until 12; the run of 12 to 21 until 30.
    assert [began for began, _ in machine.watch(Path(photo).parent)] == [2, 12, 30]


def test_polled_files_settle_over_two_looks(monkeypatch: pytest.MonkeyPatch, photo: str) -> None:
    runs = Machine(monkeypatch, {30: {photo}}).watch(Path(photo).parent, poll=3)
    assert [began for began, _ in runs] == [7, 37]


def test_files_that_change_nothing_start_no_run(
    monkeypatch: pytest.MonkeyPatch, photo: str, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    for name in ("notes.txt", "a.jpg.ffprep.toml"):
        (folder / name).touch()
    (folder / "2024.05").mkdir()
    job = WatchedJob(
        (str(folder), str(tmp_path / "one.jpg")),
        str(folder / "out"),
        frozenset({str(folder / "report.jpg")}),
        lambda unsettled: None,
    )
    concerned = ["a.jpg", "deleted", "2024.05", "a.jpg.ffprep.toml", "film.MP4", "../one.jpg", ""]
    others = ["notes.txt", ".a.jpg.Xy1", ".ffprep/ledger.db", "out/a.jpg", "report.jpg"]
    others += ["../two.jpg", "../in2/a.jpg", "deep/.ffprep-1.part/a.jpg"]

    def path(name: str) -> str:
        return str((folder / name).resolve())

    assert [name for name in concerned if not job.concerns(path(name))] == []
    assert [name for name in others if job.concerns(path(name))] == []
    beside = WatchedJob((str(folder),), str(folder), frozenset(), job.run)
    assert beside.concerns(path("out/a.jpg"))


def test_polled_folders_do_not_change_by_the_files_in_them(tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    def reported() -> set[str]:
        with closing(watch._reported([str(tmp_path)], 0.1, lambda: False)) as changes:
            next(changes)  # files are known now
            report.touch()
            return next(filter(None, changes))

    assert reported() == {str(report)}
