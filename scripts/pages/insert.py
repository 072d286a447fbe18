"""Put tables into pages."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_PLACE = re.compile(r"(<!-- table: (.*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def insert(pages: Sequence[Path], made: Mapping[str, str]) -> None:
    """Replace the tables between `<!-- table: NAME -->` and `<!-- end -->`; each has one place.

    A table that was not made, because its text is empty, stays as it is.
    """
    texts = {page: page.read_text() for page in pages}
    names = [match[2] for text in texts.values() for match in _PLACE.finditer(text)]
    if sorted(names) != sorted(made):
        raise SystemExit(f"the pages have {sorted(names)}, but the tables are {sorted(made)}")

    def replaced(place: re.Match[str]) -> str:
        table = made[place[2]]
        return f"{place[1]}\n{table}\n\n{place[3]}" if table else place[0]

    for page, text in texts.items():
        page.write_text(_PLACE.sub(replaced, text))
