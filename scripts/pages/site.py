"""Build the web page of the project into build/web/site: `make docs`.

The pages are those of docs/ and the ones beside README.md. Their links lead to files of the
checkout, as on GitHub. In a copy, build/web/pages, they lead to pages of the site, and to the
repository for other files. The navigation is made from the tables of docs/index.md.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from os.path import relpath
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import tomlkit

ROOT = Path(__file__).parents[2]
_DOCS, _CONFIG = ROOT / "docs", ROOT / "zensical.toml"
_ASSETS = ("icon.svg", "site.css")  # beside this module
_TOP_PAGES = ("CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md")
_COPIED = (".jpg", ".md", ".svg", ".webp")
_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<place>(?!\w+:)[^)#]+)(?P<anchor>#[^)]*)?\)")
# What a page loads, unlike what it links to.
_LOADED = {"script": "src", "img": "src", "source": "src", "link": "href"}

Nav = list[dict[str, Any]]


def build(folder: Path) -> Path:
    """Build the site in a folder of its own, and return where it is.

    Raise SystemExit with the errors if the builder finds one, or a link leads nowhere.
    """
    config = tomlkit.parse(_CONFIG.read_text(encoding="utf-8"))
    project: Any = config["project"]
    repository = project["extra"]["social"][0]["link"]
    project["nav"] = navigation()
    project["docs_dir"], project["site_dir"] = "pages", "site"
    shutil.rmtree(folder, ignore_errors=True)
    for source, name in _files():
        target = folder / "pages" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            text = source.read_text(encoding="utf-8")
            target.write_text(relinked(text, source, repository), encoding="utf-8")
        else:
            shutil.copyfile(source, target)
    (folder / "zensical.toml").write_text(tomlkit.dumps(config), encoding="utf-8")
    argv = [sys.executable, "-m", "zensical", "build", "--strict"]
    built = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if built.returncode:
        raise SystemExit(built.stdout + built.stderr.partition("Traceback")[0])
    if wrong := [*broken(folder / "site", urlsplit(project["site_url"]).path)]:
        raise SystemExit("\n".join(wrong))
    return folder / "site"


def _files() -> Iterator[tuple[Path, str]]:
    """Yield each file of the site, and its path there."""
    for name in _ASSETS:
        yield Path(__file__).with_name(name), name
    for name in _TOP_PAGES:
        yield ROOT / name, name
    for path in sorted(_DOCS.rglob("*.*")):
        if path.suffix in _COPIED:
            yield path, path.relative_to(_DOCS).as_posix()


def _on_site(path: Path) -> str | None:
    """Return where a file of the checkout is on the site, if it is there."""
    if path.parent == ROOT and path.name in _TOP_PAGES:
        return path.name
    if path.is_relative_to(_DOCS) and path.suffix in _COPIED:
        return path.relative_to(_DOCS).as_posix()
    return None


def relinked(text: str, page: Path, repository: str) -> str:
    """Return the text of a page with its links as they are on the site.

    Raise SystemExit if a link names a file that does not exist.
    """
    here = Path(_on_site(page) or "").parent

    def link(match: re.Match[str]) -> str:
        target = (page.parent / match["place"]).resolve()
        if not target.exists():
            raise SystemExit(f"{page.relative_to(ROOT)}: {match['place']} does not exist")
        there = _on_site(target)
        if there is None:
            place = f"{repository}/blob/main/{target.relative_to(ROOT).as_posix()}"
        else:
            place = relpath(there, here)
        return f"[{match['text']}]({place}{match['anchor'] or ''})"

    return _LINK.sub(link, text)


def navigation() -> Nav:
    """Return the pages by section, as the tables of docs/index.md list them.

    Raise SystemExit if a page is in none of them.
    """
    nav: Nav = [{"Home": "index.md"}]
    listed = {"index.md"}
    for line in (_DOCS / "index.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            nav.append({line[3:]: []})
        elif line.startswith("|") and (found := [*_links(line)]):
            listed.update(path for page in found for path in page.values())
            (section,) = nav[-1].values()
            name = line.split("|")[1].strip()
            section += found if name.startswith("[") else [{name: found}]
    pages = {name for _, name in _files() if name.endswith(".md")}
    if lost := sorted(pages - listed):
        raise SystemExit(f"no table of docs/index.md lists {', '.join(lost)}")
    return [section for section in nav if all(section.values())]


def _links(row: str) -> Iterator[dict[str, str]]:
    """Yield title and path of each page that a row of a table links to."""
    for match in _LINK.finditer(row):
        there = _on_site((_DOCS / match["place"]).resolve())
        if there and there.endswith(".md"):
            yield {match["text"][:1].upper() + match["text"][1:]: there}


class _Page(HTMLParser):
    """The ids of a page, its links, and the URLs of what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids.add(values.get("id", ""))
        if tag == "a" and "href" in values:
            self.links.add(values["href"])
        elif (url := values.get(_LOADED.get(tag, ""))) and values.get("rel") != "canonical":
            self.loaded.add(url)


def broken(site: Path, root: str) -> Iterator[str]:
    """Yield a line for each link of the site that leads nowhere, and for what other hosts serve.

    `root` is the path of the site on its host: the links of 404.html begin with it.
    """
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    for path, page in pages.items():
        name = path.relative_to(site)
        for url in sorted(page.links | page.loaded):
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                if url in page.loaded:
                    yield f"{name}: loads {url} from another host"
                continue
            place = unquote(parts.path)
            if path.name == "404.html" and place.startswith(root):
                place = f"./{place.removeprefix(root)}"
            target = (path.parent / place).resolve() if place else path
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                yield f"{name}: {url} does not exist"
            elif parts.fragment and unquote(parts.fragment) not in pages[target].ids:
                yield f"{name}: {url}: the page has no such heading"


if __name__ == "__main__":
    page = build(ROOT / "build/web") / "index.html"
    print(f"The site is built: open {page.relative_to(ROOT)}. Search works only on a server.")
