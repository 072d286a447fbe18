"""`prepare`: convert one photo, from a file or from memory, to a picture in memory."""

import os
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

from ffprep.api.photo_input import Source, copy, name_of
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.formats import media_type, output_format_of
from ffprep.core.geometry import Size
from ffprep.core.job import CaveatKind, Job, Result
from ffprep.core.location import Location, located
from ffprep.errors import EnvironmentFault, PhotoError, UsageError
from ffprep.library.plan import Plan
from ffprep.options import keywords
from ffprep.options.convert import convert_parameters
from ffprep.options.keywords import Options, PathLike, SizeLike
from ffprep.options.parse import read_convert
from ffprep.record import Record, field
from ffprep.run.task import convert
from ffprep.system.files import FileStamp
from ffprep.system.pool import run_chunks
from ffprep.system.single import StopRules
from ffprep.system.tempfiles import sweep_temp_dir, temporary_beside, temporary_folder, write_errors

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
    from PIL import Image


class _Original(Record):
    """The file of a photo: the version that was read, and its path if that is known."""

    stamp: FileStamp
    path: Path | None = None

    def is_at(self, output: Path) -> bool:
        """Return whether the file at `output` is this one, as it was read or modified since."""
        with suppress(OSError):
            there = os.stat(output)
            own = self.path and os.path.exists(self.path) and os.path.samefile(self.path, output)
            return bool(own) or FileStamp.seen(there) == self.stamp
        return False


class Prepared(Record):
    """A picture of the size asked for, decoded again and checked.

    `data` is the whole file; `size` is in pixels; `format` is jpeg, png, webp, avif or jpegxl.
    `name` is the photo's name with the suffix of the format, or by the template `names`. `warnings`
    are sentences, mostly about enlarging, and `warning_kinds` the kind of each. `source` is the
    photo's path or URL, if it has one; `mode` is the mode that was used. Notebooks show the
    picture.
    """

    data: bytes = field(repr=False)
    size: Size
    format: str
    name: str
    warnings: tuple[str, ...] = ()
    source: Location | None = None
    warning_kinds: tuple[CaveatKind, ...] = ()
    mode: str | None = None
    _original: _Original | None = field(default=None, repr=False, compare=False)

    @property
    def mime(self) -> str:
        """The media type, such as `image/jpeg`."""
        return media_type(self.format)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        from ffprep.api.results import picture_html

        words = [self.name, str(self.size), self.mode or "", self.format]
        shown = picture_html(self.data, ", ".join(filter(None, words)), self.warnings)
        return {"text/html": shown, "text/plain": repr(self)}

    def upload(self) -> tuple[str, bytes, str]:
        """Return name, bytes and media type: a file for the openai SDK and other HTTP clients.

        They send bytes alone as application/octet-stream, which servers refuse.
        """
        name = "".join(c if c.isprintable() else "?" for c in self.name)
        return name.encode(errors="replace").decode(), self.data, self.mime

    def image(self) -> "Image.Image":
        """Return the picture as a PIL image, decoded: RGB, or RGBA if some pixels are translucent.

        Raises UsageError if the format is jpegxl, which Pillow does not decode.
        """
        from io import BytesIO

        from PIL import Image

        if self.format == "jpegxl":
            raise UsageError(f"{self.name}: Pillow does not decode JPEG XL; prepare it as png")
        with Image.open(BytesIO(self.data)) as picture:
            if not picture.has_transparency_data:
                return picture.convert("RGB")
            translucent = picture.convert("RGBA")
        opaque = translucent.getextrema()[-1] == (255, 255)
        return translucent.convert("RGB") if opaque else translucent

    def array(self) -> "NDArray[numpy.uint8]":
        """Return the pixels as a NumPy array of uint8: height x width x 3, in the order RGB.

        Raises UsageError if some pixels are translucent, and EnvironmentFault without NumPy.
        """
        try:
            import numpy
        except ImportError:
            problem = "array() needs another Python package, numpy"
            raise EnvironmentFault(f"{problem}; run: pip install numpy") from None
        picture = self.image()
        if picture.mode != "RGB":
            problem = f"{self.name}: some of its pixels are translucent, and the array has none"
            raise UsageError(f"{problem}; prepare it as jpeg, which puts the background behind")
        return numpy.array(picture)

    def save(self, path: PathLike) -> Path:
        """Write the picture atomically, over an existing file too; return its path.

        In a folder, and under a path that ends in a slash, the file is called `name`.

        Raises UsageError if `path` is the photo itself or has the suffix of another format,
        PhotoError or EnvironmentFault if it cannot be written.
        """
        output = Path(path) / self.name if names_folder(path) else Path(path)
        self.require_savable(output)
        with temporary_beside(output) as temporary, write_errors(output):
            temporary.path.write_bytes(self.data)
            temporary.publish()
        return output

    def require_savable(self, output: Path) -> None:
        """Raise UsageError if the picture must not be written there."""
        named = output_format_of(output.suffix)
        if named and named.name != self.format:
            raise UsageError(
                f"{output} has the suffix of {named.name}, but the picture is {self.format}"
            )
        if self._original and self._original.is_at(output):
            raise UsageError(f"{output} is the photo itself, and sources are never overwritten")


def names_folder(path: PathLike) -> bool:
    """Return whether a path is an existing folder, or ends in a slash.

    Raise UsageError if it is not a path.
    """
    text = keywords.path_text("path", path)
    return text.endswith(("/", os.sep)) or os.path.isdir(text)


@overload
def prepare(
    source: Source,
    size: SizeLike | None = None,
    mode: str | None = None,
    *,
    sizes: None = None,
    target: str | None = None,
    **options: Unpack[Options],
) -> Prepared: ...


@overload
def prepare(
    source: Source,
    size: None = None,
    mode: str | None = None,
    *,
    sizes: Iterable[SizeLike],
    target: str | None = None,
    **options: Unpack[Options],
) -> list[Prepared]: ...


def prepare(
    source: Source,
    size: SizeLike | None = None,
    mode: str | None = None,
    *,
    sizes: Iterable[SizeLike] | None = None,
    target: str | None = None,
    **options: Unpack[Options],
) -> Prepared | list[Prepared]:
    """Convert one photo to exactly `size` (width and height in pixels), or to the size of `target`.

    With `sizes`, return a list of pictures in their order; the photo is decoded once for all. The
    options are those of `ffprep.options.keywords.Options`: those of `ffprep convert`, with its
    defaults. No file is left behind. Several threads may call it at a time.

    Raises UsageError (a ValueError) for options that contradict one another; PhotoError, whose
    `kind` is the reason, if the photo cannot be converted; EnvironmentFault if no photo can.
    """
    keywords.require_known(options, Options)
    words: dict[str, Any] = {**options, "target": target, "mode": mode}
    if not isinstance(target, str | None):
        raise UsageError(f'target takes one name, such as "sora-2", and not {target!r}')
    with keywords.errors_for_python():
        pictures = _prepared(source, words | keywords.size_words(size, sizes))
    return pictures[0] if sizes is None else pictures


def _prepared(source: Source, words: Mapping[str, Any]) -> list[Prepared]:
    _sweep_once()
    with temporary_folder() as folder:
        photo, subject = _place(source, folder)
        output = os.path.join(folder, "out", "")
        given = {**words, "sources": [photo], "output": output, "ledger": "none"}
        options = read_convert(keywords.read(convert_parameters, given))
        original: _Original | None = _original(source)
        path: Location | None = None
        if isinstance(source, str | os.PathLike):
            path = located(photo)
        else:
            copy(source, Path(photo), options.policy.max_memory, subject)
        jobs = list[Job]()
        for item in Plan.of(options.request).jobs():
            if isinstance(item, Result):
                raise _error(item, subject)
            jobs.append(item)
        # In its own thread, where no Ctrl-C can come between the start of a process and its end.
        with closing(
            Converter(find(options.workers.ffmpeg), options.policy, streams=False)
        ) as converter:
            work, stops = partial(convert, converter), StopRules(abandon=converter.processes.stop)
            with closing(run_chunks([jobs], work, 1, stop=stops)) as results:
                found = {result.output: result for result in results}
        pictures = list[Prepared]()
        for job in jobs:
            result = found[job.output]
            if result.failure or not result.size:
                raise _error(result, subject)
            picture = Prepared(
                data=Path(job.output).read_bytes(),
                size=result.size,
                format=job.spec.format.name,
                name=job.output.name,
                warnings=result.warnings,
                warning_kinds=result.warning_kinds,
                source=path,
                mode=result.mode,
                _original=original,
            )
            pictures.append(picture)
        return pictures


def require_readable(options: Options) -> None:
    """Raise UsageError if the value of an option cannot be read."""
    keywords.read(convert_parameters, {**options, "sources": ["photo"], "output": "out"})


def _error(result: Result, subject: str) -> PhotoError:
    assert result.failure
    return PhotoError(result.failure.kind, f"{subject}: {result.failure.message}")


_sweep_once = cache(sweep_temp_dir)
"""Removes temporary files of killed processes, as each run does."""


def _place(source: Source, folder: Path) -> tuple[str, str]:
    """Return the path of a source, or to copy it to, and its name for errors. Raise UsageError."""
    if isinstance(source, str | os.PathLike):
        path = keywords.path_text("source", source)
        if os.path.isdir(path):
            raise UsageError(f"{path} is a folder; use ffprep.convert for folders")
        return os.path.join(".", path) if path == "-" else path, path
    name = name_of(source)
    return str(folder / "in" / (name or "picture")), name or "the photo"


def _original(source: Any) -> _Original | None:
    """Return the file of a source, as it is now; None if it has none, or an unknown one."""
    named = source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)
    if named is None:  # maybe in memory: `fileno` of a SpooledTemporaryFile would write it to disk
        return None
    path = Path(os.path.abspath(named)) if isinstance(named, str | os.PathLike) else None
    with suppress(OSError, ValueError, TypeError, AttributeError):
        if named is source:
            return _Original(FileStamp.seen(os.stat(source)), path)
        stamp = FileStamp.seen(os.fstat(source.fileno()))
        here = path is not None and os.path.exists(path) and FileStamp.seen(os.stat(path)) == stamp
        return _Original(stamp, path if here else None)
    return None
