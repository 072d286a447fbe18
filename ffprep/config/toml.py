"""Read TOML files: values of the right type, and errors that name the file, the line and the key.

`tomllib` does not report lines. They are found again in the text where an error needs one.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Any, NoReturn

from ffprep.errors import EnvironmentFault, UsageError, reason
from ffprep.record import Record, replace

KeyPath = tuple[str | int, ...]
"""The keys, and the indexes in arrays of tables, that lead to a value."""

Reader = Callable[[Any], Any]
"""Checks a value and returns it as the program needs it. Raises UsageError that says why not."""

_MOST_LISTED = 30
"""An error about an unknown key lists the keys, if there are no more than this."""
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_CLOSING = re.compile(r"""[]}]|\"{3}|'{3}""")
"""What ends a value of several lines; spares parsing long arrays again at every line."""
_KEY = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|[^="'])+=""")
"""The key of a statement."""
_HEADER = r'"\u0000"'


class Table(Record):
    """A table of a TOML file, and the keys that lead to it. All its errors are EnvironmentFault.

    `text` is the whole file, in which the line of an error is found. `label` stands before the path
    in errors: `mode file `.
    """

    path: Path
    text: str
    content: Mapping[str, Any]
    label: str = ""
    keys: KeyPath = ()

    def read(self, readers: Mapping[str, Reader]) -> dict[str, Any]:
        """Return the values, each by the reader of its key. A key without a reader is an error."""
        for key in self.content:
            if key not in readers:
                self._fail_unknown(key, readers)
        return {key: self.value(key, readers[key]) for key in self.content}

    def value(self, key: str, reader: Reader) -> Any:
        """Return one value."""
        try:
            return reader(self.content[key])
        except UsageError as error:
            self.fail(str(error), key)

    def table(self, key: str) -> "Table":
        """Return a table of this one; it is empty if the key is missing."""
        content = self.value(key, mapping) if key in self.content else {}
        return replace(self, content=content, keys=(*self.keys, key))

    def tables(self, key: str) -> "list[Table]":
        """Return an array of tables; it is empty if the key is missing."""
        array = self.content.get(key, [])
        if not isinstance(array, list) or not all(isinstance(table, dict) for table in array):
            self.fail(f"write each table under a header [[{key}]]", key)
        keys = (*self.keys, key)
        return [replace(self, content=each, keys=(*keys, n)) for n, each in enumerate(array)]

    def line(self, *keys: str | int) -> int:
        """Return the line of a key; if it is missing, that of the table around it."""
        found, line = _lines(self.text), 1
        for key in (*self.keys, *keys):
            try:
                found = found[key]
            except (LookupError, TypeError):
                break
            line = _first(found)
        return line

    def place(self, *keys: str) -> str:
        """Return the file and the line of a key."""
        return f"{self.path}:{self.line(*keys)}"

    def fail(self, why: str, *keys: str) -> NoReturn:
        """Raise EnvironmentFault with the file, the line and the key."""
        found = (*self.keys, *keys)
        what = ".".join(_as_written(key) for key in found if isinstance(key, str))
        message = f"{self.label}{self.place(*keys)}: {what and f'{what}: '}{why}"
        raise EnvironmentFault(message, line=self.line(*keys), keys=found)

    def _fail_unknown(self, key: str, known: Iterable[str]) -> NoReturn:
        from ffprep.core.known_names import nearest

        near = nearest(key, known)
        hint = f'; did you mean "{near}"?' if near else ""
        if not hint and self.keys and isinstance(self.content[key], dict):
            *above, name = (each for each in self.keys if isinstance(each, str))
            header = ".".join(map(_as_written, [*above, f"{name}.{key}"]))
            hint = f"; a name with a dot needs quotes: [{header}]"
        if not hint and len(names := sorted(known)) <= _MOST_LISTED:
            hint = f"; the keys are: {', '.join(names)}"
        self.fail(f"unknown key{hint}", key)


def faults(table: Table, read: Callable[[Table], object]) -> Iterator[EnvironmentFault]:
    """Yield every error that `read` finds in a file: what one names is left out for the next."""
    left_out = list[KeyPath]()
    while True:
        try:
            read(table)
            return
        except EnvironmentFault as fault:
            # A table from which something was left out may only miss that.
            if not any(keys[: len(fault.keys)] == fault.keys for keys in left_out):
                yield fault
            left_out.append(fault.keys)
            table = replace(table, content=_without(table.content, *fault.keys))


def _without(content: Mapping[str, Any], key: Any, *below: Any) -> dict[str, Any]:
    if below:
        return {**content, key: _without(content[key], *below)}
    return {name: value for name, value in content.items() if name != key}


def read(path: Path, label: str = "") -> Table:
    """Read a TOML file. Raises EnvironmentFault with the file, and the line if there is one."""
    try:
        return parse(path, path.read_bytes(), label)
    except OSError as error:
        raise EnvironmentFault(f"{label}{path}: {reason(error)}") from None


def parse(path: Path, data: bytes, label: str = "") -> Table:
    """Do the same with the bytes of a file."""
    try:
        text = data.decode("utf-8-sig")
        return Table(path, text, tomllib.loads(text), label)
    except UnicodeDecodeError as error:
        lines = data.count(b"\n", 0, error.start)
        words = "is not UTF-8 text, which TOML requires; save it with that encoding"
        raise EnvironmentFault(f"{label}{path}:{lines + 1}: {words}", line=lines + 1) from None
    except tomllib.TOMLDecodeError as error:
        what, place = str(error).rsplit(" (at ", 1)
        line = re.match(r"line (\d+)", place)
        number = int(line[1]) if line else text.rstrip().count("\n") + 1
        raise EnvironmentFault(f"{label}{path}:{number}: {what}", line=number) from None
    except (ValueError, RecursionError):  # what Python itself refuses
        words = "a number has too many digits, or brackets are nested too deeply"
        raise EnvironmentFault(f"{label}{path}: {words}") from None


def _typed(kinds: UnionType | type, problem: str) -> Reader:
    """Make a reader of values of some types; true and false are not numbers."""

    def read_typed(value: Any) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise UsageError(problem)
        return value

    return read_typed


text = _typed(str, "must be a text, in quotes")
number = _typed(int | float, "must be a number")
flag = _typed(bool, "must be true or false")
mapping = _typed(dict, "must be a table")
_text_or_number = _typed(str | int | float, "must be a text or a number")


def count(value: Any) -> int:
    """Read a whole number above 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError("must be a whole number above 0")
    return value


def text_or_number(value: Any) -> Any:
    """Read a text or a number; a date is read as its text."""
    return value.isoformat() if isinstance(value, date) else _text_or_number(value)


def texts(value: Any) -> tuple[str, ...]:
    """Read a list of texts."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError("must be a list of texts")
    return tuple(value)


def anything(value: Any) -> Any:
    """Read a value that is checked elsewhere."""
    return value


def choice(words: Iterable[str]) -> Reader:
    """Make a reader of one of a few words."""
    known = tuple(words)

    def read_choice(value: Any) -> Any:
        if value not in known:
            raise UsageError(f"must be one of: {', '.join(filter(None, known))}")
        return value

    return read_choice


def quoted(name: str) -> str:
    """Return a name in quotes, on one line."""
    return '"' + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name) + '"'


def _as_written(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else quoted(key)


@lru_cache(maxsize=4)
def _lines(text: str) -> Any:
    """Return the content of a file with the line of each value in its place.

    That of the header of a table is its value of _HEADER. Each statement of a valid TOML file is
    valid by itself, so they are parsed one by one.
    """
    parts = []
    for number, statement in _statements(text):
        is_header = statement.lstrip().startswith("[")
        key = f"{statement}{_HEADER} =" if is_header else next(_KEY.finditer(statement))[0]
        parts.append(f"{key} {number}")
    with suppress(tomllib.TOMLDecodeError):  # a table that has a key as _HEADER
        return tomllib.loads("\n".join(parts))
    return {}


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield the statements: the line each begins on, its text."""
    statement, start = "", 1
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        goes_on = bool(statement)
        start = start if goes_on else number
        statement += line + "\n"
        if goes_on and not _CLOSING.search(line):
            continue
        with suppress(tomllib.TOMLDecodeError):  # the statement goes on in the next line
            if tomllib.loads(statement):
                yield start, statement
            statement = ""


def _first(lines: Any) -> int:
    """Return the line of the first statement. Tables may be nested deeper than Python calls."""
    while not isinstance(lines, int):
        lines = next(iter(lines.values() if isinstance(lines, dict) else lines))
    return lines
