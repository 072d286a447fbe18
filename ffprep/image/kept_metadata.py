"""The metadata of a photo that its output keeps.

Nothing is copied in one piece: EXIF, XMP and IPTC are read and written anew, field by field. What
cannot be read is absent.
"""

import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError
from ffprep.image.embed import Metadata
from ffprep.image.metadata import Rights, rights_in
from ffprep.image.pillow import opened_for_metadata
from ffprep.record import Record
from ffprep.system.files import open_regular

_LONGEST, _LONGEST_OTHERWISE = {"jpeg": 65000}, 1 << 20
"""The most bytes of EXIF, XMP and IPTC each: a JPEG has them in one segment."""


def read_metadata(path: Path, picture: ImageInfo, spec: Spec) -> Metadata:
    """Return what an output keeps.

    Raises PhotoError `missing` or `io` if the file is gone or cannot be opened.
    """
    try:
        with opened_for_metadata(path, picture) as image:
            photo, rights = _Photo(path, picture, image), rights_in(image)
            kept = spec.kept_metadata
            if kept == "date":
                return Metadata(Rights(taken=rights.taken).exif())
            if kept == "keep-rights":
                return Metadata(rights.exif())
            longest = _LONGEST.get(spec.format.name, _LONGEST_OTHERWISE)
            return photo.copy(rights, kept == "keep", spec.size, longest)
    except PhotoError as error:
        if error.kind in (Kind.MISSING, Kind.IO):
            raise
        return Metadata()


class _Photo(Record):
    """A photo and its metadata, as far as Pillow has read it."""

    path: Path
    picture: ImageInfo
    image: Image.Image

    def copy(self, rights: Rights, everything: bool, size: Size, longest: int) -> Metadata:
        """Return a copy for an output; without `everything`, it has no place."""
        from ffprep.image.kept_xmp import kept_xmp

        exif, xmp, iptc = rights.exif(), b"", b""
        with suppress(Exception):  # parsers raise whatever they stumble over
            exif = self._exif(rights, everything, size, longest) or exif
        with suppress(Exception):
            xmp = kept_xmp(self.image.info["xmp"], everything, longest)
        with suppress(Exception):
            iptc = kept_iptc(self._iptc_block(), everything, longest)
        return Metadata(exif, xmp, iptc)

    def _exif(self, rights: Rights, everything: bool, size: Size, longest: int) -> bytes:
        from ffprep.image.kept_exif import Exif

        for place in self._places_of_exif():
            with place as file:
                exif = Exif.read(file, everything)
            if exif and not exif.empty:
                exif.complete(rights.texts, rights.times)
                exif.correct(size, srgb=self.picture.output_profile is None)
                return exif.written(longest)
        return b""

    def _places_of_exif(self) -> Iterator[AbstractContextManager[BinaryIO]]:
        if self.picture.format.name in ("tiff", "raw"):
            yield open_regular(self.path)
        data = self.image.info.get("exif")
        if isinstance(data, bytes):
            yield BytesIO(data.removeprefix(_EXIF_BEGIN))
        yield BytesIO(Image.Image.getexif(self.image).tobytes().removeprefix(_EXIF_BEGIN))

    def _iptc_block(self) -> bytes:
        resources = self.image.info.get("photoshop", {})
        block = resources.get(_RESOURCE) or getattr(self.image, "tag_v2", {}).get(_TAG)
        return block if isinstance(block, bytes) else b""


_EXIF_BEGIN = b"Exif\0\0"
_RESOURCE, _TAG = 0x0404, 33723  # of IPTC, in a JPEG and in a TIFF
_IPTC_WITHOUT_PLACE = frozenset(
    {(1, 90), *((2, number) for number in (5, 10, 15, 20, 25, 40, 55, 60, 62, 63, 80, 85))}
    | {(2, number) for number in (105, 110, 115, 116, 118, 120, 122)}
)
"""Of the Information Interchange Model 4.2: the encoding, then words, owners and dates."""
_IPTC_PREVIEW = frozenset({(2, 200), (2, 201), (2, 202)})


def kept_iptc(block: bytes, everything: bool, longest: int) -> bytes:
    """Return the records of an IPTC block that are kept; empty if they are too long."""
    kept = [
        block[start:end]
        for start, end, field in _datasets(block)
        if field in _IPTC_WITHOUT_PLACE
        or (everything and field[0] in (1, 2) and field not in _IPTC_PREVIEW)
    ]
    joined = b"".join(kept) if any(each[1] == 2 for each in kept) else b""
    return joined if len(joined) <= longest else b""


def _datasets(block: bytes) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Yield start, end, record and number of each dataset, up to one that is broken or extended."""
    start = 0
    while start + 5 <= len(block):
        marker, record, number, length = struct.unpack_from(">BBBH", block, start)
        end = start + 5 + length
        if marker != 0x1C or end > len(block):
            return
        yield start, end, (record, number)
        start = end
