"""Targets: named destinations and their rules, and which of them a picture violates."""

from collections.abc import Iterator
from itertools import starmap

from ffprep.core.constraints import (
    UNCONSTRAINED,
    SizeConstraints,
    limits_of,
    ratio_text,
    violations,
)
from ffprep.core.formats import FORMATS, OUTPUT_FORMATS, OutputFormat
from ffprep.core.geometry import Size, read_size
from ffprep.core.image_info import ImageInfo
from ffprep.core.mode import Fit, Mode
from ffprep.core.spec import SizeChoice, require_free_size
from ffprep.errors import UsageError
from ffprep.record import Record, replace

ANY_FORMAT = tuple(format.name for format in FORMATS)
"""Every format that ffprep reads: what a target without `formats` takes."""


class Target(Record):
    """A destination: the sizes, bytes and formats that it takes, and where they are published.

    `sizes` have names; if there are any, no others are taken. Without `faces`, pictures of people
    are refused. `seconds` are the lengths of its clips, `fps` their frame rates, and `frames` the
    pictures that it takes: `first`, or `first` and `last`; empty ones are not known. `refusals` are
    the service's own error messages, by rule. `date` is when the rules were looked up. If
    `checked`, all were found in what the maker publishes. `published_by` is who published them:
    `maker` or `others`.
    """

    name: str
    sizes: tuple[tuple[str, Size], ...] = ()
    envelope: SizeConstraints = UNCONSTRAINED
    formats: tuple[str, ...] = ANY_FORMAT
    max_bytes: int | None = None
    alpha: bool = True
    faces: bool = True
    seconds: tuple[int | float, ...] = ()
    fps: tuple[int | float, ...] = ()
    frames: tuple[str, ...] = ()
    refusals: tuple[tuple[str, str], ...] = ()
    title: str = ""
    status: str = ""
    source: str = ""
    published_by: str = ""
    date: str = ""
    checked: bool = False

    @classmethod
    def of(cls, *sizes: Size) -> "Target":
        """Return a target of some sizes, for pictures of any format that ffprep writes."""
        labelled = tuple((str(size), size) for size in sizes)
        return cls("", labelled, formats=tuple(OUTPUT_FORMATS))

    def at(self, wanted: str) -> "Target":
        """Return the target with a single size, given in pixels or by name. Raises UsageError."""
        named = {label.casefold(): size for label, size in self.sizes}
        size = named.get(wanted.casefold()) or read_size(wanted)
        sizes = tuple((label, known) for label, known in self.sizes if known == size)
        if self.sizes and not sizes:
            known = ", ".join(starmap(_size_text, self.sizes))
            raise UsageError(f"{self.name} has no size {wanted}; it has {known}")
        if wrong := [words for _, words in violations(self.envelope, size)]:
            raise UsageError(f"{self.name} does not take {size}: {'; '.join(wrong)}")
        return replace(self, sizes=sizes or ((str(size), size),))

    @property
    def refusal_of_faces(self) -> str:
        """The warning for a picture with faces; "" if the target takes them."""
        if self.faces:
            return ""
        words = f"{self.name} refuses pictures of people"
        refusal = dict(self.refusals).get("faces")
        return f"{words} ({refusal})" if refusal else words

    @property
    def only_size(self) -> Size:
        """The only size. Raises UsageError if there are several, or any within limits."""
        if len(self.sizes) == 1:
            return self.sizes[0][1]
        if not self.sizes:
            raise UsageError(f"{self.name} takes many sizes; name one: {self.name}/WxH")
        known = ", ".join(f"{self.name}/{size}" for _, size in self.sizes)
        raise UsageError(f"{self.name} has several sizes; name one: {known}")

    def frame(self, mode: Mode, multiple_of: int = 1) -> Size | SizeChoice:
        """Return the only size, or the choice of sizes for a mode.

        Sides are multiples of `multiple_of` if the mode computes the size. Raises UsageError if it
        does, and the target has a name, which stands for certain sizes.
        """
        if mode.fit is Fit.INSIDE and not self.name:
            return SizeChoice.inside(self.only_size, multiple_of)
        require_free_size(mode)
        if len(self.sizes) == 1:
            return self.sizes[0][1]
        return SizeChoice(mode.effective_fit, tuple(size for _, size in self.sizes), self.envelope)

    def require_format(self, format: OutputFormat) -> None:
        """Raise UsageError if the target does not take pictures of this format."""
        if format.name not in self.formats:
            known = ", ".join(self.formats)
            raise UsageError(f"{self.name} does not take {format.name}; it takes {known}")

    @property
    def format(self) -> OutputFormat | None:
        """The default format of outputs: the first that the target takes and ffprep writes."""
        return next((OUTPUT_FORMATS[f] for f in self.formats if f in OUTPUT_FORMATS), None)

    def as_dict(self) -> dict[str, object]:
        """Return the target as one JSON line has it."""
        return {
            "name": self.name,
            "title": self.title,
            "sizes": {label: str(size) for label, size in self.sizes},
            "formats": None if self.formats == ANY_FORMAT else list(self.formats),
            "rules": self.rules(),
            "refusals": dict(self.refusals),
            "status": self.status,
            "source": self.source,
            "published_by": self.published_by,
            "date": self.date,
            "checked": self.checked,
        }

    def describe(self, whole: bool = True) -> Iterator[str]:
        """Yield lines for people, without name and title; where it is published only if `whole`."""
        if self.sizes:
            yield f"sizes {', '.join(starmap(_size_text, self.sizes))}"
        if rules := self.rules():
            yield ", ".join(_rule_text(rule, value) for rule, value in rules.items())
        if self.formats != ANY_FORMAT:
            yield f"formats {', '.join(self.formats)}"
        if self.status:
            yield self.status
        if self.source and not self.checked:
            yield "not all rules were found in what the maker publishes"
        if whole:
            yield from self._publication()

    def _publication(self) -> Iterator[str]:
        for rule, refusal in self.refusals:
            yield f"error for {rule}: {refusal}"
        if self.source:
            by = f"published by {'the maker' if self.published_by == 'maker' else 'others'}: "
            looked_up = f" (looked up on {self.date})" if self.date else ""
            yield f"{by if self.published_by else 'from '}{self.source}{looked_up}"

    def rules(self) -> dict[str, object]:
        """Return the rules that are set, by name, as a targets file has them."""
        values = {name: getattr(self.envelope, name) for name in limits_of(self.envelope)}
        found: dict[str, object] = {
            name: ratio_text(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }
        found |= {"max_bytes": self.max_bytes} if self.max_bytes else {}
        refused = {"alpha": self.alpha, "faces": self.faces}
        found |= {rule: False for rule, taken in refused.items() if not taken}
        clips = {"seconds": self.seconds, "fps": self.fps, "frames": self.frames}
        return found | {rule: list(each) for rule, each in clips.items() if each}


def _size_text(label: str, size: Size) -> str:
    return label if label == str(size) else f"{size} ({label})"


def _rule_text(rule: str, value: object) -> str:
    words = {"alpha": "no translucent pixels", "faces": "no faces of people"}
    if isinstance(value, list):
        if rule == "frames":
            return f"{' and '.join(value)} picture"
        return f"{numbers_text(tuple(value))} {rule}"
    return words.get(rule) or f"{rule.replace('_', ' ')} {value}"


def numbers_text(numbers: tuple[int | float, ...]) -> str:
    """Return a list of numbers as text: `4, 8 or 12`, `3 to 15`."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) > 2 and numbers == tuple(range(int(first), int(last) + 1)):
        return f"{first} to {last}"
    *others, final = map("{:g}".format, numbers)
    return f"{', '.join(others)} or {final}" if others else final


def check(
    picture: ImageInfo, target: Target, bytes: int | None = None, translucent: bool = False
) -> list[str]:
    """Return a sentence for each of a target's rules that a picture violates.

    `bytes` is the size of its file. `translucent` is true if any pixel is; an alpha channel alone
    does not make it so.
    """
    refusals = dict(target.refusals)
    found = list(_violations(picture, target, bytes, translucent))
    sentences = [
        f"{refusal} ({words})" if (refusal := refusals.get(rule)) else words
        for rule, words in found
    ]
    if picture.orientation != 1:
        sentences.append(
            f"it has EXIF orientation {picture.orientation}, and some decoders will turn it"
        )
    return sentences


def _violations(
    picture: ImageInfo, target: Target, bytes: int | None, translucent: bool
) -> Iterator[tuple[str, str]]:
    """Yield the name of each rule that is violated, and a sentence on it."""
    sizes = [size for _, size in target.sizes]
    if sizes and picture.stored not in sizes:
        yield "size", f"it is {picture.stored}, not {' or '.join(map(str, sizes))}"
    yield from violations(target.envelope, picture.stored)
    if picture.format.name not in target.formats:
        yield "formats", f"it is {picture.format.name}, not {' or '.join(target.formats)}"
    if target.max_bytes and bytes and bytes > target.max_bytes:
        yield "max_bytes", f"it has {bytes} bytes, and at most {target.max_bytes} are allowed"
    if translucent and not target.alpha:
        yield "alpha", "some of its pixels are translucent"
