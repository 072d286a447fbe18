"""What `ffprep doctor` checks: each check tries the thing itself, and tells what it found."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import Unpack

from ffprep.api.prepare import prepare
from ffprep.config.modes import all_modes
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.formats import FORMATS, OUTPUT_FORMATS
from ffprep.errors import EnvironmentFault, FfprepError, reason
from ffprep.options.frame import filter_folders
from ffprep.options.keywords import Options
from ffprep.record import Record
from ffprep.storage.local import LocksRefused, require_locks
from ffprep.system.files import cache_folder
from ffprep.system.installation import installation_fault
from ffprep.system.machine import available_memory, processors
from ffprep.system.processes import answer
from ffprep.system.tempfiles import temp_dir

_PHOTO, _OUTPUT = (128, 96), "32x24"
"""The sizes of the drawn photo, and of what is made of it."""


_REQUIREMENT = re.compile(r"([\w.-]+)(?:.*\bextra == ['\"](\w+))?")


class State(StrEnum):
    """The outcome of a check. What is missing is needed only for some options."""

    OK = "ok"
    MISSING = "missing"
    FAULT = "fault"


class Check(Record):
    """What a check found, in `words`; for a fault, they say what to do."""

    name: str
    state: State
    words: str


def checks(folders: Iterable[Path], ffmpeg: str | None = None) -> Iterator[Check]:
    """Check the installation, and each of the folders for outputs."""
    yield _checked("Python", lambda: f"{sys.version.split()[0]}, {sys.executable}")
    yield _checked("machine", _machine)
    yield _checked("ffmpeg", partial(_ffmpeg, ffmpeg))
    yield _checked("inputs", partial(_inputs, ffmpeg))
    yield _checked("outputs", partial(_outputs, ffmpeg))
    yield _checked("modes", partial(_modes, ffmpeg))
    yield _checked("Pillow", _pillow)
    yield _checked("packages", lambda: _versions(_requirements("")))
    yield _checked("font", _font)
    yield _checked("cache", _cache)
    yield _checked("TMPDIR", lambda: _folder(Path(temp_dir())))
    for folder in folders:
        yield _checked("OUT", partial(_output_folder, folder))
    yield _checked("--fast", partial(_convert, ffmpeg=ffmpeg, fast=True), State.MISSING)
    yield _checked("--focus faces", partial(_convert, ffmpeg=ffmpeg, focus="faces"), State.MISSING)
    for extra in _extras():
        yield _checked(f"ffprep[{extra}]", partial(_extra, extra), State.MISSING)


def _checked(name: str, check: Callable[[], str], otherwise: State = State.FAULT) -> Check:
    try:
        return Check(name, State.OK, check())
    except Exception as error:  # of any kind: this is what was looked for
        return Check(name, otherwise, reason(installation_fault(error) or error))


def _machine() -> str:
    system = os.uname()
    cores, memory = processors(), available_memory() / 1e9
    platform = f"{system.sysname} {system.release} {system.machine}"
    words = f"{cores} processor{'s' * (cores > 1)}, {memory:.1f} GB memory available"
    return f"{platform}, {words}, file names in {sys.getfilesystemencoding()}"


def _ffmpeg(path: str | None) -> str:
    binary = find(path)
    return f"{binary.version}, {'embedded' if binary.embedded else binary.path}"


def _inputs(path: str | None) -> str:
    """Return the formats that FFmpeg has decoders for. Raise EnvironmentFault if it lacks some."""
    lines = answer([find(path).path, "-v", "quiet", "-decoders"], seconds=30).splitlines()
    known = {word for line in lines for word in line.split()[1:2]}
    wanted = [format for format in FORMATS if format.decoders]
    lacking = [each.name for each in wanted if not known.intersection(each.decoders)]
    if lacking:
        raise EnvironmentFault(f"this ffmpeg has no decoder for {', '.join(lacking)}")
    return ", ".join(each.name for each in wanted)


def _outputs(ffmpeg: str | None) -> str:
    _require_all(OUTPUT_FORMATS, lambda name: _convert(ffmpeg=ffmpeg, format=name))
    return f"{', '.join(OUTPUT_FORMATS)}: a picture was converted to each, and verified"


def _modes(ffmpeg: str | None) -> str:
    names = [mode.name for mode in all_modes(filter_folders(()))]
    _require_all(names, lambda name: _convert(name, ffmpeg=ffmpeg))
    return ", ".join(names)


def _convert(mode: str | None = None, **options: Unpack[Options]) -> str:
    from PIL import Image

    photo = BytesIO()
    Image.linear_gradient("L").resize(_PHOTO).convert("RGB").save(photo, "JPEG")
    prepare(photo.getvalue(), _OUTPUT, mode, **options)
    return "a picture was converted"


def _require_all(names: Iterable[str], check: Callable[[str], object]) -> None:
    """Run a check for each name. Raise EnvironmentFault with the names of those that fail."""
    faults = []
    for name in names:
        try:
            check(name)
        except FfprepError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise EnvironmentFault("; ".join(faults))


def _pillow() -> str:
    from PIL import __version__, features

    libraries = ("libjpeg_turbo", "webp", "avif", "littlecms2", "freetype2")
    found = {name: features.version(name) for name in libraries if features.check(name)}
    return f"{__version__} with {', '.join(f'{name} {each}' for name, each in found.items())}"


def _font() -> str:
    """Return the font of `compare`. Raise EnvironmentFault if Pillow has only its bitmap font."""
    from PIL import ImageFont

    font = ImageFont.load_default(20)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise EnvironmentFault("this Pillow lacks FreeType; install Pillow from PyPI")
    return f"{font.getname()[0]}, of Pillow, for compare"


def _cache() -> str:
    folder = Path(cache_folder())
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        raise EnvironmentFault(f"{there} cannot be written; ffprep works without it, and slower")
    return str(folder)


def _folder(folder: Path) -> str:
    """Return what is free in a folder.

    Raise EnvironmentFault if no file can be written and locked there.
    """
    try:
        require_locks(folder)
        found = os.statvfs(folder)
    except OSError as error:
        what = "no locks" if isinstance(error, LocksRefused) else "cannot be written"
        raise EnvironmentFault(f"{folder}: {what}: {reason(error)}") from None
    return f"{folder}: writable, locks work, {found.f_bavail * found.f_frsize / 1e9:.1f} GB free"


def _output_folder(folder: Path) -> str:
    """Return the same of a folder for outputs, or of the one in which it would be made."""
    parents = folder.absolute().parents
    existing = next((each for each in (folder, *parents) if os.path.lexists(each)), folder)
    words = _folder(existing)
    return words if existing == folder else f"{folder} does not exist yet; {words}"


def _requirements(extra: str) -> list[str]:
    """Return the names of the packages that ffprep needs, or one of its extras."""
    found = map(_REQUIREMENT.match, metadata.requires("ffprep") or ())
    return [each[1] for each in found if each and (each[2] or "") == extra]


def _extras() -> Sequence[str]:
    """Return the extras by name, without the one that has all others."""
    try:
        named = metadata.metadata("ffprep").get_all("Provides-Extra") or ()
    except metadata.PackageNotFoundError:
        return ()
    return sorted(set(named) - {"all"})


def _extra(name: str) -> str:
    try:
        return _versions(_requirements(name))
    except metadata.PackageNotFoundError:
        raise EnvironmentFault(f"not installed; run: pip install 'ffprep[{name}]'") from None


def _versions(packages: Iterable[str]) -> str:
    """Return the versions of packages. Raise PackageNotFoundError if one is not installed."""
    return ", ".join(f"{name} {metadata.version(name)}" for name in packages)
