"""Named destinations and their rules, and what a picture breaks of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ffprep.core.constraints import UNCONSTRAINED, SizeConstraints, bounds, ratio_text, violations
from ffprep.core.formats import FORMATS, OUTPUT_FORMATS, OutputFormat
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.mode import Mode
from ffprep.core.spec import SizeChoice
from ffprep.errors import UsageError

SIZE_REFUSAL = "Inpaint image must match the requested width and height"
"""What servers of the /v1/videos protocol say of a picture of another size."""


ANY_FORMAT = tuple(format.name for format in FORMATS)
"""Every format that ffprep knows: what a target takes that says nothing of formats."""


@dataclass(frozen=True, slots=True)
class Target:
    """A destination: which sizes, bytes and formats it takes, and where that is published.

    `sizes` go by name; where there are some, no others are taken. `refusals` are the service's own
    sentences, by rule. `date` is when the rules were looked up. Without `checked`, they were not found
    in the `source`, or only in what others say of it.
    """

    name: str
    sizes: tuple[tuple[str, Size], ...] = ()
    envelope: SizeConstraints = UNCONSTRAINED
    formats: tuple[str, ...] = ANY_FORMAT
    max_bytes: int | None = None
    alpha: bool = True
    refusals: tuple[tuple[str, str], ...] = ()
    title: str = ""
    status: str = ""
    source: str = ""
    date: str = ""
    checked: bool = False

    @classmethod
    def of_size(cls, size: Size) -> "Target":
        """A target that is nothing but a size, for pictures of any format ffprep writes."""
        refusals = (("size", SIZE_REFUSAL),)
        return cls("", ((str(size), size),), formats=tuple(OUTPUT_FORMATS), refusals=refusals)

    def at(self, wanted: str) -> "Target":
        """The same with one size alone, given in pixels or by its name. Raises UsageError."""
        size = dict(self.sizes).get(wanted) or Size.parse(wanted)
        sizes = tuple((label, known) for label, known in self.sizes if known == size)
        if self.sizes and not sizes:
            known = ", ".join(f"{size} ({label})" for label, size in self.sizes)
            raise UsageError(f"{self.name} has no size {wanted}; it has {known}")
        if wrong := [words for _, words in violations(self.envelope, size)]:
            raise UsageError(f"{self.name} does not take {size}: {'; '.join(wrong)}")
        return replace(self, sizes=sizes or ((str(size), size),))

    @property
    def only_size(self) -> Size:
        """The one size there is. Raises UsageError where there are several, or any number."""
        if len(self.sizes) == 1:
            return self.sizes[0][1]
        if not self.sizes:
            raise UsageError(f"{self.name} takes many sizes; say which one: {self.name}/WxH")
        known = ", ".join(f"{self.name}/{size}" for _, size in self.sizes)
        raise UsageError(f"{self.name} has several sizes; say which one: {known}")

    def frame(self, mode: Mode) -> Size | SizeChoice:
        """The one size there is, or the choice among them for a mode."""
        if len(self.sizes) == 1:
            return self.sizes[0][1]
        return SizeChoice(mode.effective_fit, tuple(size for _, size in self.sizes), self.envelope)

    def require_format(self, format: OutputFormat) -> None:
        """Raise UsageError where pictures of this format are not taken."""
        if format.name not in self.formats:
            known = ", ".join(self.formats)
            raise UsageError(f"{self.name} takes no {format.name}; it takes {known}")

    @property
    def format(self) -> OutputFormat | None:
        """The format to be written where none is asked for: the first that is taken, of those ffprep writes."""
        return next((OUTPUT_FORMATS[f] for f in self.formats if f in OUTPUT_FORMATS), None)

    def as_dict(self) -> dict[str, object]:
        """One JSON line's content."""
        return {
            "name": self.name,
            "title": self.title,
            "sizes": {label: str(size) for label, size in self.sizes},
            "formats": None if self.formats == ANY_FORMAT else list(self.formats),
            "rules": self.rules(),
            "refusals": dict(self.refusals),
            "status": self.status,
            "source": self.source,
            "date": self.date,
            "checked": self.checked,
        }

    def describe(self) -> Iterator[str]:
        """The same for people, a line each, without name and title."""
        if self.sizes:
            yield f"sizes {', '.join(f'{size} ({label})' for label, size in self.sizes)}"
        if rules := self.rules():
            yield ", ".join(_told(rule, value) for rule, value in rules.items())
        if self.formats != ANY_FORMAT:
            yield f"formats {', '.join(self.formats)}"
        if self.status:
            yield self.status
        if self.source:
            looked_up = f" ({self.date})" if self.date else ""
            yield f"{'' if self.checked else 'not checked against its own pages; '}from {self.source}{looked_up}"

    def rules(self) -> dict[str, object]:
        """Its rules by name, as a file would say them, without those that bind nothing."""
        values = {name: getattr(self.envelope, name) for name in bounds(self.envelope)}
        found: dict[str, object] = {
            name: ratio_text(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }
        found |= {"max_bytes": self.max_bytes} if self.max_bytes else {}
        return found if self.alpha else found | {"alpha": False}


def _told(rule: str, value: object) -> str:
    return "no translucent pixels" if rule == "alpha" else f"{rule.replace('_', ' ')} {value}"


def check(
    picture: ImageInfo, target: Target, bytes: int | None = None, translucent: bool = False
) -> list[str]:
    """What a picture breaks of a target's rules, a sentence each; empty when it is right.

    `bytes` are those of its file. `translucent` says that something shines through its pixels, which
    an alpha channel alone does not.
    """
    refusals = dict(target.refusals)
    found = list(_broken(picture, target, bytes, translucent))
    sentences = [
        f"{refusal} ({words})" if (refusal := refusals.get(rule)) else words
        for rule, words in found
    ]
    if picture.orientation != 1:
        sentences.append(
            f"it carries EXIF orientation {picture.orientation}, and some decoders will turn it"
        )
    return sentences


def _broken(
    picture: ImageInfo, target: Target, bytes: int | None, translucent: bool
) -> Iterator[tuple[str, str]]:
    """The rules that are broken, by name, and how."""
    sizes = [size for _, size in target.sizes]
    if sizes and picture.stored not in sizes:
        yield "size", f"it is {picture.stored}, not {' or '.join(map(str, sizes))}"
    yield from violations(target.envelope, picture.stored)
    if picture.format.name not in target.formats:
        yield "formats", f"it is {picture.format.name}, not {' or '.join(target.formats)}"
    if target.max_bytes and bytes and bytes > target.max_bytes:
        yield "max_bytes", f"it has {bytes} bytes, and {target.max_bytes} is the most"
    if translucent and not target.alpha:
        yield "alpha", "some of its pixels are translucent"
