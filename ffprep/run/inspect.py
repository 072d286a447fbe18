"""Inspect existing pictures: what they contain, and which rules of a target they break.

Nothing is written.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Semaphore
from typing import TYPE_CHECKING, Any

from ffprep.core.geometry import Faces, Size
from ffprep.core.image_info import Extras, ImageInfo
from ffprep.core.location import Location
from ffprep.core.policy import Policy
from ffprep.core.target import Target, check
from ffprep.errors import PhotoError
from ffprep.image.sandbox import DecoderPool, StandIn
from ffprep.record import Record, asdict, field, replace
from ffprep.system.files import SIDECAR, FileStamp, is_url
from ffprep.system.processes import Processes
from ffprep.system.single import StopRules

if TYPE_CHECKING:
    from ffprep.core.fitting import Framing
    from ffprep.library.walk import FoundPhoto, LocalPhoto

_CONNECTIONS = 8
"""How many photos in stores are downloaded at a time."""


class Finding(Record):
    """What was found in one file: an ImageInfo or an error, and every rule that it breaks.

    `framings` has, for each size and mode, how the photo would be framed; `recommended` the mode
    for each size. `left` is the size that the crop bounds leave. `faces` are None if they were not
    looked for. `film` is the container of a film, whose frame is the picture.
    """

    path: Location
    picture: ImageInfo | None = None
    extras: Extras = field(default_factory=Extras)
    error: PhotoError | None = None
    broken: tuple[str, ...] = ()
    framings: "tuple[tuple[Size, str, Framing], ...]" = ()
    recommended: tuple[tuple[Size, str], ...] = ()
    left: Size | None = None
    sidecar: Location | None = None
    faces: Faces | None = None
    film: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the content of a JSON line. Width and height are those of the upright picture."""
        picture = self.picture
        return {
            "path": str(self.path),
            "format": (self.film or picture.format.name) if picture else None,
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
            "faces": None if self.faces is None else [asdict(box) for box in self.faces],
            "previews": [str(size) for size in self.extras.previews],
            "warnings": list(picture.warnings) if picture else [],
            "framings": [
                {"size": str(size), "mode": mode, "best": (size, mode) in self.best}
                | framing.as_dict()
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
        """The size and mode that change the photo least, for each mode with several sizes."""
        from ffprep.core.fitting import best_size

        by_mode: defaultdict[str, list[tuple[Size, Framing]]] = defaultdict(list)
        for size, mode, framing in self.framings:
            by_mode[mode].append((size, framing))
        return {(best_size(sizes), mode) for mode, sizes in by_mode.items() if len(sizes) > 1}

    @property
    def dropped(self) -> list[str]:
        """What no output keeps, whatever the options."""
        extras = self.extras
        parts = [f"{extras.frames - 1} of {extras.frames} frames"] * (extras.frames > 1)
        parts += [f"{extras.depth} bits a channel become 8"] * (extras.depth > 8)
        parts += ["gain map"] * extras.gain_map
        return [*parts, *extras.metadata]

    def describe(self) -> list[str]:
        """Return the same as lines for people, without the path."""
        picture = self.picture
        if picture is None:
            return [f"{self.error.kind}: {self.error}" if self.error else "not read"]
        parts = [f"{self.film or picture.format.name} {picture.shown}", picture.mode]
        if picture.orientation != 1:
            parts.append(f"stored as {picture.stored}, EXIF orientation {picture.orientation}")
        if not self.film and self.path.suffix.lower() not in picture.format.suffixes:
            parts.append(f"named {self.path.suffix or 'without a suffix'}")
        parts += [f"camera {self.extras.camera}"] * bool(self.extras.camera)
        parts += [f"preview {size}" for size in self.extras.previews]
        parts += ["with alpha"] * picture.alpha
        parts += [f"ICC profile {self.extras.profile}"] * (picture.profile is not None)
        if picture.cicp:
            parts.append(f"CICP {picture.cicp.primaries}/{picture.cicp.transfer}")
        if self.faces is not None:
            parts.append("1 face" if len(self.faces) == 1 else f"{len(self.faces) or 'no'} faces")
        if self.dropped:
            parts.append(f"dropped: {', '.join(self.dropped)}")
        lines = list(picture.warnings)
        lines += [f"framing from {self.sidecar.name}"] if self.sidecar else []
        is_cropped = picture.shown != self.left is not None
        lines += [f"the crop bounds leave {self.left}"] * is_cropped
        lines += [
            f"{mode} at {size}: {f.describe()}" + ", the best match" * ((size, mode) in self.best)
            for size, mode, f in self.framings
        ]
        lines += [f"recommended at {size}: {mode}" for size, mode in self.recommended]
        return [", ".join(parts), *lines]


class Inspection(Record):
    """Inspects every picture among `paths` and in folders below, on `workers` threads.

    `follow_links` and `default_excludes` are those of a walk and its selection. With `films`, films
    in folders are inspected, too.
    """

    paths: tuple[Location, ...]
    follow_links: bool
    policy: Policy
    workers: int
    default_excludes: bool = True
    films: bool = False
    processes: Processes = field(default_factory=Processes, compare=False)

    def verify(self, target: Target) -> Generator[Finding, None, None]:
        """Decode every picture as a whole; yield a Finding for each, with the rules it breaks."""

        def verify_one(found: "LocalPhoto", decoders: DecoderPool) -> Finding:
            picture = None
            try:
                picture = self.probe(found, decoders)
                decoders.require_whole(found.path, picture)
                translucent = not target.alpha and decoders.is_translucent(found.path, picture)
                stamp = FileStamp.of(found.path, found.place)
                broken = check(picture, target, stamp.bytes, translucent)
            except PhotoError as error:
                return Finding(found.path, picture, error=error, broken=(f"{error.kind}: {error}",))
            return Finding(found.path, picture, broken=tuple(broken))

        return self.each(verify_one, start_ahead=True)

    def each(
        self,
        inspect_one: "Callable[[LocalPhoto, DecoderPool], Finding]",
        start_ahead: bool = False,
    ) -> Generator[Finding, None, None]:
        """Yield the Finding of every picture, in the order of the walk.

        With `start_ahead`, a decoder starts before the first picture is found: it takes longer than
        all that this process imports.
        """
        processes = self.processes
        pool = DecoderPool(processes, self.policy, self._stand_in)
        if start_ahead:
            pool.start_ahead()
        from ffprep.system.pool import run_chunks

        slots = Semaphore(self.workers)
        with pool as decoders:

            def work(found: "FoundPhoto") -> Iterator[Finding]:
                with self._as_local(found) as photo, slots:
                    finding = self._inspect(photo, decoders, inspect_one)
                if finding.sidecar:
                    sidecar = found.path.parent / (found.path.name + SIDECAR)
                    finding = replace(finding, sidecar=sidecar)
                yield replace(finding, path=found.path)

            # Downloads cannot be killed, so an interrupt does not wait for them.
            abandon = None if self._is_remote else processes.stop
            try:
                yield from run_chunks(
                    self._files(),
                    work,
                    max(self.workers, _CONNECTIONS) if self._is_remote else self.workers,
                    ordered=True,
                    stop=StopRules(lambda: processes.stopped, abandon),
                )
            except BaseException:
                processes.stop()
                raise

    def _inspect(
        self,
        found: "LocalPhoto",
        decoders: DecoderPool,
        inspect_one: "Callable[[LocalPhoto, DecoderPool], Finding]",
    ) -> Finding:
        """Return the Finding of one picture; a second reading confirms that it is damaged."""
        finding = inspect_one(found, decoders)
        if finding.error is None or found.error or not finding.error.needs_second_attempt:
            return finding
        from ffprep.conversion.failure import second_reading

        def attempt() -> Finding:
            again = inspect_one(found, decoders)
            if again.error:
                raise again.error
            return again

        try:
            return second_reading(found.path, found.place, finding.error, attempt)
        except PhotoError as error:
            broken = (f"{error.kind}: {error}",) if finding.broken else ()
            return replace(finding, error=error, broken=broken)

    def _stand_in(self, path: Path, picture: ImageInfo, whole: bool) -> StandIn:
        from ffprep.conversion.ffmpeg_binary import find, stand_in

        return stand_in(find(), self.processes, self.policy, path, picture, whole)

    def count(self) -> int | None:
        """Return how many pictures there are; None if they are in stores, where listings cost."""
        return None if self._is_remote else sum(1 for _ in self._files())

    @property
    def _is_remote(self) -> bool:
        return any(is_url(os.fspath(path)) for path in self.paths)

    def _files(self) -> "Iterable[FoundPhoto]":
        from ffprep.library.selection import Selection
        from ffprep.library.walk import Walk

        selection = Selection(default_excludes=self.default_excludes)
        return Walk(self.paths, None, self.follow_links, selection, films=self.films).files()

    @contextmanager
    def _as_local(self, found: "FoundPhoto") -> Iterator["LocalPhoto"]:
        """Yield a photo as a file of this machine, downloaded if it is in a store."""
        from ffprep.library.walk import LocalPhoto

        if isinstance(found, LocalPhoto):
            yield found
            return
        from ffprep.config.sidecars import sidecar_path
        from ffprep.storage.protocol import fetch_photo, storage_of
        from ffprep.system.tempfiles import temporary_folder

        with temporary_folder() as folder:
            path, error = folder / f"photo{found.path.suffix}", found.error
            try:
                if not error:
                    fetch_photo(found.path, path, self.policy.max_pixels)
                    if found.has_sidecar:
                        beside = found.path.parent / (found.path.name + SIDECAR)
                        storage_of(beside).fetch(beside, sidecar_path(path))
            except PhotoError as failed:
                error = failed
            yield LocalPhoto(path, error, has_sidecar=found.has_sidecar)

    def probe(self, found: "LocalPhoto", decoders: DecoderPool) -> ImageInfo:
        """Return what a file contains. Raise PhotoError if it is not a picture."""
        if found.error:
            raise found.error
        if found.place:
            FileStamp.of(found.path, found.place)
        return decoders.probe(found.path)
