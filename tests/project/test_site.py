"""The web page of the project can be built, and the pictures of the pages are up to date."""

from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from scripts.pages import pictures, site
from tests.support.pages import ROOT

REPOSITORY = "https://example.org/ffprep"


@pytest.mark.slow
def test_the_site_has_all_pages_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    built = site.build(tmp_path / "web")
    made = {path.relative_to(built) for path in built.rglob("*.html")} - {Path("404.html")}
    pages = {path.relative_to(ROOT / "docs") for path in ROOT.glob("docs/**/*.md")}
    tops = ("CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md")
    pages |= {Path(name) for name in tops}
    assert made == {page.with_suffix(".html") for page in pages}
    front = (built / "index.html").read_text()
    for page in pages - {Path("index.md")}:
        assert f'href="{page.with_suffix(".html").as_posix()}"' in front
    assert "crop bounds" in (built / "search.json").read_text().lower()


def test_links_that_lead_nowhere_and_other_hosts_are_found(tmp_path: Path) -> None:
    (tmp_path / "404.html").write_text(
        '<a href="/ffprep/there.html"></a><a href="/ffprep/lost.html"></a><a href="/there.html">'
    )
    (tmp_path / "there.html").write_text('<h2 id="heading"></h2><a href="#top">')
    (tmp_path / "index.html").write_text(
        '<a href="there.html#heading"></a><a href="there.html#other"></a><a href="no%20page.html">'
        f'</a><img src="lost.webp"><a href="{REPOSITORY}"></a><script src="{REPOSITORY}/a.js">'
    )
    assert sorted(site.broken(tmp_path, "/ffprep/")) == [
        "404.html: /ffprep/lost.html does not exist",
        "404.html: /there.html does not exist",
        f"index.html: loads {REPOSITORY}/a.js from another host",
        "index.html: lost.webp does not exist",
        "index.html: no%20page.html does not exist",
        "index.html: there.html#other: the page has no such heading",
        "there.html: #top: the page has no such heading",
    ]


@pytest.mark.parametrize(
    ("page", "link", "on_site"),
    [
        ("docs/guide/recipes.md", "modes.md#pad", "modes.md#pad"),
        ("docs/operations/make.md", "../../SECURITY.md", "../SECURITY.md"),
        ("docs/start/install.md", "../../README.md", f"{REPOSITORY}/blob/main/README.md"),
        ("SECURITY.md", "docs/operations/cron.md#a", "operations/cron.md#a"),
        ("docs/index.md", "../filters/pad.toml", f"{REPOSITORY}/blob/main/filters/pad.toml"),
        ("docs/index.md", REPOSITORY, REPOSITORY),
        ("docs/index.md", "#guide", "#guide"),
    ],
)
def test_links_lead_to_pages_of_the_site_or_to_the_repository(
    page: str, link: str, on_site: str
) -> None:
    made = site.relinked(f"See [this]({link}), ![that]({link}).", ROOT / page, REPOSITORY)
    assert made == f"See [this]({on_site}), ![that]({on_site})."


def test_a_page_that_the_navigation_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "_TOP_PAGES", (*site._TOP_PAGES, "README.md"))  # linked in the text
    with pytest.raises(SystemExit, match=r"no table of docs/index\.md lists README\.md"):
        site.navigation()


def test_a_link_to_a_file_that_does_not_exist_is_named() -> None:
    with pytest.raises(SystemExit, match=r"docs/index\.md: \.\./lost\.py does not exist"):
        site.relinked("[lost](../lost.py)", ROOT / "docs/index.md", REPOSITORY)


@pytest.mark.slow
def test_the_pictures_show_what_ffprep_makes_today(tmp_path: Path) -> None:
    pictures.draw(tmp_path / "photo.jpg")
    names = set()
    for name, made in pictures.small_pictures(tmp_path / "photo.jpg"):
        made.save(tmp_path / name)
        with Image.open(tmp_path / name) as now, Image.open(ROOT / "docs/pictures" / name) as shown:
            assert now.size == shown.size
            difference = ImageChops.difference(now.convert("RGB"), shown.convert("RGB"))
        assert max(ImageStat.Stat(difference).mean) < 2, f"{name}: run make pictures"
        names.add(name)
    there = {path.name for path in (ROOT / "docs/pictures").iterdir()}
    assert there == names | {"compare.webp", "session.svg"}


def test_the_pictures_are_small() -> None:
    chart = ROOT / "docs/operations/benchmark.svg"
    files = [*(ROOT / "docs/pictures").iterdir(), chart]
    assert sum(path.stat().st_size for path in files) < 400_000
