"""A dry run: print what a run would do, for people, as commands for a shell, or as JSON.

It is all on stdout, because it was asked for. Among commands, only failures are on stderr.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ffprep.cli.reporting import text
from ffprep.conversion.pipeline import Pipeline, pipelines
from ffprep.core.fitting import percent, times
from ffprep.core.job import Result, Status
from ffprep.core.policy import DryRun
from ffprep.run.dry_run import Estimate, Planned, Sample, estimate
from ffprep.run.dry_run import dry_run as outcomes

if TYPE_CHECKING:
    from ffprep.cli.reporting.progress import Console
    from ffprep.core.location import Location
    from ffprep.core.spec import Spec
    from ffprep.run.runner import Run
    from ffprep.run.summary import RunSummary


def dry_run(run: "Run", summary: "RunSummary", console: "Console") -> None:
    """Print what a run would do, and count in `summary` what needs no conversion, or would fail."""
    kind: type[_Plan | _Commands | _Json] = _Json
    if not console.options.json:
        kind = _Plan if console.options.dry_run is DryRun.PLAN else _Commands
    printer = kind(run, summary, console)
    if not isinstance(printer, _Plan) and any(
        map(_needs_more_than_ffmpeg, run.options.request.specs)
    ):
        console.say(
            "these commands make the pixels; "
            "ffprep embeds profile and metadata, and applies --max-bytes, after them"
        )
    run.list_fresh = console.options.json or console.options.verbose
    for outcome in outcomes(run):
        results = printer.pictures(outcome) if isinstance(outcome, tuple) else (outcome,)
        for result in results:
            summary.count(result)
            if isinstance(result, Result):
                printer.result(result)
    printer.end()


def _needs_more_than_ffmpeg(spec: "Spec") -> bool:
    return spec.colour == "keep" or spec.kept_metadata != "none" or spec.max_bytes is not None


class _Printer:
    """Prints a dry run, and counts the pictures that would be made.

    Each kind has `pictures`, which prints those of a photo and yields a failed Result for each that
    cannot be made, and `result`, for jobs that need no conversion or would fail.
    """

    def __init__(self, run: "Run", summary: "RunSummary", console: "Console") -> None:
        self._run, self._summary, self._console = run, summary, console
        self._count, self._sample = 0, Sample()

    def end(self) -> None:
        """Print what all of it is together."""

    def _pipelines(self, found: Iterable[Planned]) -> Iterator[Pipeline | Result]:
        steps = self._run.converter.transcoder
        yield from pipelines(steps, [each.photo for each in found if each.photo])

    def _count_in(self, found: tuple[Planned, ...], failed: int = 0) -> None:
        self._count += len(found) - failed
        if photos := tuple(each.photo for each in found if each.photo):
            self._sample.add(photos)

    @property
    def _estimate(self) -> Estimate | None:
        return estimate(self._run, self._sample, self._count) if self._count else None


class _Plan(_Printer):
    """Prints a line for each picture, and the sums."""

    def pictures(self, found: tuple[Planned, ...]) -> Iterable[Result]:
        self._count_in(found)
        for each in found:
            self._print(_line(each.job.source, each.job.output, _words(each)))
        return ()

    def result(self, result: Result) -> None:
        if result.status is Status.PRUNED:
            self._print(f"remove {text.printable_path(result.output)}")
        elif self._summary.is_news(result) or (
            result.passed_over and self._console.options.verbose
        ):
            self._print(text.result_line(result))
        elif result.status is Status.FRESH and self._console.options.verbose:
            self._print(_line(result.source, result.output, "up to date"))

    def end(self) -> None:
        if self._console.options.quiet:
            return
        counts = self._summary.counts
        parts = [f"{self._count} to convert"]
        parts += [
            f"{counts[status]} {words}"
            for status, words in (
                (Status.FRESH, "up to date"),
                (Status.FAILED, "would fail"),
                (Status.PRUNED, "to remove"),
                (Status.PASSED_OVER, "skipped"),
            )
            if counts[status]
        ]
        sums, found = ", ".join(parts), self._estimate
        if found:
            basis = f"a sample of {found.sample}" if found.sample else "an earlier run"
            amounts = f"about {_bytes(found.bytes)}, about {_duration(found.seconds)}"
            sums = f"{sums}; {amounts} (estimated from {basis})"
        self._print(sums)
        if self._count:
            self._print("Photos were not decoded; damage shows in the run.")

    def _print(self, line: str) -> None:
        sys.stdout.write(f"{self._console.signed(line)}\n")


class _Commands(_Printer):
    """Prints the pipelines for a shell; failures are on stderr."""

    def __init__(self, run: "Run", summary: "RunSummary", console: "Console") -> None:
        super().__init__(run, summary, console)
        self._made: set[Location] = set()

    def pictures(self, found: tuple[Planned, ...]) -> Iterable[Result]:
        for each in found:
            if each.photo is None:
                sys.stdout.write(f"# {_line(each.job.source, each.job.output)}\n")
        for made in self._pipelines(found):
            if isinstance(made, Result):
                yield made
            else:
                self._print(made)

    def _print(self, pipeline: Pipeline) -> None:
        """Print a pipeline, after the commands that make its output folders, once per folder."""
        for photo in pipeline.outputs:
            folder = photo.job.output.parent
            if folder not in self._made and not os.path.isdir(folder):
                words = text.shell_command(["mkdir", "-p", "--", str(folder)])
                sys.stdout.write(f"{words}\n")
            self._made.add(folder)
        sys.stdout.write(" | ".join(map(text.shell_command, pipeline.commands)) + "\n")

    def result(self, result: Result) -> None:
        if result.status is Status.PRUNED and result.output:
            sys.stdout.write(f"{text.removal_command(result.output)}\n")
        elif self._summary.is_news(result):
            self._console.say(text.result_line(result))


class _Json(_Printer):
    """Prints an object for each picture and each result, and the summary."""

    def pictures(self, found: tuple[Planned, ...]) -> Iterable[Result]:
        failed = 0
        for each in found:
            for made in self._pipelines([each]) if each.photo else (Pipeline((), []),):
                if isinstance(made, Result):
                    failed += 1
                    yield made
                else:
                    self._console.print_json(_as_dict(each) | {"pipeline": made.commands})
        self._count_in(found, failed)

    def result(self, result: Result) -> None:
        self._console.print_json(result.as_dict())
        if self._summary.is_news(result):
            self._console.say(text.result_line(result))

    def end(self) -> None:
        found = self._estimate
        rest = {"to_convert": self._count, "estimate": found.as_dict() if found else None}
        self._console.print_json({"summary": self._summary.summary() | rest})


def _line(source: "Location", output: "Location | None", words: str = "") -> str:
    line = f"{text.printable_path(source)} -> {text.printable_path(output)}"
    return f"{line}  {words}" if words else line


def _words(planned: Planned) -> str:
    """Return a picture as text: `3264x2448 -> 1280x800 cover, 17 % cut`."""
    spec, photo, framing = planned.spec, planned.photo, planned.framing
    if photo is None:
        return "" if spec.choice or spec.fallback else f"{spec.size} {spec.mode.name}"
    shown, cropped = photo.picture.shown, planned.cropped
    words = f"{shown}" if shown == cropped else f"{shown}, cropped to {cropped},"
    parts = [f"{words} -> {spec.size} {spec.mode.name}"]
    if framing:
        parts += [f"{percent(round(framing.lost, 2))} cut"] * (framing.lost > 0)
        parts += [f"{percent(round(framing.bars, 2))} bars"] * (framing.bars > 0)
        parts += [f"proportions off by {times(framing.distortion)}"] * (framing.distortion > 1)
        parts += [f"enlarged {times(framing.factor)}"] * framing.enlarges
    return ", ".join(parts)


def _as_dict(planned: Planned) -> dict[str, Any]:
    """Return the JSON object of a picture; its size and mode are null before a photo is read."""
    job, spec, photo, framing = planned.job, planned.spec, planned.photo, planned.framing
    known = photo is not None
    return {
        "source": os.fspath(job.source),
        "output": os.fspath(job.output),
        "status": "planned",
        "photo": str(photo.picture.shown) if photo else None,
        "width": spec.size.width if known else None,
        "height": spec.size.height if known else None,
        "mode": spec.mode.name if known else None,
        "framing": framing.as_dict() if framing else None,
        "error": None,
    }


def _bytes(count: float) -> str:
    """Return a rough number of bytes as text, in powers of 1000."""
    size = float(f"{count:.1e}")
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def _duration(seconds: float) -> str:
    """Return a rough duration as text."""
    seconds = max(1.0, float(f"{seconds:.1e}"))
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.2g} h"
