"""What docs/operations/compatibility.md calls stable stays as surface.txt recorded it."""

from pathlib import Path

from scripts.surface.record import FILE, surface


def test_nothing_that_is_stable_changed_or_went(ffprep) -> None:
    def run(argv: list[str], folder: Path) -> str:
        return ffprep(*argv, cwd=folder).out.decode()

    now = [*surface(run)]
    recorded = FILE.read_text(encoding="utf-8").splitlines()
    gone = [line for line in recorded if line not in now]
    assert not gone, "\n".join(
        ["stable, and changed or gone:", *gone, "now:", *_new(now, recorded)]
    )
    new = _new(now, recorded)
    assert not new, "\n".join(["record what is new by `python -m scripts.surface`:", *new])
    assert len(recorded) > 800


def _new(now: list[str], recorded: list[str]) -> list[str]:
    return [line for line in now if line not in recorded]
