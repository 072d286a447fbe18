"""Decode camera raws with LibRaw, by rawpy, which the extra `raw` installs.

LibRaw is C code, so it is imported only in the sandboxed worker.
"""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from PIL import Image, ImageFile

from ffprep.image.pillow import import_extra

# LibRaw's own code of an orientation, which is dcraw's, and that of EXIF.
_ORIENTATIONS = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}

# Two for the sensor's values, eight for colours in 16 bits, three for the picture.
_BYTES_A_PIXEL, _OTHER_BYTES = 13, 70_000_000


class CannotDecode(Exception):
    """There is no LibRaw, or it cannot decode a file. The message says so, or what to do."""


def opened(file: BinaryIO) -> "LibRawImage":
    """Open a raw. Raises CannotDecode."""
    if import_extra("rawpy") is None:
        raise CannotDecode("install ffprep[raw] for the full picture")
    return LibRawImage(file, "")


class LibRawImage(ImageFile.ImageFile):
    """The picture that LibRaw makes of a raw, as Pillow's plugins present pictures.

    Opening it decodes the sensor's values, loading it the colours. `orientation` is the EXIF
    value that LibRaw has found. Both raise CannotDecode.
    """

    format = "RAW"

    def _open(self) -> None:
        import rawpy

        file = cast(BinaryIO, self.fp)
        file.seek(0)  # where the descriptor is shared, so is the position
        self._raw: rawpy.RawPy | None = rawpy.RawPy()
        with _errors():
            self._raw.open_file(f"/dev/fd/{file.fileno()}")
            sizes = self._raw.sizes
            _require_memory(sizes.raw_width * sizes.raw_height)
            self._raw.unpack()
        self._size = sizes.iwidth, sizes.iheight
        self._mode = "L" if self._raw.num_colors == 1 else "RGB"
        self.orientation = _ORIENTATIONS.get(sizes.flip, 1)

    def load(self) -> Any:
        """Make the picture as stored, not turned."""
        if self._raw:
            with _errors():
                pixels = self._raw.postprocess(
                    use_camera_wb=True, no_auto_bright=True, output_bps=8, user_flip=0
                )
            self._raw.close()  # before Pillow takes as much memory again
            self._raw = None
            self.im = Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[:, :, 0]).im
            self._size, self._mode = self.im.size, self.im.mode
        return Image.Image.load(self)


def _require_memory(pixels: int) -> None:
    """Raise MemoryError if this process may not have what LibRaw needs.

    LibRaw ends the process if some of its allocations fail.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if limit not in (resource.RLIM_INFINITY, -1) and pixels * _BYTES_A_PIXEL + _OTHER_BYTES > limit:
        raise MemoryError


@contextmanager
def _errors() -> Iterator[None]:
    """Raise LibRaw's errors as CannotDecode, or as MemoryError."""
    import rawpy

    no_memory = rawpy.LibRawUnsufficientMemoryError, rawpy.LibRawMemPoolOverflowError
    try:
        yield
    except no_memory:
        raise MemoryError from None
    except OSError as error:  # rawpy has the number of the error in a tuple of its own
        number = error.errno or error.args[0][0]
        if number == errno.ENOMEM:
            raise MemoryError from None
        raise OSError(number, os.strerror(number)) from None
    except rawpy.LibRawError as error:
        message = error.args[0] if error.args else ""
        text = message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
        words = f"LibRaw {rawpy.libraw_version[0]}.{rawpy.libraw_version[1]} cannot decode the raw"
        raise CannotDecode(f"{words} ({text.lower()})") from None
