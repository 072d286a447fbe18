"""`Preprocessor`: one size, or one of a target's, held for many photos."""

from contextlib import suppress
from pathlib import Path
from typing import Unpack

from ffprep.api.photo_input import Source
from ffprep.api.prepare import Prepared, names_folder, prepare, require_readable
from ffprep.config.targets import all_targets, find_target
from ffprep.core.formats import OUTPUT_FORMATS, WRITABLE_SUFFIXES, output_format, output_format_of
from ffprep.core.geometry import Size
from ffprep.core.target import Target
from ffprep.errors import UsageError
from ffprep.options import keywords
from ffprep.options.frame import target_files
from ffprep.options.keywords import Options, PathLike, SizeLike


class Preprocessor:
    """Makes every photo a picture of one size, or of the one that a target's bounds have for it.

    `target` is NAME/SIZE of a target; its NAME alone, if it has one size, or bounds and no list, where each photo has
    a size of its own; a size by its name, such as `landscape_720p`; or `1280x720`. Of a target that is named, the rules for formats,
    bytes and alpha hold too. `size` is None where each photo has its own. Options hold for every photo, where a call does not say
    otherwise; each of them is read at once. Safe to use from several threads. Raises UsageError, which is a ValueError, that names the
    sizes there are.
    """

    def __init__(self, target: SizeLike, **options: Unpack[Options]) -> None:
        keywords.require_known(options, Options)
        with keywords.errors_for_python():
            require_readable(options)
            files = keywords.several("targets", options.get("targets"))
            self._target = _meant(target, list(map(Path, files)))
        self._options: Options = options

    @property
    def size(self) -> Size | None:
        """The one size there is."""
        return self._target.only_size if self._target.sizes else None

    def __repr__(self) -> str:
        parts = (self._target.name, str(self.size or ""))
        return f"Preprocessor({'/'.join(filter(None, parts))!r})"

    def prepare(
        self, source: Source, mode: str | None = None, **options: Unpack[Options]
    ) -> Prepared:
        """As the function of this name does, at this size."""
        said = self._options.copy()
        said.update(options)
        if not self._target.name:
            return prepare(source, self.size, mode, **said)
        at = f"/{self.size}" if self.size else ""
        return prepare(source, mode=mode, target=self._target.name + at, **said)

    def cover(self, source: Source, **options: Unpack[Options]) -> Prepared:
        """Fill the frame, and cut what overflows."""
        return self.prepare(source, "cover", **options)

    def pad(self, source: Source, **options: Unpack[Options]) -> Prepared:
        """Show the whole photo, with bars in the colour `background`."""
        return self.prepare(source, "pad", **options)

    def blur(self, source: Source, **options: Unpack[Options]) -> Prepared:
        """Show the whole photo, in front of a blurred copy that fills the frame."""
        return self.prepare(source, "blur", **options)

    def stretch(self, source: Source, **options: Unpack[Options]) -> Prepared:
        """Force the photo into the frame; proportions are lost."""
        return self.prepare(source, "stretch", **options)

    def to_bytes(
        self, source: Source, mode: str | None = None, **options: Unpack[Options]
    ) -> bytes:
        """The picture's file, in memory; `format` and `quality` are the options to know."""
        return self.prepare(source, mode, **options).data

    def process_and_save(
        self,
        path: PathLike,
        mode: str | None = None,
        output_path: PathLike | None = None,
        **options: Unpack[Options],
    ) -> Path:
        """Write the picture; its path.

        To `output_path`, whose suffix says the format. Without one, beside the photo, or in `output_path` if that is a
        folder, as `{stem}_{width}x{height}{suffix}`, in the photo's format where ffprep writes that. Raises
        as `prepare` and `Prepared.save` do.
        """
        photo = keywords.path_text("path", path)
        output = Path(photo).parent if output_path is None else Path(output_path)
        into_folder = output_path is None or names_folder(output_path)
        said = Options(format=self._own_format(path) if into_folder else _format_of(output))
        said.update(self._options)
        said.update(options)
        picture = self.prepare(path, mode, **said)
        if into_folder:
            named = Path(picture.name)
            plain = f"{named.stem}_{picture.size}{named.suffix}"
            output /= picture.name if said.get("names") else plain
        return picture.save(output)

    def _own_format(self, path: PathLike) -> str | None:
        """The photo's own, where ffprep writes that, and the target takes it."""
        if OUTPUT_FORMATS.keys() <= set(self._target.formats):
            return "same"
        own = output_format(Path(path))
        return own.name if own and own.name in self._target.formats else None


def _format_of(output: Path) -> str:
    format = output_format_of(output.suffix)
    if format is None:
        raise UsageError(f"{output}: its name must end in one of {WRITABLE_SUFFIXES}")
    return format.name


def _meant(target: SizeLike, files: list[Path]) -> Target:
    """What is meant, with the user's own targets and those in `files`; without a name where it is a size alone.

    The user's own are read only where it is nothing else: a program that asks for none has nothing to do with them. Raises
    UsageError.
    """
    text = str(target) if isinstance(target, Size) else keywords.text_of("size", target)
    with suppress(UsageError):
        return Target.of_size(Size.parse(text))
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
    labels = ", ".join(sorted({f"{label} ({size})" for t in known for label, size in t.sizes}))
    words = f"{text!r} is no size; write width x height, such as 1280x720, a target/size, or one of"
    raise UsageError(f"{words}: {labels}")


def _labelled(label: str, targets: list[Target]) -> Target | None:
    """The size of that name; None where no target has one. Raises UsageError where it stands for several."""
    named = [(each, size) for each in targets for own, size in each.sizes if own == label]
    if len({size for _, size in named}) > 1:
        which = ", ".join(f"{each.name}/{label} ({size})" for each, size in named)
        raise UsageError(f"{label!r} stands for several sizes; say which one: {which}")
    return Target.of_size(named[0][1]) if named else None
