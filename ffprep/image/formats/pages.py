"""Which page of a TIFF is the photo: programs may put a thumbnail first."""

import struct
from io import RawIOBase
from typing import Any, BinaryIO, cast

from ffprep.errors import Kind, PhotoError
from ffprep.image.formats.ifd import Directory, directories
from ffprep.image.formats.tiff_kinds import HEIGHT, ORIENTATION, WIDTH

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_REDUCED, _MASK = 1, 4
_OLD_REDUCED = 2


def with_photo_first(file: BinaryIO) -> BinaryIO:
    """Return a TIFF as it would be if its first full-size page were the first one.

    The file itself is returned unless its first page says that it is a smaller version of another.
    Raises PhotoError if the file ends before the photo's tags do.
    """
    found = directories(file)
    if not found or not _is_reduced(found[0]):
        _require(not found or found[0].whole)
        return file
    for page in found:
        if is_photo(page) and _pixels(page) > _pixels(found[0]):
            _require(page.whole)
            orientation = found[0].number(ORIENTATION) if page.index is None else 0
            return cast(BinaryIO, _Redirected(file, page, orientation))
    _require(all(page.whole and not page.leads_outside for page in found))
    return file


def _require(whole: bool) -> None:
    if not whole:
        raise PhotoError(Kind.DAMAGED, "the file ends early; restore it from a backup")


def is_first(image: Any) -> bool:
    """Return whether the page of an opened TIFF is the one that FFmpeg would read."""
    return not isinstance(image.fp, _Redirected)


def inherited_orientation(image: Any) -> int:
    """Return the orientation that a photo in a SubIFD has from the first page; 0 if none."""
    return image.fp.orientation if isinstance(image.fp, _Redirected) else 0


def is_photo(page: Directory) -> bool:
    """Return whether a page has pixels that are not a smaller version of another's, or a mask."""
    return _pixels(page) > 0 and not _is_reduced(page)


def _is_reduced(page: Directory) -> bool:
    kind = page.number(_NEW_SUBFILE_TYPE)
    return bool(kind & (_REDUCED | _MASK)) or page.number(_SUBFILE_TYPE) == _OLD_REDUCED


def _pixels(page: Directory) -> int:
    return page.number(WIDTH) * page.number(HEIGHT)


class _Redirected(RawIOBase):
    """A TIFF whose header points to another directory; all else is the file's."""

    def __init__(self, file: BinaryIO, page: Directory, orientation: int) -> None:
        self._file, self._at, self.orientation = file, 0, orientation
        self._place = 8 if page.big else 4
        self._pointer = struct.pack(page.order + ("Q" if page.big else "I"), page.offset)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + self._at if whence == 1 else self._file.seek(offset, whence)
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._at)
        count = self._file.readinto(buffer)  # type: ignore[attr-defined]
        for index, value in enumerate(self._pointer, self._place - self._at):
            if 0 <= index < count:
                buffer[index] = value
        self._at += count
        return int(count)
