"""What existing files hold, and what they break of a target's rules. Nothing is written."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ffprep.errors import PhotoError
from ffprep.framing import Framing
from ffprep.library import Found, walk
from ffprep.picture import Picture
from ffprep.probe import count_frames, probe, require_whole
from ffprep.spec import Mode, Size
from ffprep.targets import Target, check
from ffprep.workers import spread


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in one file: a Picture or an error, and every rule that it breaks."""

    path: Path
    picture: Picture | None = None
    frames: int = 1
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
            "profile": picture.profile is not None if picture else None,
            "frames": self.frames if picture else None,
            "framings": [
                {"size": str(size), "mode": mode} | asdict(framing)
                for size, mode, framing in self.framings
            ],
            "broken": list(self.broken),
            "error": {"kind": self.error.kind.value, "message": str(self.error)}
            if self.error
            else None,
        }

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
        parts += ["with alpha"] * picture.alpha + ["with an ICC profile"] * (
            picture.profile is not None
        )
        if self.frames > 1:
            parts.append(f"{self.frames} frames, of which the first is used")
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
            count = count_frames(found.path, picture)
            yield Finding(found.path, picture, count, framings=framings)
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
