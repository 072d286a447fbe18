"""Results to people and programs: progress bar, lines, JSON lines, summary, exit code.

stdout carries only what was asked for (--json). Everything else goes to stderr, and there is
nothing of it when all went well and nobody is watching.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from ffprep.errors import EnvironmentFault, ExitCode, Kind
from ffprep.job import Fresh, Result, Status


@dataclass(frozen=True, slots=True)
class Style:
    """How much is told, and where; `job` signs it, where several jobs tell at one place."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    log_file: Path | None = None
    job: str = ""

    def signed(self, text: str) -> str:
        """A text with the job's name in front."""
        return f"[{self.job}] {text}" if self.job else text

    def print_json(self, content: dict[str, Any]) -> None:
        """An object on stdout, with the job's name in it."""
        print_json(({"job": self.job} if self.job else {}) | content)


@dataclass(slots=True)
class Tally:
    """The counts of a run."""

    counts: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    bugs: int = 0
    passed_over: int = 0
    links: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def exit_code(self) -> int:
        """A bug outweighs a failure, and a failure success."""
        if self.bugs:
            return ExitCode.BUG
        return ExitCode.SOME_FAILED if self.counts[Status.FAILED] else ExitCode.OK

    def add(self, result: Result) -> None:
        """Count one Result."""
        self.counts[result.status] += 1
        self.bugs += bool(result.failure and result.failure.kind is Kind.INTERNAL)

    def summary(self) -> dict[str, Any]:
        """The last JSON line's content."""
        counts = {status.value: count for status, count in self.counts.items()}
        seconds = round(time.monotonic() - self.started, 3)
        return counts | {"passed_over": self.passed_over, "seconds": seconds}

    def sentence(self) -> str:
        """The same for people."""
        summary = self.summary()
        parts = [f"{summary['converted']} converted"]
        parts += [f"{summary[word]} {word}" for word in ("fresh", "failed") if summary[word]]
        if others := self.passed_over - self.links:
            parts.append(f"{others} passed over (no pictures)")
        if self.links:
            parts.append(f"{self.links} passed over (links; see --follow-links)")
        return f"{', '.join(parts)} in {summary['seconds']:.1f} s"


class Reporter:
    """Tells a run as it goes. Use as `with reporter(...) as r: r.tell(result)`."""

    def __init__(self, style: Style, tally: Tally, bar: Any, log: TextIO | None) -> None:
        self._style, self._tally, self._bar, self._log = style, tally, bar, log

    @property
    def each(self) -> bool:
        """Whether every single fresh Result is wanted."""
        return self._style.json or self._style.verbose or self._log is not None

    def tell(self, result: Result | Fresh) -> None:
        """Count a Result, and say of it what is to be said."""
        if isinstance(result, Fresh):
            self._tally.counts[Status.FRESH] += result.count
            if self._bar is not None:
                self._bar.update(result.count)
            return
        self._tally.add(result)
        self._record(line(result))
        if result.failure or result.warnings or self._style.verbose:
            self.say(line(result))
        if self._style.json:
            self._style.print_json(as_dict(result))
        if self._bar is not None:
            if result.failure:
                self._bar.set_postfix(failed=self._tally.counts[Status.FAILED], refresh=False)
            self._bar.update()

    def say(self, text: str) -> None:
        """One line on stderr, above the bar if there is one."""
        if self._bar is not None:
            self._bar.clear()
        print(f"ffprep: {self._style.signed(text)}", file=sys.stderr)
        if self._bar is not None:
            self._bar.refresh()

    def finish(self, ended_early: str = "") -> None:
        """The summary, where somebody wants it. `ended_early` says why not everything was done."""
        if self._bar is not None:
            self._bar.close()
        sentence = (f"{ended_early}; " if ended_early else "") + self._tally.sentence()
        self._record(sentence)
        if self._style.json:
            self._style.print_json({"summary": self._tally.summary()})
        bad = ended_early or self._tally.exit_code
        if not self._style.quiet and (bad or self._style.verbose or sys.stderr.isatty()):
            print(f"ffprep: {self._style.signed(sentence)}", file=sys.stderr)

    def _record(self, text: str) -> None:
        if self._log is not None:
            words = self._style.signed(text)
            print(time.strftime("%Y-%m-%d %H:%M:%S"), words, file=self._log, flush=True)


@contextmanager
def reporter(style: Style, tally: Tally, total: int) -> Iterator[Reporter]:
    """A Reporter with its bar (on a terminal only) and its log file open."""
    with ExitStack() as stack:
        log = None
        if style.log_file:
            try:
                log = open(style.log_file, "a", encoding="utf-8")  # noqa: SIM115
            except OSError as error:
                words = f"--log-file {shown(style.log_file)}: {error.strerror}"
                raise EnvironmentFault(words) from None
            stack.callback(_close, log)
        yield Reporter(style, tally, _bar(style, total), log)


def _close(log: TextIO) -> None:
    with suppress(OSError):  # told already, when it was written to
        log.close()


def _bar(style: Style, total: int) -> Any:
    if style.quiet or not sys.stderr.isatty() or (style.json and sys.stdout.isatty()):
        return None
    from tqdm import tqdm

    return tqdm(total=total, unit="photo", file=sys.stderr, dynamic_ncols=True, leave=False)


def as_dict(result: Result) -> dict[str, Any]:
    """A Result as the contract of --json has it; `warnings` is there where there are some."""
    failure = result.failure
    content = {
        "source": os.fspath(result.source),
        "output": None if result.output is None else os.fspath(result.output),
        "status": result.status.value,
        "width": result.size.width if result.size else None,
        "height": result.size.height if result.size else None,
        "seconds": round(result.seconds, 3),
        "error": {"kind": failure.kind.value, "message": failure.message} if failure else None,
    }
    return content | ({"warnings": list(result.warnings)} if result.warnings else {})


def line(result: Result) -> str:
    """A Result on one line for people."""
    if result.failure:
        return f"{shown(result.source)}: {result.failure.kind}: {printable(result.failure.message)}"
    if result.warnings:
        return f"{shown(result.source)}: {printable('; '.join(result.warnings))}"
    return (
        f"{shown(result.source)} -> {shown(result.output)}: {result.status}, {result.size}, "
        f"{result.seconds:.2f} s"
    )


def print_json(content: dict[str, Any]) -> None:
    """One object a line. ASCII, so that a name that is not UTF-8 survives as its lone surrogates."""
    print(json.dumps(content), flush=True)


def shown(path: Path | None) -> str:
    """A file name for people: on one line, and without what would steer the terminal."""
    return printable(os.fspath(path)) if path is not None else "-"


def printable(text: str) -> str:
    """Text with control characters and undecodable bytes written as escapes."""
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    raw = os.fsencode(character) if "\udc80" <= character <= "\udcff" else b""
    return f"\\x{raw[0]:02x}" if raw else character.encode("unicode_escape").decode()
