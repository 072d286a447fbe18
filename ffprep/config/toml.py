"""TOML files, and the lines their keys stand on, which `tomllib` does not tell."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ffprep.errors import EnvironmentFault

Way = tuple[str | int, ...]
"""The names, and the indexes in arrays of tables, that lead to a key."""

_CLOSING = re.compile(r"""[]}]|\"{3}|'{3}""")
"""What is on the last line of a value of several lines; spares parsing long arrays at every line."""


@dataclass(frozen=True, slots=True)
class Document:
    """A TOML file: what it says, and its text, so that an error can name a line."""

    path: Path
    text: str
    content: dict[str, Any]

    def lines(self) -> dict[Way, int]:
        """The line of every table and key."""
        return _lines(self.text)

    def line(self, *way: str | int) -> int:
        """The line of a key; where there is no such key, that of the table it would stand in."""
        return nearest(self.lines(), way)


def read(path: Path) -> Document:
    """Read a TOML file. Raises EnvironmentFault that names the file, and the line where there is one."""
    try:
        return parsed(path, path.read_bytes())
    except OSError as error:
        raise EnvironmentFault(f"{path}: {error.strerror}") from None


def parsed(path: Path, data: bytes) -> Document:
    """The same for a file's bytes."""
    try:
        text = data.decode("utf-8-sig")
        return Document(path, text, tomllib.loads(text))
    except UnicodeDecodeError as error:
        lines = data.count(b"\n", 0, error.start)
        words = "is no text in UTF-8, as TOML is written; save it anew with that encoding"
        raise EnvironmentFault(f"{path}:{lines + 1}: {words}") from None
    except tomllib.TOMLDecodeError as error:
        what, place = str(error).rsplit(" (at ", 1)
        line = re.match(r"line (\d+)", place)
        number = line[1] if line else text.rstrip().count("\n") + 1
        raise EnvironmentFault(f"{path}:{number}: {what}") from None
    except (ValueError, RecursionError):  # what Python itself refuses
        words = "a number has too many digits, or brackets stand in too many others"
        raise EnvironmentFault(f"{path}: {words}") from None


def alike(name: str, known: Iterable[str]) -> str:
    """A question that helps whoever mistyped a key."""
    from difflib import get_close_matches

    return "".join(f'; did you mean "{other}"?' for other in get_close_matches(name, known, 1))


def quoted(name: str) -> str:
    """A name as it was written, on one line."""
    return '"' + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name) + '"'


def nearest(lines: Mapping[Way, int], way: Way) -> int:
    """The line of a key among `lines`, or of the nearest table around it."""
    while way not in lines:
        way = way[:-1]
    return lines[way]


def _lines(text: str) -> dict[Way, int]:
    """Every statement of a sound TOML file is sound by itself, so they are read one by one."""
    lines: dict[Way, int] = {(): 1}
    arrays: dict[Way, int] = {}
    table: Way = ()
    for number, statement, content in _statements(text):
        keys = list(_keys(content))
        if statement.lstrip().startswith("["):
            header = keys[-1]
            if statement.lstrip().startswith("[["):
                arrays[header] = arrays.get(header, -1) + 1
            table = _located(header, arrays)
            keys = [table[:end] for end in range(1, len(table) + 1)]
        else:
            keys = [table + key for key in keys]
        for key in keys:
            lines.setdefault(key, number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The statements, without empty lines and comments: the line each begins on, its text, what it says."""
    statement, start = "", 1
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        goes_on = bool(statement)
        start = start if goes_on else number
        statement += line + "\n"
        if goes_on and not _CLOSING.search(line):
            continue
        try:
            content = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue  # it goes on in the next line
        if content:
            yield start, statement, content
        statement = ""


def _keys(table: dict[str, Any]) -> Iterator[Way]:
    """The ways to all keys, those above first. Without recursion: a file may nest deeper than Python calls."""
    pending: list[tuple[Way, dict[str, Any]]] = [((), table)]
    while pending:
        above, table = pending.pop()
        for key, value in table.items():
            yield (*above, key)
            if isinstance(value, dict):
                pending.append(((*above, key), value))


def _located(header: Way, arrays: dict[Way, int]) -> Way:
    """A header's way, with the index of the latest table of each array it leads through."""
    way: Way = ()
    for end, name in enumerate(header, 1):
        way = (*way, name)
        if header[:end] in arrays:
            way = (*way, arrays[header[:end]])
    return way
