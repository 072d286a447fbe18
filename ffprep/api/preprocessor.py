"""`Preprocessor`: a size or a target, and options, for many photos."""

from contextlib import suppress
from pathlib import Path
from typing import Unpack

from ffprep.api.photo_input import Source
from ffprep.api.prepare import Prepared, names_folder, prepare, require_readable
from ffprep.config.targets import all_targets, find_target
from ffprep.core.formats import OUTPUT_FORMATS, WRITABLE_SUFFIXES, output_format, output_format_of
from ffprep.core.geometry import Size, read_size
from ffprep.core.known_names import nearest
from ffprep.core.target import Target
from ffprep.errors import UsageError
from ffprep.options import keywords
from ffprep.options.frame import target_files
from ffprep.options.keywords import Options, PathLike, SizeLike


class Preprocessor:
    """Converts every photo to one size, or to the size that a target's bounds allow it.

    `target` is one of: `1280x720`; NAME/SIZE of a target; NAME alone, if the target has one size,
    or bounds, by which each photo gets its own size; the name of a size, such as `landscape_720p`
    or `1080p`. For a named target, its rules for formats, bytes and alpha hold too. `options` hold
    for every photo, unless a call overrides them. Several threads may use it.

    Raises UsageError (a ValueError) that names the sizes there are, or for a bad option.
    """

    def __init__(self, target: SizeLike, **options: Unpack[Options]) -> None:
        keywords.require_known(options, Options)
        with keywords.errors_for_python():
            require_readable(options)
            named = options.get("targets_file") or options.get("targets")
            files = keywords.several("targets_file", named)
            self._target = _find(target, list(map(Path, files)))
        self._options: Options = options

    @property
    def size(self) -> Size | None:
        """The size in pixels; None if each photo has its own."""
        return self._target.only_size if self._target.sizes else None

    def __repr__(self) -> str:
        parts = (self._target.name, str(self.size or ""))
        return f"Preprocessor({'/'.join(filter(None, parts))!r})"

    def prepare(
        self, source: Source, mode: str | None = None, **options: Unpack[Options]
    ) -> Prepared:
        """Convert one photo, as `ffprep.prepare` does."""
        merged = self._options.copy()
        merged.update(options)
        if not self._target.name:
            return prepare(source, self.size, mode, **merged)
        at = f"/{self.size}" if self.size else ""
        return prepare(source, mode=mode, target=self._target.name + at, **merged)

    def cover(self, source: Source, **options: Unpack[Options]) -> Prepared:
        """Fill the frame, and cut off what overflows."""
        return self.prepare(source, "cover", **options)

    def pad(self, source: Source, **options: Unpack[Options]) -> Prepared:
        """Show the whole photo, with bars of the color `background`."""
        return self.prepare(source, "pad", **options)

    def blur(self, source: Source, **options: Unpack[Options]) -> Prepared:
        """Show the whole photo before a blurred copy that fills the frame."""
        return self.prepare(source, "blur", **options)

    def stretch(self, source: Source, **options: Unpack[Options]) -> Prepared:
        """Stretch the photo to the frame, without keeping its aspect ratio."""
        return self.prepare(source, "stretch", **options)

    def fit(self, source: Source, **options: Unpack[Options]) -> Prepared:
        """Show the whole photo without bars, in the largest size that fits in the frame."""
        return self.prepare(source, "fit", **options)

    def to_bytes(
        self, source: Source, mode: str | None = None, **options: Unpack[Options]
    ) -> bytes:
        """Return the bytes of the picture; see the options `format` and `quality`."""
        return self.prepare(source, mode, **options).data

    def process_and_save(
        self,
        path: PathLike,
        mode: str | None = None,
        output_path: PathLike | None = None,
        **options: Unpack[Options],
    ) -> Path:
        """Write the picture and return its path.

        The suffix of `output_path` determines the format. If `output_path` is a folder, or None for
        the photo's folder, the name is `{stem}_{width}x{height}{suffix}`, and the format that of
        the photo, if ffprep writes it. Raises as `prepare` and `Prepared.save` do.
        """
        photo = keywords.path_text("path", path)
        output = Path(photo).parent if output_path is None else Path(output_path)
        into_folder = output_path is None or names_folder(output_path)
        merged = Options(format=self._own_format(path) if into_folder else _format_of(output))
        merged.update(self._options)
        merged.update(options)
        picture = self.prepare(path, mode, **merged)
        if into_folder:
            named = Path(picture.name)
            plain = f"{named.stem}_{picture.size}{named.suffix}"
            output /= picture.name if merged.get("names") else plain
        return picture.save(output)

    def _own_format(self, path: PathLike) -> str | None:
        """Return the photo's own format, if ffprep writes it and the target accepts it."""
        if OUTPUT_FORMATS.keys() <= set(self._target.formats):
            return "same"
        own = output_format(Path(path))
        return own.name if own and own.name in self._target.formats else None


def _format_of(output: Path) -> str:
    format = output_format_of(output.suffix)
    if format is None:
        raise UsageError(f"{output}: its name must end in one of {WRITABLE_SUFFIXES}")
    return format.name


def _find(target: SizeLike, files: list[Path]) -> Target:
    """Return the Target, which has no name if it is a size alone. Raise UsageError.

    The user's own file of targets is read last: a program that does not use it must not fail by it.
    """
    words = "a Preprocessor has one size; ffprep.prepare takes several: sizes=[...]"
    keywords.require_one_size(target, words)
    text = str(target) if isinstance(target, Size) else keywords.text_of("size", target)
    with suppress(UsageError):
        return Target.of(Size.parse(text))
    name, known = text.partition("/")[0], all_targets(files)
    if name not in [each.name for each in known] and (found := _labelled(text, known)):
        return found
    own = target_files(tuple(files))
    known = all_targets(own)
    if name in [each.name for each in known]:
        wanted = find_target(text, own)
        return wanted.at(str(wanted.only_size)) if wanted.sizes else wanted
    if found := _labelled(text, known):
        return found
    try:
        return Target.of(read_size(text))
    except UsageError as error:
        raise UsageError(_with_names(str(error), name, known)) from None


def _with_names(problem: str, name: str, known: list[Target]) -> str:
    """Return an error, or a better one if `name` is like that of a target; and all names."""
    if near := nearest(name, [each.name for each in known]):
        problem = f"unknown target {name!r}; did you mean {near!r}?"
    sizes = {(label, str(size)) for target in known for label, size in target.sizes}
    labels = ", ".join(f"{label} ({size})" for label, size in sorted(sizes) if label != size)
    write = f"write 1280x720, TARGET/SIZE, or one of: {labels}"
    return f"{problem} Or {write}" if problem.endswith("?") else f"{problem}; or {write}"


def _labelled(label: str, targets: list[Target]) -> Target | None:
    """Return the size of that name; None if there is none. Raise UsageError if several have it."""
    named = [(each, size) for each in targets for own, size in each.sizes if own == label]
    if len({size for _, size in named}) > 1:
        which = ", ".join(f"{each.name}/{label} ({size})" for each, size in named)
        raise UsageError(f"{label!r} is the name of several sizes; write one of {which}")
    return Target.of(named[0][1]) if named else None
