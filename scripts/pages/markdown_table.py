"""Markdown tables that can be read as text."""

from collections.abc import Iterator, Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, padded; columns of figures, but for the first, to the right."""
    columns = list(zip(head, *rows, strict=True))
    right = [column > 0 and _has_figures(cells[1:]) for column, cells in enumerate(columns)]
    widths = [max(map(len, cells)) for cells in columns]
    rule = [
        f"{'-' * (width - 1)}:" if to_right else f":{'-' * (width - 1)}"
        for width, to_right in zip(widths, right, strict=True)
    ]
    for line in (head, rule, *rows):
        cells = [
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ]
        yield f"| {' | '.join(cells)} |"


def _has_figures(cells: Sequence[str]) -> bool:
    """Return whether no cell begins with a letter or a bracket."""
    return not any(cell[:1].isalpha() or cell[:1] == "[" for cell in cells)
