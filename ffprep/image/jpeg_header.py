"""The header of a JPEG, up to its first scan (ITU-T T.81, annex B).

Pillow's import takes as long as a small photo, so what is plain is read here, as Pillow would have
read it. All else is left to Pillow, in the sandbox.
"""

import struct
from io import BytesIO
from typing import BinaryIO, Self

from ffprep.core.formats import Format
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo, Profile
from ffprep.image.chunks import SOS, directories, jpeg_segments

DCT = (0xC0, 0xC1, 0xC2)
ARITHMETIC = (0xC9, 0xCA)
LOSSLESS, LOSSLESS_ARITHMETIC, LS = 0xC3, 0xCB, 0xF7
_FRAMES = (*DCT, *ARITHMETIC, LOSSLESS, LOSSLESS_ARITHMETIC, LS)
_HIERARCHICAL = (0xDE, 0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF)
_PROGRESSIVE, _HUFFMAN, _QUANTIZATION, _RESTART = 0xC2, 0xC4, 0xDB, 0xDD
_APPLICATIONS, _COMMENT = range(0xE0, 0xF0), 0xFE
_JFIF, _EXIF, _ICC, _ADOBE = 0xE0, 0xE1, 0xE2, 0xEE
_PLAIN = {*DCT, _HUFFMAN, _QUANTIZATION, _RESTART, *_APPLICATIONS, _COMMENT, SOS}

# More than any camera writes: a profile for inks, a preview, XMP in parts.
_USUAL_HEADER, _LONGEST_HEADER, _MOST_SEGMENTS = 1 << 16, 4 << 20, 300

_ORIENTATION, _SHORT = 0x0112, 3
_TIFF, _FILL = (b"II*\0", b"MM\0*"), b"\xff"

Sampling = tuple[tuple[int, int], ...]
"""The horizontal and vertical sampling factor of each component."""

PLANES = {
    (1, 1): "yuv444p",
    (2, 1): "yuv422p",
    (2, 2): "yuv420p",
    (1, 2): "yuv440p",
    (4, 1): "yuv411p",
}
"""FFmpeg's pixel formats of YCbCr, by the pixels across and down that share a chroma sample."""

USUAL_SAMPLING: frozenset[Sampling] = frozenset(
    {((1, 1),), ((1, 2),) * 3, ((2, 1),) * 3, ((2, 2),) * 3}
    | {(luma, (1, 1), (1, 1)) for luma in PLANES}
)
"""The sampling factors of a JPEG's components that FFmpeg decodes well."""


def planes_of(sampling: Sampling) -> str | None:
    """Return FFmpeg's pixel format of a JPEG with gray, or chroma of the factors 1 and 1."""
    if sampling == ((1, 1),):
        return "gray"
    return PLANES.get(sampling[0]) if sampling[1:] == ((1, 1), (1, 1)) else None


class Header:
    """What the segments say; those that break off are left out.

    `frame` is the marker of the frame header, and `place` where that begins. `names` are the
    numbers of the components. `interleave` is that of a JPEG-LS scan. `adobe` is the colour
    transform of Adobe's segment, and `ffmpeg_adobe` that of the last segment which FFmpeg reads as
    one. FFmpeg `obeys` a comment or segment that no other decoder knows: it turns the picture
    upside down, or changes its range or depth, and those of the photos after it.
    """

    frame = place = bits = width = height = interleave = 0
    sampling: Sampling = ()
    names = b""
    adobe: int | None = None
    ffmpeg_adobe: int | None = None
    jfif = obeys = hierarchical = has_scan = has_gaps = False

    def __init__(self, data: bytes) -> None:
        self._segments, place = list[tuple[int, bytes]](), 2
        for marker, start, end in jpeg_segments(data):
            if end > len(data) or len(self._segments) == _MOST_SEGMENTS:
                break
            content = data[start + 4 : end]
            self._segments.append((marker, content))
            self.has_gaps |= bool(data[place:start].strip(_FILL))
            self._read(marker, start, content)
            if marker == SOS:
                break
            place = end

    @classmethod
    def of(cls, file: BinaryIO) -> Self:
        """Read the header of a file."""
        file.seek(0)
        data = file.read(_USUAL_HEADER)
        header = cls(data)
        return header if header.has_scan else cls(data + file.read(_LONGEST_HEADER))

    def _read(self, marker: int, start: int, content: bytes) -> None:
        if marker in _HIERARCHICAL:
            self.hierarchical = True
        elif marker in _FRAMES and not self.frame and len(content) >= 6:
            self._read_frame(marker, start, content)
        elif marker == _COMMENT:
            text = content.removesuffix(b"\n").partition(b"\0")[0]
            self.obeys |= text == b"CS=ITU601" or text.startswith(b"Metasoft MJPEG Codec")
        elif marker == SOS and content:
            names = 2 * content[0]
            self.interleave = content[names + 2] if len(content) > names + 2 else 0
            self.has_scan = True
        elif marker in _APPLICATIONS:
            self._read_application(marker, content)

    def _read_frame(self, marker: int, start: int, content: bytes) -> None:
        parts = [content[at : at + 3] for at in range(6, 6 + 3 * content[5], 3)]
        if all(len(part) == 3 for part in parts):
            self.frame, self.place, self.bits = marker, start, content[0]
            self.height, self.width = struct.unpack_from(">HH", content, 1)
            self.names = bytes(part[0] for part in parts)
            self.sampling = tuple((part[1] >> 4, part[1] & 15) for part in parts)

    def _read_application(self, marker: int, content: bytes) -> None:
        if content.startswith(b"Adobe") and len(content) >= 12:
            self.ffmpeg_adobe = content[11]
            self.adobe = content[11] if marker == _ADOBE else self.adobe
        else:
            self.jfif |= marker == _JFIF and content.startswith(b"JFIF\0") and len(content) >= 14
            self.obeys |= content.startswith(b"LJIF")

    def contents(self, marker: int, begin: bytes = b"") -> list[bytes]:
        """Return what follows `begin` in all segments of a marker that begin with it."""
        found = (content for each, content in self._segments if each == marker)
        return [content[len(begin) :] for content in found if content.startswith(begin)]

    @property
    def has_tables(self) -> bool:
        """Whether the tables are defined that the first scan of a DCT needs.

        In a stream of photos, FFmpeg would use the tables of the photo before.
        """
        if self.frame not in DCT:
            return True
        found, needed = set[int](), set[int]()
        for content in self.contents(_QUANTIZATION):
            place = 0
            while place < len(content):
                found.add(_QUANTIZATION << 8 | content[place] & 15)
                place += 65 + 64 * (content[place] >> 4)
        for content in self.contents(_HUFFMAN):
            place = 0
            while place < len(content):
                found.add(content[place])
                place += 17 + sum(content[place + 1 : place + 17])
        for content in self.contents(self.frame):
            needed.update(_QUANTIZATION << 8 | table for table in content[8::3])
        for content in filter(None, self.contents(SOS)):
            for tables in content[2 : 2 * content[0] + 1 : 2]:
                direct = tables >> 4
                needed |= {direct} if self.frame == _PROGRESSIVE else {direct, 16 | tables & 15}
        return needed <= found

    @property
    def is_plain(self) -> bool:
        """Whether FFmpeg and Pillow decode it alike, and nothing in it says otherwise."""
        markers = [marker for marker, _ in self._segments]
        return (
            self.has_scan
            and _PLAIN.issuperset(markers)
            and [marker for marker in markers if marker in DCT] == [self.frame]
            and _ICC not in markers[markers.index(self.frame) :]
            and not (self.has_gaps or self.obeys)
            and len(self.contents(self.frame)[0]) == 6 + 3 * len(self.names)
            and self.bits == 8
            and self.width * self.height > 0
            and self.sampling in USUAL_SAMPLING
            and self.names != b"RGB"
            and self.adobe == self.ffmpeg_adobe
            and self.adobe in (None, 1)
            and all(map(_is_plain_table, self.contents(_QUANTIZATION)))
            and self.has_tables
        )


def _is_plain_table(content: bytes) -> bool:
    """Return whether quantization tables are whole, and of 8 bits."""
    return len(content) % 65 == 0 and max(content[::65], default=0) < 4


def plain(format: Format, file: BinaryIO, name: str) -> ImageInfo | None:
    """Return what the header of a JPEG says; None if it is not a plain one."""
    header = Header.of(file)
    exif, parts = header.contents(_EXIF, b"Exif\0\0"), header.contents(_ICC, b"ICC_PROFILE\0")
    is_whole = all(len(part) > 2 and part[1] == len(parts) for part in parts)
    if not (header.is_plain and is_whole and len(exif) < 2):
        return None
    profile = Profile.of(b"".join(part[2:] for part in sorted(parts))) if parts else None
    mode = "RGB" if len(header.names) == 3 else "L"
    if mode == "RGB" and not profile and (name.startswith("_") or b"R03" in b"".join(exif)):
        return None  # perhaps Adobe RGB
    orientation = _orientation(*exif)
    if orientation is None:
        return None
    size, planes = Size(header.width, header.height), planes_of(header.sampling)
    return ImageInfo(format, size, orientation, mode=mode, profile=profile, planes=planes)


def _orientation(exif: bytes = b"") -> int | None:
    """Return the orientation in EXIF, 1 if there is none; None if its directory is not as usual."""
    first = next(directories(BytesIO(exif)), None) if exif.startswith(_TIFF) else None
    if first is None or first.repeats or not first.whole:
        return None if exif else 1
    entry = first.entries.get(_ORIENTATION)
    if entry and (entry.type, entry.count) != (_SHORT, 1):
        return None
    value = first.number(_ORIENTATION)
    return value if value in range(1, 9) else 1
