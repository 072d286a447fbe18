"""TIFFs: which page is the photo, and kinds that Pillow or FFmpeg cannot read, or get wrong."""

import struct
from typing import Any, BinaryIO, cast

from PIL import Image, ImageOps, TiffImagePlugin
from PIL.ImageFile import _Tile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.image.chunks import Directory, directories
from ffprep.image.formats import tiff_kinds as kinds
from ffprep.record import replace

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _ICC = 254, 255, 34675
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2
_BIG_ENDIAN_BIG = b"MM\0+"
_TURNED = (5, 6, 7, 8)
"""The orientations of pictures that lie on their side."""


class TiffFile(TiffImageFile):
    """Pillow's plugin, extended by kinds that it cannot read or gets wrong.

    It opens the photo: programs may put a thumbnail first. `page` is None if that is the first
    page. `layout` is None for a page that Pillow's plugin reads correctly. Opening one raises
    PhotoError if the file ends before the photo's tags do.
    """

    page: Directory | None
    layout: kinds.Layout | None = None

    def _open(self) -> None:
        assert self.fp
        self._head = self.fp.read(16)
        self.page, self._inherited = _photo(cast(BinaryIO, self.fp))
        self.fp.seek(0)
        super()._open()

    def _seek(self, frame: int) -> None:
        if not self._frame_pos:
            if self._head[:4] == _BIG_ENDIAN_BIG:
                # Pillow sees a BigTIFF only where the number 43 is little-endian.
                self.tag_v2 = ImageFileDirectory_v2(b"II+\0" + self._head[4:], prefix=b"MM")
                self._TiffImageFile__next = self.tag_v2.next
            if self.page:
                self._TiffImageFile__next = self.page.offset
        super()._seek(frame)

    def _setup(self) -> None:
        tags: Any = self.tag_v2
        for tag in (kinds.WIDTH, kinds.HEIGHT):
            if not isinstance(tags.get(tag), int):
                raise ValueError("Missing dimensions")
        self._set_exif(tags)
        self.layout = None
        if kinds.refusal(tags):
            self._mode, self._size = "L", (tags[kinds.WIDTH], tags[kinds.HEIGHT])
        elif kinds.pillow_reads(tags):
            # Its own reader of uncompressed pixels knows no subsampling.
            TiffImagePlugin.READ_LIBTIFF = tags.get(kinds.PHOTOMETRIC) == kinds.YCBCR
            if tags.get(kinds.SAMPLES, 1) == 1:
                tags[kinds.PLANAR] = 1
            super()._setup()
            if self.mode == "F" and self.use_load_libtiff:  # it returns the native order
                arguments: Any = self.tile[0].args
                self.tile = [self.tile[0]._replace(args=("F;32NF", *arguments[1:]))]
        else:
            try:
                self.layout = kinds.Layout(tags)
            except KeyError as error:
                raise ValueError(f"tag {error} is missing") from None
            self._mode, self._size = self.layout.mode, self.layout.size
            self.tile = [_Tile("tiff", (0, 0, *self._size))]
            if tags.get(kinds.ORIENTATION) in _TURNED:  # Pillow's size is that as shown
                self._size = self._size[::-1]
            if _ICC in tags:
                self.info["icc_profile"] = tags[_ICC]

    def _set_exif(self, tags: Any) -> None:
        """Set what Pillow's Exif does not find in the file."""
        if self._inherited:
            tags.setdefault(kinds.ORIENTATION, self._inherited)
        if self._inherited or self._head[:4] == _BIG_ENDIAN_BIG:  # Exif has Pillow's own fault
            self._exif = Image.Exif()
            self._exif.update(tags)
            self._exif._loaded = True

    def load(self) -> Any:
        """Decode the page. Raises what Pillow raises."""
        if self.layout is None or not self.tile:
            return super().load()
        assert self.fp
        picture = Image.new(self.mode, self.layout.size)
        self.im, self._size = picture.im, picture.size
        for part, place in kinds.parts(self.layout, self.fp):
            picture.paste(part, place)
        self.tile = []
        return super().load()


def _photo(file: BinaryIO) -> tuple[Directory | None, int]:
    """Return the first full-size page if the first of all says that it is a smaller version of it.

    Otherwise None; with the orientation that a page in a SubIFD has from the first one, 0 if none.
    Raises PhotoError if the file ends before the photo's tags do.
    """
    found = list(directories(file))
    if not found or not _is_reduced(found[0]):
        _require(not found or found[0].whole)
        return None, 0
    for page in found:
        if is_photo(page) and _pixels(page) > _pixels(found[0]):
            _require(page.whole)
            return page, found[0].number(kinds.ORIENTATION) if page.is_sub else 0
    _require(all(page.whole and not page.leads_outside for page in found))
    return None, 0


def _require(whole: bool) -> None:
    if not whole:
        raise PhotoError(Kind.DAMAGED, "the file ends early; restore it from a backup")


def is_photo(page: Directory) -> bool:
    """Return whether a page has pixels that are not a smaller version of another's, or a mask."""
    return _pixels(page) > 0 and not _is_reduced(page)


def _is_reduced(page: Directory) -> bool:
    kind = page.number(_NEW_SUBFILE_TYPE)
    return bool(kind & (_REDUCED | _MASK)) or page.number(_SUBFILE_TYPE) == _OLD_REDUCED


def _pixels(page: Directory) -> int:
    return page.number(kinds.WIDTH) * page.number(kinds.HEIGHT)


def describe(picture: ImageInfo, image: Any, file: BinaryIO) -> ImageInfo:
    """Return an ImageInfo as corrected by a TIFF's tags. Raises PhotoError `unsupported`."""
    if refused := kinds.refusal(image.tag_v2):
        raise PhotoError(Kind.UNSUPPORTED, f"is a TIFF {refused}")
    plain = image.page is None and kinds.ffmpeg_reads(image.tag_v2)
    bilevel = plain and kinds.bits_of(image.tag_v2) == (1,)
    turned = image.tag_v2.get(kinds.ORIENTATION) in _TURNED  # the size is the one displayed
    return replace(
        picture,
        stored=picture.stored.rotated if turned else picture.stored,
        mode="1" if bilevel and picture.mode == "L" else picture.mode,
        ffmpeg_reads=plain and not _has_old_lzw(image.tag_v2, file),
    )


def _has_old_lzw(tags: Any, file: BinaryIO) -> bool:
    """Return whether codes of LZW begin with their lowest bit, as before TIFF 5.0.

    Every strip begins with the code 256. Only libtiff reads these.
    """
    if tags.get(kinds.COMPRESSION, 1) != kinds.LZW:
        return False
    file.seek(max((0, *tags.get(kinds.STRIP_OFFSETS, ())[:1])))
    begin = file.read(2)
    return len(begin) == 2 and begin[0] == 0 and begin[1] & 1 == 1


def has_all_rows(image: Any) -> bool:
    """Return whether an opened TIFF has as many strips or tiles as its size needs.

    Decoders leave black areas where some are missing.
    """
    tags, planes = image.tag_v2, 1
    width, height = tags[kinds.WIDTH], tags[kinds.HEIGHT]
    if tags.get(kinds.PLANAR, 1) == 2:
        planes = tags.get(kinds.SAMPLES, 1)
    if kinds.TILE_WIDTH in tags:
        needed = -(-width // tags[kinds.TILE_WIDTH]) * -(-height // tags[kinds.TILE_HEIGHT])
        return bool(len(tags.get(kinds.TILE_OFFSETS, ())) >= needed * planes)
    rows = min(tags.get(kinds.ROWS_PER_STRIP, height), height)
    needed = -(-height // max(1, rows))
    if len(tags.get(kinds.STRIP_OFFSETS, ())) < needed * planes:
        return False
    if (
        tags.get(kinds.COMPRESSION, 1) != 1
        or tags.get(kinds.PHOTOMETRIC) == kinds.YCBCR
        or kinds.STRIP_BYTES not in tags
    ):
        return True  # the number of bytes needed is unknown
    bits = sum(kinds.bits_of(tags)) // planes
    return bool(sum(tags.get(kinds.STRIP_BYTES, ())) >= -(-width * bits // 8) * height * planes)


def to_eight_bits(image: Any) -> Image.Image:
    """Convert floats to 8 bits.

    They go from 0 to 1; if many are more than twice that, to 255 or 65535. Values beyond white are
    clipped, since resampling overshoots; so is NaN.
    """
    factor = 255 / _white(image)
    eight: Image.Image = image.point(lambda value: value * factor + 0.5).convert("L")
    return ImageOps.invert(eight) if image.tag_v2.get(kinds.PHOTOMETRIC) == 0 else eight


def _white(image: Image.Image) -> float:
    """Return the value of white, by nearly all of a sample: single pixels may have any value."""
    small = image.resize((min(image.width, 512), min(image.height, 512)), Image.Resampling.NEAREST)
    values = sorted(
        value for (value,) in struct.iter_unpack("=f", small.tobytes()) if value == value
    )
    high = values[int(len(values) * 0.99)] if values else 1.0
    return next((white for white in (1, 255, 65535) if high <= 2 * white), high)
