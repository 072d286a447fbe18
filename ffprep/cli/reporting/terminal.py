"""A terminal: its colours, and lines that fit its screen. Imported only where stderr is one."""

import os
import shutil
import sys
from collections.abc import Sequence

from ffprep.system.messages import Paint, plain

_SHAPE = "|{bar}| {n_fmt}/{total_fmt} {remaining} left{postfix}"
_INDENT = 2
_ENDLESS = "{n_fmt} in {elapsed}{postfix}"


def paint() -> Paint:
    """Return what colours text, unless the terminal or the user (NO_COLOR) wants no colours."""
    dull = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    return plain if dull or not sys.stderr.isatty() else _painted


def _painted(text: str, colour: str) -> str:
    import click

    return click.style(text, fg=colour) if colour else text


def bar_shape(total: int | None) -> str:
    """Return the format of a bar, for tqdm: short, so that counts fit in 60 columns."""
    return _SHAPE if total else _ENDLESS


def fitted(lines: Sequence[tuple[str, str]], others: Sequence[str]) -> list[str]:
    """Return lines, cut off if they would not fit on the screen beside `others`.

    A line is a name and the rest of it. A name that takes more than a third is cut in its middle.
    All lines are indented. There are four more: the summary, which may need two, the last line, and
    the prompt.
    """
    from wcwidth import width

    columns, rows = shutil.get_terminal_size()
    columns -= _INDENT

    def rows_of(texts: Sequence[str]) -> int:
        return sum(max(1, -(-width(text) // columns)) for text in texts)

    whole = list(map("".join, lines))
    left = rows - rows_of(others) - 4
    if not lines or rows_of(whole) <= left:
        return whole
    room = columns * max(1, left // len(lines))
    return [_cut(name, rest, room) for name, rest in lines]


def _cut(name: str, rest: str, room: int) -> str:
    """Return a line of at most `room` columns."""
    from wcwidth import clip, width

    length = width(name)
    most = max(room // 3, room - width(rest))
    if length > most:
        begin = (most - 1) // 2
        name = f"{clip(name, 0, begin)}…{clip(name, length - (most - 1 - begin), length)}"
    line = name + rest
    return line if width(line) <= room else clip(line, 0, room - 1) + "…"
