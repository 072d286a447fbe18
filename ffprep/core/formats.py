"""The picture formats that ffprep reads and writes, and their names in FFmpeg and Pillow.

The first bytes of a file decide its format; its name is only a hint for walking folders.
"""

import os
import re
from pathlib import Path

from ffprep.errors import PhotoError
from ffprep.record import Record
from ffprep.system.files import open_regular

HEAD_BYTES = 64
"""The bytes of a file that `sniff` needs."""


class Format(Record):
    """One input format.

    `plugin` is Pillow's name of it, empty if Pillow does not read it. `demuxer` and `decoders` are
    FFmpeg's; no others may read it, and FFmpeg takes the first of the decoders that it has.
    `streams` is true if many photos may go through one decoder, `upright` if FFmpeg and the probe
    turn the picture themselves, since orientation is a part of the container's picture and not of
    its metadata. `forgiving` is true if Pillow's plugin fills in what is missing without an error.
    """

    name: str
    plugin: str
    suffixes: tuple[str, ...]
    magic: re.Pattern[bytes]
    demuxer: str
    decoders: tuple[str, ...]
    streams: bool = False
    upright: bool = False
    forgiving: bool = False


def _format(
    name: str, plugin: str, suffixes: str, magic: bytes, demuxer: str, decoders: str
) -> Format:
    return Format(
        name,
        plugin,
        tuple(suffixes.split()),
        re.compile(magic, re.DOTALL),
        demuxer,
        tuple(decoders.split()),
        # Not TIFF: its decoder reports unknown tags as errors, so each photo would go alone again.
        streams=name in ("jpeg", "png", "webp", "bmp"),
        upright=name == "heic",
        forgiving=name in ("jpeg", "heic"),
    )


# The brands of ISO/IEC 23008-12 (HEIF) and AV1-ISOBMFF; the major brand is often the generic
# `mif1`, and then the compatible brands that follow it decide.
_BOX = rb".{4}ftyp"
_AVIF = _BOX + rb"(?:avi[fs]|(?:mif1|msf1).{4}(?:.{4})*?avi[fs])"
_HEIC = _BOX + rb"(?:hei[cxms]|hev[cxms]|mif1|msf1)"

# Raws that do not begin like any TIFF: of Canon (CR2, CR3, CRW), Fujifilm, Olympus, Panasonic and
# Leica, Phase One, Minolta, Sigma. The others are TIFFs, and their tags decide
# (`image/formats/raw.py`).
_RAW = (
    rb"II\*\0.{4}(?:CR|IIII)|"
    + _BOX
    + rb"crx |II.{4}HEAPCCDR|FUJIFILMCCD-RAW|II(?:RO|RS|U\0)|MMOR|"
    rb"\0MRM|FOVb"
)
_RAW_SUFFIXES = (
    ".dng .nef .nrw .cr2 .cr3 .crw .arw .sr2 .srf .raf .orf .rw2 .rwl .pef .srw .3fr .fff .iiq "
    ".mos .mef .mrw .erf .dcr .kdc .x3f .gpr"
)
RAW = _format("raw", "RAW", _RAW_SUFFIXES, _RAW, "", "")
"""Camera raws, which FFmpeg never reads."""

FORMATS: tuple[Format, ...] = (
    _format("jpeg", "JPEG", ".jpg .jpeg .jpe .jfif .mpo .jls", rb"\xff\xd8\xff", "image2", "mjpeg"),
    _format("png", "PNG", ".png .apng", rb"\x89PNG\r\n\x1a\n", "image2", "png"),
    _format("webp", "WEBP", ".webp", rb"RIFF.{4}WEBP", "image2", "webp"),
    _format("gif", "GIF", ".gif", rb"GIF8[79]a", "gif", "gif"),
    _format("bmp", "BMP", ".bmp .dib", rb"BM", "image2", "bmp"),
    RAW,  # before TIFF, as which a CR2 begins
    _format("tiff", "TIFF", ".tif .tiff", rb"II[*+]\0|MM\0[*+]", "image2", "tiff"),
    _format("avif", "AVIF", ".avif .avifs", _AVIF, "mov", "libdav1d libaom-av1 av1"),
    _format("heic", "HEIF", ".heic .heif .hif .heics .heifs", _HEIC, "mov", "hevc"),
    _format(
        "jpeg2000",
        "JPEG2000",
        ".jp2 .j2k .jpx .j2c .jpc .jpf .jph .jhc",
        rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
        "image2",
        "jpeg2000",
    ),
    _format("jpegxl", "", ".jxl", rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "image2", "libjxl"),
)

STAND_IN = next(format for format in FORMATS if format.name == "png")
"""The format of pictures that stand in for those that Pillow does not read."""

SUFFIXES = frozenset(suffix for format in FORMATS for suffix in format.suffixes)
"""The suffixes of pictures that ffprep reads."""


FILMS = frozenset(
    ".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .mts .m2ts .3gp .3g2 .wmv .flv .ogv".split()
)
"""The suffixes of films, as they are counted in folders."""


def sniff(head: bytes) -> Format | None:
    """Return the format of a file by its first `HEAD_BYTES` bytes; None if it is unknown."""
    return next((format for format in FORMATS if format.magic.match(head)), None)


class OutputFormat(Record):
    """One format that ffprep writes.

    `plugin` is Pillow's name of it, empty if Pillow does not read it. `working` is the pixel format
    between a mode's filters: full chroma, so that odd sizes and offsets are exact. `final_alpha` is
    the pixel format in which a picture with alpha ends, None if the format has no alpha.
    `largest_side` is the limit of the format, or of the decoder that verifies it, in pixels.
    """

    name: str
    plugin: str
    suffixes: tuple[str, ...]
    encoder: str
    working: str
    final_alpha: str | None
    largest_side: int


OUTPUT_FORMATS: dict[str, OutputFormat] = {
    format.name: format
    for format in (
        OutputFormat("jpeg", "JPEG", (".jpg", ".jpeg", ".jpe"), "mjpeg", "yuv444p", None, 65500),
        OutputFormat("png", "PNG", (".png",), "png", "rgb24", "rgba", 65535),
        OutputFormat("webp", "WEBP", (".webp",), "libwebp", "bgra", "bgra", 16383),
        OutputFormat("avif", "AVIF", (".avif",), "libaom-av1", "yuv444p", "rgba", 32768),
        OutputFormat("jpegxl", "", (".jxl",), "libjxl", "rgb24", "rgba", 65535),
    )
}
WRITABLE_SUFFIXES = ", ".join(suffix for f in OUTPUT_FORMATS.values() for suffix in f.suffixes)
"""For error messages: the suffixes that an output file may have."""


def output_format_of(suffix: str) -> OutputFormat | None:
    """Return the format that ffprep writes under a suffix; None if it writes none."""
    return next((f for f in OUTPUT_FORMATS.values() if suffix.lower() in f.suffixes), None)


def media_type(name: str) -> str:
    """Return the media type of a format by its name, such as `image/jpeg`."""
    return "image/jxl" if name == "jpegxl" else f"image/{name}"


def looks_like_photo(path: str) -> bool:
    """Return whether a file is a photo by its suffix, or without a suffix by its first bytes."""
    suffix = os.path.splitext(path)[1].lower()
    return suffix in SUFFIXES if suffix else output_format(Path(path)) is not None


def output_format(path: Path) -> OutputFormat | None:
    """Return the format to write for a photo that keeps its format; None if it is not a photo."""
    try:
        with open_regular(path) as file:
            format = sniff(file.read(HEAD_BYTES))
    except PhotoError:
        return None
    # Most raws begin like any TIFF, and their tags are read only in the sandbox.
    if format and format.name == "tiff" and path.suffix.lower() in RAW.suffixes:
        format = RAW
    return _written_as(format) if format else None


def written_as(suffix: str) -> OutputFormat | None:
    """Return the same by the file's suffix alone."""
    named = (format for format in FORMATS if suffix.lower() in format.suffixes)
    return next(map(_written_as, named), None)


def _written_as(format: Format) -> OutputFormat:
    lossless = format.name in ("gif", "bmp", "tiff")
    return OUTPUT_FORMATS.get(format.name) or OUTPUT_FORMATS["png" if lossless else "jpeg"]
