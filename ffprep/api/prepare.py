"""`prepare`: one photo, from a file or from memory, to a picture in memory."""

import os
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Unpack

from ffprep.api.photo_input import Source, copy, name_of
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.conversion.remote import RemoteConverter
from ffprep.core.formats import output_format_of
from ffprep.core.geometry import Size
from ffprep.core.job import Result
from ffprep.core.location import Location, located
from ffprep.errors import PhotoError, UsageError
from ffprep.library.plan import Plan
from ffprep.options import keywords
from ffprep.options.convert import convert_parameters as convert_command
from ffprep.options.keywords import Options, PathLike, SizeLike
from ffprep.options.parse import read_convert
from ffprep.run.convert_options import ConvertOptions
from ffprep.system.files import FileStamp
from ffprep.system.pool import StopRules, run_chunks
from ffprep.system.tempfiles import sweep_temp_dir, temporary_beside, working_folder, write_errors


@dataclass(frozen=True, slots=True)
class _Original:
    """The file that a photo is in: which version of it was read, and its path where that is known."""

    stamp: FileStamp
    path: Path | None = None

    def is_at(self, output: Path) -> bool:
        """Whether it lies there: as it was read, or another version of it."""
        with suppress(OSError):
            there = os.stat(output)
            own = self.path and os.path.exists(self.path) and os.path.samefile(self.path, output)
            return bool(own) or FileStamp.seen(there) == self.stamp
        return False


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
    _original: _Original | None = field(default=None, repr=False, compare=False)

    @property
    def mime(self) -> str:
        """Such as `image/jpeg`."""
        return f"image/{self.format}"

    def upload(self) -> tuple[str, bytes, str]:
        """Name, bytes and media type, as the openai SDK and other HTTP clients take a file.

        Bytes alone would be sent as application/octet-stream, which servers refuse.
        """
        name = "".join(c if c.isprintable() else "?" for c in self.name)
        return name.encode(errors="replace").decode(), self.data, self.mime

    def save(self, path: PathLike) -> Path:
        """Write it, whole or not at all; where a file is, it is replaced. Into a folder, or what ends in a slash, by its `name`.

        The path written. Raises UsageError for the photo itself, and for the suffix of another format; PhotoError or
        EnvironmentFault where it cannot be written.
        """
        output = Path(path) / self.name if names_folder(path) else Path(path)
        self.require_savable(output)
        with temporary_beside(output) as temporary, write_errors(output):
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
        if self._original and self._original.is_at(output):
            raise UsageError(f"{output} is the photo itself, and sources are never overwritten")


def names_folder(path: PathLike) -> bool:
    """Whether a path is a folder's, by what is there or by its end. Raises UsageError for what is no path."""
    text = keywords.path_text("path", path)
    return text.endswith(("/", os.sep)) or os.path.isdir(text)


def prepare(
    source: Source,
    size: SizeLike | None = None,
    mode: str | None = None,
    *,
    target: str | None = None,
    **options: Unpack[Options],
) -> Prepared:
    """Make of one photo a picture of exactly `size`, or of the one that `target` names.

    The options are those of `ffprep.options.keywords.Options`: those of `ffprep convert`, with its defaults. No file is left behind. May be called from several threads
    at a time. Raises UsageError (a ValueError) for options that make no sense, PhotoError, whose `kind` tells
    why, for a photo that cannot be converted, and EnvironmentFault where none can.
    """
    keywords.require_known(options, Options)
    with keywords.errors_for_python():
        return _prepared(source, {**options, "size": size, "target": target, "mode": mode})


def _prepared(source: Source, words: Mapping[str, Any]) -> Prepared:
    _sweep_once()
    with working_folder() as folder:
        photo, subject = _place(source, folder)
        options = _parsed(photo, os.path.join(folder, "out", ""), words)
        original: _Original | None = _original(source)
        path: Location | None = None
        if isinstance(source, str | os.PathLike):
            path = located(photo)
        else:
            copy(source, Path(photo), options.policy.max_memory, subject)
        (job,) = Plan.of(options.request).jobs()
        if isinstance(job, Result):
            raise _error(job, subject)
        # In a thread of its own, where no Ctrl-C of the program's can come between a process and its end.
        with closing(
            Converter(find(options.workers.ffmpeg), options.policy, streams=False)
        ) as converter:
            stop = converter.processes.stop
            with closing(
                run_chunks(
                    [[job]], RemoteConverter(converter).convert, 1, stop=StopRules(abandon=stop)
                )
            ) as results:
                (result,) = results
        if result.failure or not result.size:
            raise _error(result, subject)
        return Prepared(
            data=Path(job.output).read_bytes(),
            size=result.size,
            format=job.spec.format.name,
            name=job.output.name,
            warnings=result.warnings,
            source=path,
            _original=original,
        )


def _parsed(photo: str, output: str, words: Mapping[str, Any]) -> ConvertOptions:
    given = {**words, "sources": [photo], "output": output, "ledger": "none"}
    return read_convert(keywords.read(convert_command, given))


def require_readable(options: Options) -> None:
    """Raise UsageError where the value of an option, by itself, makes no sense."""
    keywords.read(convert_command, {**options, "sources": ["photo"], "output": "out"})


def _error(result: Result, subject: str) -> PhotoError:
    assert result.failure
    return PhotoError(result.failure.kind, f"{subject}: {result.failure.message}")


@cache
def _sweep_once() -> None:
    """Remove what killed processes left, as each run does."""
    sweep_temp_dir()


def _place(source: Source, folder: Path) -> tuple[str, str]:
    """A source's path, also where it is yet to be copied there, and what it is called in errors. Raises UsageError."""
    if isinstance(source, str | os.PathLike):
        path = keywords.path_text("source", source)
        if os.path.isdir(path):
            words = "is a folder; prepare takes one photo, and convert takes folders"
            raise UsageError(f"{path} {words}")
        return os.path.join(".", path) if path == "-" else path, path
    name = name_of(source)
    return str(folder / "in" / (name or "picture")), name or "the photo"


def _original(source: Any) -> _Original | None:
    """The file that a source is in, as it is now; None where it is in none that can be told."""
    named = source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)
    if named is None:  # maybe in memory, and `fileno` would put it into a file
        return None
    path = Path(os.path.abspath(named)) if isinstance(named, str | os.PathLike) else None
    with suppress(OSError, ValueError, TypeError, AttributeError):
        if named is source:
            return _Original(FileStamp.seen(os.stat(source)), path)
        stamp = FileStamp.seen(os.fstat(source.fileno()))
        here = path is not None and os.path.exists(path) and FileStamp.seen(os.stat(path)) == stamp
        return _Original(stamp, path if here else None)
    return None
