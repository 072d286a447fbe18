"""Build sdist and wheel into dist/, and check that anybody gets the same bytes: `make dist`."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"


def build() -> Path:
    """Build into dist/, and return the wheel.

    Raise SystemExit if the sdist does not build into the same sdist and the same wheel, in another
    folder, from files with other times.
    """
    shutil.rmtree(DIST, ignore_errors=True)
    _run_hatchling(ROOT, DIST)
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    with TemporaryDirectory() as name:
        folder = Path(name)
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        _run_hatchling(folder / sdist.name.removesuffix(".tar.gz"), folder / "dist")
        for file in (sdist, wheel):
            if _digest(file) != _digest(folder / "dist" / file.name):
                raise SystemExit(f"{file.name}: the sdist builds into another one")
    return wheel


def _run_hatchling(source: Path, target: Path) -> None:
    argv = [sys.executable, "-m", "hatchling", "build", "-d", str(target)]
    ran = subprocess.run(argv, cwd=source, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(ran.stdout + ran.stderr)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    build()
    for file in sorted(DIST.iterdir()):
        print(_digest(file), file.relative_to(ROOT))
