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
from ffprep.image import icc, jpeg_header
from ffprep.image.jpeg_header import USUAL_SAMPLING
from ffprep.record import replace

JPEG_LS = "JPEG-LS"

_DNL = b"\xff\xdc\0\4"
_LINE_INTERLEAVED = 1

# Luma's sampling factors of the 12-bit pictures that FFmpeg decodes; those of chroma are 1x1.
_DEEP_SAMPLING = ((1, 1), (2, 1), (2, 2))

_COLOURS = {1: "gray", 3: "RGB", 4: "CMYK"}

_UNCALIBRATED = 0xFFFF


class _Header(jpeg_header.Header):
    """A header, and what decoders make of it."""

    @property
    def is_rgb(self) -> bool:
        """Whether three components are RGB, by the rules above; a lossless JPEG's are by itself."""
        if len(self.names) != 3 or self.jfif:
            return False
        if self.adobe is not None:
            return self.adobe == 0
        return self.frame == jpeg_header.LOSSLESS or self.names == b"RGB"

    @property
    def ffmpeg_misreads(self) -> bool:
        """Whether FFmpeg gets the picture wrong without an error.

        It reads RGB with subsampling as YCbCr, and YCbCr as RGB if an Adobe segment or the names
        of components say so though a JFIF segment is there.
        """
        if self.frame in (jpeg_header.LOSSLESS, jpeg_header.LS):
            return self.obeys
        rgb = len(self.names) == 3 and (self.ffmpeg_adobe == 0 or self.names == b"RGB")
        return self.obeys or self.is_rgb or rgb

    @property
    def ffmpeg_refuses(self) -> bool:
        """Whether FFmpeg knows no such coding, or sampling other than that of one component."""
        return self.frame in jpeg_header.ARITHMETIC or (
            self.frame in jpeg_header.DCT
            and len(self.names) > 1
            and self.sampling not in USUAL_SAMPLING
        )

    @property
    def ffmpeg_only(self) -> str | None:
        """The name of a kind that FFmpeg reads and Pillow does not."""
        if self.frame == jpeg_header.LS:
            return JPEG_LS
        if self.bits > 8 and (self.frame == jpeg_header.LOSSLESS or self.bits == 12):
            return (
                f"{self.bits}-bit {'lossless ' if self.frame == jpeg_header.LOSSLESS else ''}JPEG"
            )
        return None

    def unsupported(self) -> str | None:
        """Return the name of a kind that neither reads, or that they are known to get wrong."""
        count = len(self.names)
        if self.hierarchical:
            return "hierarchical JPEG"
        if self.frame == jpeg_header.LOSSLESS_ARITHMETIC:
            return "lossless JPEG with arithmetic coding"
        if self.frame and count not in (1, 3, 4):
            return f"JPEG of {count} components"
        if self.obeys and (self.ffmpeg_only or self.frame == jpeg_header.LOSSLESS):
            return "rare kind of JPEG with a segment that FFmpeg obeys"
        if self.frame == jpeg_header.LS:
            return self._unread_ls()
        if self.frame == jpeg_header.LOSSLESS:
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
        if self.frame not in jpeg_header.DCT:
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
    if unread or not (header.height and header.has_scan and header.has_tables):
        picture = replace(picture, ffmpeg_reads=False)
    if picture.profile is None and picture.mode == "RGB" and _is_adobe_rgb(image):
        picture = replace(picture, profile=icc.adobe_rgb())
    return picture


def require_supported(file: BinaryIO) -> _Header:
    """Return a JPEG's header. Raises PhotoError if no decoder reads that kind."""
    header = _Header.of(file)
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
            data[header.place + 1] = jpeg_header.LOSSLESS
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
