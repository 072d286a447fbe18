"""Decode JPEGs at a fraction of their size, with TurboJPEG, the library of libjpeg-turbo.

A scaled inverse DCT makes a half, a quarter or an eighth of the pixels, from all coefficients of
the file: the entropy decoding is complete, and finds the same damage as at full size. The planes
stay as they are in the file, in YCbCr with its subsampling. The functions are those of TurboJPEG 2,
which version 3 still has.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from ffprep.core.image_info import ImageInfo
from ffprep.errors import EnvironmentFault, Kind, PhotoError
from ffprep.system.files import open_regular

_NAMES = (
    "libturbojpeg.so.0",
    "libturbojpeg.0.dylib",
    "/opt/homebrew/lib/libturbojpeg.0.dylib",
    "/usr/local/lib/libturbojpeg.0.dylib",
)

# TJSAMP_444, 422, 420, GRAY, 440 and 411.
_PLANES = ("yuv444p", "yuv422p", "yuv420p", "gray", "yuv440p", "yuv411p")

_STOP_ON_WARNING = 8192
_NEEDED = "tjDecompressHeader3 tjPlaneWidth tjPlaneHeight tjDecompressToYUVPlanes".split()

_Bytes = ctypes.POINTER(ctypes.c_ubyte)


@cache
def _library() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """Return TurboJPEG and a decompressor. Raises EnvironmentFault if it is not installed."""
    for name in _NAMES:
        with suppress(OSError, AttributeError):  # it is not there, or too old
            library = ctypes.CDLL(name)
            library.tjInitDecompress.restype = ctypes.c_void_p
            for function in _NEEDED:
                getattr(library, function)
            return library, ctypes.c_void_p(library.tjInitDecompress())
    raise EnvironmentFault(
        "--fast needs TurboJPEG, the library of libjpeg-turbo; install it (Debian: apt install "
        "libturbojpeg0, Ubuntu: apt install libturbojpeg, Fedora: dnf install turbojpeg, macOS: "
        "brew install jpeg-turbo), or leave out --fast"
    )


def is_installed() -> bool:
    """Return whether TurboJPEG is installed."""
    with suppress(EnvironmentFault):
        return _library() is not None
    return False


_memory = {"file": bytearray(), "pixels": bytearray()}
"""Kept for the next photo: new pages would cost as much as a copy."""


def _first(use: str, size: int) -> memoryview:
    """Return the first bytes of the memory for a use."""
    if len(_memory[use]) < size:
        _memory[use] = bytearray(size)
    return memoryview(_memory[use])[:size]


@contextmanager
def reduced(path: Path, picture: ImageInfo) -> Iterator[tuple[int, Iterator[memoryview]]]:
    """Decode a JPEG to the planes and the size of `picture`, an ImageInfo with `raw`.

    Yields the number of bytes, and an iterator of them. Raises PhotoError if the file is not such a
    JPEG, or if libjpeg-turbo complains of it; EnvironmentFault if the library is missing.
    """
    library, decompressor = _library()
    with open_regular(path) as file:
        data = _read(file)
    length = ctypes.c_ulong(len(data))
    source = (ctypes.c_ubyte * len(data)).from_buffer(data)
    width, height, sampling, space = (ctypes.c_int() for _ in range(4))
    found = [ctypes.byref(each) for each in (width, height, sampling, space)]
    if library.tjDecompressHeader3(decompressor, source, length, *found):
        raise _refused()
    kind = sampling.value
    if kind not in range(len(_PLANES)) or _PLANES[kind] != picture.raw:
        raise _refused()
    wide, high = picture.stored.width, picture.stored.height
    rooms = [
        library.tjPlaneWidth(plane, wide, kind) * library.tjPlaneHeight(plane, high, kind)
        for plane in range(1 if picture.raw == "gray" else 3)
    ]
    starts = [sum(rooms[:plane]) for plane in range(len(rooms))]
    pixels = _first("pixels", sum(rooms))
    begin = ctypes.addressof(ctypes.c_ubyte.from_buffer(pixels))
    planes = (_Bytes * 3)(*(ctypes.cast(begin + start, _Bytes) for start in starts))
    if library.tjDecompressToYUVPlanes(
        decompressor, source, length, planes, wide, None, high, _STOP_ON_WARNING
    ):
        raise _refused()
    rooms[0] = wide * high  # without the row that fills up an odd height
    parts = [pixels[start : start + size] for start, size in zip(starts, rooms, strict=True)]
    yield sum(rooms), iter(parts)


def _read(file: BinaryIO) -> memoryview:
    size = os.fstat(file.fileno()).st_size
    data = _first("file", size)
    if not size or file.readinto(data) != size:  # type: ignore[attr-defined]
        raise _refused()
    return data


def _refused() -> PhotoError:
    return PhotoError(Kind.DAMAGED, "libjpeg-turbo does not decode it without a warning")
