"""Colour to sRGB. ICC profiles become look-up tables for FFmpeg's lut3d filter, made by LittleCMS.

This FFmpeg has no colour management for ICC profiles of its own. A profile's table is made once and kept in the
user's cache folder, named by what it was made from.
"""

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache, lru_cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.picture import Picture, Profile

if TYPE_CHECKING:
    from PIL import Image, ImageCms

# Most profiles are followed well enough by 17 nodes a channel, which FFmpeg loads in 3 ms; a tone curve far
# from sRGB's, such as a straight line, takes more. The bound is the mean error in the middle between nodes, in
# levels of 255.
_NODES = (17, 33, 65)
_MEAN_ERROR = 1.5

# A difference to sRGB below this is the rounding of the profile's own tables.
_SRGB_WITHIN = 2

# At most so many tables are kept: strangers' folders may hold a different profile in every file.
_KEPT = 128
_IN_USE_SECONDS = 3600

_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}


class BrokenProfile(Exception):
    """An ICC profile that cannot be used; the message says why."""


class Crowded(Exception):
    """There is no room for one more table; Pillow can do without one."""


def to_srgb(picture: Picture, keep: bool) -> tuple[Picture, str | None]:
    """Say in a Picture how its colours get to sRGB, and a warning where they do not.

    With `keep`, colours are left as they are and the profile is carried, where it is for RGB: the
    outputs are. The Picture still has a `profile` only where it is Pillow's part to apply it.
    """
    profile = picture.profile
    if profile is None:
        return picture, None
    plain = replace(picture, profile=None)
    if picture.mode == "LAB":  # says itself what its numbers mean
        return plain, None
    try:
        _require_fit(profile, picture)
        if keep and profile.space == "RGB ":
            return replace(plain, carries=profile), None
        if profile.space == "CMYK":  # FFmpeg throws the inks together
            return replace(picture, ffmpeg_reads=False), None
        return replace(plain, lut=cube(profile)), None
    except Crowded:
        return replace(picture, ffmpeg_reads=False), None
    except BrokenProfile as error:
        return plain, f"its ICC profile cannot be used ({error}); taken as if it had none"


def _require_fit(profile: Profile, picture: Picture) -> None:
    space = profile.space.strip()
    if profile.space not in _SPACES:
        raise BrokenProfile(f"it is for {space}" if space.isalnum() else "it is none")
    if (space == "CMYK") != (picture.mode == "CMYK"):
        raise BrokenProfile(f"it is for {space}, and the photo is {picture.mode}")
    transform(profile)


@lru_cache(maxsize=64)
def transform(profile: Profile) -> "ImageCms.ImageCmsTransform":
    """From a profile to sRGB: relative colorimetric, with black point compensation.

    Raises BrokenProfile.
    """
    from PIL import ImageCms

    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE
    try:
        return ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(BytesIO(profile.data)),
            ImageCms.createProfile("sRGB"),
            _SPACES[profile.space],
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=flags,
        )
    except Exception as error:  # LittleCMS stumbles over hostile ones in many ways
        raise BrokenProfile(str(error).strip() or type(error).__name__) from None


def name(profile: Profile) -> str:
    """What a profile calls itself; `unnamed` where it does not or is broken."""
    from PIL import ImageCms

    try:
        opened = ImageCms.ImageCmsProfile(BytesIO(profile.data))
        return ImageCms.getProfileDescription(opened).strip() or "unnamed"
    except Exception:  # as above
        return "unnamed"


def apply(image: "Image.Image", profile: Profile) -> "Image.Image":
    """An image in the profile's colours, as sRGB, with the alpha it has. Raises BrokenProfile."""
    from PIL import ImageCms

    mode = _SPACES[profile.space]
    inks = image if image.mode == mode else image.convert(mode)
    done = ImageCms.applyTransform(inks, transform(profile))
    assert done is not None  # as it is where the transform is not done in place
    if image.mode == "RGBA":
        done.putalpha(image.getchannel("A"))
    return done


_lock = threading.Lock()


def cube(profile: Profile) -> Path | None:
    """The file of a profile's look-up table; None when it says sRGB.

    Raises BrokenProfile, and Crowded when too many others are in use.
    """
    with _lock:  # two threads would make the same one twice
        if _is_srgb(profile):
            return None
        path = _folder() / f"{profile.digest}-{_version()}.cube"
        try:
            os.utime(path)  # in use
        except OSError:
            _make_room(path.parent)
            _write(path, _table(profile))
    return path


@lru_cache(maxsize=1024)
def _is_srgb(profile: Profile) -> bool:
    levels = _levels(9)
    grid = _grid(levels)
    pairs = zip(apply(grid, profile).tobytes(), grid.tobytes(), strict=True)
    return max(abs(a - b) for a, b in pairs) <= _SRGB_WITHIN


def _table(profile: Profile) -> bytes:
    for nodes in _NODES:
        levels = _levels(nodes)
        table = apply(_grid(levels), profile).tobytes()
        if _mean_error(profile, levels, table) <= _MEAN_ERROR:
            break
    words = [b"%.5f" % (value / 255) for value in range(256)]
    parts = iter(table)
    lines = (
        b"%b %b %b" % (words[r], words[g], words[b])
        for r, g, b in zip(parts, parts, parts, strict=True)
    )
    return b"LUT_3D_SIZE %d\n" % nodes + b"\n".join(lines) + b"\n"


def _levels(nodes: int) -> list[int]:
    return [round(index * 255 / (nodes - 1)) for index in range(nodes)]


def _grid(levels: list[int]) -> "Image.Image":
    """Every colour of these levels, red running fastest, as the .cube format has it."""
    from PIL import Image

    colours = bytes(v for b in levels for g in levels for r in levels for v in (r, g, b))
    return Image.frombytes("RGB", (len(levels), len(levels) ** 2), colours)


def _mean_error(profile: Profile, levels: list[int], table: bytes) -> float:
    """How far off the middle of a cell is, where tetrahedral interpolation takes two corners' mean."""
    count = len(levels)
    middles = [(low + high + 1) // 2 for low, high in pairwise(levels)]
    true = iter(apply(_grid(middles), profile).tobytes())
    step = 3 * (1 + count + count * count)
    total = 0.0
    for corner in _corners(count):
        for channel in range(corner, corner + 3):
            total += abs((table[channel] + table[channel + step]) / 2 - next(true))
    return total / (3 * len(middles) ** 3)


def _corners(count: int) -> Iterator[int]:
    for blue in range(count - 1):
        for green in range(count - 1):
            for red in range(count - 1):
                yield 3 * (red + count * (green + count * blue))


@cache
def _folder() -> Path:
    """Where tables are kept: the user's cache, or a folder of this process where there is none."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base, "ffprep", "profiles")
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    return Path(_own_folder().name)


@cache
def _own_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="ffprep-profiles-")


@cache
def _version() -> str:
    """What besides the profile decides a table."""
    from PIL import features

    return f"lcms{features.version('littlecms2')}-1"


def _make_room(folder: Path) -> None:
    kept = sorted((entry.stat().st_mtime, entry.path) for entry in os.scandir(folder))
    old = [path for time_used, path in kept if time_used < time.time() - _IN_USE_SECONDS]
    for path in old[: max(0, len(kept) - _KEPT + 1)]:
        os.unlink(path)
        kept.pop()
    if len(kept) >= _KEPT:
        raise Crowded


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: another run may be reading."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    os.replace(file.name, path)
