"""docs/guide/formats.md: what ffprep reads, by format and feature."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator

from scripts.cases.case import Case, Feature, Verdict

_HEAD = """\
# Formats

What ffprep makes of unusual but sound pictures. Of each kind, *right* ones are converted as they
should look, *warned* ones with a warning, and *unsupported* ones are refused by the name of their
kind. `python -m scripts.cases > docs/guide/formats.md` draws a file of each, converts it, compares
it with its right picture and prints this page. `ffprep info` says what a picture is.

"""


def page(cases: Iterable[Case]) -> str:
    """Return the whole page."""
    cases = tuple(cases)
    formats = tuple(dict.fromkeys(case.format for case in cases))
    rows = [["", *Feature], ["---"] * (1 + len(Feature))]
    rows += [[name, *(_cell(cases, name, feature) for feature in Feature)] for name in formats]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return _HEAD + table + "".join(_section(cases, name) for name in formats)


def _of(cases: Iterable[Case], name: str, feature: Feature) -> list[Case]:
    return [case for case in cases if case.format == name and case.feature is feature]


def _cell(cases: Iterable[Case], name: str, feature: Feature) -> str:
    counts = Counter(case.verdict for case in _of(cases, name, feature))
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])


def _section(cases: Iterable[Case], name: str) -> str:
    lines = (_lines(_of(cases, name, feature), feature) for feature in Feature)
    items = "\n".join(line for part in lines for line in part)
    return f"\n## {name}\n\n{items}\n"


def _lines(cases: list[Case], feature: Feature) -> Iterator[str]:
    """Yield an item for each verdict, with the names of its cases."""
    for verdict in Verdict:
        if names := [case.name for case in cases if case.verdict is verdict]:
            words = f"- **{feature}**, {verdict}: {'; '.join(names)}"
            yield textwrap.fill(words, 100, subsequent_indent="  ", break_on_hyphens=False)
