"""Write a report as one HTML file that needs nothing else, not even a network.

The template is `web/page.html`, with a style sheet and scripts beside it. A
Content-Security-Policy in the file allows exactly this style sheet and this script, by their
hashes, and no script may make elements from texts.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from importlib.resources import files

from ffprep.report.content import Content

_PLACES = ("policy", "title", "style", "content", "script", "thumbnails")
"""What the template has places for: `{{policy}}` and so on, each once, in this order."""

_SCRIPTS = ("framing", "save", "elements", "summary", "stage", "cards", "editor", "start")
"""The parts of the script, in their order."""


def page(content: Content, thumbnails: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts of the HTML file. `thumbnails` are JPEGs, in the order of their numbers."""
    style, script = _text("page.css"), "\n".join(_text(f"{name}.js") for name in _SCRIPTS)
    policy = (
        "default-src 'none'; img-src data:; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    values = {
        "policy": policy,
        "title": _escaped(content.title),
        "style": style,
        "content": inert_json(content.as_dict()),
        "script": script,
    }
    rest = _text("page.html")
    for place in _PLACES:
        before, rest = rest.split("{{" + place + "}}")
        yield before.encode()
        if place == "thumbnails":
            for each in thumbnails:
                yield base64.b64encode(each) + b"\n"
        else:
            yield values[place].encode()
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
