"""What the wheel and the sdist hold, and that a wheel works away from the checkout."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder


def test_the_wheel_holds_the_package_and_its_data(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "ffprep").rglob("*.py")}
    modes = {f"ffprep/filters/{path.name}" for path in (ROOT / "filters").glob("*.toml")}
    page = {f"ffprep/report/web/{p.name}" for p in (ROOT / "ffprep/report/web").iterdir()}
    assert modules | modes | page | {"ffprep/config/targets.toml", "ffprep/py.typed"} == {
        name for name in names if name.startswith("ffprep/")
    }
    assert any(name.endswith("licenses/LICENSE") for name in names)
    manual = {f"share/man/man1/{path.name}" for path in (ROOT / "docs/man").iterdir()}
    assert {name.partition(".data/data/")[2] for name in names if "/share/" in name} == manual


def test_the_sdist_holds_what_is_needed_to_build_and_test(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"pyproject.toml", "README.md", "LICENSE", "Makefile", "filters/cover.toml"}
    needed |= {"Dockerfile", ".dockerignore"}
    assert needed | {"tests/project/test_package.py", "scripts/samples/photos.py"} <= names


def test_the_wheel_finds_its_modes_away_from_the_checkout(dist: Path, tmp_path: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    code = (
        f"import sys; sys.path.insert(0, {str(wheel.parent / 'unpacked')!r});"
        "import ffprep.config.modes as m; print(m.__file__, [x.name for x in m.all_modes()])"
    )
    zipfile.ZipFile(wheel).extractall(wheel.parent / "unpacked")
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "unpacked" in ran.stdout
    assert "['blur', 'cover', 'fit', 'pad', 'stretch']" in ran.stdout
