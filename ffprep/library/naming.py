"""Name outputs by a template, for all photos of a folder at once."""

import os
import re
import string
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from ffprep.core.spec import Spec
from ffprep.errors import UsageError
from ffprep.record import Record
from ffprep.system.files import TEMPORARY_PREFIX

if TYPE_CHECKING:
    from ffprep.image.capture_date import CaptureDate

NAME_FIELDS = ("stem", "suffix", "parent", "date", "width", "height", "mode", "ext", "n")
"""The fields of a --names template, which stand in braces."""

_Value: TypeAlias = "str | int | CaptureDate"
_EXAMPLE: dict[str, _Value] = {**dict.fromkeys(NAME_FIELDS, "x"), "width": 1, "height": 1, "n": 1}
"""Values of the fields, to try a template with."""


class Names(Record):
    """A template for output names. Without `{ext}`, the suffix is added at the end.

    Raises UsageError for an unknown field, or for a name that leads out of its folder.
    """

    template: str = "{stem}"

    def __post_init__(self) -> None:
        known = " ".join(f"{{{name}}}" for name in NAME_FIELDS)
        try:
            for _, name, width, conversion in string.Formatter().parse(self.template):
                if name is not None and name not in NAME_FIELDS:
                    raise UsageError(f"--names: unknown field {{{name}}}; the fields are: {known}")
                if conversion:
                    raise UsageError(
                        f"--names: {{{name}!{conversion}}} is not a field; write {{{name}}}"
                    )
                if any(int(number) > 255 for number in re.findall(r"\d+", width or "")):
                    raise UsageError(
                        f"--names: {{{name}:{width}}} is wider than any file name can be"
                    )
            self._example()
        except UsageError:
            raise
        except (ValueError, KeyError, IndexError, AttributeError) as error:
            raise UsageError(f"--names {self.template!r}: {error}") from None

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the template."""
        return _fields(self.template)

    def render(
        self,
        folder: str,
        names: Sequence[str],
        suffixes: Sequence[str],
        spec: Spec,
        numbers: Iterable[int],
        date_of: "Callable[[str], CaptureDate] | None" = None,
    ) -> list[str]:
        """Return the outputs' names for files of `folder`, relative to the output folder.

        `numbers` are those of the files. Each output has its own suffix. `date_of` returns the date
        of a photo; it is `capture_date` if it is None. Raises UsageError if a name is not possible.
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
        values: dict[str, _Value] = {
            "parent": os.path.basename(os.path.abspath(folder)),
            "width": spec.size.width,
            "height": spec.size.height,
            "mode": spec.mode.name,
        }
        outputs = []
        for n, name, suffix in zip(numbers, names, suffixes, strict=True):
            stem, own = stem_and_suffix(name)
            ext = suffix.removeprefix(".")
            if "date" in self.fields:
                from ffprep.image.capture_date import capture_date

                values["date"] = (date_of or capture_date)(folder + name)
            outputs.append(self._fill(values | {"stem": stem, "suffix": own, "ext": ext, "n": n}))
        return outputs

    def number_in(self, source: str, output: str) -> int | None:
        """Return the number of a photo by the name of its output; None if it is of other names.

        `output` is relative to the folder that `render` names files in. Its suffix may be any.
        """
        stem, own = stem_and_suffix(os.path.basename(source))
        parent = os.path.basename(os.path.dirname(source))
        given, suffix = output, ""
        if "ext" not in self.fields:
            given, _, suffix = output.rpartition(".")
        if around := _around_number(self.template):
            ext = suffix or output.rpartition(".")[2]
            values = {"stem": stem, "suffix": own, "parent": parent, "ext": ext}
            before, after = (part.format_map(values) for part in around)
            if given.startswith(before) and given.endswith(after):
                number = _as_number(given[len(before) : len(given) - len(after)])
                if number is not None:
                    return number
        pattern = _pattern(self.template, stem if "stem" in self.fields else "")
        found = pattern.fullmatch(given)
        return _as_number(found["n"]) if found else None

    @property
    def keeps_apart(self) -> bool:
        """Whether no output has the name of its photo, whatever its suffix."""
        name = os.path.normpath(self._example())
        return "/" in name or os.path.splitext(name)[0] != "x"

    @property
    def tells_size(self) -> bool:
        """Whether the names contain the size."""
        return bool({"width", "height"}.intersection(_fields(self.template)))

    def _example(self) -> str:
        if "date" not in self.fields:
            return self._fill(_EXAMPLE)
        from ffprep.image.capture_date import CaptureDate

        return self._fill(_EXAMPLE | {"date": CaptureDate(2026, 1, 2, 3, 4, 5)})

    def _fill(self, values: dict[str, _Value]) -> str:
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


def stem_and_suffix(name: str) -> tuple[str, str]:
    """Return a file's name without its suffix, and the suffix without the dot."""
    stem, _, suffix = name.rpartition(".")
    return (stem, suffix) if stem else (name, "")


def distinct_names(path: str, other: str) -> str:
    """Return a --names template by which the outputs of two photos differ.

    `path` and `other` are the photos, as the user wrote them.
    """
    (stem, suffix), (other_stem, other_suffix) = (
        stem_and_suffix(os.path.basename(each)) for each in map(str.lower, (path, other))
    )
    parents = {os.path.basename(os.path.dirname(os.path.abspath(each))) for each in (path, other)}
    if suffix != other_suffix:
        return "{stem}-{suffix}"
    return "{parent}-{stem}" if len(parents) > 1 and stem == other_stem else "{stem}-{n}"


def folded(path: str) -> str:
    """Return a path as a disk compares it that ignores case."""
    if path.isascii():
        return path.lower()
    import unicodedata

    return unicodedata.normalize("NFC", path).casefold()


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


@lru_cache
def _around_number(template: str) -> tuple[str, str] | None:
    """Return the templates before and after the number, if only the path of a photo fills them."""
    fields = _fields(template)
    if fields.count("n") != 1 or not {"n", "stem", "suffix", "parent", "ext"}.issuperset(fields):
        return None
    parts = [""]
    for text, name, width, _ in string.Formatter().parse(template):
        parts[-1] += text.replace("{", "{{").replace("}", "}}")
        if name == "n":
            parts.append("")
        elif name is not None:
            parts[-1] += f"{{{name}:{width}}}"
    return parts[0], parts[1]


@lru_cache(maxsize=64)
def _pattern(template: str, stem: str) -> "re.Pattern[str]":
    """Return the pattern of names that a template gives to photos with a stem."""
    pattern = ""
    for text, name, _, _ in string.Formatter().parse(template):
        pattern += re.escape(text)
        if name == "n":
            pattern += r" *\d+ *" if "(?P<n>" in pattern else r"(?P<n> *\d+ *)"
        elif name == "stem":
            pattern += f" *{re.escape(stem)} *"
        elif name == "date":
            pattern += ".+"
        elif name is not None:
            pattern += r" *\d+ *" if name in ("width", "height") else "[^/]+"
    return re.compile(pattern, re.DOTALL | re.ASCII)


def _as_number(text: str) -> int | None:
    text = text.strip(" ")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None
