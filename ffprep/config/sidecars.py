"""Overrides of how single photos are framed: sidecars, and the `[[photo]]` tables of `ffprep.toml`.

A sidecar lies beside its photo, as `photo.jpg.ffprep.toml`. It wins over a table, and a table wins
over the options.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ffprep.config import toml
from ffprep.config.modes import choose_modes
from ffprep.core.geometry import Bounds, Focus, read_focus
from ffprep.core.location import Location
from ffprep.core.mode import Fallback, Mode
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault, FfprepError, Kind, PhotoError, UsageError
from ffprep.record import Record, field, replace
from ffprep.system.files import SIDECAR, FileStamp, read_whole, real_path

MAX_BYTES = 2048
"""Of a sidecar. The time to find the line of an error grows with the square of its size."""

_TOO_LONG = f"a sidecar has at most {MAX_BYTES} bytes"


class PhotoOverride(Record):
    """How one photo is framed; None where the options decide.

    `origin` is where the mode or the scene is set: `photo.jpg.ffprep.toml:2`.
    """

    mode: str | None = None
    scene: str | None = None
    focus: Focus | None = None
    bounds: Bounds | None = None
    origin: str = ""

    def over(self, other: "PhotoOverride | None") -> "PhotoOverride":
        """Return this override, with values of `other` where it has none.

        A mode replaces a scene, and a scene replaces a mode.
        """
        if other is None:
            return self
        first = self if self.mode or self.scene else other
        focus, bounds = self.focus or other.focus, self.bounds or other.bounds
        return replace(first, focus=focus, bounds=bounds)


class PhotoOverrides(Record):
    """The overrides of a run.

    `tables` are those of `ffprep.toml`, by the photo's real path. `filters` are folders with modes.
    `max_loss` is that of the run, for photos with the mode `auto`.
    """

    tables: Mapping[str, PhotoOverride] = field(default_factory=dict)
    filters: tuple[Path, ...] = ()
    max_loss: float | None = None
    _modes: dict[tuple[str | None, str | None], tuple[Mode, Fallback | None]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """By mode and scene: they are read from files, and many photos ask for the same."""

    def validate(self, spec: Spec) -> None:
        """Raise EnvironmentFault if a table asks for something that does not exist."""
        for override in self.tables.values():
            try:
                self.apply(override, spec)
            except UsageError as error:
                raise EnvironmentFault(str(error)) from None

    def among(self, folder: str, names: Iterable[str], sidecars: frozenset[str]) -> set[str]:
        """Return the photos in a real `folder` that have an override; `sidecars` have a sidecar."""
        if not self.tables:
            return set(sidecars.intersection(names)) if sidecars else set()
        return {name for name in names if name in sidecars or folder + name in self.tables}

    def spec(self, photo: Location, spec: Spec, sidecar: PhotoOverride | None) -> Spec:
        """Return the Spec of one photo. Raises PhotoError if its override makes no sense."""
        table = self.tables.get(real_path(photo))
        override = sidecar.over(table) if sidecar else table
        try:
            return self.apply(override, spec) if override else spec
        except FfprepError as error:
            raise PhotoError(Kind.UNSUPPORTED, str(error)) from None

    def apply(self, override: PhotoOverride, spec: Spec) -> Spec:
        """Return a Spec with an override. Raises UsageError, or EnvironmentFault for a bad mode."""
        if override.mode or override.scene:
            spec = spec.in_modes(*self._modes_of(override))
        focus, bounds = override.focus or spec.focus, override.bounds or spec.bounds
        return replace(spec, focus=focus, bounds=bounds)

    def _modes_of(self, override: PhotoOverride) -> tuple[Mode, Fallback | None]:
        key = override.mode, override.scene
        if key not in self._modes:
            try:
                self._modes[key] = choose_modes(*key, self.max_loss, self.filters)
            except UsageError as error:
                raise UsageError(f"{override.origin}: {error}") from None
        return self._modes[key]


def sidecar_path(photo: Path) -> Path:
    """Return the path of a photo's sidecar, whether it exists or not."""
    return photo.with_name(photo.name + SIDECAR)


def read_sidecar(photo: Path, place: str = "") -> PhotoOverride:
    """Read a photo's sidecar. Raises PhotoError with the sidecar's path and the line.

    `place` is where its links may lead, as `open_regular` takes it.
    """
    path, data = sidecar_path(photo), bytearray()
    try:
        seen = FileStamp.of(path, place)
        if seen.bytes > MAX_BYTES:
            raise PhotoError(Kind.UNSUPPORTED, _TOO_LONG)
        read_whole(path, seen, False, place, data.extend)  # half of it may be valid, too
    except PhotoError as error:
        raise PhotoError(error.kind, f"{path}: {error}") from None
    return parse_sidecar(path, bytes(data))


def parse_sidecar(path: Path, data: bytes) -> PhotoOverride:
    """Read the content of a sidecar, which errors call `path`. Raises PhotoError with the line."""
    if len(data) > MAX_BYTES:
        raise PhotoError(Kind.UNSUPPORTED, f"{path}: {_TOO_LONG}")
    try:
        return _override(toml.parse(path, data), {})
    except EnvironmentFault as error:
        raise PhotoError(Kind.UNSUPPORTED, str(error)) from None


def photo_tables(file: toml.Table) -> dict[str, PhotoOverride]:
    """Read the `[[photo]]` tables of a file, by the real paths of their photos.

    Relative paths start at the file's folder. Raises EnvironmentFault with the line.
    """
    found: dict[str, PhotoOverride] = {}
    folder = file.path.absolute().parent
    for table in file.tables("photo"):
        path = table.value("path", toml.text) if "path" in table.content else ""
        if not path or "\0" in path:
            table.fail('a [[photo]] needs the path of a photo: path = "trip/a.jpg"', "path")
        photo = real_path(folder / Path(os.fsdecode(path.encode())).expanduser())
        if photo in found:
            table.fail(f"there is another [[photo]] for {toml.quoted(path)}", "path")
        found[photo] = _override(table, {"path": toml.anything})
    return found


def _override(table: toml.Table, others: Mapping[str, toml.Reader]) -> PhotoOverride:
    """Return the override of a table, in which there may be `others`."""
    values = table.read({**_READERS, **others})
    if len(bounds := [key for key in values if key in _FIELDS]) > 1:
        table.fail("this key is there twice", bounds[1])
    values = {_FIELDS.get(key, key): each for key, each in values.items() if key not in others}
    if "mode" in values and "scene" in values:
        table.fail("mode and scene exclude one another: a scene chooses the mode", "scene")
    return PhotoOverride(**values, origin=table.place("scene" if "scene" in values else "mode"))


def _text(value: Any) -> str:
    if not toml.text(value):
        raise UsageError("is empty")
    return str(value)


_FIELDS = {"crop-bounds": "bounds", "crop_bounds": "bounds"}
"""The field of a PhotoOverride, if its name is not the key: that of an option, or a keyword."""

_READERS: dict[str, toml.Reader] = {
    "mode": _text,
    "scene": _text,
    "focus": lambda value: read_focus(_text(value)),
    "crop-bounds": lambda value: Bounds.parse(_text(value)),
    "crop_bounds": lambda value: Bounds.parse(_text(value)),
}
