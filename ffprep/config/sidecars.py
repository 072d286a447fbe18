"""How single photos are framed: what their sidecars say, and the `[[photo]]` tables of `ffprep.toml`.

A sidecar lies beside its photo, as `photo.jpg.ffprep.toml`. It wins over a table, and a table over the options.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from ffprep.config import toml
from ffprep.config.modes import picked
from ffprep.core.geometry import Bounds, Focus
from ffprep.core.location import Location
from ffprep.core.mode import Fallback, Mode
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault, FfprepError, Kind, PhotoError, UsageError
from ffprep.system.files import SIDECAR, open_regular, real_path

MOST_BYTES = 2048
"""Of a sidecar. Finding the line of an error takes time by the square of this: a second for what was made to take long."""

_READERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "mode": ("mode", str),
    "scene": ("scene", str),
    "focus": ("focus", Focus.parse),
    "crop-bounds": ("bounds", Bounds.parse),
}
"""By key: what a PhotoOverride calls it, and how its text is read. The keys are options' names, as in all of `ffprep.toml`."""


@dataclass(frozen=True, slots=True)
class PhotoOverride:
    """What is said of how one photo is framed; None where nothing is.

    `origin` is where the mode, or the scene, was said: `photo.jpg.ffprep.toml:2`.
    """

    mode: str | None = None
    scene: str | None = None
    focus: Focus | None = None
    bounds: Bounds | None = None
    origin: str = ""

    def over(self, other: "PhotoOverride | None") -> "PhotoOverride":
        """What this says, and of the other what this says nothing of. A mode takes back a scene, and a scene a mode."""
        if other is None:
            return self
        first = self if self.mode or self.scene else other
        focus, bounds = self.focus or other.focus, self.bounds or other.bounds
        return replace(first, focus=focus, bounds=bounds)


@dataclass(frozen=True, slots=True)
class PhotoOverrides:
    """How photos are framed that have words of their own.

    `tables` are those of `ffprep.toml`, by the photo's real path; `filters` are folders of modes; `max_loss` is the
    run's, for photos that say `auto`.
    """

    tables: Mapping[str, PhotoOverride] = field(default_factory=dict)
    filters: tuple[Path, ...] = ()
    max_loss: float | None = None
    _modes: dict[tuple[str | None, str | None], tuple[Mode, Fallback | None]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """By mode and scene, since they are files, and many photos say the same."""

    def require_sound(self, spec: Spec) -> None:
        """Raise EnvironmentFault where a table asks for what there is not."""
        for aim in self.tables.values():
            try:
                self.applied(aim, spec)
            except UsageError as error:
                raise EnvironmentFault(str(error)) from None

    def among(self, folder: str, names: Iterable[str], sidecars: frozenset[str]) -> set[str]:
        """Those of the photos in a real `folder` of which something is said; `sidecars` have one."""
        if not self.tables:
            return set(sidecars.intersection(names)) if sidecars else set()
        return {name for name in names if name in sidecars or folder + name in self.tables}

    def spec(self, photo: Location, spec: Spec, sidecar: PhotoOverride | None) -> Spec:
        """The Spec of one photo. Raises PhotoError where what is said of it makes no sense."""
        table = self.tables.get(real_path(photo))
        aim = sidecar.over(table) if sidecar else table
        try:
            return self.applied(aim, spec) if aim else spec
        except FfprepError as error:
            raise PhotoError(Kind.UNSUPPORTED, str(error)) from None

    def applied(self, aim: PhotoOverride, spec: Spec) -> Spec:
        """A Spec with what is said instead. Raises UsageError, or EnvironmentFault for a bad mode file."""
        if aim.mode or aim.scene:
            spec = spec.in_modes(*self._modes_of(aim))
        return replace(spec, focus=aim.focus or spec.focus, bounds=aim.bounds or spec.bounds)

    def _modes_of(self, aim: PhotoOverride) -> tuple[Mode, Fallback | None]:
        asked = aim.mode, aim.scene
        if asked not in self._modes:
            try:
                self._modes[asked] = picked(*asked, self.max_loss, self.filters)
            except UsageError as error:
                raise UsageError(f"{aim.origin}: {error}") from None
        return self._modes[asked]


def sidecar_of(photo: Path) -> Path:
    """Where a photo's sidecar lies, if it has one."""
    return photo.with_name(photo.name + SIDECAR)


def sidecar(photo: Path) -> PhotoOverride:
    """What a photo's sidecar says. Raises PhotoError with its name, and the line."""
    path = sidecar_of(photo)
    try:
        with open_regular(path) as file:
            data = file.read(MOST_BYTES + 1)
    except PhotoError as error:
        raise PhotoError(error.kind, f"{path}: {error}") from None
    return said(path, data)


def said(path: Path, data: bytes) -> PhotoOverride:
    """What the bytes of a sidecar say, which is called `path` in errors. Raises PhotoError with the line."""
    if len(data) > MOST_BYTES:
        words = f"{path}: is larger than {MOST_BYTES} bytes, which is much for a few words"
        raise PhotoError(Kind.UNSUPPORTED, words)
    try:
        document = toml.parsed(path, data)
        return _Reader(document).aim(document.content)
    except EnvironmentFault as error:
        raise PhotoError(Kind.UNSUPPORTED, str(error)) from None


def tables(document: toml.Document) -> dict[str, PhotoOverride]:
    """The `[[photo]]` tables of a file, by the real paths of their photos. Raises EnvironmentFault with the line.

    Relative paths start at the file's folder.
    """
    found: dict[str, PhotoOverride] = {}
    content = document.content.get("photo", [])
    if not isinstance(content, list) or not all(isinstance(table, dict) for table in content):
        _Reader(document, ("photo",)).fail("", "write a table for each photo: [[photo]]")
    for number, table in enumerate(content):
        reader = _Reader(document, ("photo", number))
        path = real_path(reader.path(table))
        if path in found:
            reader.fail("path", f"{toml.quoted(table['path'])} has a [[photo]] already")
        found[path] = reader.aim({key: value for key, value in table.items() if key != "path"})
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    """Checks what a file says of one photo, `way` being where."""

    document: toml.Document
    way: toml.Way = ()

    def aim(self, table: Mapping[str, Any]) -> PhotoOverride:
        said: dict[str, Any] = {}
        for name, value in table.items():
            key = name.replace("_", "-")  # as Python's keywords have it
            if key not in _READERS:
                words = f"unknown key {toml.quoted(name)}{toml.alike(name, _READERS)}"
                self.fail(name, f"{words}; there are: {', '.join(_READERS)}")
            field, read = _READERS[key]
            if field in said:
                self.fail(name, f"{toml.quoted(name)} is said twice")
            if not isinstance(value, str) or not value:
                self.fail(
                    name, f"{toml.quoted(name)} must be a text, as the option --{key} takes it"
                )
            try:
                said[field] = read(value)
            except UsageError as error:
                self.fail(name, f"{name}: {error}")
        if "mode" in said and "scene" in said:
            self.fail("scene", "mode and scene exclude one another: a scene picks the mode")
        return PhotoOverride(**said, origin=self._place("scene" if "scene" in said else "mode"))

    def path(self, table: Mapping[str, Any]) -> Path:
        """The photo that a table is about."""
        path = table.get("path")
        if not isinstance(path, str) or not path or "\0" in path:
            self.fail("path", 'a [[photo]] says which one: path = "trip/a.jpg"')
        return self.document.path.absolute().parent / Path(path).expanduser()

    def fail(self, key: str, why: str) -> NoReturn:
        """Raise EnvironmentFault that names the line."""
        raise EnvironmentFault(f"{self._place(key)}: {why}")

    def _place(self, key: str) -> str:
        return f"{self.document.path}:{self.document.line(*self.way, key)}"
