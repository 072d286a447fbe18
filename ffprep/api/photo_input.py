"""A photo that a program has in its hands: its bytes, or an open file, to a file of ffprep's own."""

import os
from collections.abc import Awaitable, Coroutine, Iterator
from io import UnsupportedOperation
from pathlib import Path
from typing import Any, Protocol

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
        """Some bytes; none at the end."""


Source = PathLike | bytes | bytearray | memoryview | Readable
"""A photo: the path of its file, its bytes, or a binary file, which is read from where it stands."""


def copy(source: Any, place: Path, most: int, subject: str) -> None:
    """Write what is no path to `place`: as many bytes as `most`, and few of what does not begin like a picture.

    Raises PhotoError and UsageError, in which it is called `subject`, and EnvironmentFault on a full disk.
    """
    parts, count = _parts(source, subject), 0
    head = next(parts, b"")
    _require_picture(source, head, subject)
    place.parent.mkdir()
    with write_errors(place), place.open("xb") as file:
        while head:
            count += file.write(head)
            if count > most:
                words = f"has more than {most} bytes; raise --max-memory if it is to be trusted"
                raise PhotoError(Kind.TOO_LARGE, f"{subject}: {words}")
            head = next(parts, b"")


def _require_picture(source: Any, head: bytes, subject: str) -> None:
    """Raise PhotoError where the first bytes are none of a picture's."""
    if not head:
        words = "there are no bytes in it"
        if not isinstance(source, _BYTES):
            words = "nothing was left to read; if it was read, or written, before, call its seek(0)"
        raise PhotoError(Kind.DAMAGED, f"{subject}: {words}")
    if sniff(head) is None and _may_be_path(source):
        words = "is no picture; bytes are a photo's content, and a path is text (see os.fsdecode)"
        raise PhotoError(Kind.UNSUPPORTED, f"{subject}: {words}")


def _may_be_path(source: Any) -> bool:
    if not isinstance(source, _BYTES) or len(source) > _LONGEST_PATH:
        return False
    text = bytes(source).decode(errors="replace")
    return text.isprintable() and os.path.splitext(text)[1] != ""


def _parts(source: Any, subject: str) -> Iterator[bytes]:
    """The bytes of what is no path; of what is no picture, the first ones. Raises UsageError where there are none to be had."""
    if isinstance(source, _BYTES):
        yield bytes(source)
        return
    if not hasattr(source, "read"):
        words = "a photo is a path, bytes, or a binary file"
        raise UsageError(f"{words}, and not {type(source).__name__}")
    head = b""
    while len(head) < HEAD_BYTES and (part := _read(source, subject)):
        head += part
    yield head
    while sniff(head) and (part := _read(source, subject)):
        yield part


def _read(source: Readable, subject: str) -> bytes:
    try:
        part: Any = source.read(_PIECE)
    except UnsupportedOperation:
        raise UsageError(f"{subject}: the file is not open for reading") from None
    except OSError as error:  # the caller's own file, and not one that is written here
        words = f"cannot be read: {error.strerror or error}"
        raise PhotoError(Kind.IO, f"{subject}: {words}") from None
    if isinstance(part, _BYTES):
        return bytes(part)
    raise UsageError(f"{subject}: {_instead_of_bytes(part)}")


def _instead_of_bytes(part: object) -> str:
    if isinstance(part, str):
        return "the file gives text; open it in binary mode, as in open(path, 'rb')"
    if isinstance(part, Awaitable):
        if isinstance(part, Coroutine):
            part.close()  # or Python warns that nobody awaited it
        return "its read() is to be awaited; hand over the file below (an UploadFile's .file), or the bytes"
    if part is None:
        return "the file does not wait for its bytes; make it blocking, or hand over the bytes"
    return f"its read() gives {type(part).__name__}, and not bytes"


def name_of(source: object) -> str:
    """What a file says it is called, without folders; nothing where that is no name for a file here."""
    # An upload (of Flask, of Starlette) has the name of its form's field in `name`. Not by getattr: gzip's warns.
    name = getattr(source, "__dict__", {}).get("filename") or getattr(source, "name", None)
    name = os.path.basename(name.replace("\\", "/")) if isinstance(name, str) else ""
    name = "".join(c if c.isprintable() or "\udc80" <= c <= "\udcff" else "_" for c in name)
    plain = name.strip(".") and not name.startswith(TEMPORARY_PREFIX)
    return name if plain and len(name.encode(errors="replace")) <= _LONGEST_NAME else ""
