"""`Preprocessor`: one size, or one of a target's, held for many photos."""

import os
from pathlib import Path
from typing import Unpack

from ffprep import keywords
from ffprep.errors import UsageError
from ffprep.formats import OUTPUT_FORMATS, output_format_of
from ffprep.keywords import Options, PathLike, SizeLike
from ffprep.preparing import Prepared, Source, prepare
from ffprep.spec import Size
from ffprep.targetfiles import all_targets, find_target


class Preprocessor:
    """Makes every photo a picture of one size.

    `target` is a target's NAME, if it has one size only, or NAME/SIZE; a size by its name, such as
    `landscape_720p`; or `1280x720`. Options hold for every photo, where a call does not say otherwise. Safe to
    use from several threads. Raises UsageError, which is a ValueError, that names the sizes there are.
    """

    def __init__(self, target: SizeLike, **options: Unpack[Options]) -> None:
        keywords.require_known(options, Options)
        self.size = _one_size(target, keywords.several(options.get("targets")))
        self._options: Options = options

    def __repr__(self) -> str:
        return f"Preprocessor({str(self.size)!r})"

    def prepare(
        self, source: Source, mode: str | None = None, **options: Unpack[Options]
    ) -> Prepared:
        """As the function of this name does, at this size."""
        said = self._options.copy()
        said.update(options)
        return prepare(source, self.size, mode, **said)

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
        output = Path(path).parent if output_path is None else Path(output_path)
        said = Options(names="{stem}_{width}x{height}")
        said["format"] = "same" if os.path.isdir(output) else _format_of(output)
        said.update(self._options)
        said.update(options)
        return self.prepare(path, mode, **said).save(output)


def _format_of(output: Path) -> str:
    format = output_format_of(output.suffix)
    if format is None:
        known = ", ".join(suffix for f in OUTPUT_FORMATS.values() for suffix in f.suffixes)
        raise UsageError(f"{output}: its name must end in one of {known}")
    return format.name


def _one_size(target: SizeLike, files: list[str]) -> Size:
    """The size that is meant, with the user's own targets and those in `files`. Raises UsageError."""
    if isinstance(target, Size):
        return target
    if isinstance(target, tuple):
        return Size.parse("x".join(map(str, target)))
    from ffprep.request import target_files  # and with it much that `prepare` needs as well

    own = target_files(tuple(map(Path, files)))
    targets = all_targets(own)
    if target.partition("/")[0] in [known.name for known in targets]:
        return find_target(target, own).only_size
    named = {(label, size) for known in targets for label, size in known.sizes if label == target}
    if len(named) == 1:
        return named.pop()[1]
    try:
        return Size.parse(target)
    except UsageError:
        labels = ", ".join(
            sorted({f"{label} ({size})" for t in targets for label, size in t.sizes})
        )
        words = f"{target!r} is no size; write width x height, such as 1280x720, a target/size, or one of"
        raise UsageError(f"{words}: {labels}") from None
