"""Pillow's plugin for TIFF, extended by kinds that it cannot read or gets wrong."""

from typing import Any, BinaryIO

from PIL import Image, TiffImagePlugin
from PIL.ImageFile import _Tile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from ffprep.image.formats import pages, tiff_kinds, tiff_samples

_ICC = 34675
_BIG_ENDIAN_BIG = b"MM\0+"


def open_tiff(file: BinaryIO, name: str) -> "TiffFile":
    """Open the photo of a TIFF, as Pillow's plugins do."""
    file = pages.with_photo_first(file)
    file.seek(0)
    return TiffFile(file, name)


class TiffFile(TiffImageFile):
    """A TIFF. `layout` is None for a page that Pillow's plugin reads correctly."""

    layout: tiff_samples.Layout | None = None

    def _open(self) -> None:
        assert self.fp
        self._head = self.fp.read(16)
        self.fp.seek(0)
        super()._open()

    def _seek(self, frame: int) -> None:
        if self._head[:4] == _BIG_ENDIAN_BIG and not self._frame_pos:
            # Pillow sees a BigTIFF only where the number 43 is little-endian.
            self.tag_v2 = ImageFileDirectory_v2(b"II+\0" + self._head[4:], prefix=b"MM")
            self._TiffImageFile__next = self.tag_v2.next
        super()._seek(frame)

    def _setup(self) -> None:
        tags: Any = self.tag_v2
        for tag in (tiff_kinds.WIDTH, tiff_kinds.HEIGHT):
            if not isinstance(tags.get(tag), int):
                raise ValueError("Missing dimensions")
        self._set_exif(tags)
        self.layout = None
        if tiff_kinds.refusal(tags):
            self._mode, self._size = "L", (tags[tiff_kinds.WIDTH], tags[tiff_kinds.HEIGHT])
        elif tiff_kinds.pillow_reads(tags):
            # Its own reader of uncompressed pixels knows no subsampling.
            TiffImagePlugin.READ_LIBTIFF = tags.get(tiff_kinds.PHOTOMETRIC) == tiff_kinds.YCBCR
            if tags.get(tiff_kinds.SAMPLES, 1) == 1:
                tags[tiff_kinds.PLANAR] = 1
            super()._setup()
            if self.mode == "F" and self.use_load_libtiff:  # it returns the native order
                arguments: Any = self.tile[0].args
                self.tile = [self.tile[0]._replace(args=("F;32NF", *arguments[1:]))]
        else:
            self.layout = tiff_kinds.layout(tags)
            self._mode, self._size = self.layout.mode, self.layout.size
            self.tile = [_Tile("tiff", (0, 0, *self._size))]
            if tags.get(tiff_kinds.ORIENTATION) in (5, 6, 7, 8):  # Pillow's size is that as shown
                self._size = self._size[::-1]
            if _ICC in tags:
                self.info["icc_profile"] = tags[_ICC]

    def _set_exif(self, tags: Any) -> None:
        """Set what Pillow's Exif does not find in the file."""
        if inherited := pages.inherited_orientation(self):
            tags.setdefault(tiff_kinds.ORIENTATION, inherited)
        if inherited or self._head[:4] == _BIG_ENDIAN_BIG:  # Exif has Pillow's own fault
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
        for part, place in tiff_samples.parts(self.layout, self.fp):
            picture.paste(part, place)
        self.tile = []
        return super().load()
