"""The content of a report, and its page: one HTML file that needs nothing else, not even a network.

The template is `web/page.html`, with a style sheet and scripts beside it. A
Content-Security-Policy in the file allows exactly this style sheet and this script, by their
hashes. Texts may come from strangers: no script may make elements from them.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Any

from ffprep.record import Record, asdict, field

_SCRIPTS = ("framing", "save", "elements", "summary", "stage", "cards", "editor", "start")
"""The parts of the script, in their order."""


class ModeShown(Record):
    """A mode that the page offers. `fit` is in the terms of CSS's object-fit, or "inside".

    It is None if the mode's file has none. `cuts_at_focus` says whether a frame can be dragged.
    """

    name: str
    fit: str | None
    summary: str
    cuts_at_focus: bool


class Asked(Record):
    """What was asked for, as far as it is known.

    `command` is the command line, quoted for a shell, and `config` the absolute path of its
    ffprep.toml. `options` are names and values.
    """

    sources: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    command: str | None = None
    config: str | None = None


class Counts(Record):
    """How many pictures have each status; how many files are not converted."""

    converted: int = 0
    fresh: int = 0
    failed: int = 0
    pruned: int = 0
    passed_over: int = 0


class Sample(Record):
    """How many of all photos the report shows."""

    shown: int
    of: int


Bin = tuple[float, float | None, int]
"""A bar of a chart: from, to (None without end), and how many pictures."""


class Charts(Record):
    """How much is cut, as a share, and by how much pixels are enlarged; of all photos."""

    cut: tuple[Bin, ...] = ()
    enlargement: tuple[Bin, ...] = ()


class OverrideShown(Record):
    """The sidecar (`is_sidecar`) or the `[[photo]]` table that a photo has.

    `origin` is its file, and the others are its values, as TOML has them.
    """

    origin: str
    is_sidecar: bool
    mode: str | None = None
    scene: str | None = None
    focus: str | None = None
    crop_bounds: str | None = None


class Content(Record):
    """A report, as its page gets it: one JSON document.

    `output` is the absolute OUT, and `seconds` the time that the run took. `made` is when, in ISO's
    notation. `advice` is a sentence for each kind of failure. Without a `sample`, all photos are
    shown; `photos` are JSON objects. `tables_folder` is the folder of an ffprep.toml with
    `[[photo]]` tables, and `sidecars_root` the one in which a .zip of sidecars is unpacked; both
    are absolute. All fractions are of the upright photo.
    """

    output: str
    versions: tuple[tuple[str, str], ...]
    counts: Counts
    asked: Asked = Asked()
    seconds: float | None = None
    title: str = ""
    made: str = ""
    failed_by_kind: dict[str, int] = field(default_factory=dict)
    warned_by_kind: dict[str, int] = field(default_factory=dict)
    advice: dict[str, str] = field(default_factory=dict)
    sample: Sample | None = None
    modes: tuple[ModeShown, ...] = ()
    charts: Charts = Charts()
    photos: tuple[dict[str, Any], ...] = ()
    tables_folder: str = "/"
    sidecars_root: str = "/"


def page(content: Content, thumbnails: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts of the HTML file. `thumbnails` are JPEGs, in the order of their numbers."""
    style, script = _text("page.css"), "\n".join(_text(f"{name}.js") for name in _SCRIPTS)
    policy = (
        "default-src 'none'; img-src data:; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    # The template has places for these, such as `{{policy}}`, each once, in this order.
    values = {
        "policy": policy,
        "title": _escaped(content.title),
        "style": style,
        "content": inert_json(asdict(content)),
        "script": script,
    }
    rest = _text("page.html")
    for place, value in values.items():
        before, rest = rest.split("{{" + place + "}}")
        yield (before + value).encode()
    before, rest = rest.split("{{thumbnails}}")
    yield before.encode()
    for each in thumbnails:
        yield base64.b64encode(each) + b"\n"
    yield rest.encode()


def inert_json(value: object) -> str:
    """Return JSON that no HTML parser takes for the end of its element, or for a comment."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _text(name: str) -> str:
    return (files("ffprep.report") / "web" / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _escaped(text: str) -> str:
    from html import escape

    return escape("".join(each if each.isprintable() else "�" for each in text))
