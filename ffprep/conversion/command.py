"""FFmpeg's command line for one photo or for a stream: file names in a template.

A photo may have several outputs, each with a Spec of its own.

`filtergraph` builds templates with ffmpeg-python, whose import takes longer than a small photo. So
the first template of a process is kept in the user's cache, and read by the next process.
"""

import math
import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from zlib import crc32

from ffprep.config.modes import is_shipped
from ffprep.core.fitting import Cut, cropped_size
from ffprep.core.geometry import Size
from ffprep.core.image_info import UNREAD, ImageInfo
from ffprep.core.mode import Mode
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError
from ffprep.image.jpeg_header import PLANES
from ffprep.record import Record, replace
from ffprep.system.files import cache_folder, write_cached
from ffprep.version import __version__

SOURCE, OUTPUT, PROFILE = "<source>", "<output>", "<profile>"
"""What templates have for file names: ffmpeg-python accepts only those that are UTF-8."""

COMMON = "-hide_banner -nostdin -nostats -loglevel level+info -y -filter_complex_threads 1".split()
"""The first options of an ffmpeg whose log is read."""

# Without full_chroma_inp, half the columns of an RGB picture's chroma are ignored.
SCALER = "lanczos+accurate_rnd+full_chroma_int+full_chroma_inp"

Specs = tuple[Spec, ...]
"""The Specs of all outputs of a photo."""

_LONGEST_URL = 120_000  # Linux takes 128 KiB
_LARGEST_FACTOR = 6000
_KEPT = 256
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def command(
    binary: str, source: Path, picture: ImageInfo, specs: Specs, outputs: Iterable[Path]
) -> list[str]:
    """Return the argv that converts `source` to outputs, each by its Spec, whatever their names.

    For an ImageInfo with `raw`, ffmpeg reads pixels from its standard input instead of `source`.
    """
    by_size = tuple(BySize.of(picture, spec) for spec in specs)
    profile = _encoded_profile(picture, specs)
    common = picture if picture.raw else shared(picture)
    common = replace(common, output_profile=UNREAD if profile else None)
    template = _template(common, specs, SINGLE, by_size)
    return named(binary, template, url(source), *map(url, outputs), profile=profile)


class Sequence(Record):
    """What photos of one stream have in common: all of ffmpeg's arguments except the names.

    `outputs` is how many each photo has. `raw` is the pixel format of frames from a pipe, which has
    only one.
    """

    arguments: tuple[str, ...]
    outputs: int = 1
    raw: str | None = None

    @property
    def folders(self) -> list[str]:
        """The folders of the photos and of each of their outputs, named by numbers from 0."""
        return ["in", *(f"out{number or ''}" for number in range(self.outputs))]

    def link(self, folder: Path, entries: Iterable[Iterable[Path]]) -> None:
        """Link each photo's file, and those of its outputs, under the names of the sequence."""
        places = [folder / name for name in self.folders]
        for place in places:
            place.mkdir()
        for number, files in enumerate(entries):
            for place, file in zip(places, files, strict=True):
                (place / str(number)).symlink_to(os.path.abspath(file))


def sequence(picture: ImageInfo, specs: Specs) -> Sequence | None:
    """Return the Sequence that a photo can be a part of; None if it has to go alone."""
    if not (picture.format.streams and picture.ffmpeg_reads):
        return None
    # The image2 muxer writes AVIFs of one stream, without alpha.
    if any(spec.format.name == "avif" and spec.translucent(picture.alpha) for spec in specs):
        return None
    if _encoded_profile(picture, specs):
        return None
    files = PIPED if picture.raw else NUMBERED
    by_size = tuple(BySize.of(picture, spec) for spec in specs)
    if any(spec.focuses_on_faces for spec in specs):
        from ffprep.conversion import focus

        specs = focus.left_open(specs)
    return Sequence(_template(shared(picture), specs, files, by_size), len(specs), picture.raw)


def sequence_command(
    binary: str, sequence: Sequence, folder: Path, specs: Iterable[Specs]
) -> list[str]:
    """Return the argv that converts FOLDER/in/0, 1, ... to FOLDER/out/0, 1, ... if possible.

    Further outputs of each photo are in FOLDER/out1, FOLDER/out2, ... `specs` are those of the
    photos. Photos with `raw` are read from its standard input instead, as `nut` writes them.
    """
    root, arguments = url(folder).replace("%", "%%"), sequence.arguments
    for number, each in enumerate(zip(*specs, strict=True)):
        if any(spec.focuses_on_faces for spec in each):
            from ffprep.conversion import focus

            arguments = focus.filled_in(arguments, [spec.focus for spec in each], number)
    return named(binary, arguments, *(f"{root}/{name}/%d" for name in sequence.folders))


def output_place(number: int) -> str:
    """Return what templates have for the name of an output, by its number from 0."""
    return f"<output {number}>" if number else OUTPUT


def named(
    binary: str, template: tuple[str, ...], source: str, *outputs: str, profile: str = ""
) -> list[str]:
    """Return the argv of a template, with the URLs of its files."""
    names = {output_place(number): output for number, output in enumerate(outputs)}
    names |= {SOURCE: source, PROFILE: profile}
    return [binary, *(names.get(word, word) for word in template)]


def _encoded_profile(picture: ImageInfo, specs: Specs) -> str:
    """Return the URL of a PNG with the profile that a JPEG XL keeps; empty if it keeps none.

    Raises PhotoError for a profile that is too long for a command line.
    """
    profile = picture.output_profile
    if profile is None or all(spec.format.name != "jpegxl" for spec in specs):
        return ""
    from binascii import b2a_base64

    from ffprep.image.embed import png_of_profile

    coded = b2a_base64(png_of_profile(profile), newline=False).decode()
    if len(coded) > _LONGEST_URL:
        words = f"its ICC profile of {len(profile.data)} bytes is too long to be kept in JPEG XL"
        raise PhotoError(Kind.UNSUPPORTED, f"{words}; give --colour srgb")
    return f"data:image/png;base64,{coded}"


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

_SAMPLES = {"gray": (1, 1)} | {planes: pixels for pixels, planes in PLANES.items()}
"""The pixels across and down that share one chroma sample."""


class BySize(Record):
    """What in a filtergraph depends on the photo's size; photos that differ in it share no stream.

    `repeats` is how often each pixel is repeated, if the photo is too tiny for the scaler to
    enlarge it at once. `odd` is true if it is to be cut between two chroma samples in a pixel
    format that only FFmpeg knows, or by bounds. `whole` is true if what the cut leaves, of planes
    that `zscale` takes, has whole chroma samples. Otherwise, `chroma` is where they lie.
    """

    repeats: int
    odd: bool
    whole: bool
    chroma: tuple[int, int] | None = None

    @classmethod
    def of(cls, picture: ImageInfo, spec: Spec) -> "BySize":
        """The scaler fails beyond 65536 / 10 times (libswscale/utils.c: steps under 10 / 65536)."""
        shown, orientation = picture.shown, picture.orientation
        cropped = cropped_size(shown, spec.bounds)
        factor = max(spec.size.width / cropped.width, spec.size.height / cropped.height)
        known = picture.ffmpeg_reads and picture.raw in (None, picture.planes)
        sample = _SAMPLES.get(picture.planes or "") if known else None
        factor *= max(sample or (1, 1))  # chroma is enlarged more
        repeats = math.ceil(factor / _LARGEST_FACTOR)
        across, down = sample or (2, 2)
        bounds = Cut(cropped, *spec.bounds.corner(shown)).before_turning(shown, orientation)
        if bounds.left % across or bounds.top % down:
            return cls(repeats, True, sample is not None)
        cut = Cut(size := Size(cropped.width * repeats, cropped.height * repeats))
        if cuts_as_cover(spec.mode):
            cut = Cut.covering(size, spec.size, spec.focus)
        cut = cut.before_turning(size, orientation)
        if sample is None:
            subsampled = not (picture.alpha or picture.raw or picture.format.name in _FULL_CHROMA)
            return cls(repeats, subsampled and bool(cut.left % 2 or cut.top % 2), False)
        places = (
            _chroma_position(cut.left, cut.size.width, across),
            _chroma_position(cut.top, cut.size.height, down),
        )
        whole = places == (_chroma_position(0, across, across), _chroma_position(0, down, down))
        return cls(repeats, False, whole, None if whole else places)


_FULL_CHROMA = frozenset(("png", "gif", "bmp"))
"""The formats whose pictures have no subsampled chroma."""


@lru_cache(maxsize=16)
def cuts_as_cover(mode: Mode) -> bool:
    """Return whether a mode is ffprep's own `cover`, and cuts before it scales."""
    return mode.name == "cover" and mode.steps[0].filter == "crop" and is_shipped(mode)


def _chroma_position(start: int, length: int, sample: int) -> int:
    """Return where the scaler has to assume the first chroma sample of a cut: in pixels / 256.

    `sample` is how many pixels share one. A cut that begins within a sample has all of it, and so
    has one that ends there. The scaler takes the length of such chroma for that of the cut, so its
    middle is put in its place, and its ends are off by half a pixel.
    """
    centered = 128 * (sample - 1)
    return min(512, centered - 256 * (start % sample) + 128 * (-length % sample))


def shared(picture: ImageInfo) -> ImageInfo:
    """Return an ImageInfo without what may differ in one stream, such as the photos' sizes."""
    planes = picture.planes if picture.raw else None
    return replace(
        picture, stored=Size(1, 1), planes=planes, profile=None, output_profile=None, warnings=()
    )


@lru_cache(maxsize=256)
def _template(
    picture: ImageInfo, specs: Specs, files: FileOptions, by_size: tuple[BySize, ...]
) -> tuple[str, ...]:
    """Return ffmpeg's arguments for such photos, with SOURCE and OUTPUT for the names of files."""
    key, path = "", None
    if f"{__package__}.filtergraph" not in sys.modules:
        key = repr((__version__, _stamps(), picture, specs, files, by_size))
        path = _path(key)
        if template := _read(path, key):
            return template
    from ffprep.conversion import filtergraph

    template = filtergraph.arguments(picture, specs, files, by_size)
    if path:
        _write(path, key, template)
    return template


def _stamps() -> list[int]:
    """Return when the modules were written that build templates."""
    names = ("command", "filtergraph", "mode_graph", "encoders")
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
    content = _bytes("\0".join((key, *template)))
    with suppress(OSError):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        write_cached(path, b"%08x\n%b" % (crc32(content), content))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
