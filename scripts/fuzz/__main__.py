"""Break pictures of every format and convert them with ffprep, which must follow the rules.

    python -m scripts.fuzz --files 2000            a short run, in a minute or two
    python -m scripts.fuzz --files 20000 --seed 7  the long run
    python -m scripts.fuzz --films --files 300     films, with --frame
    python -m scripts.fuzz --seed 7 --first 1234 --files 1 --turn 3    one of its files again

The same seed makes the same files. A file that breaks a rule is kept in a folder (--keep), with the
rule and the command that makes the file again. The small photos of FFPREP_PHOTOS are broken too.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ffprep.errors import Kind
from scripts.fuzz.films import films
from scripts.fuzz.mutations import Broken, broken
from scripts.fuzz.rules import Breach, Caller, Verdict
from scripts.fuzz.seeds import Seed, photos, seeds

# Options for the batches, in turn. Only the first has the default limit of pixels: to decode huge
# empty pictures would take most of the time.
_TURNS = (
    "--mode cover",
    "--mode pad --format png --background transparent --max-pixels 4000000",
    "--mode blur --format webp --metadata keep-rights --max-pixels 4000000",
    "--mode stretch --format same --damaged keep --upscale allow --max-pixels 4000000",
    "--mode cover --colour keep --metadata keep --quality 80 --max-pixels 4000000",
    "--mode pad --format webp --lossless --damaged keep --max-pixels 4000000",
    "--mode cover --format png --colour keep --damaged keep --jobs 1 --max-pixels 4000000",
    "--mode stretch --max-bytes 2kB --preserve-times --subsampling 420 --max-pixels 4000000",
    "--mode blur --format avif --metadata keep --date keep --compression 0 --max-pixels 4000000",
    "--mode cover --format jxl --metadata keep-no-place --colour keep --max-pixels 4000000",
    "--mode pad --format jxl --lossless --background transparent --max-pixels 4000000",
    "--mode cover --format avif --depth 10 --sharpen --damaged keep --max-pixels 4000000",
)
_FILM_TURNS = (
    "--frame last --max-pixels 4000000",
    "--frame 0.15 --mode pad --format png --damaged keep --max-pixels 4000000",
    "--frame first --mode blur --metadata keep --max-pixels 4000000",
)
_TIMEOUT = ("--timeout", "20")


@dataclass(frozen=True, slots=True)
class Lab:
    """The settings and the seeds of a run."""

    caller: Caller
    seeds: Sequence[Seed]
    photos: Sequence[Seed]
    run: int
    turns: Sequence[str]
    turn: int | None
    keep: Path

    def batch(self, numbers: range, turn: int) -> "Outcome":
        """Make files, judge them, and keep those that break a rule."""
        files = [broken(self.run, number, self.seeds, self.photos) for number in numbers]
        turn = turn if self.turn is None else self.turn
        verdict = self._judged(files, turn)
        guilty: Sequence[Breach] = verdict.breaches
        if any(not breach.file for breach in guilty):
            guilty = self._found_alone(files, turn) or guilty
        for breach in guilty:
            self._keep(breach, files, turn)
        return Outcome(_counted(files, verdict), tuple(guilty), verdict.peak)

    def _judged(self, files: Iterable[Broken], turn: int) -> Verdict:
        with tempfile.TemporaryDirectory(dir=self.caller.work) as folder:
            for file in files:
                Path(folder, os.fsdecode(file.name)).write_bytes(file.data)
            options = [*self.turns[turn % len(self.turns)].split(), *_TIMEOUT]
            return self.caller.judge(Path(folder), options)

    def _found_alone(self, files: Sequence[Broken], turn: int) -> list[Breach]:
        """Find the files that break a rule when converted alone, by bisection."""
        verdict = self._judged(files, turn)
        if not verdict.breaches:
            return []
        if len(files) == 1:
            name = os.fsdecode(files[0].name)
            return [Breach(b.rule, name, b.words) for b in verdict.breaches]
        middle = len(files) // 2
        return [
            b for half in (files[:middle], files[middle:]) for b in self._found_alone(half, turn)
        ]

    def _keep(self, breach: Breach, files: Sequence[Broken], turn: int) -> None:
        """Keep the guilty file, or all if none is guilty alone, and how to make them again."""
        kept = [file for file in files if os.fsdecode(file.name) == breach.file] or files
        first, options = kept[0].number, self.turns[turn % len(self.turns)]
        folder = self.keep / f"{breach.rule.replace(' ', '-')}-{self.run}-{first}"
        folder.mkdir(parents=True, exist_ok=True)
        for file in kept:
            (folder / os.fsdecode(file.name)).write_bytes(file.data)
        again = f"--seed {self.run} --first {first} --files {len(kept)}"
        again += f" --turn {turn % len(self.turns)}" + " --films" * (self.turns is _FILM_TURNS)
        words = (
            f"{breach.rule}: {breach.words}\nfrom {kept[0].seed.name}, convert {options}\n{again}\n"
        )
        with open(folder / "what.txt", "a", encoding="utf-8", errors="backslashreplace") as what:
            what.write(words)
        print(f"{breach.rule}: {breach.words[-300:]} ({again})", file=sys.stderr, flush=True)


@dataclass(slots=True)
class Outcome:
    """Counts by format and outcome, the breaches, and the largest memory."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    breaches: tuple[Breach, ...] = ()
    peak: int = 0

    def add(self, other: "Outcome") -> None:
        """Add the outcome of another batch."""
        self.counts += other.counts
        self.breaches += other.breaches
        self.peak = max(self.peak, other.peak)

    def table(self) -> str:
        """Return a table with a row for each format and a column for each outcome."""
        formats = sorted({format for format, _ in self.counts})
        order = ["converted", "told", *Kind, "crashed", "passed over"]
        ends = [end for end in order if any(self.counts[f, end] for f in formats)]
        rows = [["", *ends, "all"]]
        for format in formats:
            row = [self.counts[format, end] for end in ends]
            rows.append([format, *map(str, [*row, sum(row)])])
        totals = [sum(self.counts[f, end] for f in formats) for end in ends]
        rows.append(["all", *map(str, [*totals, sum(totals)])])
        return "\n".join("".join(f"{cell:>13}" for cell in row) for row in rows)


def _counted(files: Iterable[Broken], verdict: Verdict) -> Counter[tuple[str, str]]:
    """Count outcomes; `told`: converted with a warning, `crashed`: ffmpeg crashed on the file."""
    counts: Counter[tuple[str, str]] = Counter()
    for file in files:
        line = verdict.results.get(os.fsdecode(file.name))
        if line is None:
            end = "passed over"
        elif line["error"]:
            crashed = "ffmpeg crashed" in line["error"]["message"]
            end = "crashed" if crashed else line["error"]["kind"]
        else:
            end = "told" if "warnings" in line else "converted"
        counts[file.seed.format, end] += 1
    return counts


def main() -> int:
    """Run the batches; return 1 if a rule was broken."""
    options = _options()
    started, outcome = time.monotonic(), Outcome()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as work:
        caller = Caller((sys.executable, "-P", "-m", "ffprep"), Path(work))
        broken_ones, turns = (films(), _FILM_TURNS) if options.films else (seeds(), _TURNS)
        extra = [] if options.films else photos()
        lab = Lab(caller, broken_ones, extra, options.seed, turns, options.turn, options.keep)
        end = options.first + options.files
        for turn, first in enumerate(range(options.first, end, options.batch)):
            if sys.stderr.isatty():
                print(f"\r{first - options.first} files", end="", file=sys.stderr)
            outcome.add(lab.batch(range(first, min(end, first + options.batch)), turn))
            seconds = time.monotonic() - started
            if options.seconds and seconds > options.seconds:
                break
    print(outcome.table())
    rules = Counter(breach.rule for breach in outcome.breaches)
    said = ", ".join(f"{count} {rule}" for rule, count in rules.items()) or "no rule was broken"
    seconds = time.monotonic() - started
    print(f"{said}; {seconds:.0f} s, at most {outcome.peak / 1e6:.0f} MB, seed {options.seed}")
    return 1 if rules else 0


def _options() -> argparse.Namespace:
    words, _, examples = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=words, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=2000, metavar="N", help="how many to break")
    parser.add_argument("--films", action="store_true", help="break films instead of photos")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of all that is random")
    parser.add_argument("--batch", type=int, default=100, metavar="N", help="files a call")
    parser.add_argument("--keep", type=Path, default=Path("fuzz"), metavar="DIR")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="begin with this file")
    parser.add_argument("--turn", type=int, metavar="N", help="these options only, not in turn")
    parser.add_argument("--seconds", type=float, metavar="S", help="end after this time")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
