"""Parse the option of a report."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from ffprep.core.geometry import FaceFocus
from ffprep.options.config_file import key_names
from ffprep.options.convert import convert_parameters
from ffprep.record import Record, astuple
from ffprep.run.report_file import ReportFile, require_html

_APART = ("sources", "output", "config", "report")
"""What a report shows elsewhere."""


def read_report(params: Mapping[str, Any]) -> ReportFile:
    """Return the report of --report, and the options to show in it. Raise UsageError."""
    require_html("--report", params["report"])
    return ReportFile(params["report"], tuple(_given(params)), params["config"])


def _given(params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the options that differ from their defaults, by their names."""
    usual = convert_parameters.make_context("convert", []).params
    for param in convert_parameters.params:
        name = str(param.name)
        if name not in _APART and name in usual and params[name] != usual[name]:
            yield key_names(param)[0], _spelled(params[name])


def _spelled(value: Any) -> str:
    """Return a value as the command line would spell it; flags are "yes" or "no"."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(map(_spelled, value))
    if isinstance(value, FaceFocus):
        return "faces"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Record) and type(value).__str__ is object.__str__:
        return ",".join(map(_spelled, astuple(value)))
    return str(value)
