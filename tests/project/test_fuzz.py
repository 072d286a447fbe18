import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.fuzz import rules as fuzz_rules
from scripts.fuzz.mutations import broken
from scripts.fuzz.seeds import seeds
from tests.support.pictures import ramp

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def fuzz(keep: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "FFPREP_PHOTOS"}
    argv = [sys.executable, "-m", "scripts.fuzz", "--keep", keep, *options]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, cwd=ROOT)


def test_broken_files_of_every_format_break_no_rule(tmp_path: Path) -> None:
    done = fuzz(tmp_path, "--files", "100", "--batch", "50", "--seed", "5")
    assert done.returncode == 0, done.stderr
    assert "no rule was broken" in done.stdout
    formats = {line.split()[0] for line in done.stdout.splitlines()}
    assert formats >= set("jpeg png webp gif bmp tiff avif heic jpeg2000".split())
    assert list(tmp_path.iterdir()) == []


def test_the_same_seed_makes_the_same_files() -> None:
    made = seeds()
    files = [broken(1, number, made, []) for number in range(300)]
    assert files == [broken(1, number, made, []) for number in range(300)]
    assert len({file.data for file in files}) > 250
    assert len({file.name for file in files}) == 300


OUT = "import json, os, sys; out = sys.argv[4]; "
TELL = (
    "print(json.dumps({'source': 'a.png', 'status': 'converted', 'error': None, "
    "'output': out + '/a.jpg'}))"
)
ERROR = "{'path': 'a.png', 'error': {'kind': 'internal', 'message': ''}}"
FILL = "data = bytearray(200_000_000); data[::4096] = data[1::4096]"
BREACHES = {
    "traceback": "raise ValueError",
    "exit code": "raise SystemExit(3)",
    "crash": "import os; os.abort()",
    "hang": "import time; time.sleep(60)",
    "untold": "pass",
    "lines": "print(1); print(2)",
    "leftover": f"{OUT} 'convert' in sys.argv and os.makedirs(out + '/.ffprep-1.part')",
    "output": f"{OUT} {TELL}",
    "internal": f"{OUT} print(json.dumps({ERROR}))",
    "memory": f"import time; {FILL}; time.sleep(2)",
}


@pytest.mark.parametrize("rule", BREACHES)
def test_what_breaks_a_rule_is_found(
    rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz_rules, "MEMORY", 150_000_000)
    monkeypatch.setattr(fuzz_rules, "SECONDS", 0.5 if rule == "hang" else 30)
    (tmp_path / "photos").mkdir()
    ramp(45, 33).save(tmp_path / "photos/a.png")
    caller = fuzz_rules.Caller((sys.executable, "-c", BREACHES[rule]), tmp_path)
    verdict = caller.judge(tmp_path / "photos", ())
    assert rule in {breach.rule for breach in verdict.breaches}


def test_an_output_of_another_size_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    ramp(45, 33).save(tmp_path / "photos/a.png")
    copy = "import shutil; os.makedirs(out); shutil.copy('photos/a.png', out + '/a.jpg');"
    monkeypatch.chdir(tmp_path)
    caller = fuzz_rules.Caller((sys.executable, "-c", f"{OUT} {copy} {TELL}"), tmp_path)
    words = [breach.words for breach in caller.judge(Path("photos"), ()).breaches]
    assert any("instead of" in said for said in words)
