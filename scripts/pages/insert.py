"""Put tables into pages."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_PLACE = re.compile(r"(<!-- table: (.*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def insert(pages: Sequence[Path], made: Mapping[str, str]) -> None:
    """Replace the tables between `<!-- table: NAME -->` and `<!-- end -->`; each has one place."""
    texts = {page: page.read_text() for page in pages}
    names = [match[2] for text in texts.values() for match in _PLACE.finditer(text)]
    if sorted(names) != sorted(made):
        raise SystemExit(f"the pages have {sorted(names)}, but the tables are {sorted(made)}")
    for page, text in texts.items():
        page.write_text(
            _PLACE.sub(lambda match: f"{match[1]}\n{made[match[2]]}\n\n{match[3]}", text)
        )
