"""JPEG 2000: colours, palettes, channels and depths that Pillow or FFmpeg get wrong.

As measured with FFmpeg 9.0.2 and Pillow 13 (OpenJPEG 2.5) against opj_decompress: FFmpeg reads 8 to
16 bits, except alpha beside gray of 9 to 15; Pillow reads up to 8 bits, and gray.
"""

import struct
from typing import Any, BinaryIO, cast

from PIL import Image
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

from ffprep.core.image_info import Cicp, ImageInfo, Profile, YCbCr
from ffprep.errors import Kind, PhotoError
from ffprep.image.chunks import inner_boxes, iso_boxes
from ffprep.record import replace

_CODESTREAM = b"\xff\x4f\xff\x51"
_LONGEST_HEADER = 8 << 20
_MOST_COMPONENTS = 16384

# Enumerated colour spaces (ISO/IEC 15444-1, I.5.3.3, and 15444-2, M.11.7.3.1).
_CMYK, _SRGB, _SYCC = 12, 16, 18
_AS_SRGB = {20: "e-sRGB", 21: "ROMM RGB"}
_UNREAD = {1: "YCbCr", 3: "YCbCr", 4: "YCbCr", 9: "PhotoYCC", 11: "CMY", 13: "YCCK"}
_UNREAD |= {14: "CIELab", 19: "CIEJab", 24: "e-YCC"}
_ICC_METHODS, _CODE_POINTS = (2, 3), 5
_OPACITY = (1, 2)


class Header:
    """What boxes and the codestream say of a picture; what is missing or broken has its default.

    `depths` are the bits of the components, `subsampled` is true if some are smaller than others.
    `space` is the enumerated colour space, `profile` an ICC profile; `codes` are code points of
    primaries, transfer and matrix. `palette` has a row for each entry. `channels` are the index,
    type and association of those that are declared.
    """

    space: int | None = None
    profile: bytes | None = None
    codes: tuple[int, ...] = ()
    palette: tuple[bytes, ...] = ()
    channels: tuple[tuple[int, int, int], ...] = ()

    def __init__(self, file: BinaryIO) -> None:
        boxes, stream = _outermost(file)
        self.depths, self.subsampled = _components(stream)
        self.boxed, coloured = bool(boxes), False
        for name, content in inner_boxes(boxes):
            if name == b"colr" and not coloured and len(content) >= 3:  # the first one counts
                coloured = True
                if content[0] == 1 and len(content) >= 7:
                    self.space = int.from_bytes(content[3:7], "big")
                elif content[0] in _ICC_METHODS:
                    self.profile = content[3:]
                elif content[0] == _CODE_POINTS and len(content) >= 9:
                    self.codes = struct.unpack_from(">3H", content, 3)
            elif name == b"pclr" and len(content) >= 3:
                self.palette = _palette(content)
            elif name == b"cdef":
                triples = struct.iter_unpack(">3H", content[2 : 2 + (len(content) - 2) // 6 * 6])
                self.channels = tuple((index, kind, of) for index, kind, of in triples)

    @property
    def depth(self) -> int:
        """The bits of the deepest component."""
        return max(self.depths, default=8)

    @property
    def count(self) -> int:
        """The channels: the components, or the columns of the palette."""
        return len(self.palette[0]) if self.palette else len(self.depths)

    @property
    def is_cmyk(self) -> bool:
        """Whether four channels are inks."""
        inks = self.space == _CMYK or (self.profile or b"")[16:20] == b"CMYK"
        return inks and self.count == 4

    @property
    def is_ycbcr(self) -> bool:
        """Whether FFmpeg decodes to YCbCr. Without boxes, smaller components show it."""
        return self.space == _SYCC or (not self.boxed and self.subsampled)

    @property
    def order(self) -> tuple[int, ...]:
        """The channels in the order red, green, blue, alpha; empty if that is their own."""
        wanted = [
            (self.count if kind in _OPACITY else association, index)
            for index, kind, association in self.channels
            if kind in (0, *_OPACITY)
        ]
        order, own = tuple(index for _, index in sorted(wanted)), tuple(range(self.count))
        return order if order != own and tuple(sorted(order)) == own else ()

    @property
    def ffmpeg_reads(self) -> bool:
        """Whether FFmpeg decodes such a picture correctly."""
        if self.is_cmyk or self.palette or min(self.depths, default=0) < 8:
            return False
        return len(set(self.depths)) == 1 and not (self.order and self.count in (2, 4))

    @property
    def pillow_reads(self) -> bool:
        """Whether Pillow does, as corrected below. White of more bits overflows to black."""
        return self.depth <= 8 or (len(self.depths) == 1 and self.depth > 9)

    def unsupported(self) -> str | None:
        """Return the name of a kind that neither of them reads."""
        if self.count > 4:
            return f"JPEG 2000 of {self.count} components"
        if self.depth > 16:
            return f"{self.depth}-bit JPEG 2000"
        if self.codes and self.codes[2] and not self.palette:
            return "JPEG 2000 in YCbCr with code points"
        if self.space in _UNREAD:
            return f"JPEG 2000 in {_UNREAD[self.space]}"
        if self.palette and (
            self.depth > 8 or len(self.depths) > 1 or self.count == 2 or self.is_cmyk
        ):
            return "JPEG 2000 with a palette of this kind"
        alpha = (self.count == 2 and self.depth < 16) or (self.count == 4 and self.is_ycbcr)
        if not self.pillow_reads and (alpha or not self.ffmpeg_reads):
            return f"{self.depth}-bit JPEG 2000 with channels of this kind"
        if self.is_ycbcr and min(self.depths) < 8:
            return f"{min(self.depths)}-bit JPEG 2000 in YCbCr"
        return None


class Jpeg2000File(Jpeg2KImageFile):
    """Pillow's plugin, with full white, channels in their order and palettes applied.

    Opening one raises PhotoError if no decoder reads that kind.
    """

    def _open(self) -> None:
        assert self.fp is not None
        self.header = Header(cast(BinaryIO, self.fp))
        if name := self.header.unsupported():
            words = f"is a {name}, which ffprep cannot read; save it as a TIFF"
            raise PhotoError(Kind.UNSUPPORTED, words)
        self.fp.seek(0)
        super()._open()
        if not self.header.pillow_reads:
            self.info["ffmpeg_only"] = f"{self.header.depth}-bit JPEG 2000"
        self._read_mode = self.mode
        if self.header.palette:  # Pillow reads the indices as one or the other
            self._read_mode = "P" if self.header.space == _SRGB else "L"
        self._mode, self.palette = self._final_mode(), None

    def _final_mode(self) -> str:
        if self.header.is_cmyk:
            return "CMYK"
        return _MODES[self.header.count] if self.header.palette else self.mode

    def load(self) -> Any:
        """Decode, once."""
        first = bool(self.tile)
        if first:
            self._mode = self._read_mode
        loaded = super().load()
        if first:
            image = self._corrected()
            self.im, self._mode = image.im, image.mode
        return loaded

    def _corrected(self) -> Image.Image:
        header, image = self.header, Image.Image()
        image.im, image._mode, image._size = self.im, self.mode, self.size
        if header.palette:
            shift = 8 - header.depth
            rows = [header.palette[index >> shift : (index >> shift) + 1] for index in range(256)]
            columns = zip(*(row[0] if row else bytes(header.count) for row in rows), strict=True)
            indices = Image.frombytes("L", image.size, image.tobytes())
            bands = [indices.point(list(column)) for column in columns]
        elif image.mode.startswith("I;16"):
            return image
        else:
            bands = [
                band.point(_to_white(bits))
                for band, bits in zip(image.split(), header.depths, strict=True)
            ]
        if header.order:
            bands = [bands[index] for index in header.order]
        return Image.merge(self._final_mode(), bands)


_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def _to_white(bits: int) -> list[int]:
    """Return a table of a channel's values in which white is 255.

    Pillow shifts values of fewer bits to the left. Opaque alpha of more bits overflows to 0.
    """
    if bits > 8:
        return [255, *range(255)]
    white = 256 - (1 << 8 - bits)
    return [min(value * 255 // white, 255) for value in range(256)]


def describe(picture: ImageInfo, image: Any, file: BinaryIO) -> ImageInfo:
    """Return an ImageInfo as corrected by the boxes."""
    header: Header = image.header
    data, space = header.profile, _AS_SRGB.get(header.space or 0)
    return replace(
        picture,
        profile=Profile.of(data) if data else picture.profile,
        cicp=Cicp(*header.codes[:2]) if header.codes else None,
        ycbcr=YCbCr(True, "bt470bg") if header.is_ycbcr else None,
        ffmpeg_reads=header.ffmpeg_reads,
        warnings=(f"its colours are {space}; converted as if they were sRGB",) if space else (),
    )


def _outermost(file: BinaryIO) -> tuple[bytes, bytes]:
    """Return the content of the JP2 header box, and the beginning of the codestream."""
    file.seek(0)
    if file.read(4) == _CODESTREAM:
        file.seek(0)
        return b"", file.read(_LONGEST_HEADER)
    boxes = b""
    for name, _, length in iso_boxes(file):
        if name == b"jp2c":
            return boxes, file.read(4 + 40 + 3 * _MOST_COMPONENTS)
        if name == b"jp2h" and not boxes:
            boxes = file.read(min(length, _LONGEST_HEADER))
    return boxes, b""


def _components(stream: bytes) -> tuple[tuple[int, ...], bool]:
    """Return the depths, and whether some are subsampled, by SIZ (ISO/IEC 15444-1, A.5.1)."""
    if stream[:4] != _CODESTREAM or len(stream) < 42:
        return (), False
    count = int.from_bytes(stream[40:42], "big")
    parts = [stream[at : at + 3] for at in range(42, 42 + 3 * count, 3)]
    if not parts or len(parts[-1]) < 3:
        return (), False
    depths = tuple((part[0] & 0x7F) + 1 for part in parts)
    return depths, len({part[1:] for part in parts}) > 1


def _palette(content: bytes) -> tuple[bytes, ...]:
    """Read a palette of 8 bits (I.5.3.4); of a deeper one, a row that no decoder here reads."""
    count, columns = struct.unpack_from(">HB", content)
    depths = [(depth & 0x7F) + 1 for depth in content[3 : 3 + columns]]
    if max(depths, default=16) > 8:
        return (bytes(2),)
    body = content[3 + columns :]
    rows = (body[at : at + columns] for at in range(0, count * columns, max(columns, 1)))
    return tuple(row for row in rows if len(row) == columns)
