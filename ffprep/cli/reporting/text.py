"""Text and JSON for people and programs: a Result on a line, as an object, times, names.

`printable` is the one place where text from outside (file names, a server's words) is made safe for a terminal.
"""

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ffprep.core.job import Result
    from ffprep.core.location import Location


def result_as_dict(result: "Result") -> dict[str, Any]:
    """A Result as the contract of --json has it; `warnings` is there where there are some."""
    failure = result.failure
    content = {
        "source": os.fspath(result.source),
        "output": None if result.output is None else os.fspath(result.output),
        "status": result.status.value,
        "width": result.size.width if result.size else None,
        "height": result.size.height if result.size else None,
        "mode": result.mode,
        "seconds": round(result.seconds, 3),
        "error": {"kind": failure.kind.value, "message": failure.message} if failure else None,
    }
    return content | ({"warnings": list(result.warnings)} if result.warnings else {})


def result_line(result: "Result") -> str:
    """A Result on one line for people."""
    if result.failure:
        return f"{printable_path(result.source)}: {result.failure.kind}: {printable(result.failure.message)}"
    if result.warnings:
        return f"{printable_path(result.source)}: {printable('; '.join(result.warnings))}"
    what = [str(result.status), str(result.size)] + ([result.mode] if result.mode else [])
    words = ", ".join([*what, f"{result.seconds:.2f} s"])
    return f"{printable_path(result.source)} -> {printable_path(result.output)}: {words}"


def utc_timestamp(seconds: float) -> str:
    """A time, in seconds since 1970, as JSON has it."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def with_job(text: str, job: str) -> str:
    """A text with the name of the job that says it, where several jobs tell at one place."""
    return f"[{job}] {text}" if job else text


def with_job_key(content: dict[str, Any], job: str) -> dict[str, Any]:
    """The same for an object."""
    return {"job": job} | content if job else content


def print_json(content: dict[str, Any]) -> None:
    """One object a line. ASCII, so that a name that is not UTF-8 survives as its lone surrogates."""
    print(json.dumps(content), flush=True)


def printable_path(path: "Location | None") -> str:
    """A file name for people: on one line, and without what would steer the terminal."""
    return printable(os.fspath(path)) if path is not None else "-"


def printable(text: str) -> str:
    """Text with control characters and undecodable bytes written as escapes."""
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    raw = os.fsencode(character) if "\udc80" <= character <= "\udcff" else b""
    return f"\\x{raw[0]:02x}" if raw else character.encode("unicode_escape").decode()
