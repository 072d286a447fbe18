"""JPEG 2000: codestreams of Pillow and FFmpeg, in boxes that are written here."""

import struct
import subprocess
from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO

from PIL import Image

from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.image_info import Cicp
from ffprep.image import icc
from scripts.cases.case import SQUARES, Case, Feature, Pixels, Verdict, quarters, squares
from scripts.cases.heif_file import box
from scripts.cases.jpeg_writer import ycbcr

_GRAYS = (255, 170, 85, 0)
_TRANSLUCENT = tuple((*colour, alpha) for colour, alpha in zip(SQUARES, _GRAYS, strict=True))
_SRGB, _GRAY, _SYCC, _CMYK, _LAB, _ROMM = 16, 17, 18, 12, 14, 21
_DISPLAY_P3 = Cicp(12, 13)
_IN_P3 = ((251, 0, 0), (0, 204, 13), (34, 61, 229), (240, 240, 240))


def drawn(mode: str, colours: Iterable[tuple[int, ...]]) -> Image.Image:
    """Return a picture whose quarters have these colours."""
    picture = Image.new(mode, (96, 80))
    for index, colour in enumerate(colours):
        left, top = index % 2 * 48, index // 2 * 40
        value = colour if len(colour) > 1 else colour[0]
        picture.paste(value, (left, top, left + 48, top + 40))
    return picture


def codestream(picture: Image.Image, bits: int = 0) -> bytes:
    """Return a lossless codestream; of `bits`, if its values were drawn by `shifted`."""
    file = BytesIO()
    picture.save(file, "JPEG2000", no_jp2=True)
    data = bytearray(file.getvalue())
    size = data.index(b"\xff\x51")
    for component in range(data[size + 39] if bits else 0):
        data[size + 40 + 3 * component] = bits - 1
    return bytes(data)


def shifted(value: int, bits: int) -> int:
    """Return the value of eight bits that is `value` if the header says `bits`."""
    return value - (1 << bits - 1) + 128


def by_ffmpeg(pixels: str, planes: bytes) -> bytes:
    """Return a lossless codestream of raw pixels, in a format that Pillow does not write."""
    argv = [find().path, "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", pixels]
    argv += ["-video_size", "96x80", "-i", "-", "-c:v", "jpeg2000", "-pred", "1"]
    argv += ["-format", "j2k", "-f", "image2pipe", "-"]
    return subprocess.run(argv, input=planes, check=True, capture_output=True).stdout


def jp2(stream: bytes, colour: bytes, more: bytes = b"") -> bytes:
    """Return a file with a codestream, a colour box and more boxes of its header."""
    size = stream.index(b"\xff\x51")
    count, depth = struct.unpack_from(">HB", stream, size + 38)
    header = box(b"ihdr", struct.pack(">IIHBBBB", 80, 96, count, depth, 7, 0, 0))
    start = b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"ftyp", b"jpx \0\0\0\0jp2 jpx ")
    return start + box(b"jp2h", header + colour + more) + box(b"jp2c", stream)


def enumerated(space: int) -> bytes:
    """Return a colour box with an enumerated colour space."""
    return box(b"colr", struct.pack(">BBBI", 1, 0, 0, space))


def restricted(profile: bytes) -> bytes:
    """Return a colour box with a restricted ICC profile."""
    return box(b"colr", b"\2\0\0" + profile)


def channels(*entries: tuple[int, int, int]) -> bytes:
    """Return a channel definition box: index, type (1 is opacity) and association of each."""
    content = b"".join(struct.pack(">3H", *entry) for entry in entries)
    return box(b"cdef", struct.pack(">H", len(entries)) + content)


_RGBA = channels((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 1, 0))
_ARGB = channels((0, 1, 0), (1, 0, 1), (2, 0, 2), (3, 0, 3))
_BGR = channels((0, 0, 3), (1, 0, 2), (2, 0, 1))


def palette(*colours: tuple[int, ...]) -> bytes:
    """Return a palette of 8 bits and the box that maps its columns to channels."""
    columns = len(colours[0])
    rows = struct.pack(">HB", len(colours), columns) + b"\7" * columns
    maps = b"".join(struct.pack(">HBB", 0, 1, column) for column in range(columns))
    return box(b"pclr", rows + b"".join(map(bytes, colours))) + box(b"cmap", maps)


def indices(bits: int) -> bytes:
    """Return a codestream of the indices 0 to 3."""
    values = [(shifted(index, bits),) for index in range(4)]
    return codestream(drawn("L", values), bits)


def grays(bits: int) -> bytes:
    """Return gray of some bits, white included."""
    top = (1 << bits) - 1
    if bits <= 8:
        values = [(shifted(round(gray * top / 255), bits),) for gray in _GRAYS]
        return jp2(codestream(drawn("L", values), bits), enumerated(_GRAY))
    picture = drawn("L", [(gray,) for gray in _GRAYS])
    deep = [round(gray * top / 255) for gray in picture.tobytes()]
    raw = struct.pack(f"<{len(deep)}H", *deep)
    return jp2(by_ffmpeg(f"gray{bits}le", raw), enumerated(_GRAY))


def few_bits() -> bytes:
    """Return RGB of 4 bits a channel."""
    values = [tuple(shifted(round(v / 17), 4) for v in colour) for colour in SQUARES]
    return jp2(codestream(drawn("RGB", values), 4), enumerated(_SRGB))


def many_bits(alpha: bool) -> bytes:
    """Return 16 bits a channel, in which opaque is 65535."""
    picture = squares().convert("RGBA" if alpha else "RGB")
    raw = bytes(v for value in picture.tobytes() for v in (value, value))
    stream = by_ffmpeg("rgba64le" if alpha else "rgb48le", raw)
    return jp2(stream, enumerated(_SRGB), _RGBA if alpha else b"")


def sycc(across: int, down: int) -> bytes:
    """Return YCbCr of full range with smaller chroma."""
    colours = [tuple(round(value) for value in ycbcr(colour)) for colour in SQUARES]
    luma, *chroma = drawn("RGB", colours).split()
    small = [plane.reduce((across, down)) for plane in chroma]
    pixels = {(1, 1): "yuv444p", (2, 1): "yuv422p", (2, 2): "yuv420p"}[across, down]
    planes = b"".join(plane.tobytes() for plane in (luma, *small))
    return jp2(by_ffmpeg(pixels, planes), enumerated(_SYCC))


def _profile() -> bytes:
    profile = icc.profile_of(_DISPLAY_P3)
    assert profile
    return profile.data


def _rgb(colours: Iterable[tuple[int, ...]] = SQUARES, mode: str = "RGB") -> bytes:
    return codestream(drawn(mode, colours))


def _case(feature: Feature, name: str, make: Callable[[], bytes], pixels: Pixels = ()) -> Case:
    suffix = ".j2k" if "codestream" in name else ".jp2"
    within = 7 if pixels == quarters(*_IN_P3) else 3  # of the look-up table near the edge of sRGB
    return Case("JPEG 2000", feature, name, suffix, make, pixels or quarters(), within=within)


def _refused(name: str, words: str, make: Callable[[], bytes]) -> Case:
    verdict = Verdict.UNSUPPORTED
    return Case("JPEG 2000", Feature.KIND, name, ".jp2", make, verdict=verdict, words=words)


_GRAY_PIXELS = quarters(*[(gray,) * 3 for gray in _GRAYS])
_FOUR_BITS = [tuple(round(value / 17) * 17 for value in colour) for colour in SQUARES]
_INKS = [(*(255 - value for value in colour), 0) for colour in SQUARES]

CASES = (
    _case(Feature.KIND, "RGB", lambda: jp2(_rgb(), enumerated(_SRGB))),
    _case(Feature.KIND, "codestream alone", _rgb),
    _case(Feature.KIND, "palette", lambda: jp2(indices(8), enumerated(_SRGB), palette(*SQUARES))),
    _case(
        Feature.KIND,
        "palette with indices of 2 bits",
        lambda: jp2(indices(2), enumerated(_SRGB), palette(*SQUARES)),
    ),
    _case(
        Feature.KIND,
        "palette of gray",
        lambda: jp2(indices(8), enumerated(_GRAY), palette(*[(gray,) for gray in _GRAYS])),
        _GRAY_PIXELS,
    ),
    _refused("CIELab", "JPEG 2000 in CIELab", lambda: jp2(_rgb(), enumerated(_LAB))),
    _refused(
        "12 bits, gray with alpha",
        "12-bit JPEG 2000",
        lambda: jp2(codestream(squares().convert("LA"), 12), enumerated(_GRAY)),
    ),
    *(
        _case(Feature.DEPTH, f"gray of {bits} bits", partial(grays, bits), _GRAY_PIXELS)
        for bits in (2, 4, 9, 12, 16)
    ),
    _case(Feature.DEPTH, "RGB of 4 bits", few_bits, quarters(*_FOUR_BITS)),
    _case(Feature.DEPTH, "RGB of 16 bits", partial(many_bits, False)),
    _case(
        Feature.COLOUR,
        "code points",
        lambda: jp2(_rgb(), box(b"colr", b"\5\0\0" + struct.pack(">3HB", 12, 13, 0, 128))),
        quarters(*_IN_P3),
    ),
    _case(Feature.COLOUR, "sYCC 4:4:4", partial(sycc, 1, 1)),
    _case(Feature.COLOUR, "sYCC 4:2:2", partial(sycc, 2, 1)),
    _case(Feature.COLOUR, "sYCC 4:2:0", partial(sycc, 2, 2)),
    _case(
        Feature.COLOUR,
        "restricted ICC profile",
        lambda: jp2(_rgb(), restricted(_profile())),
        quarters(*_IN_P3),
    ),
    _case(
        Feature.COLOUR,
        "palette with an ICC profile",
        lambda: jp2(indices(8), restricted(_profile()), palette(*SQUARES)),
        quarters(*_IN_P3),
    ),
    _case(
        Feature.COLOUR,
        "second colour box",
        lambda: jp2(_rgb(), enumerated(_SRGB) + restricted(_profile())),
    ),
    _case(
        Feature.COLOUR,
        "channels blue, green, red",
        lambda: jp2(_rgb([colour[::-1] for colour in SQUARES]), enumerated(_SRGB), _BGR),
    ),
    _case(Feature.COLOUR, "CMYK", lambda: jp2(_rgb(_INKS, "RGBA"), enumerated(_CMYK))),
    Case(
        "JPEG 2000",
        Feature.COLOUR,
        "ROMM RGB",
        ".jp2",
        lambda: jp2(_rgb(), enumerated(_ROMM)),
        quarters(),
        verdict=Verdict.WARNED,
        words="its colours are ROMM RGB",
    ),
    _case(
        Feature.ALPHA,
        "RGB with alpha",
        lambda: jp2(_rgb(_TRANSLUCENT, "RGBA"), enumerated(_SRGB), _RGBA),
        quarters(*_TRANSLUCENT),
    ),
    _case(
        Feature.ALPHA,
        "alpha in front",
        lambda: jp2(
            _rgb([(*colour[3:], *colour[:3]) for colour in _TRANSLUCENT], "RGBA"),
            enumerated(_SRGB),
            _ARGB,
        ),
        quarters(*_TRANSLUCENT),
    ),
    _case(
        Feature.ALPHA,
        "palette with alpha",
        lambda: jp2(indices(4), enumerated(_SRGB), palette(*_TRANSLUCENT) + _RGBA),
        quarters(*_TRANSLUCENT),
    ),
    _case(Feature.ALPHA, "opaque alpha of 16 bits", partial(many_bits, True)),
)
