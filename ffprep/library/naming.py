"""Name outputs by a template, for all photos of a folder at once."""

import os
import re
import string
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError, UsageError
from ffprep.system.files import TEMPORARY_PREFIX

NAME_FIELDS = ("stem", "parent", "width", "height", "mode", "ext", "n")
"""The fields of a --names template, which stand in braces."""


@dataclass(frozen=True, slots=True)
class Names:
    """A template for output names. Without `{ext}`, the suffix is added at the end.

    Raises UsageError for an unknown field, or for a name that leads out of its folder.
    """

    template: str = "{stem}"

    def __post_init__(self) -> None:
        known = " ".join(f"{{{name}}}" for name in NAME_FIELDS)
        try:
            for _, name, width, _ in string.Formatter().parse(self.template):
                if name is not None and name not in NAME_FIELDS:
                    raise UsageError(f"--names: unknown field {{{name}}}; the fields are: {known}")
                if any(int(number) > 255 for number in re.findall(r"\d+", width or "")):
                    raise UsageError(
                        f"--names: {{{name}:{width}}} is wider than any file name can be"
                    )
            self._fill(dict.fromkeys(NAME_FIELDS, "x") | dict.fromkeys(("width", "height", "n"), 1))
        except UsageError:
            raise
        except (ValueError, KeyError, IndexError, AttributeError) as error:
            raise UsageError(f"--names {self.template!r}: {error}") from None

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the template."""
        return _fields(self.template)

    def render(
        self, folder: str, names: Sequence[str], suffixes: Sequence[str], spec: Spec, number: int
    ) -> list[str]:
        """Return the outputs' names for files of `folder`, relative to the output folder.

        `number` is that of the first file. Each output has its own suffix. Raises UsageError if a
        name is not possible.
        """
        if around := _around_stem(self.template):
            before, after = around
            outputs = [
                before + (name.rpartition(".")[0] or name) + after + suffix
                for name, suffix in zip(names, suffixes, strict=True)
            ]
            if TEMPORARY_PREFIX in "".join(outputs):
                for name in outputs:
                    self._require_name(name)
            return outputs
        values: dict[str, str | int] = {
            "parent": os.path.basename(os.path.abspath(folder)),
            "width": spec.size.width,
            "height": spec.size.height,
            "mode": spec.mode.name,
        }
        outputs = []
        for n, (name, suffix) in enumerate(zip(names, suffixes, strict=True), number):
            stem, ext = name.rpartition(".")[0] or name, suffix.removeprefix(".")
            outputs.append(self._fill(values | {"stem": stem, "ext": ext, "n": n}))
        return outputs

    @property
    def tells_size(self) -> bool:
        """Whether the names contain the size."""
        return bool({"width", "height"}.intersection(_fields(self.template)))

    def _fill(self, values: dict[str, str | int]) -> str:
        name = self.template.format_map(values)
        if "ext" not in _fields(self.template):
            name += f".{values['ext']}"
        self._require_name(name)
        return name

    def _require_name(self, name: str) -> None:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if (
            not self.template
            or not parts
            or name.startswith("/")
            or name.endswith("/")
            or ".." in parts
            or "\0" in name
        ):
            raise UsageError(
                f"--names {self.template!r} gives {name!r}, which is not the name of a file in "
                "OUT; write for example {stem} or {parent}/{stem}"
            )
        if parts[-1].startswith(TEMPORARY_PREFIX):
            raise UsageError(
                f"--names: {TEMPORARY_PREFIX} is how the names of ffprep's temporary files start"
            )


def folded(path: str) -> str:
    """Return a path as a disk compares it that ignores case."""
    return unicodedata.normalize("NFC", path).casefold()


def overwrites_source(output: str) -> PhotoError:
    """Return the error of a photo whose output is one of the sources."""
    return PhotoError(
        Kind.COLLISION,
        f"the output {output} is one of the sources, and sources are never overwritten; choose "
        "another output folder, or other names with --names",
    )


@lru_cache
def _fields(template: str) -> tuple[str, ...]:
    return tuple(f for _, f, _, _ in string.Formatter().parse(template) if f is not None)


@lru_cache
def _around_stem(template: str) -> tuple[str, str] | None:
    """Return the text before and after the stem, if the template has no other field.

    Names are made ten times as fast this way. A stem can make such a name impossible in one way
    only: the name may look like that of a temporary file.
    """
    if _fields(template) != ("stem",):
        return None
    before, after = template.split("{stem}") if template.count("{stem}") == 1 else ("", "/")
    # Doubled braces, and a field with a width, are left to `str.format`.
    return None if "/" in after or set("{}") & set(before + after) else (before, after)
