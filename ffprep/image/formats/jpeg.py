"""JPEG: kinds that Pillow or FFmpeg cannot read, and colours that FFmpeg gets wrong.

Only a header that is not a camera's is read here. By libjpeg's rules, which browsers share, a JPEG
of three components is YCbCr if it has a JFIF segment; else Adobe's segment decides; else it is RGB
if its components are called so.
"""

from io import BytesIO
from typing import Any, BinaryIO

from PIL import Image
from PIL.ExifTags import IFD, Base, Interop

from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.image import icc
from ffprep.image.chunks import DECODING, SOS, USUAL_SAMPLING, has_tables, jpeg_segments
from ffprep.record import Record, replace

JPEG_LS = "JPEG-LS"

_USUAL_HEADER, _LONGEST_HEADER = 1 << 16, 4 << 20
_LOSSLESS, _LOSSLESS_ARITHMETIC, _LS = 0xC3, 0xCB, 0xF7
_DCT = (0xC0, 0xC1, 0xC2)
_ARITHMETIC = (0xC9, 0xCA)
_FRAMES = (*_DCT, *_ARITHMETIC, _LOSSLESS, _LOSSLESS_ARITHMETIC, _LS)
_HIERARCHICAL = (0xDE, 0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF)
_COMMENT, _JFIF, _ADOBE = 0xFE, 0xE0, 0xEE
_DNL = b"\xff\xdc\0\4"
_LINE_INTERLEAVED = 1

# Luma's sampling factors of the 12-bit pictures that FFmpeg decodes; those of chroma are 1x1.
_DEEP_SAMPLING = ((1, 1), (2, 1), (2, 2))

_COLOURS = {1: "gray", 3: "RGB", 4: "CMYK"}

_UNCALIBRATED = 0xFFFF


class _Header(Record):
    """What a header says up to the first scan (ITU-T T.81, annex B).

    `frame` is the marker of the frame header, and `place` where that begins. `sampling` has the
    factors of each component, `names` their numbers. `interleave` is that of a JPEG-LS scan.
    `adobe` is the colour transform of Adobe's segment, and `ffmpeg_adobe` that of the last segment
    which FFmpeg reads as one. FFmpeg `obeys` a comment or segment that no other decoder knows: it
    turns the picture upside down, or changes its range or depth, and those of the photos after it.
    `has_tables` is false for a scan without those to decode it by.
    """

    frame: int = 0
    place: int = 0
    bits: int = 0
    height: int = 0
    sampling: tuple[tuple[int, int], ...] = ()
    names: bytes = b""
    interleave: int = 0
    jfif: bool = False
    adobe: int | None = None
    ffmpeg_adobe: int | None = None
    obeys: bool = False
    hierarchical: bool = False
    has_scan: bool = False
    has_tables: bool = True

    @classmethod
    def of(cls, data: bytes) -> "_Header":
        """Read the segments; those that break off are left out."""
        header, parts = cls(), list[tuple[int, bytes]]()
        for marker, start, end in jpeg_segments(data):
            if end > len(data):
                break
            content = data[start + 4 : end]
            header = header._with(marker, start, content)
            if marker in DECODING:
                parts.append((marker, content))
            if marker == SOS:
                return replace(header, has_tables=header.frame not in _DCT or has_tables(parts))
        return header

    def _with(self, marker: int, start: int, content: bytes) -> "_Header":
        if marker in _HIERARCHICAL:
            return replace(self, hierarchical=True)
        if marker in _FRAMES and not self.frame and len(content) >= 6:
            return self._with_frame(marker, start, content)
        if marker == _COMMENT:
            text = content.removesuffix(b"\n").partition(b"\0")[0]
            obeys = text == b"CS=ITU601" or text.startswith(b"Metasoft MJPEG Codec")
            return replace(self, obeys=self.obeys or obeys)
        if marker == SOS and content:
            names = 2 * content[0]
            interleave = content[names + 2] if len(content) > names + 2 else 0
            return replace(self, interleave=interleave, has_scan=True)
        if 0xE0 <= marker <= 0xEF:
            return self._with_application(marker, content)
        return self

    def _with_frame(self, marker: int, start: int, content: bytes) -> "_Header":
        parts = [content[at : at + 3] for at in range(6, 6 + 3 * content[5], 3)]
        if any(len(part) < 3 for part in parts):
            return self
        return replace(
            self,
            frame=marker,
            place=start,
            bits=content[0],
            height=int.from_bytes(content[1:3], "big"),
            names=bytes(part[0] for part in parts),
            sampling=tuple((part[1] >> 4, part[1] & 15) for part in parts),
        )

    def _with_application(self, marker: int, content: bytes) -> "_Header":
        if content.startswith(b"Adobe") and len(content) >= 12:
            adobe = content[11] if marker == _ADOBE else self.adobe
            return replace(self, adobe=adobe, ffmpeg_adobe=content[11])
        jfif = marker == _JFIF and content.startswith(b"JFIF\0") and len(content) >= 14
        return replace(
            self, jfif=self.jfif or jfif, obeys=self.obeys or content.startswith(b"LJIF")
        )

    @property
    def is_rgb(self) -> bool:
        """Whether three components are RGB, by the rules above; a lossless JPEG's are by itself."""
        if len(self.names) != 3 or self.jfif:
            return False
        if self.adobe is not None:
            return self.adobe == 0
        return self.frame == _LOSSLESS or self.names == b"RGB"

    @property
    def ffmpeg_misreads(self) -> bool:
        """Whether FFmpeg gets the picture wrong without an error.

        It reads RGB with subsampling as YCbCr, and YCbCr as RGB if an Adobe segment or the names
        of components say so though a JFIF segment is there.
        """
        if self.frame in (_LOSSLESS, _LS):
            return self.obeys
        rgb = len(self.names) == 3 and (self.ffmpeg_adobe == 0 or self.names == b"RGB")
        return self.obeys or self.is_rgb or rgb

    @property
    def ffmpeg_refuses(self) -> bool:
        """Whether FFmpeg knows no such coding, or sampling other than that of one component."""
        return self.frame in _ARITHMETIC or (
            self.frame in _DCT and len(self.names) > 1 and self.sampling not in USUAL_SAMPLING
        )

    @property
    def ffmpeg_only(self) -> str | None:
        """The name of a kind that FFmpeg reads and Pillow does not."""
        if self.frame == _LS:
            return JPEG_LS
        if self.bits > 8 and (self.frame == _LOSSLESS or self.bits == 12):
            return f"{self.bits}-bit {'lossless ' if self.frame == _LOSSLESS else ''}JPEG"
        return None

    def unsupported(self) -> str | None:
        """Return the name of a kind that neither reads, or that they are known to get wrong."""
        count = len(self.names)
        if self.hierarchical:
            return "hierarchical JPEG"
        if self.frame == _LOSSLESS_ARITHMETIC:
            return "lossless JPEG with arithmetic coding"
        if self.frame and count not in (1, 3, 4):
            return f"JPEG of {count} components"
        if self.obeys and (self.ffmpeg_only or self.frame == _LOSSLESS):
            return "rare kind of JPEG with a segment that FFmpeg obeys"
        if self.frame == _LS:
            return self._unread_ls()
        if self.frame == _LOSSLESS:
            return self._unread_lossless()
        return self._unread_deep() if self.bits == 12 else None

    def _unread_ls(self) -> str | None:
        """FFmpeg decodes planes one behind the other to black, and deep ones too dark."""
        colour = len(self.names) == 3
        if self.bits not in ((8,) if colour else (8, 16)):
            return f"{self.bits}-bit JPEG-LS"
        if len(self.names) == 4 or (colour and self.interleave != _LINE_INTERLEAVED):
            return "JPEG-LS without interleaved lines"
        return None

    def _unread_lossless(self) -> str | None:
        """FFmpeg reads deep gray; of RGB, it does not scale other depths than 8 and 16 bits."""
        count, subsampled = len(self.names), set(self.sampling) != {(1, 1)}
        depths = {1: range(8, 17), 3: (8,) if subsampled else (8, 16), 4: (8,)}[count]
        if self.bits not in depths:
            return f"{self.bits}-bit lossless JPEG in {_COLOURS[count]}"
        if count == 3 and not (subsampled or self.is_rgb):  # FFmpeg reads it as RGB
            return "lossless JPEG in YCbCr"
        return None

    def _unread_deep(self) -> str | None:
        if self.frame not in _DCT:
            return "12-bit JPEG with arithmetic coding"
        if len(self.names) == 1:
            return None
        if len(self.names) == 4 or self.ffmpeg_misreads:
            return f"12-bit JPEG in {_COLOURS[len(self.names)]}"
        luma, *chroma = self.sampling
        usual = luma in _DEEP_SAMPLING and set(chroma) == {(1, 1)}
        return None if usual else "12-bit JPEG with unusual chroma subsampling"


def describe(picture: ImageInfo, image: Image.Image, file: BinaryIO) -> ImageInfo:
    """Return an ImageInfo as corrected by an unusual header. Raises PhotoError `unsupported`."""
    header = require_supported(file)
    unread = header.ffmpeg_misreads or header.ffmpeg_refuses
    if unread or not (header.height and header.has_tables):
        picture = replace(picture, ffmpeg_reads=False)
    if picture.profile is None and picture.mode == "RGB" and _is_adobe_rgb(image):
        picture = replace(picture, profile=icc.adobe_rgb())
    return picture


def require_supported(file: BinaryIO) -> _Header:
    """Return a JPEG's header. Raises PhotoError if no decoder reads that kind."""
    file.seek(0)
    data = file.read(_USUAL_HEADER)
    header = _Header.of(data)
    if not header.has_scan:
        header = _Header.of(data + file.read(_LONGEST_HEADER))
    if name := header.unsupported():
        words = f"is a {name}, which ffprep cannot read; save it as an ordinary JPEG"
        raise PhotoError(Kind.UNSUPPORTED, words)
    return header


def for_pillow(file: BinaryIO) -> tuple[BinaryIO, dict[str, object]]:
    """Return a JPEG whose header Pillow opens, and what its `info` is to have.

    Of a kind that only FFmpeg reads, Pillow reads the metadata; and it decodes other values of the
    coefficients than were written, but as many, so that it notices where they break off.
    Raises PhotoError if no decoder reads that kind.
    """
    header = require_supported(file)
    file.seek(0)
    if header.height and not header.ffmpeg_only:
        return file, {}
    data, info = bytearray(file.read()), dict[str, object]()
    if kind := header.ffmpeg_only:
        info = {"bits": header.bits, "ffmpeg_only": kind}
        data[header.place + 4] = 8
        if kind == JPEG_LS:
            data[header.place + 1] = _LOSSLESS
    elif header.frame and (lines := data.find(_DNL, header.place)) >= 0:
        data[header.place + 5 : header.place + 7] = data[lines + 4 : lines + 6]
        info["bits"] = header.bits
    return BytesIO(data), info


def _is_adobe_rgb(image: Any) -> bool:
    """Return whether EXIF says that colours are those of Adobe RGB (DCF 2.0, 4.2.2 and 3.2.2).

    Cameras that write no interoperability index say so by the file's name.
    """
    try:
        exif = Image.Image.getexif(image)
        space = exif.get_ifd(IFD.Exif).get(Base.ColorSpace)
        index = exif.get_ifd(IFD.Interop).get(Interop.InteropIndex)
    except Exception:  # broken EXIF says nothing
        return False
    if index:
        return str(index).rstrip("\0 ") == "R03"
    return space == _UNCALIBRATED and str(image.filename).startswith("_")
