"""Convert colours to sRGB: LittleCMS makes look-up tables of ICC profiles, FFmpeg applies them.

This FFmpeg has no colour management for ICC profiles. A profile's table is made once and kept in
the user's cache folder, under a name derived from what it was made from.
"""

import os
import tempfile
import time
from contextlib import suppress
from functools import cache, lru_cache
from hashlib import blake2b
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.core.image_info import Cicp, ImageInfo, Profile
from ffprep.image import icc
from ffprep.record import replace
from ffprep.system.files import cache_folder, write_cached

if TYPE_CHECKING:
    from PIL import Image, ImageCms

# For most profiles, 17 nodes a channel are exact enough, which FFmpeg loads in 3 ms; a tone curve
# far from sRGB's, such as a straight line, takes more. The bound is the mean error in the middle
# between nodes, in levels of 255.
_NODES = (17, 33, 65)
_MEAN_ERROR = 0.5

# A smaller difference to sRGB is the rounding of the profile's own tables.
_SRGB_WITHIN = 2

# The cache holds at most this many tables: a folder may have a different profile in every file.
_KEPT = 128
_IN_USE_SECONDS = 3600

_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_OTHER_SPACES = ("XYZ", "Lab", "Luv", "YCbr", "Yxy", "HSV", "HLS", "CMY")


class BrokenProfile(Exception):
    """An ICC profile that cannot be used; the message says why."""


class CacheFull(Exception):
    """There is no room for one more table; Pillow converts colours without one."""


class UnknownProfile(Exception):
    """A profile has no table yet, and this process must not make one."""


def to_srgb(picture: ImageInfo, keep: bool, tables: Path, make: bool = False) -> ImageInfo:
    """Return an ImageInfo that says how its colours get to sRGB, with a warning if they do not.

    `tables` is the folder of look-up tables. A profile without one is read only with `make`, since
    LittleCMS is C code; else UnknownProfile is raised. With `keep`, colours are left as they are
    and the output gets the profile, if that is for RGB, as the outputs are. The ImageInfo returned
    has a `profile` only if Pillow has to apply it, and code points only if they mean HDR.
    """
    profile, plain = picture.profile, replace(picture, profile=None, cicp=None)
    if picture.mode == "LAB":  # CIELab needs no profile
        return plain
    if picture.cicp:
        return _from_cicp(plain, picture.cicp, keep, tables, make)
    if profile is None:
        return picture
    try:
        _require_fit(profile, picture)
        if make:
            transform(profile)
        elif keep or profile.space == "CMYK":
            raise UnknownProfile
        if keep and profile.space == "RGB ":
            return _kept(plain, profile, tables)
        if profile.space == "CMYK":  # FFmpeg does not convert inks
            made = replace(picture, ffmpeg_reads=False)
        else:
            made = replace(plain, lut=_table_of(profile, tables, make))
        return _not_kept(made, f"a profile for {profile.space.strip()}") if keep else made
    except CacheFull:
        return replace(picture, ffmpeg_reads=False)
    except BrokenProfile as error:
        words = f"its ICC profile cannot be used ({error}); converted as if it had none"
        return plain.warned(words)


def _kept(plain: ImageInfo, profile: Profile, tables: Path) -> ImageInfo:
    """Give the output a profile for the same colours, without what else is in the photo's."""
    try:
        made = Profile.of(icc.rewritten(profile.data))
        grid = _cube_grid(_levels(9))
        alike = _are_alike(apply(grid, profile), apply(grid, made))
        fits = alike and len(made.data) <= icc.MOST_BYTES
    except (icc.UnreadableProfile, BrokenProfile):
        fits = False
    if fits:
        return replace(plain, output_profile=made)
    what = f"a profile of more than {icc.MOST_BYTES >> 20} MB, or with unusual tags"
    return _not_kept(replace(plain, lut=_table_of(profile, tables, make=True)), what)


def _are_alike(one: "Image.Image", other: "Image.Image") -> bool:
    """Return whether the colours of two pictures differ by no more than profiles for sRGB do."""
    from PIL import ImageChops

    extrema = ImageChops.difference(one, other).getextrema()
    return max(most for _, most in extrema) <= _SRGB_WITHIN  # type: ignore[misc]


def _from_cicp(plain: ImageInfo, cicp: Cicp, keep: bool, tables: Path, make: bool) -> ImageInfo:
    if cicp.transfer in (16, 18):  # PQ or HLG
        primaries = cicp.primaries if cicp.primaries in icc.HDR_PRIMARIES else 9
        hdr = replace(plain, cicp=replace(cicp, primaries=primaries))
        return _not_kept(hdr, "HDR") if keep else hdr
    profile = icc.profile_of(cicp)
    if profile is None:
        words = f"its code points for colour ({cicp.primaries}, {cicp.transfer}) are unknown"
        return plain.warned(f"{words}; converted as if they were sRGB")
    try:
        lut = _table_of(profile, tables, make)
        if keep and lut:
            return replace(plain, output_profile=profile)
        return replace(plain, lut=lut)
    except CacheFull:
        return replace(plain, profile=profile, ffmpeg_reads=False)


def _not_kept(picture: ImageInfo, what: str) -> ImageInfo:
    words = f"its colours are converted to sRGB: outputs cannot have {what}"
    return picture.warned(words)


def _require_fit(profile: Profile, picture: ImageInfo) -> None:
    space = profile.space.strip()
    if profile.space not in _SPACES:
        raise BrokenProfile(f"it is for {space}" if space in _OTHER_SPACES else "it is not one")
    kinds = {"CMYK": ("CMYK",), "GRAY": ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L")}
    fits = picture.mode in kinds[space] if space in kinds else picture.mode != "CMYK"
    if not fits:
        raise BrokenProfile(f"it is for {space}, and the photo is {picture.mode}")


@lru_cache(maxsize=64)
def transform(profile: Profile) -> "ImageCms.ImageCmsTransform":
    """Return LittleCMS's transform to sRGB: relative colorimetric, with black point compensation.

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
    except Exception as error:  # LittleCMS fails on hostile profiles in many ways
        raise BrokenProfile(str(error).strip() or type(error).__name__) from None


def name(profile: Profile) -> str:
    """Return a profile's own name; `unnamed` if it has none or is broken."""
    from PIL import ImageCms

    try:
        opened = ImageCms.ImageCmsProfile(BytesIO(profile.data))
        return " ".join(ImageCms.getProfileDescription(opened).split()) or "unnamed"
    except Exception:  # as above
        return "unnamed"


def apply(image: "Image.Image", profile: Profile) -> "Image.Image":
    """Convert an image from a profile's colours to sRGB; alpha is kept. Raises BrokenProfile."""
    from PIL import ImageCms

    mode = _SPACES[profile.space]
    inks = image if image.mode == mode else image.convert(mode)
    converted = ImageCms.applyTransform(inks, transform(profile))
    assert converted is not None  # it is None only for a transform in place
    if image.mode == "RGBA":
        converted.putalpha(image.getchannel("A"))
    return converted


def _table_of(profile: Profile, tables: Path, make: bool) -> Path | None:
    """Return the file of a profile's table; None if it is sRGB, which an empty table records.

    Raises UnknownProfile if there is none and none may be made, BrokenProfile, and CacheFull if
    there is no room for one more.
    """
    path = tables / f"{profile.digest}-{_version()}.cube"
    length = _length(path)
    if length is None:
        if not make:
            raise UnknownProfile
        grid = _grid(_levels(9), profile)
        is_srgb = _are_alike(apply(grid, profile), grid)
        try:
            _make_room(tables)
            table = b"" if is_srgb else _table(profile)
            write_cached(path, table + _signature(table))
        except OSError:
            raise CacheFull from None
        length = len(table)
    return path if length else None


def _length(path: Path) -> int | None:
    """Return the length of a table, and mark it as used; None if it is not there or broken.

    A power failure leaves zeros, a broken disk any content, but not the digest in the last line.
    Each table is read once a process.
    """
    try:
        found = path.stat()
        seen = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if _whole.get(path) != seen:
            content = path.read_bytes()
            if content[-_SIGNED:] != _signature(content[:-_SIGNED]):
                return None
            _whole[path] = seen
        if time.time() - found.st_mtime > _IN_USE_SECONDS / 4:
            os.utime(path)
    except OSError:  # not there yet; any other error shows when it is written
        return None
    return found.st_size - _SIGNED


_whole: dict[Path, tuple[int, ...]] = {}
"""The tables that were found to be whole, by stamp."""


def _signature(content: bytes) -> bytes:
    """Return the last line of a table, which is a comment that FFmpeg does not read."""
    return b"# blake2b-128: %b\n" % blake2b(content, digest_size=16).hexdigest().encode()


_SIGNED = len(_signature(b""))


def _table(profile: Profile) -> bytes:
    """Return the content of a .cube file: red varies fastest."""
    nodes = next((nodes for nodes in _NODES if _mean_error(profile, nodes) <= _MEAN_ERROR), 0)
    nodes = nodes or _NODES[-1]
    table = iter(apply(_cube_grid(_levels(nodes)), profile).tobytes())
    words = [b"%.5f" % (value / 255) for value in range(256)]
    rows = zip(table, table, table, strict=True)
    lines = (b"%b %b %b\n" % (words[r], words[g], words[b]) for r, g, b in rows)
    return b"LUT_3D_SIZE %d\n" % nodes + b"".join(lines)


def _levels(nodes: int) -> list[int]:
    return [round(index * 255 / (nodes - 1)) for index in range(nodes)]


def _grid(levels: list[int], profile: Profile) -> "Image.Image":
    """Return an image of all colours of these levels, or all grays for a gray profile."""
    from PIL import Image

    if profile.space != "GRAY":
        return _cube_grid(levels)
    return Image.frombytes("L", (len(levels), 1), bytes(levels)).convert("RGB")


def _cube_grid(levels: list[int]) -> "Image.Image":
    from PIL import Image

    colours = bytes(v for b in levels for g in levels for r in levels for v in (r, g, b))
    return Image.frombytes("RGB", (len(levels), len(levels) ** 2), colours)


def _mean_error(profile: Profile, nodes: int) -> float:
    """Return the mean error in the middles between nodes, in levels of 255.

    In the middle of a cell, tetrahedral interpolation takes the mean of two opposite corners.
    """
    levels = _levels(nodes)
    lows, highs = (apply(_grid(part, profile), profile) for part in (levels[:-1], levels[1:]))
    middles = [(low + high + 1) // 2 for low, high in pairwise(levels)]
    true = apply(_grid(middles, profile), profile)
    triples = zip(lows.tobytes(), highs.tobytes(), true.tobytes(), strict=True)
    return sum(abs(low + high - 2 * middle) / 2 for low, high, middle in triples) / len(
        true.tobytes()
    )


@cache
def tables_folder() -> Path:
    """Return the folder of look-up tables: in the user's cache, else a temporary one."""
    folder = Path(cache_folder(), "profiles")
    with suppress(OSError, UnicodeEncodeError):
        os.fspath(folder).encode()  # ffmpeg-python accepts no other names
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    return Path(_temporary_folder().name)


@cache
def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="ffprep-profiles-")


@cache
def _version() -> str:
    """Return what a table depends on, except its profile."""
    from PIL import features

    return f"lcms{features.version('littlecms2')}-3"


def _make_room(folder: Path) -> None:
    """Remove tables that were not used for long; another run may be doing the same."""
    kept = sorted((entry.stat().st_mtime, entry.path) for entry in os.scandir(folder))
    old = [path for time_used, path in kept if time_used < time.time() - _IN_USE_SECONDS]
    removed = old[: max(0, len(kept) - _KEPT + 1)]
    for path in removed:
        Path(path).unlink(missing_ok=True)
    if len(kept) - len(removed) >= _KEPT:
        raise CacheFull
