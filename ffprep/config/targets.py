"""Target files to Targets: `targets.toml`, ffprep's own and the user's (docs/guide/targets.md)."""

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ffprep.config import toml
from ffprep.core.constraints import SizeConstraints, contradictory, violations
from ffprep.core.formats import FORMATS
from ffprep.core.geometry import Size
from ffprep.core.target import ANY_FORMAT, Target
from ffprep.errors import EnvironmentFault, UsageError

if TYPE_CHECKING:
    from fractions import Fraction

OWN = Path(__file__).with_name("targets.toml")
"""The targets that come with ffprep."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_COUNTS = (
    "min_side",
    "max_side",
    "max_short_side",
    "min_long_side",
    "multiple_of",
    "max_pixels",
    "max_bytes",
)
_RATIOS = ("min_ratio", "max_ratio")
_FLAGS = ("alpha", "checked")
_WORDS = ("title", "status", "source")
_KEYS = {*_COUNTS, *_RATIOS, *_FLAGS, *_WORDS, "date", "formats", "sizes", "refusals"}
_RULES = {*_COUNTS, *_RATIOS, "alpha", "formats", "size"}


def all_targets(files: Iterable[Path] = ()) -> list[Target]:
    """Every target, ffprep's own first; a later file wins over an earlier one.

    Raises EnvironmentFault that names the file, the line and the key of what is wrong.
    """
    found: dict[str, Target] = {}
    for file in (OWN, *files):
        document = _read(file)
        found |= {name: _Table(document, name).read() for name in document.content}
    return list(found.values())


def _read(file: Path) -> toml.Document:
    try:
        return toml.read(file)
    except EnvironmentFault as error:
        raise EnvironmentFault(f"targets file {error}") from None


def find_target(text: str, files: Iterable[Path] = ()) -> Target:
    """Read `NAME` or `NAME/SIZE`, SIZE in pixels or by name; with a size, only that one is left.

    Raises UsageError, and EnvironmentFault for a bad file.
    """
    name, _, wanted = text.partition("/")
    targets = {target.name: target for target in all_targets(files)}
    if name not in targets:
        raise UsageError(f"no target is called {name!r}; there are: {', '.join(targets)}")
    return targets[name].at(wanted) if wanted else targets[name]


@dataclass(frozen=True, slots=True)
class _Table:
    """One target of a file."""

    document: toml.Document
    name: str

    def read(self) -> Target:
        """The Target. Raises EnvironmentFault."""
        content = self.document.content[self.name]
        if not isinstance(content, dict):
            self._fail((), "must be a table, [NAME]")
        if not _NAME.fullmatch(self.name):
            self._fail((), "a target's name is made of letters, digits, dots and dashes")
        for key in content:
            if key not in _KEYS:
                self._fail((key,), self._no_rule(key, content[key]))
        counts = {key: self._count(key, content[key]) for key in _COUNTS if key in content}
        ratios = {key: self._ratio(key, content[key]) for key in _RATIOS if key in content}
        max_bytes = counts.pop("max_bytes", None)
        said: dict[str, Any] = counts | {
            key: (ratio.numerator, ratio.denominator) for key, ratio in ratios.items()
        }
        envelope = SizeConstraints(**said)
        if culprits := contradictory(envelope):
            words = f"leaves no size that FFmpeg can hold: {' and '.join(culprits)}"
            self._fail((max(culprits, key=list(content).index),), words)
        sizes = tuple(self._sizes(content, envelope))
        if not sizes and not said:
            self._fail((), "has no sizes, and no rule that says which are taken")
        return Target(
            name=self.name,
            sizes=sizes,
            envelope=envelope,
            formats=self._formats(content),
            max_bytes=max_bytes,
            refusals=tuple(self._refusals(content)),
            date=self._date(content),
            alpha=self._flag(content, "alpha", True),
            checked=self._flag(content, "checked", False),
            **{key: self._word((key,), content.get(key, "")) for key in _WORDS},
        )

    def _no_rule(self, key: str, value: object) -> str:
        if alike := toml.alike(key.lower(), _KEYS):
            return f"is no rule{alike}"
        if isinstance(value, dict):
            return f'is no rule; a name with a dot goes into quotes, ["{self.name}.{key}"]'
        return f"is no rule; there are {', '.join(sorted(_KEYS))}"

    def _count(self, key: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            self._fail((key,), "must be a whole number above 0")
        return value

    def _ratio(self, key: str, value: object) -> "Fraction":
        from fractions import Fraction

        match = re.fullmatch(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", str(value), re.ASCII)
        if not isinstance(value, str) or not match:
            self._fail((key,), 'must be width to height, such as "1:2.5" or "16:9"')
        width, height = Fraction(match[1]), Fraction(match[2])
        if not width or not height:
            self._fail((key,), "no side of a picture is 0")
        return width / height

    def _sizes(
        self, content: dict[str, Any], envelope: SizeConstraints
    ) -> Iterable[tuple[str, Size]]:
        table = content.get("sizes", {})
        if not isinstance(table, dict):
            self._fail(("sizes",), "must be a table of names and sizes")
        for label, text in table.items():
            try:
                size = Size.parse(self._word(("sizes", label), text))
            except UsageError as error:
                self._fail(("sizes", label), str(error))
            if not size.ffmpeg_holds:
                self._fail(("sizes", label), "is more than FFmpeg can hold")
            if not _NAME.fullmatch(label):
                words = "a size's name is made of letters, digits, dots, dashes and underscores"
                self._fail(("sizes", label), words)
            if _reads_as(label) not in (None, size):
                self._fail(("sizes", label), f"a name that reads as another size than {size}")
            if wrong := [words for _, words in violations(envelope, size)]:
                self._fail(("sizes", label), f"breaks the target's own rules: {'; '.join(wrong)}")
            yield label, size

    def _formats(self, content: dict[str, Any]) -> tuple[str, ...]:
        names = content.get("formats", list(ANY_FORMAT))
        if not isinstance(names, list) or not names:
            self._fail(("formats",), f"must be a list of some of {', '.join(ANY_FORMAT)}")
        for name in names:
            if name not in ANY_FORMAT:
                known = next((f.name for f in FORMATS if f".{name}" in f.suffixes), None)
                hint = f"write {known}" if known else f"there are {', '.join(ANY_FORMAT)}"
                self._fail(("formats",), f"{name!r} is no format; {hint}")
        return tuple(names)

    def _refusals(self, content: dict[str, Any]) -> Iterable[tuple[str, str]]:
        table = content.get("refusals", {})
        if not isinstance(table, dict):
            self._fail(("refusals",), "must be a table of rules and sentences")
        for rule, words in table.items():
            if rule not in _RULES:
                known = ", ".join(sorted(_RULES))
                self._fail(("refusals", rule), f"is no rule; there are {known}")
            yield rule, self._word(("refusals", rule), words)

    def _date(self, content: dict[str, Any]) -> str:
        value = content.get("date", "")
        if value and (not isinstance(value, datetime.date) or isinstance(value, datetime.datetime)):
            self._fail(("date",), "must be a date, such as 2026-11-21, without quotes")
        return str(value)

    def _flag(self, content: dict[str, Any], key: str, otherwise: bool) -> bool:
        value = content.get(key, otherwise)
        if not isinstance(value, bool):
            self._fail((key,), "must be true or false")
        return value

    def _word(self, way: toml.Way, value: object) -> str:
        if not isinstance(value, str):
            self._fail(way, "must be a text")
        return value

    def _fail(self, way: toml.Way, why: str) -> NoReturn:
        place = f"{self.document.path}:{self.document.line(self.name, *way)}"
        key = ".".join(map(str, (self.name, *way)))
        raise EnvironmentFault(f"targets file {place}: {key}: {why}")


def _reads_as(label: str) -> Size | None:
    try:
        return Size.parse(label)
    except UsageError:
        return None
