"""The header of a JPEG XL (ISO/IEC 18181-1, annex D), and of its container (18181-2).

Pillow has no plugin for JPEG XL. FFmpeg decodes the pixels; this module reads what decides how they
are converted. It reads a bounded number of boxes and bits, whatever the numbers in the file say.
"""

from typing import BinaryIO

from ffprep.core.formats import Format
from ffprep.core.geometry import Size
from ffprep.core.image_info import UNREAD, Cicp, ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.image.chunks import iso_boxes
from ffprep.record import Record

_SIGNATURE = b"\xff\x0a"
_LONGEST_HEADER = 1 << 16
_ALPHA, _SPOT, _BLACK, _FILTER_ARRAY = 0, 2, 4, 5  # types of extra channels
_GRAY, _XYB = 1, 2  # colour spaces
_D65, _CUSTOM = 1, 2
# White point and primaries as JPEG XL numbers them, and the code point of H.273 for both.
_PRIMARIES = {(_D65, 1): 1, (_D65, 9): 9, (_D65, 11): 12, (11, 11): 11}
_TRANSFERS = frozenset({1, 8, 13, 16, 18})  # these have the numbers of H.273
_SRGB = Cicp(1, 13)
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIZES = ((1, 9), (1, 13), (1, 18), (1, 30))


class _Bits:
    """Fields of some bits each, the lowest bit of the first byte first."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def read(self, count: int) -> int:
        start, end = self._at, self._at + count
        if end > 8 * len(self._data):
            raise ValueError("its header ends early")
        self._at = end
        part = int.from_bytes(self._data[start >> 3 : (end + 7) >> 3], "little")
        return part >> (start & 7) & ((1 << count) - 1)

    def flag(self) -> bool:
        return self.read(1) == 1

    def one_of(self, *choices: tuple[int, int]) -> int:
        """Read U32(): two bits choose an offset, and how many bits are added to it."""
        offset, count = choices[self.read(2)]
        return offset + self.read(count)

    def enum(self) -> int:
        return self.one_of((0, 0), (1, 0), (2, 4), (18, 6))


class Header(Record):
    """The fields of a codestream's header that ffprep uses.

    `size` is that of the upright picture: decoders turn it. `is_float` is true if FFmpeg decodes
    gray of this depth to floats. `extra` are the types of the channels besides colours, and `cicp`
    the code points of the colours, None if they have none.
    """

    size: Size
    depth: int = 8
    is_float: bool = False
    extra: tuple[int, ...] = ()
    gray: bool = False
    cicp: Cicp | None = _SRGB

    @property
    def alpha(self) -> bool:
        """Whether it has a channel of alpha."""
        return _ALPHA in self.extra


def describe(format: Format, file: BinaryIO) -> ImageInfo:
    """Return what a file holds. Raises PhotoError `damaged` and `unsupported`."""
    header = read_header(file)
    _require_supported(header)
    cicp = header.cicp
    return ImageInfo(
        format=format,
        stored=header.size,
        alpha=header.alpha,
        mode=("L" if header.gray else "RGB") + ("A" if header.alpha else ""),
        profile=UNREAD if cicp is None else None,
        cicp=None if cicp == _SRGB else cicp,
        # FFmpeg takes floats of gray for narrow range, unless it makes 8 bits of them.
        ffmpeg_reads=not (header.gray and header.is_float),
    )


def read_header(file: BinaryIO) -> Header:
    """Read the header of a codestream. Raises PhotoError if it is damaged."""
    try:
        return _header(_Bits(_codestream(file)))
    except ValueError as error:
        words = f"begins like jpegxl but cannot be read ({error}); restore it from a backup"
        raise PhotoError(Kind.DAMAGED, words) from None


def _require_supported(header: Header) -> None:
    kind = None
    if _BLACK in header.extra:
        kind = "of CMYK inks", "save it as RGB"
    elif header.gray and header.alpha and header.is_float:
        kind = f"of gray with alpha in {header.depth} bits a channel", "save it with 16 or fewer"
    if kind:
        words = f"is a JPEG XL {kind[0]}, which ffprep cannot read; {kind[1]}"
        raise PhotoError(Kind.UNSUPPORTED, words)


def _codestream(file: BinaryIO) -> bytes:
    """Return the beginning of the codestream, which may be in several boxes."""
    file.seek(0)
    if file.read(2) == _SIGNATURE:
        file.seek(0)
        return file.read(_LONGEST_HEADER)
    data = b""
    for name, _, length in iso_boxes(file):
        if name == b"jxlp":
            length -= len(file.read(4))  # the number of the part
        elif name != b"jxlc":
            continue
        data += file.read(max(0, min(length, _LONGEST_HEADER - len(data))))
        if name == b"jxlc" or len(data) >= _LONGEST_HEADER:
            break
    return data


def _header(bits: _Bits) -> Header:
    if bits.read(16) != int.from_bytes(_SIGNATURE, "little"):
        raise ValueError("it has no codestream")
    size = _size(bits)
    if bits.flag():  # all the rest has its default
        return Header(size)
    turned = False
    if bits.flag():  # there is more than pixels
        turned = bits.read(3) >= 4  # one less than the orientation of EXIF
        if bits.flag():
            _size(bits)  # intended for display, which decoders pass over
        if bits.flag():
            _skip_preview(bits)
        if bits.flag():
            _skip_animation(bits)
    depth, is_float = _depth(bits)
    bits.flag()  # whether 16 bits are enough for the decoder's buffers
    count = bits.one_of((0, 0), (1, 0), (2, 4), (1, 12))
    extra = tuple(_extra_channel(bits) for _ in range(count))
    bits.flag()  # whether pixels are stored as XYB
    gray, cicp = _colours(bits)
    size = size.rotated if turned else size
    return Header(size, depth, is_float, extra, gray, cicp)


def _depth(bits: _Bits) -> tuple[int, bool]:
    """Read the depth of samples; return whether they are floats, or FFmpeg makes them such."""
    if bits.flag():
        depth = bits.one_of((32, 0), (16, 0), (24, 0), (1, 6))
        bits.read(4)  # the exponent's
        return depth, True
    depth = bits.one_of((8, 0), (10, 0), (12, 0), (1, 6))
    return depth, depth > 16


def _size(bits: _Bits) -> Size:
    small = bits.flag()
    height = 8 * (bits.read(5) + 1) if small else bits.one_of(*_SIZES)
    ratio = bits.read(3)
    if ratio:
        wide, high = _RATIOS[ratio - 1]
        return Size(max(1, height * wide // high), height)
    return Size(8 * (bits.read(5) + 1) if small else bits.one_of(*_SIZES), height)


def _skip_preview(bits: _Bits) -> None:
    by_eight = bits.flag()
    eighths, pixels = ((16, 0), (32, 0), (1, 5), (33, 9)), ((1, 6), (65, 8), (321, 10), (1345, 12))
    sides = eighths if by_eight else pixels
    bits.one_of(*sides)
    if bits.read(3) == 0:
        bits.one_of(*sides)


def _skip_animation(bits: _Bits) -> None:
    bits.one_of((100, 0), (1000, 0), (1, 10), (1, 30))
    bits.one_of((1, 0), (1001, 0), (1, 8), (1, 10))
    bits.one_of((0, 0), (0, 3), (0, 16), (0, 32))
    bits.flag()


def _extra_channel(bits: _Bits) -> int:
    """Read one channel besides colours; return its type."""
    if bits.flag():
        return _ALPHA
    kind = bits.enum()
    _depth(bits)
    bits.one_of((0, 0), (3, 0), (4, 0), (1, 3))  # how much smaller than the picture it is
    for _ in range(bits.one_of((0, 0), (0, 4), (16, 5), (48, 10))):
        bits.read(8)  # its name
    if kind == _ALPHA:
        bits.flag()
    elif kind == _SPOT:
        bits.read(64)
    elif kind == _FILTER_ARRAY:
        bits.one_of((1, 0), (0, 2), (3, 4), (19, 8))
    return kind


def _colours(bits: _Bits) -> tuple[bool, Cicp | None]:
    """Return whether the picture is gray, and the code points of its colours if it has some."""
    if bits.flag():
        return False, _SRGB
    has_profile, space = bits.flag(), bits.enum()
    gray = space == _GRAY
    if has_profile or space == _XYB:
        return gray, None
    white, primaries = bits.enum(), 1
    if white == _CUSTOM:
        return gray, None
    if not gray:
        primaries = bits.enum()
    code = _PRIMARIES.get((white, primaries))
    if code is None or bits.flag():  # a plain gamma
        return gray, None
    transfer = bits.enum()
    return gray, Cicp(code, transfer) if transfer in _TRANSFERS else None
