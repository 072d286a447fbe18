"""The pages are readable, linked, and say what the program does."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pillow_heif
import pytest

from ffprep import __version__
from scripts.cases.all_cases import CASES
from scripts.cases.page import page as page_of_formats
from tests.support.pages import ROOT, Page
from tests.support.pictures import opened, ramp

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
LINK = re.compile(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)")
TOPS = (ROOT, ROOT / "ffprep")


def test_the_page_of_modes_is_made_from_the_modes() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "scripts.pages.modes"], capture_output=True, check=True, cwd=ROOT
    ).stdout.decode()
    assert (ROOT / "docs/guide/modes.md").read_text() == made, (
        "run python -m scripts.pages.modes > docs/guide/modes.md"
    )


def test_the_manual_pages_are_made_from_the_commands() -> None:
    there = {path.name: path.read_text() for path in (ROOT / "docs/man").iterdir()}
    # In a process of its own: click keeps the help option of a command that a test has called.
    code = "import json; from scripts.pages.man import pages; print(json.dumps(pages()))"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT)
    assert there == json.loads(made.stdout), "run python -m scripts.pages.man"


def test_the_page_of_formats_is_made_from_the_cases() -> None:
    assert (ROOT / "docs/guide/formats.md").read_text() == page_of_formats(CASES), (
        "run python -m scripts.cases > docs/guide/formats.md"
    )


def test_the_mode_of_the_page_works(ffprep, tmp_path: Path) -> None:
    (example,) = [
        block
        for block in Page("docs/guide/modes.md").blocks("toml")
        if "# polaroid.toml: " in block
    ]
    (tmp_path / "polaroid.toml").write_text(example)
    (tmp_path / "photos").mkdir()
    ramp(1000, 1200).save(tmp_path / "photos/a.jpg")
    command = example.splitlines()[0].partition("ffprep ")[2].split()
    ran = ffprep(*command, cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert opened(tmp_path / "out/a.jpg").size == (800, 960)


def test_the_options_of_the_pages_are_those_of_the_help(ffprep) -> None:
    told = ffprep("convert", "--help").out.decode()
    options = set(re.findall(r"^  .*?(--[a-z-]+)", told, re.MULTILINE)) - {"--help"}
    assert set(_options_in("docs/guide/options.md")) == options
    told += ffprep("check", "--help").out.decode() + ffprep("run", "--help").out.decode()
    assert all(option in told for option in _options_in("README.md"))


def _options_in(page: str) -> list[str]:
    return re.findall(r"`(--[a-z-]+)", (ROOT / page).read_text())


def test_every_option_of_convert_stands_under_a_heading_of_the_help(ffprep) -> None:
    told = ffprep("convert", "--help").out.decode()
    without = told.partition("\nOptions:\n")[2]
    assert re.findall(r"^  (-\S+)", without, re.MULTILINE) == ["--help", "-h"]


def test_the_headings_of_the_page_of_options_are_those_of_the_help(ffprep) -> None:
    told = ffprep("convert", "--help").out.decode()
    groups = re.findall(r"^([A-Z][\w ]+):$", told, re.MULTILINE)
    headings = re.findall(r"^## (.*)$", Page("docs/guide/options.md").text, re.MULTILINE)
    assert [group for group in groups if group not in ("Examples", "Options")] == headings


def test_the_page_of_the_architecture_names_every_package() -> None:
    page = Page("docs/development/architecture.md").text
    named = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    packages = {path.parent.name for path in (ROOT / "ffprep").glob("*/__init__.py")}
    assert packages
    assert packages == named


def test_the_page_of_the_architecture_shows_the_contract() -> None:
    (shown,) = Page("docs/development/architecture.md").blocks("toml")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contract, _ = project["tool"]["importlinter"]["contracts"]
    assert tomllib.loads(shown)["layers"] == contract["layers"]


@pytest.mark.parametrize("page", ["docs/development/architecture.md", "CONTRIBUTING.md"])
def test_the_files_that_the_pages_for_developers_name_exist(page: str) -> None:
    named = re.findall(r"`((?:[\w.@-]+/)+[\w.@-]*|[\w-]+\.(?:py|toml))`", Page(page).text)
    assert len(named) > 10
    # The user's own file, and names in capitals that stand for others.
    others = [name for name in named if name == "ffprep.toml" or re.search(r"[A-Z]{3}", name)]
    missing = set(named) - {name for name in named for top in TOPS if (top / name).exists()}
    assert missing <= set(others)


def test_the_tests_that_the_page_of_security_names_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", Page("SECURITY.md").text))
    assert len(named) > 10
    assert named <= {path.stem for path in ROOT.glob("tests/**/test_*.py")}


def test_the_version_in_examples_is_that_of_ffprep() -> None:
    others = {"CHANGELOG.md", "benchmark.md"}  # earlier versions, and the one that was measured
    pages = "".join(page.read_text() for page in PAGES if page.name not in others)
    assert set(re.findall(r"\bffprep[: ](\d+\.\d+\.\d+)\b", pages)) == {__version__}


def test_every_package_has_a_page_of_decisions() -> None:
    pages = {path.stem for path in (ROOT / "docs/development/decisions").glob("*.md")}
    assert pages == {path.parent.name for path in (ROOT / "ffprep").glob("*/__init__.py")}


def test_make_alone_prints_the_verbs() -> None:
    printed = subprocess.run(["make", "-C", ROOT], capture_output=True, check=True).stdout.decode()
    for verb in ("demo", "test", "check", "lint"):
        assert f"make {verb} " in printed


def test_the_page_of_framing_shows_what_info_says(ffprep, tmp_path: Path) -> None:
    page = Page("docs/guide/framing.md")
    ((command, shown),) = [(block.text, shown) for block, shown in page.steps() if shown]
    ramp(4000, 3000).save(tmp_path / "photo.jpg")
    assert ffprep(*command.split()[1:], cwd=tmp_path).out.decode() == shown


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """The lines of a page that are neither code nor part of a table, with their numbers."""
    code = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            code = not code
        elif not code and not line.startswith("|"):
            yield number, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_short_and_its_lines_fit_a_window(page: Path) -> None:
    words = sum(len(line.split()) for _, line in prose(page))
    assert words <= 2500
    # A line of one long link or URL cannot be broken.
    long = [number for number, line in prose(page) if len(line) > 100 and len(line.split()) > 2]
    assert not long, f"lines of more than 100 columns: {long}"


def anchors(page: Path) -> set[str]:
    """Return the headings of a page, as links to them are written."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_links_of_the_pages_lead_somewhere() -> None:
    links = 0
    for page in PAGES:
        for place, anchor in LINK.findall(page.read_text()):
            there = page.parent / place if place else page
            assert there.exists(), f"{page.name}: {place}"
            assert not anchor or anchor in anchors(there), f"{page.name}: #{anchor}"
            links += 1
    assert links > 20


def test_the_pages_that_messages_name_exist() -> None:
    called = re.compile(r"\bpage\([\"']([\w/-]+)#?([\w-]*)[\"']\)")
    named = called.findall("".join(path.read_text() for path in ROOT.glob("ffprep/**/*.py")))
    for place, heading in named:
        page = ROOT / f"docs/{place}.md"
        assert page.is_file()
        assert not heading or heading in anchors(page), heading
    assert len(named) > 10


def test_every_page_can_be_reached_from_the_contents() -> None:
    index = ROOT / "docs/index.md"
    found, waiting = {index}, [index]
    while waiting:
        page = waiting.pop()
        links = {(page.parent / place).resolve() for place, _ in LINK.findall(page.read_text())}
        new = {link for link in links if link.suffix == ".md"} - found
        found |= new
        waiting += new
    assert found == set(PAGES)


@pytest.fixture
def reader(home: Path, tmp_path: Path) -> Path:
    """A folder with some photos, as the readers of the guide have one."""
    folder = tmp_path / "reader"
    (folder / "photos/trip").mkdir(parents=True)
    for name, size in {"beach": (400, 300), "tower": (300, 400), "trip/lake": (800, 300)}.items():
        ramp(*size).save(folder / f"photos/{name}.jpg")
    pillow_heif.from_pillow(ramp(320, 240)).save(folder / "photos/phone.heic")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("recipe", Page("docs/guide/recipes.md").sections(), ids=lambda r: r.path)
def test_a_recipe_works(follow, reader: Path, recipe: Page) -> None:
    assert [printed for printed in follow(recipe, reader) if "error" in printed.lower()] == []


@pytest.mark.slow
def test_the_commands_of_the_readme_work(follow, reader: Path) -> None:
    ramp(4000, 3000).save(reader / "photo.jpg")
    (reader / "photos/phone.heic").unlink()
    pillow_heif.from_pillow(ramp(1280, 720)).save(reader / "photos/phone.heic")
    follow(Page("README.md"), reader, programs={"pipx": "", "make": ""})
    assert opened(reader / "ready.jpg").size == (1280, 720)
