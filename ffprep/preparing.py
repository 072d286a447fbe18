"""`prepare`: one photo, from a file or from memory, to a picture in memory."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol, Unpack

from ffprep import keywords
from ffprep.errors import EnvironmentFault, Kind, PhotoError, UsageError
from ffprep.files import TEMPORARY_PREFIX
from ffprep.formats import output_format_of
from ffprep.job import Result
from ffprep.keywords import Options, PathLike, SizeLike
from ffprep.locations import Location, located
from ffprep.outputs import temporary_beside, temporary_folder, writing
from ffprep.spec import Size
from ffprep.temporaries import sweep_links

_UNNAMED = "picture"
_LONGEST_NAME = 200
_PIECE = 1 << 20


class Readable(Protocol):
    """A binary file, or what reads like one."""

    def read(self, size: int = ..., /) -> bytes:
        """Some bytes; none at the end."""


Source = PathLike | bytes | bytearray | memoryview | Readable
"""A photo: the path of its file, its bytes, or a binary file, which is read from where it stands."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture of the size that was asked for, decoded again and found right.

    `data` is the whole file, `format` is jpeg, png or webp, `mime` its media type. `name` is the photo's name with
    the format's suffix, or that of the `names` that were asked for. `warnings` are sentences, of enlarging most of all. `source` is the
    photo's path or URL, where it has one.
    """

    data: bytes = field(repr=False)
    size: Size
    format: str
    name: str
    warnings: tuple[str, ...] = ()
    source: Location | None = None

    @property
    def mime(self) -> str:
        """Such as `image/jpeg`."""
        return f"image/{self.format}"

    def upload(self) -> tuple[str, bytes, str]:
        """Name, bytes and media type, as the openai SDK and other HTTP clients take a file.

        Bytes alone would be sent as application/octet-stream, which servers refuse.
        """
        return self.name.encode(errors="replace").decode(), self.data, self.mime

    def save(self, path: PathLike) -> Path:
        """Write it, whole or not at all; where a file is, it is replaced. Into a folder by its `name`.

        The path written. Raises UsageError for the photo itself, and for the suffix of another format; PhotoError or
        EnvironmentFault where it cannot be written.
        """
        output = Path(path) / self.name if os.path.isdir(path) else Path(path)
        self.require_savable(output)
        with temporary_beside(output) as temporary, writing(output):
            temporary.write_bytes(self.data)
            os.replace(temporary, output)
        return output

    def require_savable(self, output: Path) -> None:
        """Raise UsageError where it is not to be written there."""
        named = output_format_of(output.suffix)
        if named and named.name != self.format:
            raise UsageError(
                f"{output} is named like {named.name}, and the picture is {self.format}"
            )
        if (
            isinstance(self.source, Path)
            and output.exists()
            and os.path.samefile(output, self.source)
        ):
            raise UsageError(f"{output} is the photo itself, and sources are never overwritten")


def prepare(
    source: Source,
    size: SizeLike | None = None,
    mode: str | None = None,
    *,
    target: str | None = None,
    **options: Unpack[Options],
) -> Prepared:
    """Make of one photo a picture of exactly `size`, or of the one that `target` names.

    The options are those of `ffprep convert`, with its defaults. No file is left behind. May be called from several threads
    at a time. Raises UsageError (a ValueError) for options that make no sense, PhotoError, whose `kind` tells
    why, for a photo that cannot be converted, and EnvironmentFault where none can.
    """
    keywords.require_known(options, Options)
    return _prepared(source, {**options, "size": size, "target": target, "mode": mode})


def _prepared(source: Source, words: Mapping[str, Any]) -> Prepared:
    from ffprep.converter import Converter
    from ffprep.converting import convert
    from ffprep.ffmpeg import find
    from ffprep.library import Plan
    from ffprep.request import read_order
    from ffprep.staging import Staging
    from ffprep.workers import spread

    _sweep_once()
    with _folder() as folder, _as_file(source, folder) as (photo, name):
        output = os.path.join(folder, "out", "")
        order = read_order(
            keywords.read(
                convert, {**words, "sources": [photo], "output": output, "ledger": "none"}
            )
        )
        (job,) = Plan.of(order.request).jobs()
        if isinstance(job, Result):
            raise _error(job, name)
        # In a thread of its own, where no Ctrl-C of the program's can come between a process and its end.
        with closing(Converter(find(order.ffmpeg), order.policy, streams=False)) as converter:
            stop = converter.processes.stop
            with closing(spread([[job]], Staging(converter).convert, 1, abandon=stop)) as results:
                (result,) = results
        if result.failure or not result.size:
            raise _error(result, name)
        return Prepared(
            data=Path(job.output).read_bytes(),
            size=result.size,
            format=job.spec.format.name,
            name=job.output.name,
            warnings=result.warnings,
            source=located(photo) if isinstance(source, str | os.PathLike) else None,
        )


def _error(result: Result, name: str) -> PhotoError:
    assert result.failure
    words = result.failure.message
    return PhotoError(result.failure.kind, f"{name}: {words}" if name else words)


@cache
def _sweep_once() -> None:
    """Remove what killed processes left, as each run does."""
    sweep_links()


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for this one photo. Raises EnvironmentFault where there is no place for one."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder())
        except OSError as error:
            words = f"there is no place for temporary files ({error.strerror}); set TMPDIR"
            raise EnvironmentFault(words) from None
        yield folder


@contextmanager
def _as_file(source: Source, folder: Path) -> Iterator[tuple[str, str]]:
    """A source's path, and what it is called in errors, which may be nothing."""
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        if os.path.isdir(path):
            words = "is a folder; prepare takes one photo, and convert takes folders"
            raise UsageError(f"{path} {words}")
        yield os.path.join(".", path) if path == "-" else path, path
        return
    name = _name_of(source)
    place = folder / "in" / (name or _UNNAMED)
    place.parent.mkdir()
    parts = _parts(source)
    with writing(place), place.open("xb") as file:
        for part in parts:
            file.write(part)
    yield str(place), name


def _parts(source: Any) -> Iterator[bytes]:
    """The bytes of what is no path. Raises UsageError where there are none to be had."""
    if isinstance(source, bytes | bytearray | memoryview):
        yield bytes(source)
        return
    if not hasattr(source, "read"):
        words = "a photo is a path, bytes, or a binary file"
        raise UsageError(f"{words}, and not {type(source).__name__}")
    while part := _read(source):
        yield part


def _read(source: Readable) -> bytes:
    try:
        part = source.read(_PIECE)
    except OSError as error:  # the caller's own file, and not one that is written here
        words = f"cannot be read: {error.strerror or error}"
        raise PhotoError(Kind.IO, words) from None
    if not isinstance(part, bytes):
        raise UsageError("the file gives text; open it in binary mode, as in open(path, 'rb')")
    return part


def _name_of(source: object) -> str:
    """What a file says it is called, without folders; nothing where that is no name for a file here."""
    name = getattr(source, "name", None)
    name = os.path.basename(name) if isinstance(name, str) else ""
    plain = name.strip(".") and "\0" not in name and not name.startswith(TEMPORARY_PREFIX)
    return name if plain and len(name.encode(errors="replace")) <= _LONGEST_NAME else ""
