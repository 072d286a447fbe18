"""Download a photo, unless it is too large to be one."""

from pathlib import Path

from ffprep.core.location import Location, listed_stamp
from ffprep.errors import Kind, PhotoError
from ffprep.storage.protocol import Object, storage_of

_BYTES_A_PIXEL, _HEADER = 8, 1 << 24


def fetch_photo(source: Location, path: Path, max_pixels: int) -> Object:
    """Copy the version of a photo that was listed to `path`. Raise PhotoError."""
    stamp = listed_stamp(source)
    if stamp and stamp.bytes > _BYTES_A_PIXEL * max_pixels + _HEADER:
        words = f"{stamp.bytes} bytes are more than a photo of {max_pixels} pixels has"
        raise PhotoError(Kind.TOO_LARGE, f"{words}; raise --max-pixels if it is one")
    return storage_of(source).fetch(source, path, stamp)
