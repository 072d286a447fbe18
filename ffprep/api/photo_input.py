"""A photo as a program passes it: a path, its bytes, or an open file.

The last two are copied to a file.
"""

import os
from collections.abc import Awaitable, Coroutine, Iterator
from io import UnsupportedOperation
from pathlib import Path
from typing import Any, Protocol

from ffprep.core.film import sniff_film
from ffprep.core.formats import HEAD_BYTES, sniff
from ffprep.errors import Kind, PhotoError, UsageError
from ffprep.options.keywords import PathLike
from ffprep.system.files import TEMPORARY_PREFIX
from ffprep.system.tempfiles import write_errors

_LONGEST_NAME = 200
_LONGEST_PATH = 4096
_PIECE = 1 << 20
_BYTES = bytes | bytearray | memoryview


class Readable(Protocol):
    """A binary file, or what reads like one."""

    def read(self, size: int = ..., /) -> bytes:
        """Return some bytes; none at the end."""


Source = PathLike | bytes | bytearray | memoryview | Readable
"""A photo: the path of its file, its bytes, or a binary file, read from its current position."""


def copy(source: Any, place: Path, most: int, subject: str) -> None:
    """Copy a photo that is bytes or a file to `place`: at most `most` bytes, and only a picture.

    Raise PhotoError and UsageError, which call it `subject`, and EnvironmentFault on a full disk.
    """
    parts, count = _parts(source, subject), 0
    head = next(parts, b"")
    _require_picture(source, head, subject)
    place.parent.mkdir()
    with write_errors(place), place.open("xb") as file:
        while head:
            count += file.write(head)
            if count > most:
                words = f"has more than {most} bytes; raise --max-memory if you trust it"
                raise PhotoError(Kind.TOO_LARGE, f"{subject}: {words}")
            head = next(parts, b"")


def _require_picture(source: Any, head: bytes, subject: str) -> None:
    """Raise PhotoError if the first bytes are not those of a picture."""
    if not head:
        problem = "it is empty"
        if not isinstance(source, _BYTES):
            problem = "no bytes left to read; if it was read or written before, call its seek(0)"
        raise PhotoError(Kind.DAMAGED, f"{subject}: {problem}")
    if not _is_known(head) and _may_be_path(source):
        problem = "not a picture; bytes are a photo's content, a path is text (see os.fsdecode)"
        raise PhotoError(Kind.UNSUPPORTED, f"{subject}: {problem}")


def _is_known(head: bytes) -> bool:
    """Return whether a file is a picture or a film by its first bytes."""
    return sniff(head) is not None or sniff_film(head) is not None


def _may_be_path(source: Any) -> bool:
    if not isinstance(source, _BYTES) or len(source) > _LONGEST_PATH:
        return False
    text = bytes(source).decode(errors="replace")
    return text.isprintable() and os.path.splitext(text)[1] != ""


def _parts(source: Any, subject: str) -> Iterator[bytes]:
    """Yield the bytes of a source; of one that is neither picture nor film, the first.

    Raise UsageError.
    """
    if isinstance(source, _BYTES):
        yield bytes(source)
        return
    if not hasattr(source, "read"):
        expected = "a photo is a path, bytes, or a binary file"
        raise UsageError(f"{expected}, and not {type(source).__name__}")
    head = b""
    while len(head) < HEAD_BYTES and (part := _read(source, subject)):
        head += part
    yield head
    while _is_known(head) and (part := _read(source, subject)):
        yield part


def _read(source: Readable, subject: str) -> bytes:
    try:
        part: Any = source.read(_PIECE)
    except UnsupportedOperation:
        raise UsageError(f"{subject}: the file is not open for reading") from None
    except OSError as error:  # of the caller's file
        problem = f"cannot be read: {error.strerror or error}"
        raise PhotoError(Kind.IO, f"{subject}: {problem}") from None
    if isinstance(part, _BYTES):
        return bytes(part)
    raise UsageError(f"{subject}: {_instead_of_bytes(part)}")


def _instead_of_bytes(part: object) -> str:
    if isinstance(part, str):
        return "the file returns text; open it in binary mode, as in open(path, 'rb')"
    if isinstance(part, Awaitable):
        if isinstance(part, Coroutine):
            part.close()  # else Python warns that it was never awaited
        return (
            "its read() is a coroutine; pass the file below (.file of an UploadFile), or the bytes"
        )
    if part is None:
        return "its read() returned None; make the file blocking, or pass the bytes"
    return f"its read() returns {type(part).__name__}, and not bytes"


def name_of(source: object) -> str:
    """Return the name of a file object, without folders; "" if it is no usable file name."""
    # An upload of Flask or Starlette has its file name in `filename`; `name` is the form field's.
    # Not by getattr: that of gzip warns.
    name = getattr(source, "__dict__", {}).get("filename") or getattr(source, "name", None)
    name = os.path.basename(name.replace("\\", "/")) if isinstance(name, str) else ""
    name = "".join(c if c.isprintable() or "\udc80" <= c <= "\udcff" else "_" for c in name)
    plain = name.strip(".") and not name.startswith(TEMPORARY_PREFIX)
    return name if plain and len(name.encode(errors="replace")) <= _LONGEST_NAME else ""
