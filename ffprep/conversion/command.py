"""FFmpeg's command line for one photo or for a stream: file names in a template.

`filtergraph` builds templates with ffmpeg-python, whose import takes longer than a small photo. So
the first template of a process is kept in the user's cache, and read by the next process.
"""

import math
import os
import stat
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from zlib import crc32

from ffprep.core.fitting import cropped_size
from ffprep.core.geometry import Bounds, Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.spec import Spec
from ffprep.record import Record, replace
from ffprep.system.files import cache_folder
from ffprep.version import __version__

SOURCE, OUTPUT = "<source>", "<output>"
"""What templates have for file names: ffmpeg-python accepts only those that are UTF-8."""

_LARGEST_FACTOR = 6000
_KEPT = 256
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def command(binary: str, source: Path, picture: ImageInfo, spec: Spec, output: Path) -> list[str]:
    """Return the argv that converts `source` to `output`, whatever their names are.

    For an ImageInfo with `raw`, ffmpeg reads pixels from its standard input instead of `source`.
    """
    by_size = BySize.of(picture, spec)
    template = _template(picture if picture.raw else shared(picture), spec, SINGLE, by_size)
    return named(binary, template, url(source), url(output))


class Sequence(Record):
    """What photos of one stream have in common: all of ffmpeg's arguments except the names.

    `raw` is the pixel format of frames from a pipe, which has only one.
    """

    arguments: tuple[str, ...]
    raw: str | None = None


SEQUENCE_FOLDERS = ("in", "out")
"""The folders of a sequence's photos and outputs, each named by its number from 0."""


def sequence(picture: ImageInfo, spec: Spec) -> Sequence | None:
    """Return the Sequence that a photo can be a part of; None if it has to go alone."""
    if not (picture.format.streams and picture.ffmpeg_reads):
        return None
    files = PIPED if picture.raw else NUMBERED
    by_size = BySize.of(picture, spec)
    return Sequence(_template(shared(picture), spec, files, by_size), picture.raw)


def sequence_command(binary: str, sequence: Sequence, folder: Path) -> list[str]:
    """Return the argv that converts FOLDER/in/0, 1, ... to FOLDER/out/0, 1, ... if possible.

    Photos with `raw` are read from its standard input instead, as `nut` writes them.
    """
    root = url(folder).replace("%", "%%")
    return named(binary, sequence.arguments, *(f"{root}/{name}/%d" for name in SEQUENCE_FOLDERS))


def named(binary: str, template: tuple[str, ...], source: str, output: str) -> list[str]:
    """Return the argv of a template, with the URLs of its files."""
    names = {SOURCE: source, OUTPUT: output}
    return [binary, *(names.get(word, word) for word in template)]


def url(path: Path) -> str:
    """Return a file name that FFmpeg cannot read as an option, a protocol or a pattern."""
    return "file:" + os.fspath(path)


class FileOptions(Record):
    """The options of reading and writing one picture, or many."""

    reading: tuple[tuple[str, object], ...]
    writing: tuple[tuple[str, object], ...]
    err_detect: str


# A single name is not a pattern, even with a % in it.
SINGLE = FileOptions((("pattern_type", "none"),), (("frames:v", 1), ("update", 1)), "crccheck")

# The number of an output is that of its photo, also if others are dropped as damaged. Most damage
# drops a photo; `DecoderLog.may_complain_about` finds the rest.
NUMBERED = FileOptions(
    (("pattern_type", "sequence"), ("framerate", 1), ("start_number", 0)),
    (("fps_mode", "passthrough"), ("enc_time_base", 1), ("frame_pts", 1)),
    "crccheck+explode",
)

# Frames of a pipe have their numbers already. Without copyts, the first one would become 0.
PIPED = replace(NUMBERED, reading=(), writing=(*NUMBERED.writing, ("copyts", None)))

SAMPLES = {
    "gray": (1, 1),
    "yuv444p": (1, 1),
    "yuv422p": (2, 1),
    "yuv440p": (1, 2),
    "yuv420p": (2, 2),
    "yuv411p": (4, 1),
}
"""The pixels across and down that share one chroma sample."""


class BySize(Record):
    """What in a filtergraph depends on the photo's size; photos that differ in it share no stream.

    `repeats` is how often each pixel is repeated, if the photo is too tiny for the scaler to
    enlarge it at once. `odd` is true if the bounds begin between two chroma samples of the stored
    photo, `whole` if the sides of what they leave have whole chroma samples.
    """

    repeats: int
    odd: bool
    whole: bool

    @classmethod
    def of(cls, picture: ImageInfo, spec: Spec) -> "BySize":
        """The scaler fails beyond 65536 / 10 times (libswscale/utils.c: steps under 10 / 65536)."""
        shown = picture.shown
        cropped = cropped_size(shown, spec.bounds)
        factor = max(spec.size.width / cropped.width, spec.size.height / cropped.height)
        sample = SAMPLES.get(picture.planes or "")
        across, down = sample or (2, 2)
        if picture.orientation >= 5:
            across, down = down, across
        left, top = _stored_corner(spec.bounds, shown, picture.orientation)
        odd = bool(left % across or top % down)
        whole = odd or not (cropped.width % across or cropped.height % down)
        planar = sample is not None and picture.ffmpeg_reads
        planar = planar and picture.raw in (None, picture.planes)
        factor *= max(sample or (1, 1))  # chroma is enlarged more
        return cls(math.ceil(factor / _LARGEST_FACTOR), odd, whole and planar)


def _stored_corner(bounds: Bounds, upright: Size, orientation: int) -> tuple[int, int]:
    """Return how far from its first column and row a photo is cut, before it is turned upright.

    The first number is of the side that is the upright photo's width.
    """
    (left, top), size = bounds.corner(upright), bounds.of(upright) or upright
    right, bottom = upright.width - left - size.width, upright.height - top - size.height
    return (
        right if orientation in (2, 3, 6, 7) else left,
        bottom if orientation in (3, 4, 7, 8) else top,
    )


def shared(picture: ImageInfo) -> ImageInfo:
    """Return an ImageInfo without what may differ in one stream, such as the photos' sizes."""
    planes = picture.planes if picture.raw else None
    return replace(
        picture, stored=Size(1, 1), planes=planes, profile=None, output_profile=None, warnings=()
    )


@lru_cache(maxsize=256)
def _template(
    picture: ImageInfo, spec: Spec, files: FileOptions, by_size: BySize
) -> tuple[str, ...]:
    """Return ffmpeg's arguments for such photos, with SOURCE and OUTPUT for the names of files."""
    key, path = "", None
    if f"{__package__}.filtergraph" not in sys.modules:
        key = repr((__version__, _stamps(), picture, spec, files, by_size))
        path = _path(key)
        if template := _read(path, key):
            return template
    from ffprep.conversion import filtergraph

    template = filtergraph.arguments(picture, spec, files, by_size)
    if path:
        _write(path, key, template)
    return template


def _stamps() -> list[int]:
    """Return when the modules were written that build templates."""
    names = ("filtergraph", "mode_graph", "pixel_formats", "encoders")
    folder = os.path.dirname(__file__)
    stamps = []
    for name in names:
        with suppress(OSError):  # in a ZIP archive
            stamps.append(os.stat(os.path.join(folder, f"{name}.py")).st_mtime_ns)
    return stamps


def _path(key: str) -> str:
    """Return the file of a template. There are few, and a new template replaces another one."""
    return os.path.join(cache_folder(), "commands", str(crc32(_bytes(key)) % _KEPT))


def _read(path: str, key: str) -> tuple[str, ...] | None:
    """Return the template of this key; None if there is none that only this user can write."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid != os.geteuid() or found.st_mode & _OTHERS_WRITE:
                return None
            checksum, _, content = file.read().partition(b"\n")
    except OSError:
        return None
    if checksum != b"%08x" % crc32(content):
        return None
    first, *words = content.decode(errors="surrogateescape").split("\0")
    return tuple(words) if first == key else None


def _write(path: str, key: str, template: tuple[str, ...]) -> None:
    """Keep a template; do nothing where that is not possible."""
    import tempfile

    folder = os.path.dirname(path)
    content = _bytes("\0".join((key, *template)))
    with suppress(OSError):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(b"%08x\n%b" % (crc32(content), content))
            os.replace(name, path)
        except BaseException:  # a full disk, for example
            os.unlink(name)
            raise


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
