"""The pages say what is so."""

import re
import subprocess
import sys
from pathlib import Path

from tests.support.pages import ROOT, Page
from tests.support.pictures import opened, ramp


def test_the_page_of_modes_is_made_from_the_modes() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "scripts.pages.modes"], capture_output=True, check=True, cwd=ROOT
    ).stdout.decode()
    assert (ROOT / "docs/guide/modes.md").read_text() == made, (
        "run python -m scripts.pages.modes > docs/guide/modes.md"
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
    assert without.split() == "-h, --help Show this message and exit.".split()


def test_the_page_of_the_architecture_names_every_package() -> None:
    page = (ROOT / "docs/development/architecture.md").read_text()
    named = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    packages = {path.parent.name for path in (ROOT / "ffprep").glob("*/__init__.py")}
    assert packages
    assert packages == named


def test_make_alone_prints_the_verbs() -> None:
    printed = subprocess.run(["make", "-C", ROOT], capture_output=True, check=True).stdout.decode()
    for verb in ("demo", "test", "check", "lint"):
        assert f"make {verb} " in printed


def test_the_page_of_framing_shows_what_info_says(ffprep, tmp_path: Path) -> None:
    ((command, shown),) = Page("docs/guide/framing.md").sessions()
    ramp(4000, 3000).save(tmp_path / "photo.jpg")
    assert ffprep(*command.split()[1:], cwd=tmp_path).out.decode() == shown


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links to them are written."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_links_of_the_pages_lead_somewhere() -> None:
    links = 0
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for place, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text()):
            there = page.parent / place if place else page
            assert there.exists(), f"{page.name}: {place}"
            assert not anchor or anchor in anchors(there), f"{page.name}: #{anchor}"
            links += 1
    assert links > 20
