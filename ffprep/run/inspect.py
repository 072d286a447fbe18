"""What existing files hold, and what they break of a target's rules. Nothing is written."""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ffprep.config.sidecars import PhotoOverrides, read_sidecar, sidecar_path
from ffprep.core.fitting import Framing, best, cropped_size, resolve_spec, sized
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.mode import Fit, Mode
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.core.target import Target, check
from ffprep.errors import PhotoError
from ffprep.image.probe import Extras
from ffprep.image.sandbox import DecoderPool
from ffprep.library.walk import FoundPhoto, Walk
from ffprep.system.files import FileStamp
from ffprep.system.pool import StopRules, run_chunks
from ffprep.system.processes import Processes


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in one file: an ImageInfo or an error, and every rule that it breaks."""

    path: Path
    picture: ImageInfo | None = None
    extras: Extras = field(default_factory=Extras)
    error: PhotoError | None = None
    broken: tuple[str, ...] = ()
    framings: tuple[tuple[Size, str, Framing], ...] = ()
    recommended: tuple[tuple[Size, str], ...] = ()
    left: Size | None = None
    sidecar: Path | None = None

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
                {"size": str(size), "mode": mode, "best": (size, mode) in self.best}
                | _as_dict(framing)
                for size, mode, framing in self.framings
            ],
            "sidecar": str(self.sidecar) if self.sidecar else None,
            "left": str(self.left) if self.left else None,
            "recommended": {str(size): mode for size, mode in self.recommended},
            "broken": list(self.broken),
            "error": {"kind": self.error.kind.value, "message": str(self.error)}
            if self.error
            else None,
        }

    @property
    def best(self) -> set[tuple[Size, str]]:
        """Of the sizes of each mode, where there are several, the one that changes the photo least."""
        by_mode: defaultdict[str, list[tuple[Size, Framing]]] = defaultdict(list)
        for size, mode, framing in self.framings:
            by_mode[mode].append((size, framing))
        return {(best(sizes), mode) for mode, sizes in by_mode.items() if len(sizes) > 1}

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
        lines = [f"framed as {self.sidecar.name} says"] if self.sidecar else []
        cut = picture.shown != self.left is not None
        lines += [f"the crop bounds leave {self.left}"] * cut
        lines += [
            f"{mode} at {size}: {f.describe()}" + ", the best match" * ((size, mode) in self.best)
            for size, mode, f in self.framings
        ]
        lines += [f"recommended at {size}: {mode}" for size, mode in self.recommended]
        return "\n    ".join([", ".join(parts), *lines])


def _as_dict(framing: Framing) -> dict[str, Any]:
    told = asdict(framing)
    del told["shown"]
    return told | {"cut": framing.cut}


@dataclass(frozen=True, slots=True)
class Survey:
    """Looks at every picture among `paths` and below, under a Policy, on `workers` threads."""

    paths: tuple[Path, ...]
    follow_links: bool
    policy: Policy
    workers: int
    processes: Processes = field(default_factory=Processes)

    def describe(
        self, frames: Sequence[Spec], modes: Sequence[Mode], aims: PhotoOverrides
    ) -> Generator[Finding, None, None]:
        """A Finding for every picture, with its Framing in each of `frames` by each mode; which one is recommended.

        The frames have the same bounds; what a photo's sidecar says is read as `aims` has it.
        """

        def look(found: FoundPhoto, viewers: DecoderPool) -> Finding:
            try:
                picture = self._probed(found, viewers)
                extras = viewers.extras(found.path, picture)
                if not frames:
                    return Finding(found.path, picture, extras)
                own = found.has_sidecar
                said = read_sidecar(found.path) if own else None
                specs = [aims.spec(found.path, frame, said) for frame in frames]
                left = cropped_size(picture.shown, specs[0].bounds)
                return Finding(
                    found.path,
                    picture,
                    extras,
                    framings=tuple(_framings(left, specs, modes)),
                    recommended=tuple(_recommended(left, specs)),
                    left=left,
                    sidecar=sidecar_path(found.path) if own else None,
                )
            except PhotoError as error:
                return Finding(found.path, error=error)

        return self._each(look)

    def verify(self, target: Target) -> Generator[Finding, None, None]:
        """A Finding for every picture, each decoded whole; `broken` says it all."""

        def look(found: FoundPhoto, viewers: DecoderPool) -> Finding:
            picture = None
            try:
                picture = self._probed(found, viewers)
                viewers.require_whole(found.path, picture)
                asked = not target.alpha
                translucent = asked and viewers.is_translucent(found.path, picture)
                broken = check(picture, target, FileStamp.of(found.path).bytes, translucent)
            except PhotoError as error:
                return Finding(found.path, picture, error=error, broken=(f"{error.kind}: {error}",))
            return Finding(found.path, picture, broken=tuple(broken))

        return self._each(look)

    def _each(
        self, look: Callable[[FoundPhoto, DecoderPool], Finding]
    ) -> Generator[Finding, None, None]:
        processes = self.processes
        with DecoderPool(processes, self.policy) as viewers:

            def work(found: FoundPhoto) -> Iterator[Finding]:
                yield look(found, viewers)

            pictures = Walk(self.paths, follow_links=self.follow_links).files()
            yield from run_chunks(
                pictures,
                work,
                self.workers,
                ordered=True,
                stop=StopRules(lambda: processes.stopped, processes.stop),
            )

    def _probed(self, found: FoundPhoto, viewers: DecoderPool) -> ImageInfo:
        if found.error:
            raise found.error
        return viewers.probe(found.path, self.policy.max_pixels)


def _framings(
    left: Size, frames: Sequence[Spec], modes: Sequence[Mode]
) -> Iterator[tuple[Size, str, Framing]]:
    """How what is left of a photo lies in each of `frames`, where that can be told."""
    for frame in frames:
        for mode in modes:
            if mode.fit and (spec := _as_sized(frame, left, mode.fit)):
                yield spec.size, mode.name, Framing.of(mode.fit, left, spec.size, spec.focus)


def _recommended(left: Size, frames: Sequence[Spec]) -> Iterator[tuple[Size, str]]:
    for frame in frames:
        with suppress(PhotoError):  # the target has no size for it
            spec = resolve_spec(frame, left)
            yield spec.size, spec.mode.name


def _as_sized(frame: Spec, left: Size, fit: Fit) -> Spec | None:
    """A frame with its size, chosen by another fit than its own; None where its target has none."""
    if frame.choice:
        frame = replace(frame, choice=replace(frame.choice, fit=fit))
    with suppress(PhotoError):
        return sized(frame, left)
    return None
