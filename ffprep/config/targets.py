"""Read targets from `targets.toml`, ffprep's own and the user's (docs/guide/targets.md)."""

import math
import re
from collections.abc import Iterable
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from ffprep.config import toml
from ffprep.core.constraints import SizeConstraints, contradictory, violations
from ffprep.core.formats import FORMATS
from ffprep.core.geometry import Size, read_size
from ffprep.core.known_names import known_as, unknown
from ffprep.core.target import ANY_FORMAT, Target
from ffprep.errors import EnvironmentFault, UsageError

OWN = Path(__file__).with_name("targets.toml")
"""The targets that come with ffprep."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def all_targets(files: Iterable[Path] = ()) -> list[Target]:
    """Return every target, ffprep's own first; a later file wins over an earlier one.

    Raises EnvironmentFault with the file, the line and the key.
    """
    found: dict[str, Target] = {}
    for file in (OWN, *files):
        found |= _targets(toml.read(file, "targets file "))
    return list(found.values())


def faults(file: Path) -> tuple[int, list[EnvironmentFault]]:
    """Return how many targets a file has, and all errors in it, in the order of the lines.

    Raises EnvironmentFault if it cannot be read.
    """
    try:
        table = toml.read(file)
    except EnvironmentFault as fault:
        if not fault.line:
            raise
        return 0, [fault]
    return len(table.content), sorted(toml.faults(table, _targets), key=lambda fault: fault.line)


def find_target(text: str, files: Iterable[Path] = ()) -> Target:
    """Read `NAME` or `NAME/SIZE`, with the size in pixels or by name; only that size is left.

    Raises UsageError, or EnvironmentFault for a bad file.
    """
    name, _, size = text.partition("/")
    targets = {target.name: target for target in all_targets(files)}
    known = known_as(name, targets)
    if known is None:
        try:
            size = str(read_size(name))
        except UsageError:
            raise UsageError(unknown("target", name, targets)) from None
        raise UsageError(f"{name!r} is a size; write --size {size}")
    return targets[known].at(size) if size else targets[known]


def _targets(table: toml.Table) -> dict[str, Target]:
    return {name: _target(table.table(name), name) for name in table.content}


def _target(table: toml.Table, name: str) -> Target:
    if not _NAME.fullmatch(name):
        table.fail("the name of a target consists of letters, digits, dots, - and _")
    values = table.read(_READERS)
    bounds: dict[str, Any] = {key: values[key] for key in _BOUNDS if key in values}
    envelope = SizeConstraints(**bounds)
    if culprits := contradictory(envelope):
        last = max(culprits, key=list(table.content).index)
        table.fail(f"leaves no size that FFmpeg can hold: {' and '.join(culprits)}", last)
    sizes = tuple(_sizes(table, envelope))
    refusals = table.table("refusals").read(dict.fromkeys(_RULES, toml.text))
    if not {"sizes", *_RULES, *_CLIPS}.intersection(table.content):
        table.fail(f"has no rules; write some of: sizes, {', '.join((*_RULES[:-1], *_CLIPS))}")
    others = {key: value for key, value in values.items() if key not in (*_BOUNDS, *_TABLES)}
    return Target(name, sizes=sizes, envelope=envelope, refusals=tuple(refusals.items()), **others)


def _sizes(table: toml.Table, envelope: SizeConstraints) -> Iterable[tuple[str, Size]]:
    if isinstance(table.content.get("sizes"), list):
        for size in table.value("sizes", lambda value: [*map(Size.parse, toml.texts(value))]):
            _require_possible(table, "sizes", size, envelope)
            yield str(size), size
        return
    table = table.table("sizes")
    for label in table.content:
        size = table.value(label, lambda value: Size.parse(toml.text(value)))
        _require_possible(table, label, size, envelope)
        if not _NAME.fullmatch(label):
            table.fail("the name of a size consists of letters, digits, dots, - and _", label)
        if label[0].isdigit() and label[-1].isdigit() and _reads_as(label) not in (None, size):
            table.fail(f"the name reads as another size than {size}", label)
        yield label, size


def _require_possible(table: toml.Table, key: str, size: Size, envelope: SizeConstraints) -> None:
    if not size.ffmpeg_holds:
        table.fail(f"{size} is more than FFmpeg can hold", key)
    if wrong := [words for _, words in violations(envelope, size)]:
        table.fail(f"breaks the target's own rules: {'; '.join(wrong)}", key)


def _ratio(value: Any) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", str(value), re.ASCII)
    if not isinstance(value, str) or not match:
        raise UsageError('must be width to height, for example "1:2.5" or "16:9"')
    width, height = Fraction(match[1]), Fraction(match[2])
    if not width or not height:
        raise UsageError("a side cannot be 0")
    return (width / height).numerator, (width / height).denominator


def _sizes_or_names(value: Any) -> Any:
    if not isinstance(value, dict | list) or value == []:
        example = 'sizes = ["1280x720"], or sizes = {wide = "1280x720"}'
        raise UsageError(f"must be a list of sizes, or a table of names and sizes: {example}")
    return value


def _formats(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise UsageError(f"must be a list of some of: {', '.join(ANY_FORMAT)}")
    for name in value:
        if name not in ANY_FORMAT:
            known = next((f.name for f in FORMATS if f".{name}" in f.suffixes), None)
            hint = f"write {known}" if known else f"the formats are: {', '.join(ANY_FORMAT)}"
            raise UsageError(f"{name!r} is not a format; {hint}")
    return tuple(value)


def _numbers(value: Any) -> tuple[int | float, ...]:
    """Read a list of numbers, or a range of whole numbers as text."""
    span = re.fullmatch(r"(\d{1,3})-(\d{1,3})", value, re.ASCII) if isinstance(value, str) else None
    numbers = [*range(int(span[1]), int(span[2]) + 1)] if span else value
    if (
        not isinstance(numbers, list)
        or not numbers
        or not all(0 < toml.number(each) < math.inf for each in numbers)
    ):
        raise UsageError('must be a list of numbers above 0, or a range: [4, 8, 12], or "3-15"')
    return tuple(sorted(numbers))


def _frames(value: Any) -> tuple[str, ...]:
    if value not in (["first"], ["first", "last"]):
        raise UsageError('must be ["first"], or ["first", "last"]')
    return tuple(value)


def _date(value: Any) -> str:
    if value and (not isinstance(value, date) or isinstance(value, datetime)):
        raise UsageError("must be a date without quotes, for example 2026-11-21")
    return str(value)


def _reads_as(label: str) -> Size | None:
    try:
        return Size.parse(label)
    except UsageError:
        return None


_BOUNDS: dict[str, toml.Reader] = {
    "min_side": toml.count,
    "max_side": toml.count,
    "max_short_side": toml.count,
    "min_long_side": toml.count,
    "multiple_of": toml.count,
    "max_pixels": toml.count,
    "min_ratio": _ratio,
    "max_ratio": _ratio,
}
_CLIPS: dict[str, toml.Reader] = {"seconds": _numbers, "fps": _numbers, "frames": _frames}
_TABLES: dict[str, toml.Reader] = {"sizes": _sizes_or_names, "refusals": toml.mapping}
_READERS: dict[str, toml.Reader] = {
    **_BOUNDS,
    **_CLIPS,
    **_TABLES,
    "max_bytes": toml.count,
    "alpha": toml.flag,
    "faces": toml.flag,
    "checked": toml.flag,
    "title": toml.text,
    "status": toml.text,
    "source": toml.text,
    "published_by": toml.choice(("maker", "others")),
    "formats": _formats,
    "date": _date,
}
_RULES = (*_BOUNDS, "max_bytes", "alpha", "faces", "formats", "size")
"""What `refusals` may have a sentence for."""
