"""What was measured, for people and programs: text, Markdown, JSON, and one plot as SVG."""

import json
import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path

from scripts.bench.colour import Colour
from scripts.bench.nightly import Beside, Held, Nightly
from scripts.bench.parts import Fidelity, Growth, Pair
from scripts.bench.peers import BASES, FLOOR, HEIGHT, PEERS, WIDTH
from scripts.bench.quality import CHROMAS, Coded
from scripts.bench.race import Race, Row
from scripts.bench.stores import StoreCost
from scripts.pages.markdown_table import table

_MEGA = 1e6
_WHAT = {peer.name: peer.what for peer in (*PEERS, *FLOOR)}


@dataclass(slots=True)
class Report:
    """All parts of a benchmark; those that were not run are empty."""

    jobs: int
    rounds: int
    drawn: bool
    quick: bool = False
    versions: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    races: list[Race] = field(default_factory=list)
    startup: list[Pair] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    floor: list[Race] = field(default_factory=list)
    fidelity: list[Fidelity] = field(default_factory=list)
    quality: list[Coded] = field(default_factory=list)
    colour: list[Colour] = field(default_factory=list)
    nightly: Nightly | None = None
    stores: StoreCost | None = None

    def json(self) -> str:
        """Everything, with every single run."""
        return json.dumps({"machine": machine(), **asdict(self)}, indent=1) + "\n"

    def markdown(self) -> str:
        """The tables, each under a heading of its own."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from _conditions(self)
        for race in self.races:
            yield from ("", f"### {_titled(race)}", "")
            yield from _race_table(race)
        for race in self.floor:
            yield from ("", f"### The floor: decoding alone, {_titled(race)}", "")
            yield from _race_table(race, outputs=False)
        if self.startup:
            yield from ("", "### Start-up", "")
            yield from _startup_table(self.startup)
        if self.growth:
            yield from ("", "### Growth", "")
            yield from _growth_table(self.growth)
        if self.fidelity:
            yield from ("", "### Fidelity", "")
            yield from _fidelity_table(self.fidelity)
        if self.quality:
            yield from ("", "### JPEG against Pillow's", "")
            yield from _quality_table(self.quality)
            yield from ("", "### Full chroma or half", "")
            yield from _chroma_table(self.quality)
        if self.colour:
            yield from ("", "### Colour", "")
            yield from _colour_table(self.colour)
        if self.nightly:
            yield from _nightly_tables(self.nightly)
        yield from _stores_table(self.stores)


def machine() -> dict[str, str | int | float]:
    """Describe the machine. The load is that of the last minute, including the benchmark."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _conditions(report: Report) -> Iterator[str]:
    about = machine()
    yield f"{about['processor']}, {about['processors']} processors, Python {about['python']}."
    yield f"{report.jobs} at a time, {report.rounds} rounds after a warm-up, order alternating."
    yield f"Photos: {'drawn' if report.drawn else 'real'}."
    if report.quick:
        yield "**A smoke run: a few photos, and no figures to rely on.**"
    if report.versions:
        yield "Versions: " + ", ".join(f"{n} {v}" for n, v in report.versions.items()) + "."
    if report.missing:
        yield "Not installed, and left out: " + ", ".join(report.missing) + "."


def _titled(race: Race) -> str:
    return f"{race.set}: {race.photos} photos, {race.bytes / _MEGA:.0f} MB"


def _race_table(race: Race, outputs: bool = True) -> Iterator[str]:
    """Yield the table, and the columns about the outputs if there are any."""
    head = ["", "wall s", "ratio", "CPU s", "ratio", "peak MB"]
    rows = [_cells(row) for row in race.rows]
    if outputs:
        head[1:1], head[6:] = ["chroma"], ["peak MB", "output MB", f"{WIDTH}x{HEIGHT}"]
        for cells, row in zip(rows, race.rows, strict=True):
            cells.insert(1, ":".join(row.chroma))
            cells += [f"{row.size / _MEGA:.1f}", f"{row.exact}/{race.photos}"]
    yield from table(head, rows)
    failed = [f"{row.peer} ({row.status})" for row in race.rows if row.status]
    if failed:
        yield from ("", "Ended with a status other than 0: " + ", ".join(failed) + ".")


def _cells(row: Row) -> list[str]:
    return [
        _WHAT[row.peer],
        f"{row.wall:.2f}",
        f"{row.wall_ratio:.2f}",
        f"{row.cpu:.2f}",
        f"{row.cpu_ratio:.2f}",
        f"{row.peak / _MEGA:.0f}",
    ]


def _startup_table(pairs: Sequence[Pair]) -> Iterator[str]:
    yield from table(
        ("", "ms", "against", "ms", "ratio"),
        [
            (p.name, f"{p.seconds * 1e3:.1f}", p.against, f"{p.base * 1e3:.1f}", f"{p.ratio:.2f}")
            for p in pairs
        ],
    )


def _growth_table(found: Sequence[Growth]) -> Iterator[str]:
    yield from table(
        ("photos", "wall ms a photo", "ratio", "CPU ms a photo", "own MB", "peak MB", "exact"),
        [
            (
                str(one.photos),
                f"{one.wall * 1e3:.2f}",
                f"{one.wall / found[0].wall:.2f}",
                f"{one.cpu * 1e3:.2f}",
                f"{one.own / _MEGA:.1f}",
                f"{one.peak / _MEGA:.0f}",
                str(one.exact),
            )
            for one in found
        ],
    )


def _fidelity_table(found: Sequence[Fidelity]) -> Iterator[str]:
    def cells(name: str, values: Sequence[float | None], profile: str = "") -> tuple[str, ...]:
        return name, *("none" if v is None else f"{v:.1f}" for v in values), profile

    rows = [cells(f.photo, (f.folder, f.alone), "yes" if f.profile else "") for f in found]
    columns = [[value for value in column if value is not None] for column in _columns(found)]
    for name, total in (("mean", statistics.fmean), ("minimum", min)):
        rows.append(cells(name, [total(column) if column else None for column in columns]))
    yield from table(("PSNR in dB", "in a folder", "alone", "profile"), rows)


def _columns(found: Sequence[Fidelity]) -> tuple[list[float | None], list[float | None]]:
    return [one.folder for one in found], [one.alone for one in found]


def _quality_table(found: Sequence[Coded]) -> Iterator[str]:
    head = ("quality", *(f"{c} {what}" for c in CHROMAS for what in ("dB", "bytes")))
    cells = {one: (f"{one.gain:+.2f}", f"{one.ratio * 100:.1f} %") for one in found}
    yield from table(head, _by_quality(found, CHROMAS, cells))


def _chroma_table(found: Sequence[Coded]) -> Iterator[str]:
    chromas = ("420", "444")
    what = ("kB", "PSNR", "CIEDE2000")
    head = ("quality", *(f"{chroma} {word}" for chroma in chromas for word in what))
    fine = [one for one in found if one.quality >= 90]
    cells = {o: (f"{o.size / 1e3:.1f}", f"{o.psnr:.2f}", f"{o.delta:.3f}") for o in fine}
    yield from table(head, _by_quality(fine, chromas, cells))


def _by_quality(
    found: Sequence[Coded], chromas: Sequence[str], cells: Mapping[Coded, tuple[str, ...]]
) -> list[list[str]]:
    """A row a quality, its subsamplings beside one another."""
    rows: dict[int, list[str]] = {}
    for one in found:
        if one.chroma in chromas:
            rows.setdefault(one.quality, [str(one.quality)]).extend(cells[one])
    return [*rows.values()]


def _colour_table(found: Sequence[Colour]) -> Iterator[str]:
    head = ("", "photos", "plain wall s", "P3 wall s", "ratio", "plain CPU s", "P3 CPU s", "ratio")
    yield from table(
        head,
        [
            (
                one.what,
                str(one.photos),
                *(f"{value:.2f}" for value in (one.plain_wall, one.wall, one.wall_ratio)),
                *(f"{value:.2f}" for value in (one.plain_cpu, one.cpu, one.cpu_ratio)),
            )
            for one in found
        ],
    )


def _nightly_tables(found: Nightly) -> Iterator[str]:
    yield from ("", "### A library, every night", "")
    if found.idle:
        yield from _beside_table("ffprep", "rsync", [found.idle])
    else:
        yield "rsync is not installed, and nothing to compare with."
    yield from ("", "### Memory", "", *_held_table(found.held))
    yield from ("", "### --fsync", "", *_beside_table("--fsync", "without", found.synced))


def _stores_table(found: StoreCost | None) -> Iterator[str]:
    if found is None:
        return
    yield from ("", "### From S3 to S3", "")
    milliseconds = (found.local, found.remote, found.difference)
    spread = f"{min(found.rounds) * 1e3:.1f} to {max(found.rounds) * 1e3:.1f}"
    names = ("photos", "disk to disk ms", "S3 to S3 ms", "difference ms", "rounds")
    row = (str(found.photos), *(f"{seconds * 1e3:.1f}" for seconds in milliseconds), spread)
    yield from table(names, [row])


def _beside_table(ours: str, theirs: str, found: Sequence[Beside]) -> Iterator[str]:
    names = (f"{name} {word}" for name in (ours, theirs) for word in ("best s", "median s"))
    rows = [
        (
            one.what,
            str(one.photos),
            *(f"{s:.2f}" for t in (one.ours, one.theirs) for s in (t.best, t.median)),
            f"{one.ratio:.2f}",
        )
        for one in found
    ]
    yield from table(("", "photos", *names, "ratio"), rows)


def _held_table(found: Sequence[Held]) -> Iterator[str]:
    rows = [
        (
            str(one.photos),
            str(one.each),
            f"{one.adopting / _MEGA:.1f}",
            f"{one.idle / _MEGA:.1f}",
        )
        for one in found
    ]
    yield from table(("photos", "to a folder", "--adopt MB", "nothing to do MB"), rows)


_BAR, _GAP, _LEFT, _SCALE, _RIGHT = 16, 6, 130, 470, 60
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
        yield f'<text x="{_LEFT + length + 6:.1f}" y="{middle}">{row.wall_ratio:.2f}</text>\n'
        y += _BAR + _GAP
    x = _LEFT + unit
    yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top + _BAR + 2}" y2="{y - 2}"/>\n'
