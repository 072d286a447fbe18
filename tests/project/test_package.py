"""What the wheel and the sdist hold, and that a wheel works away from the checkout."""

import itertools
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
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


def test_the_page_on_pypi_has_no_relative_links(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    metadata, page = metadata_of(wheel)
    links = re.findall(r"(!?)\[[^]]*\]\((\S+?)\)", page)
    tag = f"v{metadata['Version']}"
    pictures = f"https://raw.githubusercontent.com/ffprep/ffprep/{tag}/"
    pages = f"https://github.com/ffprep/ffprep/blob/{tag}/"
    assert {bool(mark) for mark, _ in links} == {True, False}
    for mark, link in links:
        assert link.startswith(pictures if mark else pages)
        place = link.removeprefix(pictures).removeprefix(pages).partition("#")[0]
        assert (ROOT / place).exists()


def test_the_extra_all_has_every_other_one_and_developers_tools_are_none(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    metadata, _ = metadata_of(wheel)
    extras: dict[str, set[str]] = {name: set() for name in metadata.get_all("Provides-Extra", ())}
    for requirement in metadata.get_all("Requires-Dist", ()):
        package, _, extra = requirement.partition("; extra == ")
        if extra:
            extras[extra.strip("'")].add(package)
    assert extras.pop("all") == set().union(*extras.values())
    assert set(extras) == {"dask", "faces", "openai", "raw", "s3", "sftp", "watch"}


def test_the_lock_has_the_requirements_of_the_project_from_pypi() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    packages = {package["name"]: package for package in lock["package"]}
    known = packages["ffprep"]["metadata"]
    groups = known["requires-dev"].values()
    locked = {
        (each["name"], each.get("specifier", ""))
        for each in [*known["requires-dist"], *(each for group in groups for each in group)]
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lists = [project["project"]["dependencies"], *project["dependency-groups"].values()]
    lists += project["project"]["optional-dependencies"].values()
    wanted = {
        re.fullmatch(r"([\w-]+)(?:\[.*\])?(.*)", each).groups()
        for each in itertools.chain(*lists)
        if isinstance(each, str)
    }
    assert {each for each in locked if each[0] != "ffprep"} == {
        each for each in wanted if each[0] != "ffprep"
    }, "run uv lock"
    sources = {package["source"].get("registry") for package in packages.values()}
    assert sources == {None, "https://pypi.org/simple"}


def metadata_of(wheel: Path) -> tuple[Message, str]:
    """Return the fields and the long description of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    assert metadata["Description-Content-Type"] == "text/markdown"
    return metadata, metadata.get_payload(decode=True).decode()


def test_the_sdist_holds_what_is_needed_to_build_and_test(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"pyproject.toml", "README.md", "LICENSE", "Makefile", "filters/cover.toml"}
    needed |= {"Dockerfile", ".dockerignore", "uv.lock", "CODE_OF_CONDUCT.md", ".ci/run"}
    needed |= {".pre-commit-config.yaml", ".github/workflows/release.yml"}
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
