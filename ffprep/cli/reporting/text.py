"""Results, times and file names as text, as JSON, and as commands for a shell.

Also the block at the end of a run: sums of warnings, and the first failures. These stand last, so
that they are on the screen when the run has ended.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ffprep.core.job import CaveatKind
from ffprep.system.files import is_url
from ffprep.system.messages import Paint, plain, printable

if TYPE_CHECKING:
    from ffprep.core.job import Result
    from ffprep.core.location import Location
    from ffprep.run.summary import Mention, Mentions

_SUMS = {
    CaveatKind.DAMAGED: "converted although a part of the picture is missing",
    CaveatKind.UPSCALE: "enlarged",
    CaveatKind.CUT: "lost more than half; --mode auto pads those",
    CaveatKind.QUALITY: "of a lower quality, to fit --max-bytes",
    CaveatKind.FACES: "with faces that do not fit in the frame",
    CaveatKind.NO_FACE: "without a face that was found, cut around the centre",
    CaveatKind.PREVIEW: "camera raws converted from their embedded preview",
    CaveatKind.COLOURS: "with colours that could not be converted exactly",
    CaveatKind.INTERLACED: "frames of interlaced films",
}
"""What is said of many photos, after their number."""

_INDENT = 2
"""Of the lines below the summary."""

SHORT = {CaveatKind.DAMAGED: "damaged", CaveatKind.UPSCALE: "enlarged", CaveatKind.CUT: "cut"}
"""The same in the progress bar, of what most users want to know while a run goes on."""


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


def shell_command(argv: Iterable[str]) -> str:
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


def warning_lines(warnings: "dict[CaveatKind, Mentions]", places: Sequence[str]) -> Iterator[str]:
    """Yield the warnings of a kind if they are few, else their number; and the `places` of all."""
    are_summed = False
    for kind in filter(warnings.__contains__, CaveatKind):
        mentions = warnings[kind]
        if mentions.more:
            are_summed = True
            yield f"{mentions.total} {_SUMS[kind]}"
        else:
            yield from ("".join(_parts(each)) for each in mentions.first)
    if are_summed:
        yield f"to see which: {', or '.join(places)}"


def failure_lines(failures: "Mentions", paint: Paint) -> Iterator[tuple[str, str]]:
    """Yield the first failures: the name of a photo, and the rest of the line."""
    return (_parts(each, paint) for each in failures.first)


def rest_line(failures: "Mentions", places: Sequence[str], always: bool) -> Iterator[str]:
    """Yield how many failures there are besides the first, and the `places` of all, if any.

    `always` names the places also if there are no more.
    """
    if failures.more:
        yield f"and {failures.more} more that failed: see {', or '.join(places or ['above'])}"
    elif failures.first and places and always:
        yield f"to see them again: {', or '.join(places)}"


def _parts(mention: "Mention", paint: Paint = plain) -> tuple[str, str]:
    source, failure = printable_path(mention.result.source), mention.result.failure
    kind = f"{paint(failure.kind, 'red')}: " if failure else ""
    several = f" ({mention.pictures} pictures)" * (mention.pictures > 1)
    return source, f": {kind}{printable(mention.words)}{several}"


def fitted(lines: Sequence[tuple[str, str]], others: Sequence[str]) -> list[str]:
    """Return lines, cut off if they would not fit on the screen beside `others`.

    A line is a name and the rest of it. A name that takes more than a third is cut in its middle.
    All lines are indented. There are four more: the summary, which may need two, the last line, and
    the prompt.
    """
    import shutil

    from wcwidth import width

    columns, rows = shutil.get_terminal_size()
    columns -= _INDENT

    def rows_of(texts: Sequence[str]) -> int:
        return sum(max(1, -(-width(text) // columns)) for text in texts)

    whole = list(map("".join, lines))
    left = rows - rows_of(others) - 4
    if not lines or rows_of(whole) <= left:
        return whole
    room = columns * max(1, left // len(lines))
    return [_cut(name, rest, room) for name, rest in lines]


def _cut(name: str, rest: str, room: int) -> str:
    """Return a line of at most `room` columns."""
    from wcwidth import clip, width

    length = width(name)
    most = max(room // 3, room - width(rest))
    if length > most:
        begin = (most - 1) // 2
        name = f"{clip(name, 0, begin)}…{clip(name, length - (most - 1 - begin), length)}"
    line = name + rest
    return line if width(line) <= room else clip(line, 0, room - 1) + "…"
