"""Fonts for labels in any script: the one that comes with Pillow, and those of the system.

Pillow's own font has ASCII only. Whatever it lacks is drawn in a font that is installed where
systems keep fonts. A character that no font has is drawn as a question mark, and remembered.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from threading import Lock
from unicodedata import bidirectional, category

from PIL import ImageDraw, ImageFont, features

from ffprep.system.messages import printable

Font = ImageFont.FreeTypeFont

_MISSING = "\U0010ffff"
"""A character that no font has: what a font draws for it, it draws for all that it lacks."""
_PROBED_AT = 16
_JOINERS = "\u200c\u200d"
"""Persian and Indic names, and emoji, contain these: they join letters, or keep them apart."""
_PLAIN = "Sans", "Regular", "Book"
_SPECIAL = "Bold Italic Oblique Light Thin Black Medium Condensed Narrow Mono Serif".split()

TURN = Lock()
"""Fonts are not made for several threads at a time."""


def drawable(text: str) -> str:
    """Return a text as `printable` does, but keep spaces of all kinds, and joiners."""
    return "".join(c if c in _JOINERS or category(c) == "Zs" else printable(c) for c in text)


class Lettering:
    """Draws labels; `undrawn` are the characters for which no font was found.

    Threads take turns: those that draw hold `TURN`.
    """

    def __init__(self) -> None:
        self.undrawn: set[str] = set()
        self._unjoined = False

    @property
    def complaint(self) -> str:
        """What is wrong with the labels drawn so far; empty if nothing is."""
        if self.undrawn:
            shown = " ".join(sorted(self.undrawn)[:8]) + " ..." * (len(self.undrawn) > 8)
            words = f"no installed font has {shown}, shown as ? in labels"
            return f"{words}; install fonts such as Noto Sans or Noto Sans CJK"
        words = "labels from right to left are drawn from left to right, and letters not joined"
        return f"{words}; install FriBiDi (libfribidi)" if self._unjoined else ""

    def width(self, text: str, height: int) -> float:
        """Return how wide a line of text is."""
        return sum(font.getlength(part) for part, font in self._parts(text, height))

    def draw(
        self, pen: ImageDraw.ImageDraw, middle: float, top: float, text: str, height: int, ink: str
    ) -> None:
        """Draw a line of text; `middle` is that of its width."""
        x = middle - self.width(text, height) / 2
        baseline = top + _font("", height).getmetrics()[0]
        for part, font in self._parts(text, height):
            pen.text((x, baseline), part, ink, font, anchor="ls")
            x += font.getlength(part)

    def fitted(self, text: str, height: int, width: float, keep_end: bool) -> tuple[str, int]:
        """Return a text and a height at which it fits the width: smaller, and then cut.

        With `keep_end`, as for a path, the middle is cut out, and letters stay larger.
        """
        least = 14 if keep_end else 11
        while height > least and self.width(text, height) > width:
            height -= 1
        kept, shown = len(text), text
        while kept > 1 and (drawn := self.width(shown, height)) > width:
            kept = max(1, min(kept - 1, int(len(shown) * width / drawn)))
            end = kept // 2 if keep_end else 0
            shown = f"{text[: kept - end]}…{text[len(text) - end :]}"
        return shown, height

    def _parts(self, text: str, height: int) -> Iterator[tuple[str, Font]]:
        """Yield the parts of a text, each with its font."""
        files = _files_for(frozenset(text))
        self.undrawn |= {each for each, file in files.items() if file is None}
        drawn = list(_drawn(text, files))
        is_leftwards = any(bidirectional(c) in ("R", "AL") for _, each in drawn for c in each)
        if is_leftwards and not (features.check("raqm") and features.check("fribidi")):
            self._unjoined = True
        for file, part in groupby(drawn, itemgetter(0)):
            yield "".join(each for _, each in part), _font(file, height)


@lru_cache(maxsize=1000)
def _files_for(characters: frozenset[str]) -> Mapping[str, str | None]:
    """Return the font of each character, the same for all if one has them; None without any.

    Blanks have none of their own.
    """
    wanted = "".join(each for each in characters if not _is_blank(each))
    file = _file_for(wanted)
    return {each: _file_for(each) if file is None else file for each in wanted}


def _file_for(characters: str) -> str | None:
    """Return the first font that has all these characters."""
    files = ("",) if characters.isascii() else ("", *_files())
    return next((file for file in files if all(_draws(file, c) for c in characters)), None)


@lru_cache(maxsize=10_000)
def _draws(file: str, character: str) -> bool:
    """Return whether a font has a character. A blank glyph does not count."""
    font, missing = _probed(file)
    mask = bytes(font.getmask(character)) if font else missing
    return any(mask) and mask != missing


@lru_cache(maxsize=100)
def _font(file: str, height: int, layout: ImageFont.Layout | None = None) -> Font:
    """Return the font of a file; the one that comes with Pillow without any."""
    font = (
        ImageFont.truetype(file, height, layout_engine=layout)
        if file
        else ImageFont.load_default(height)
    )
    assert isinstance(font, Font)
    return font


@cache
def _files() -> tuple[str, ...]:
    """Return the font files of the system: plain ones first."""
    return tuple(sorted(_installed(), key=_rank))


def _is_blank(character: str) -> bool:
    """Return whether a character has no picture: a space, a joiner, a variation selector."""
    return character.isspace() or character in _JOINERS or "\ufe00" <= character <= "\ufe0f"


def _drawn(text: str, files: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    """Yield the font of each character, and what is drawn for it.

    Blanks within a font are drawn in it, so words from right to left keep their order. Elsewhere
    they are plain spaces or nothing, since Pillow's own font has no others.
    """
    before = ""
    for index, each in enumerate(text):
        if each in files:
            before = files[each] or ""
            yield before, "?" if files[each] is None else each
        else:
            after = next((files[c] for c in text[index:] if c in files), "")
            within = before and before == after
            yield (before, each) if within else ("", " " * each.isspace())


@cache
def _probed(file: str) -> tuple[Font | None, bytes]:
    """Return a font without shaping, and what it draws for all that it lacks.

    Return None for a bitmap font that has other sizes, such as those of emoji.
    """
    try:
        font = _font(file, _PROBED_AT, ImageFont.Layout.BASIC)
    except OSError:
        return None, b""
    return font, bytes(font.getmask(_MISSING))


def _rank(path: str) -> tuple[int, str]:
    name = os.path.basename(path)
    special, plain = (sum(word in name for word in words) for words in (_SPECIAL, _PLAIN))
    return 3 * special - plain, name


def _installed() -> Iterator[str]:
    for folder in _font_folders():
        for parent, _, names in os.walk(folder):
            for name in names:
                if name.lower().endswith((".ttf", ".otf", ".ttc")):
                    yield os.path.join(parent, name)


def _font_folders() -> Iterator[Path]:
    """Yield the folders in which systems keep fonts, as fontconfig and macOS define them."""
    home = Path.home()
    if sys.platform == "darwin":
        yield from (home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts"))
    yield home / ".fonts"
    yield Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "fonts"
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    yield from (Path(folder) / "fonts" for folder in shared.split(":"))
