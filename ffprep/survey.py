"""What existing files hold, and what they break of a target's rules. Nothing is written."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ffprep.damage import require_whole
from ffprep.errors import PhotoError
from ffprep.framing import Framing
from ffprep.library import Found, walk
from ffprep.picture import Picture
from ffprep.probe import Extras, look_closer, probe
from ffprep.spec import Mode, Size
from ffprep.targets import Target, check
from ffprep.workers import spread


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in one file: a Picture or an error, and every rule that it breaks."""

    path: Path
    picture: Picture | None = None
    extras: Extras = field(default_factory=Extras)
    error: PhotoError | None = None
    broken: tuple[str, ...] = ()
    framings: tuple[tuple[Size, str, Framing], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """One JSON line's content. Width and height are as shown, upright."""
        picture = self.picture
        return {
            "path": str(self.path),
            "format": picture.format.name if picture else None,
            "width": picture.shown.width if picture else None,
            "height": picture.shown.height if picture else None,
            "stored": str(picture.stored) if picture else None,
            "orientation": picture.orientation if picture else None,
            "mode": picture.mode if picture else None,
            "alpha": picture.alpha if picture else None,
            "depth": self.extras.depth if picture else None,
            "profile": self.extras.profile,
            "cicp": [picture.cicp.primaries, picture.cicp.transfer]
            if picture and picture.cicp
            else None,
            "frames": self.extras.frames if picture else None,
            "dropped": self.dropped,
            "framings": [
                {"size": str(size), "mode": mode} | asdict(framing)
                for size, mode, framing in self.framings
            ],
            "broken": list(self.broken),
            "error": {"kind": self.error.kind.value, "message": str(self.error)}
            if self.error
            else None,
        }

    @property
    def dropped(self) -> list[str]:
        """What outputs do without, whatever the options."""
        extras = self.extras
        parts = [f"{extras.frames - 1} of {extras.frames} frames"] * (extras.frames > 1)
        parts += [f"{extras.depth} bits a channel become 8"] * (extras.depth > 8)
        parts += ["gain map"] * extras.gain_map
        return [*parts, *extras.metadata]

    def describe(self) -> str:
        """The same for people, without the path."""
        picture = self.picture
        if picture is None:
            return f"{self.error.kind}: {self.error}" if self.error else "not looked at"
        parts = [f"{picture.format.name} {picture.shown}", picture.mode]
        if picture.orientation != 1:
            parts.append(f"stored as {picture.stored}, EXIF orientation {picture.orientation}")
        if self.path.suffix.lower() not in picture.format.suffixes:
            parts.append(f"named {self.path.suffix or 'without a suffix'}")
        parts += ["with alpha"] * picture.alpha
        parts += [f"ICC profile {self.extras.profile}"] * (picture.profile is not None)
        if picture.cicp:
            parts.append(f"CICP {picture.cicp.primaries}/{picture.cicp.transfer}")
        if self.dropped:
            parts.append(f"dropped: {', '.join(self.dropped)}")
        lines = [f"{mode} at {size}: {f.describe()}" for size, mode, f in self.framings]
        return "\n    ".join([", ".join(parts), *lines])


def describe(
    paths: Iterable[Path], frames: Sequence[tuple[Size, Mode]], max_pixels: int, workers: int
) -> Iterator[Finding]:
    """A Finding for every picture among `paths` and below, with its Framing in each of `frames`."""

    def look(found: Found) -> Iterator[Finding]:
        try:
            picture = _probed(found, max_pixels)
            framings = tuple(
                (size, mode.name, Framing.of(mode.fit, picture.shown, size))
                for size, mode in frames
                if mode.fit
            )
            extras = look_closer(found.path, picture)
            yield Finding(found.path, picture, extras, framings=framings)
        except PhotoError as error:
            yield Finding(found.path, error=error)

    yield from spread(_pictures(paths), look, workers, ordered=True)


def verify(
    paths: Iterable[Path], target: Target, max_pixels: int, workers: int
) -> Iterator[Finding]:
    """A Finding for every picture among `paths` and below, each decoded whole; `broken` says it all."""

    def look(found: Found) -> Iterator[Finding]:
        picture = None
        try:
            picture = _probed(found, max_pixels)
            broken = check(picture, target)
            require_whole(found.path, picture)
        except PhotoError as error:
            yield Finding(found.path, picture, error=error, broken=(f"{error.kind}: {error}",))
        else:
            yield Finding(found.path, picture, broken=tuple(broken))

    yield from spread(_pictures(paths), look, workers, ordered=True)


def _pictures(paths: Iterable[Path]) -> Iterator[Found]:
    return (found for found in walk(paths) if not found.passed)


def _probed(found: Found, max_pixels: int) -> Picture:
    if found.error:
        raise found.error
    return probe(found.path, max_pixels)
