"""The picture formats ffprep reads and writes, and what FFmpeg and Pillow call them.

What a file is, its first bytes decide; its name is only a hint for walking folders.
"""

import re
from dataclasses import dataclass

HEAD_BYTES = 64
"""How much of a file `sniff` wants to see."""


@dataclass(frozen=True, slots=True)
class Format:
    """One input format.

    `plugin` is Pillow's name of it. `demuxer` and `decoders` are FFmpeg's, and no others read it. Of several
    decoders, the first that this FFmpeg has is its own choice. `streams` says that many photos may go through one decoder, and `upright` that both FFmpeg and the probe turn the picture themselves,
    because orientation is a part of the container's picture and not a remark beside it. `forgiving`
    says that Pillow's plugin fills in for what is missing, without a word; `native`, that it reads even a
    file's head by C code, or without bounds.
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
    native: bool = False


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
        # Not TIFF: its decoder calls unknown tags errors, and every photo would go alone in the end.
        streams=name in ("jpeg", "png", "webp", "bmp"),
        upright=name == "heic",
        forgiving=name in ("jpeg", "heic"),
        native=name not in ("jpeg", "png"),
    )


# The brands of ISO/IEC 23008-12 (HEIF) and AV1-ISOBMFF; the major brand is often the generic
# `mif1`, and then the compatible brands that follow it decide.
_BOX = rb".{4}ftyp"
_AVIF = _BOX + rb"(?:avi[fs]|(?:mif1|msf1).{4}(?:.{4})*?avi[fs])"
_HEIC = _BOX + rb"(?:hei[cxms]|hev[cxms]|mif1|msf1)"

FORMATS: tuple[Format, ...] = (
    _format("jpeg", "JPEG", ".jpg .jpeg .jpe .jfif .mpo", rb"\xff\xd8\xff", "image2", "mjpeg"),
    _format("png", "PNG", ".png .apng", rb"\x89PNG\r\n\x1a\n", "image2", "png"),
    _format("webp", "WEBP", ".webp", rb"RIFF.{4}WEBP", "image2", "webp"),
    _format("gif", "GIF", ".gif", rb"GIF8[79]a", "gif", "gif"),
    _format("bmp", "BMP", ".bmp .dib", rb"BM", "image2", "bmp"),
    _format("tiff", "TIFF", ".tif .tiff", rb"II[*+]\0|MM\0[*+]", "image2", "tiff"),
    _format("avif", "AVIF", ".avif", _AVIF, "mov", "libdav1d libaom-av1 av1"),
    _format("heic", "HEIF", ".heic .heif .hif", _HEIC, "mov", "hevc"),
    _format(
        "jpeg2000",
        "JPEG2000",
        ".jp2 .j2k .jpx .j2c",
        rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
        "image2",
        "jpeg2000",
    ),
)

SUFFIXES = frozenset(suffix for format in FORMATS for suffix in format.suffixes)
"""Names that claim to be a picture ffprep reads."""


def sniff(head: bytes) -> Format | None:
    """Tell the format from a file's first `HEAD_BYTES` bytes; None if it is none that is read."""
    return next((format for format in FORMATS if format.magic.match(head)), None)


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """One format ffprep writes.

    `working` is the pixel format in which a mode's filters meet: full chroma, so that odd sizes and
    offsets are exact. `final_alpha` is what the encoder is given of a picture with alpha, None where
    the format has none. `largest_side` is the format's own limit in pixels.
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
    )
}
WRITABLE_SUFFIXES = ", ".join(suffix for f in OUTPUT_FORMATS.values() for suffix in f.suffixes)
"""For error messages: the suffixes that an output file may have."""


def output_format_of(suffix: str) -> OutputFormat | None:
    """The format that a file name's suffix asks for; None if it is none that ffprep writes."""
    return next((f for f in OUTPUT_FORMATS.values() if suffix.lower() in f.suffixes), None)
