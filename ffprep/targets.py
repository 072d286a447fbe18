"""Named destinations and their rules, from targets.toml; and what a picture breaks of them."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from ffprep.errors import UsageError
from ffprep.formats import OUTPUT_FORMATS
from ffprep.picture import Picture
from ffprep.spec import Size


@dataclass(frozen=True, slots=True)
class Target:
    """A destination: sizes by name, formats, the service's own words for a size that differs."""

    name: str
    sizes: tuple[tuple[str, Size], ...]
    formats: tuple[str, ...] = tuple(OUTPUT_FORMATS)
    refusal: str = "Inpaint image must match the requested width and height"
    title: str = ""
    status: str = ""
    source: str = ""

    @classmethod
    def of_size(cls, size: Size) -> "Target":
        """A target that is nothing but a size, for pictures of any format ffprep writes."""
        return cls("", ((str(size), size),))


def all_targets() -> list[Target]:
    """Every target, in the order of the file."""
    content = tomllib.loads(Path(__file__).with_name("targets.toml").read_text(encoding="utf-8"))
    return [
        Target(
            name=name,
            sizes=tuple((label, Size.parse(text)) for label, text in rules["sizes"].items()),
            formats=tuple(rules["formats"]),
            refusal=rules["refusal"],
            title=rules["title"],
            status=rules["status"],
            source=rules["source"],
        )
        for name, rules in content.items()
    ]


def find_target(text: str) -> Target:
    """Read `NAME` or `NAME/SIZE`, SIZE in pixels or by name; with a size, only that one is left.

    Raises UsageError.
    """
    name, _, wanted = text.partition("/")
    targets = {target.name: target for target in all_targets()}
    if name not in targets:
        raise UsageError(f"no target is called {name!r}; there are: {', '.join(targets)}")
    target = targets[name]
    if not wanted:
        return target
    size = dict(target.sizes).get(wanted) or Size.parse(wanted)
    sizes = tuple((label, known) for label, known in target.sizes if known == size)
    if not sizes:
        known = ", ".join(f"{size} ({label})" for label, size in target.sizes)
        raise UsageError(f"{name} has no size {wanted}; it has {known}")
    return Target(
        name, sizes, target.formats, target.refusal, target.title, target.status, target.source
    )


def check(picture: Picture, target: Target) -> list[str]:
    """What a picture breaks of a target's rules, a sentence each; empty when it is right."""
    broken = []
    sizes = [size for _, size in target.sizes]
    if picture.stored not in sizes:
        wanted = " or ".join(map(str, sizes))
        broken.append(f"{target.refusal} (it is {picture.stored}, not {wanted})")
    if picture.orientation != 1:
        broken.append(
            f"it carries EXIF orientation {picture.orientation}, and some decoders will turn it"
        )
    if picture.format.name not in target.formats:
        broken.append(f"it is {picture.format.name}, not {' or '.join(target.formats)}")
    return broken
