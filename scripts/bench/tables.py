"""The tables of the benchmark, in Markdown."""

import statistics
from collections.abc import Iterator, Mapping, Sequence

from scripts.bench.colour import Colour
from scripts.bench.fidelity import Fidelity
from scripts.bench.goals import Goal
from scripts.bench.nightly import Beside, Held
from scripts.bench.parts import Growth, Pair
from scripts.bench.peers import FLOOR, HEIGHT, PEERS, WIDTH
from scripts.bench.quality import CHROMAS, Coded
from scripts.bench.race import Race, Row
from scripts.bench.stores import StoreCost
from scripts.bench.streams import Large, Starts
from scripts.pages.markdown_table import table

_MEGA = 1e6
_WHAT = {peer.name: peer.what for peer in (*PEERS, *FLOOR)}


def goals_table(found: Sequence[Goal]) -> Iterator[str]:
    """Yield the goals, the results, and whether each was reached."""
    rows = [(g.figure, g.goal, g.result, "yes" if g.reached else "no") for g in found]
    yield from table(("figure", "goal", "result", "reached"), rows)


def race_table(race: Race, outputs: bool = True) -> Iterator[str]:
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


def startup_table(pairs: Sequence[Pair]) -> Iterator[str]:
    """Yield the pairs of commands."""
    yield from table(
        ("", "ms", "against", "ms", "ratio"),
        [
            (p.name, f"{p.seconds * 1e3:.1f}", p.against, f"{p.base * 1e3:.1f}", f"{p.ratio:.2f}")
            for p in pairs
        ],
    )


def growth_table(found: Sequence[Growth]) -> Iterator[str]:
    """Yield the cost of a photo by number of photos."""
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


def fidelity_table(found: Sequence[Fidelity]) -> Iterator[str]:
    """Yield the PSNR of each photo, the mean and the minimum."""

    def cells(name: str, values: Sequence[float | None], profile: str = "") -> tuple[str, ...]:
        return name, *("" if v is None else f"{v:.1f}" for v in values), profile

    rows = [cells(f.photo, (f.folder, f.alone, f.fast), "yes" if f.profile else "") for f in found]
    columns = [[value for value in column if value is not None] for column in _columns(found)]
    for name, total in (("mean", statistics.fmean), ("minimum", min)):
        rows.append(cells(name, [total(column) if column else None for column in columns]))
    yield from table(("PSNR in dB", "in a folder", "alone", "--fast", "profile"), rows)


def _columns(found: Sequence[Fidelity]) -> list[list[float | None]]:
    return [[f.folder for f in found], [f.alone for f in found], [f.fast for f in found]]


def quality_table(found: Sequence[Coded]) -> Iterator[str]:
    """Yield PSNR and bytes beside Pillow's."""
    head = ("quality", *(f"{c} {what}" for c in CHROMAS for what in ("dB", "bytes")))
    cells = {one: (f"{one.gain:+.2f}", f"{one.ratio * 100:.1f} %") for one in found}
    yield from table(head, _by_quality(found, CHROMAS, cells))


def chroma_table(found: Sequence[Coded]) -> Iterator[str]:
    """Yield full chroma beside half."""
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


def colour_table(found: Sequence[Colour]) -> Iterator[str]:
    """Yield photos with a profile beside the same without."""
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


def stores_table(found: StoreCost) -> Iterator[str]:
    """Yield the cost of objects."""
    milliseconds = (found.local, found.remote, found.difference)
    spread = f"{min(found.rounds) * 1e3:.1f} to {max(found.rounds) * 1e3:.1f}"
    names = ("photos", "disk to disk ms", "S3 to S3 ms", "difference ms", "rounds")
    row = (str(found.photos), *(f"{seconds * 1e3:.1f}" for seconds in milliseconds), spread)
    yield from table(names, [row])


def large_table(found: Large) -> Iterator[str]:
    """Yield the large photos, two at a time and one at a time."""
    cells = (f"{found.two:.2f}", f"{found.one:.2f}", f"{found.ratio:.2f}")
    peaks = (f"{peak / _MEGA:.0f}" for peak in (found.two_peak, found.one_peak))
    names = ("photos", "two jobs s", "one job s", "ratio", "peak MB, two", "peak MB, one")
    yield from table(names, [(str(found.photos), *cells, *peaks)])


def starts_table(found: Sequence[Starts]) -> Iterator[str]:
    """Yield how often ffmpeg starts."""
    rows = [(s.what, str(s.photos), str(s.starts), f"{s.photos_each:.1f}") for s in found]
    yield from table(("set", "photos", "starts of ffmpeg", "photos a start"), rows)


def beside_table(ours: str, theirs: str, found: Sequence[Beside]) -> Iterator[str]:
    """Yield two commands in turns."""
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


def held_table(found: Sequence[Held]) -> Iterator[str]:
    """Yield the memory of the process."""
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
