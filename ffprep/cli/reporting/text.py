"""Results, times and file names as text, as JSON, and as commands for a shell."""

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ffprep.system.files import is_url
from ffprep.system.messages import Paint, plain, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ffprep.core.job import Result
    from ffprep.core.location import Location


def result_line(result: "Result", paint: Paint = plain) -> str:
    """Return a Result as one line of `printable` text."""
    source, failure = printable_path(result.source), result.failure
    if failure:
        return f"{source}: {paint(failure.kind, 'red')}: {printable(failure.message)}"
    if result.passed_over:
        return f"{source}: skipped ({printable(result.reason or result.passed_over)})"
    if result.warnings:
        return f"{source}: {printable('; '.join(result.warnings))}"
    colour = "green" if result.status == "converted" else ""
    what = [paint(str(result.status), colour), str(result.size)]
    what += [printable(result.mode)] if result.mode else []
    words = ", ".join([*what, f"{result.seconds:.2f} s"])
    return f"{source} -> {printable_path(result.output)}: {words}"


def utc_timestamp(seconds: float) -> str:
    """Return a time, in seconds since 1970, in ISO 8601 for JSON."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def with_job(text: str, job: str) -> str:
    """Return a text after the name of its job, if several jobs report to one place."""
    return f"[{job}] {text}" if job else text


def with_job_key(content: dict[str, Any], job: str) -> dict[str, Any]:
    """Return an object with the name of its job, if several jobs report to one place."""
    return {"job": job} | content if job else content


def print_json(content: dict[str, Any]) -> None:
    """Write one object as a line of ASCII. Undecodable bytes of names become lone surrogates."""
    print(json.dumps(content), flush=True)


def removal_command(path: "Location") -> str:
    """Return the command that removes a file, quoted for a shell; a comment for an object."""
    if is_url(os.fspath(path)):
        return f"# remove {printable_path(path)}"
    return shell_command(["rm", "--", os.fspath(path)])


def shell_command(argv: "Iterable[str]") -> str:
    """Return a command line, quoted for a POSIX shell, in `printable` text.

    printf writes what is not printable. Only line breaks at the end of a word stay as they are, as
    a shell removes them behind printf.
    """
    import shlex

    return " ".join(shlex.quote(word) if word.isprintable() else _by_printf(word) for word in argv)


def _by_printf(word: str) -> str:
    def escaped(character: str) -> str:
        if character.isprintable() and character not in "'\\%!-":
            return character
        return "".join(f"\\{byte:03o}" for byte in os.fsencode(character))

    begin = word.rstrip("\n")
    end = word[len(begin) :]
    return f"\"$(printf '{''.join(map(escaped, begin))}')\"" + (f"'{end}'" if end else "")


def printable_path(path: "Location | None") -> str:
    """Return a path as `printable` text; "-" for None."""
    return printable(os.fspath(path)) if path is not None else "-"
