"""Read a report as a browser does: its document and its thumbnails."""

import base64
import html.parser
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image


class Report(html.parser.HTMLParser):
    """A report: its `content`, its thumbnails, and the photos by the names of their files."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._id, self.texts = "", dict[str, str]()
        self.feed(path.read_text())
        self.content: dict[str, Any] = json.loads(self.texts["content"])
        self.thumbnails = [base64.b64decode(line) for line in self.texts["thumbnails"].split()]
        self.photos = {Path(each["source"]).name: each for each in self.content["photos"]}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._id = dict(attrs).get("id") or "" if tag == "script" else ""

    def handle_data(self, data: str) -> None:
        if self._id:
            self.texts[self._id] = self.texts.get(self._id, "") + data

    def thumbnail(self, name: str, which: str) -> Image.Image | None:
        """Return the thumbnail `before` or `after` of a photo, decoded; None if there is none."""
        number = self.photos[name][which]
        if number is None:
            return None
        image = Image.open(io.BytesIO(self.thumbnails[number]))
        assert image.format == "JPEG"
        image.load()
        return image
