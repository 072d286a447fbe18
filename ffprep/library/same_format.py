"""Outputs that have the formats of their photos (`--format same`)."""

import os
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path

from ffprep.core.formats import (
    FILMS,
    OUTPUT_FORMATS,
    OutputFormat,
    output_format,
    output_format_of,
    written_as,
)
from ffprep.core.spec import Spec
from ffprep.record import replace
from ffprep.system.files import is_url


def suffixes_and_specs(
    folder: str, names: Sequence[str], spec: Spec, allowed: Collection[str]
) -> tuple[list[str], list[Spec]]:
    """Return the suffix and the Spec of the output of each file of a folder.

    A photo whose own format is not `allowed` becomes a JPEG.
    """
    formats = [_same_format(folder + name, spec) for name in names]
    formats = [each if each.name in allowed else OUTPUT_FORMATS["jpeg"] for each in formats]
    suffixes = [_suffix(name, format) for name, format in zip(names, formats, strict=True)]
    return suffixes, [_with_format(spec, format) for format in formats]


def _same_format(path: str, spec: Spec) -> OutputFormat:
    suffix = os.path.splitext(path)[1]
    if is_url(path):  # it is not opened for this
        return written_as(suffix) or _of_film(suffix) or spec.format
    return output_format(Path(path)) or output_format_of(suffix) or _of_film(suffix) or spec.format


def _of_film(suffix: str) -> OutputFormat | None:
    return OUTPUT_FORMATS["jpeg"] if suffix.lower() in FILMS else None


def _suffix(name: str, format: OutputFormat) -> str:
    """The suffix of an output of this format: its source's, where that fits."""
    suffix = os.path.splitext(name)[1]
    return suffix if suffix.lower() in format.suffixes else format.suffixes[0]


@lru_cache(maxsize=32)
def _with_format(spec: Spec, format: OutputFormat) -> Spec:
    return replace(spec, format=format)
