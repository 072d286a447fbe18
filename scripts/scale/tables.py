"""The tables of the pages about 100 million photos, from the model and the simulation."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from scripts.pages.markdown_table import table
from scripts.scale.model import HOUR, Figure, Figures, Fleet, Library, Split
from scripts.scale.simulation import Outcome, Run, shared_out, simulate

PHOTOS = 100_000_000
_FLEETS = (1, 4, 16, 64, 256)
_RUNS = (1, 4, 16, 64)
_GB = 1e9


def tables(figures: Figures) -> dict[str, str]:
    """Return all tables by the names of their places in the pages."""
    library = Library(figures, PHOTOS)
    made = {
        "photos": _photos(library),
        "machines": _machines(library),
        "money": _money(library),
        "limits": _limits(library),
        "runs": _runs(library),
        "simulation": _simulation(library),
        "measured": _measured(figures),
        "published": _published(figures.published),
        "assumed": _assumed(figures),
    }
    return {name: "\n".join(lines) for name, lines in made.items()}


def _photos(library: Library) -> Iterator[str]:
    def row(name: str, share: float, mpx: float) -> Sequence[str]:
        cpu = library.cpu(mpx)
        size = mpx * library.figures["pixel_bytes"]
        price = 1e6 * cpu / HOUR * library.figures["cpu_on_demand"]
        millis, hourly = f"{cpu * 1e3:.0f}", f"{HOUR / cpu:,.0f}"
        return name, f"{share:.0%}", f"{size / 1e6:.1f}", millis, hourly, f"${price:.2f}"

    rows = [row(f"{one.mpx:g}", one.share, one.mpx) for one in library.figures.classes]
    rows.append(row(f"mean {library.mpx:.1f}", 1, library.mpx))
    head = ("megapixels", "share", "MB", "CPU ms", "photos per core-hour", "compute per million")
    return table(head, rows)


def _machines(library: Library) -> Iterator[str]:
    rows: list[Sequence[str]] = []
    for fleet in (Fleet(library, machines) for machines in _FLEETS):
        splits = [Split(library, runs) for runs in (1, 16)]
        rows.append(
            (
                str(fleet.machines),
                f"{fleet.cores:,}",
                f"{fleet.wanted:,.0f}",
                *(f"{fleet.hours(split):.1f}" for split in splits),
                str(fleet.prefixes),
                f"{fleet.gigabits:.1f}",
                *(_dollars(fleet.paid(split)) for split in splits),
            )
        )
    plans = [f"{Split(library, runs).planning:.1f}" for runs in (1, 16)]
    rows.append(("plan, before", "", "", *plans, "", "", "", ""))
    head = ("machines", "cores", "photos/s", "h, 1 run", "h, 16 runs", "prefixes")
    return table((*head, "Gbit/s a machine", "paid, 1 run", "paid, 16 runs"), rows)


def _money(library: Library) -> Iterator[str]:
    f, photos = library.figures, library.photos
    stored = photos * f["output_bytes"] / _GB
    read = photos * library.photo_bytes / _GB
    lists = Split(library, 16).requests * f["s3_list"]
    new = photos * f["changed"]
    night = lists + new * (f["s3_get"] + f["s3_put"] + library.photo / HOUR * f["cpu_on_demand"])
    rows = [
        (
            "compute, on demand",
            f"{library.hours:,.0f} core-hours",
            library.hours * f["cpu_on_demand"],
        ),
        ("compute, spot", f"{library.hours:,.0f} core-hours", library.hours * f["cpu_spot"]),
        ("GET, one for each photo", f"{photos:,}", photos * f["s3_get"]),
        ("PUT, one for each output", f"{photos:,}", photos * f["s3_put"]),
        ("LIST, everything three times", f"{Split(library, 16).requests:,.0f}", lists),
        ("a night with 0.1 % new photos", f"{new:,.0f} photos", night),
        ("storing outputs for a month, at most", f"{stored:,.0f} GB", stored * f["s3_month"]),
        ("storing the photos for a month, at most", f"{read:,.0f} GB", read * f["s3_month"]),
        ("reading photos from outside, at most", f"{read:,.0f} GB", read * f["egress"]),
    ]
    return table(("what", "amount", "cost"), [(a, b, _dollars(c)) for a, b, c in rows])


def _limits(library: Library) -> Iterator[str]:
    f, one = library.figures, Split(library, 1)
    rates = [
        ("the submitting process", 1 / one.submission, "`submit_cpu`, `listed_cpu`"),
        ("S3: PUT below one prefix", f["s3_put_rate"], "`s3_put_rate`"),
        ("S3: GET below one prefix", f["s3_get_rate"], "`s3_get_rate`"),
        ("the submitting process, with files", 1 / f["submit_cpu"], "`submit_cpu`"),
        ("Dask's scheduler", 1 / library.scheduled, "`scheduler_cpu`, `chunk_seconds`"),
        ("the ledger alone", 1 / f["record_cpu"], "`record_cpu`"),
    ]
    rows = [
        (what, f"{rate:,.0f}", f"{rate * library.photo:,.0f}", resting)
        for what, rate, resting in sorted(rates, key=lambda rate: rate[1])
    ]
    return table(("limit", "photos/s", "cores fed", "computed from"), rows)


def _runs(library: Library) -> Iterator[str]:
    rows: list[Sequence[str]] = []
    for runs in _RUNS:
        prefix, name = (Split(library, runs, by_name) for by_name in (False, True))
        rows.append(
            (
                str(runs),
                f"{prefix.ledger / _GB:.1f}",
                *(f"{split.census / _GB:.1f}" for split in (prefix, name)),
                *(f"{split.planning:.2f}" for split in (prefix, name)),
                *(f"{split.rate * library.photo:,.0f}" for split in (prefix, name)),
                *(f"{split.night:.1f}" for split in (prefix, name)),
                *(
                    _dollars(split.requests * library.figures["s3_list"])
                    for split in (prefix, name)
                ),
            )
        )
    both = [f"{what}, by {how}" for what in _BY for how in ("prefix", "name")]
    return table(("runs", "ledger GB", *both), rows)


_BY = ("plan GB", "plan h", "cores fed", "night h", "LIST a night")


def _simulation(library: Library) -> Iterator[str]:
    chunk, f = library.chunk, library.figures
    per_chunk = f["chunk_cpu"]
    base = Run(
        photos=2_000_000,
        processors=256,
        photo=library.photo - per_chunk / chunk,
        deviation=library.deviation,
        start=per_chunk,
        submission=f["submit_cpu"],
        task=f["scheduler_cpu"],
        chunk=chunk,
    )
    wide = replace(base, processors=1024)
    slow_feed = Split(library, 1).submission
    cases: list[tuple[str, Outcome]] = [
        (f"default: {chunk} photos a chunk, fewer at the end", simulate(base)),
        ("not fewer at the end", simulate(replace(base, shrink=False))),
        ("10 photos a chunk", simulate(replace(base, chunk=10))),
        ("1000 a chunk", simulate(replace(base, chunk=1000))),
        ("1000 a chunk, not fewer at the end", simulate(replace(base, chunk=1000, shrink=False))),
        ("a tenth of the processors at half speed", simulate(replace(base, slow=0.1))),
        ("the same, 1000 a chunk", simulate(replace(base, slow=0.1, chunk=1000))),
        ("each processor lost once an hour", simulate(replace(base, kills=1.0))),
        ("the same, 1000 a chunk", simulate(replace(base, kills=1.0, chunk=1000))),
        ("1024 processors", simulate(wide)),
        ("1024 processors, 16 runs", shared_out(wide, 16)),
        ("1024 processors, 16 runs, from S3", shared_out(replace(wide, submission=slow_feed), 16)),
    ]
    shares = ("photos", "starts", "lost", "waiting")
    rows = [
        (
            name,
            f"{outcome.seconds:.0f}",
            *(f"{100 * getattr(outcome, share):.2f}" for share in shares),
            f"{outcome.end:.1f}",
        )
        for name, outcome in cases
    ]
    return table(("", "seconds", *(f"{share} %" for share in shares), "end s"), rows)


def _measured(figures: Figures) -> Iterator[str]:
    yield f"On {figures.machine}, {figures.date}; {figures.rounds} rounds."
    yield ""
    rows = [(f"`{one.name}`", *_scaled(one), one.what) for one in figures.measured]
    yield from table(("constant", "value", "minimum to maximum", "cost of"), rows)


_UNITS = {
    "s": ((1, "s"), (1e-3, "ms"), (1e-6, "µs")),
    "B": ((1e3, "kB"), (1, "B")),
    "1": ((1e-2, "%"),),
}


def _scaled(figure: Figure) -> tuple[str, str]:
    """Return a value in a suitable unit, and its spread in the same unit."""
    units = _UNITS[figure.unit]
    size, unit = next((unit for unit in units if figure.value >= unit[0]), units[-1])
    spread = f"{figure.low / size:.3g} to {figure.high / size:.3g}"
    return f"{figure.value / size:.3g} {unit}", spread if figure.low < figure.high else ""


def _published(figures: Iterable[Figure]) -> Iterator[str]:
    rows = [(f"`{one.name}`", f"{one.value:g} {one.unit}", one.what, one.source) for one in figures]
    return table(("figure", "value", "meaning", "source"), rows)


def _assumed(figures: Figures) -> Iterator[str]:
    rows = [
        (f"`{one.name}`", f"{one.value:g} {one.unit}".strip(), one.what) for one in figures.assumed
    ]
    return table(("assumption", "value", "meaning"), rows)


def _dollars(value: float) -> str:
    return f"${value:,.0f}" if value >= 10 else f"${value:.2f}"
