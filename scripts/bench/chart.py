"""Draw the race as horizontal bars, in SVG."""

from collections.abc import Iterator, Sequence
from html import escape

from scripts.bench.peers import BASES
from scripts.bench.race import Race, Row

_BAR, _GAP, _LEFT, _SCALE, _RIGHT = 16, 6, 130, 470, 60
_FIGURE = 40
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.bar { fill: #57606a } .own { fill: #1a7f37 } line { stroke: #1a7f37; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .bar { fill: #8b949e } .own { fill: #3fb950 } line { stroke: #3fb950 }
}"""


def svg(races: Sequence[Race]) -> str:
    """Horizontal bars, a group a set: wall time as a multiple of ffprep's. Light and dark."""
    longest = max((row.wall_ratio for race in races for row in race.rows), default=1.0)
    unit = _SCALE / longest
    parts, y = [], 10
    for race in races:
        group = "".join(_bars(race, y, unit))
        parts.append(group)
        y += (len(_bar_rows(race)) + 1) * (_BAR + _GAP) + 14
    width = _LEFT + _SCALE + _RIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" '
        f'height="{y}" role="img">\n<title>Wall time as a multiple of ffprep\'s</title>\n'
        f"<style>{_STYLE}</style>\n{''.join(parts)}</svg>\n"
    )


def _bar_rows(race: Race) -> list[Row]:
    """The rows that have a bar: ffprep's own two have the same length, 1."""
    return [row for row in race.rows if row.peer != BASES["420"]]


def _bars(race: Race, top: int, unit: float) -> Iterator[str]:
    rows = _bar_rows(race)
    title = f"{race.set}, {race.photos} photos: wall time, ffprep = 1"
    yield f'<text class="title" x="{_LEFT}" y="{top + 12}">{escape(title)}</text>\n'
    y = top + _BAR + _GAP
    for row in sorted(rows, key=lambda row: row.wall_ratio):
        length, middle = max(1.0, row.wall_ratio * unit), y + 12
        kind = "own" if row.peer == "ffprep" else "bar"
        yield f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">{escape(row.peer)}</text>'
        yield f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{length:.1f}"'
        yield f' height="{_BAR}" rx="2"/>'
        # A figure beside a bar that ends shortly before the line would be crossed by it.
        end = unit if unit - _FIGURE < length < unit else length
        yield f'<text x="{_LEFT + end + 6:.1f}" y="{middle}">{row.wall_ratio:.2f}</text>\n'
        y += _BAR + _GAP
    x = _LEFT + unit
    yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top + _BAR + 2}" y2="{y - 2}"/>\n'
