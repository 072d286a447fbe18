"""The commands that look and tell: check, info, compare, status, modes, targets."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ffprep.core.location import Location
from ffprep.core.policy import Policy
from ffprep.errors import ExitCode, Kind, PhotoError, UsageError
from ffprep.options.types import (
    AS_JSON,
    BACKGROUND,
    COLOUR,
    CROP_BOUNDS,
    FFMPEG,
    FILTERS,
    FOCUS,
    FOLLOW_LINKS,
    JOBS,
    MAX_MEMORY,
    MAX_PIXELS,
    PATH,
    SCENE,
    SIZE_OR_TARGET,
    TARGETS,
    AnyLocation,
)
from ffprep.system.files import LEDGER
from ffprep.system.messages import say
from ffprep.system.shutdown import Signals, leave_now

if TYPE_CHECKING:
    from ffprep.ledger.history import Failed, History
    from ffprep.submit.submissions import StoredSubmission, StoredSubmissions

# The other rooms are imported where a command needs them, as in converting.


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@SIZE_OR_TARGET
@FOLLOW_LINKS
@JOBS
@MAX_PIXELS
@MAX_MEMORY
@AS_JSON
def check(paths: tuple[Path, ...], **given: Any) -> None:
    """Verify pictures that exist; one line for each rule that one of them breaks. Writes nothing."""
    from ffprep.cli.reporting import text
    from ffprep.options.parse import read_target
    from ffprep.run.inspect import Survey

    target = read_target(given["size"], given["target"], given["targets"])
    count, short = 0, False
    policy = _limits(given)
    survey = Survey(paths, given["follow_links"], policy, given["jobs"])
    with Signals():
        for finding in survey.verify(target):
            count, short = count + 1, short or bool(finding.broken)
            if given["as_json"]:
                text.print_json(finding.as_dict())
                continue
            for words in map(text.printable, finding.broken):
                click.echo(f"{text.printable_path(finding.path)}: {words}")
    if not count:
        say(f"no picture in {', '.join(map(text.printable_path, paths))}: nothing was verified")
    sys.exit(ExitCode.SOME_FAILED if short else ExitCode.OK)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@SIZE_OR_TARGET
@FOLLOW_LINKS
@SCENE
@FOCUS
@CROP_BOUNDS
@FILTERS
@JOBS
@MAX_PIXELS
@MAX_MEMORY
@AS_JSON
def info(paths: tuple[Path, ...], **given: Any) -> None:
    """Tell what files hold, and what each mode would make of them.

    Format, size as shown and as stored, orientation, alpha, profile; with --size or --target, also what
    is enlarged, cut, set in bars, and which mode is recommended.
    """
    from ffprep.cli.reporting import text
    from ffprep.config.modes import all_modes
    from ffprep.options.parse import filter_folders, read_aims, read_frames
    from ffprep.run.inspect import Survey

    frames = read_frames(given)
    modes = all_modes(filter_folders(given["filters"])) if frames else []
    failed = False
    policy = _limits(given)
    survey = Survey(paths, given["follow_links"], policy, given["jobs"])
    with Signals():
        for finding in survey.describe(frames, modes, read_aims(given)):
            failed = failed or finding.error is not None
            if given["as_json"]:
                text.print_json(finding.as_dict())
            else:
                lines = map(text.printable, finding.describe().splitlines())
                click.echo(f"{text.printable_path(finding.path)}: " + "\n".join(lines))
    sys.exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)


@click.command()
@click.argument("photo", type=PATH)
@click.option("-o", "--output", type=PATH, required=True, metavar="SHEET", help="A picture file.")
@SIZE_OR_TARGET
@BACKGROUND
@FOCUS
@CROP_BOUNDS
@MAX_PIXELS
@MAX_MEMORY
@FILTERS
@FFMPEG
def compare(photo: Path, output: Path, **given: Any) -> None:
    """Draw a photo in every mode, side by side, in one picture."""
    from ffprep.cli.reporting import text
    from ffprep.config.modes import all_modes
    from ffprep.config.sidecars import sidecar, sidecar_of
    from ffprep.conversion import contact_sheet as sheet
    from ffprep.conversion.converter import Converter
    from ffprep.conversion.ffmpeg_binary import find
    from ffprep.options.parse import filter_folders, read_aims, read_sheet

    modes = all_modes(filter_folders(given["filters"]))
    spec = read_sheet(photo, output, modes[0], given)
    policy = replace(_limits(given), upscale="allow")
    converter = Converter(find(given["ffmpeg"]), policy)
    with Signals() as signals:
        signals.while_running(converter.processes.stop)
        try:
            with _told(photo):
                own = os.path.lexists(sidecar_of(photo))
                spec = (
                    read_aims(given)
                    .spec(photo, spec, sidecar(photo) if own else None)
                    .in_modes(modes[0])
                )
                warnings = sheet.draw(photo, output, spec, modes, converter)
        finally:
            if signals.number is not None:
                leave_now(128 + signals.number)
    for warning in warnings:
        say(f"{text.printable_path(photo)}: {text.printable(warning)}")


@click.command()
@click.argument("outputs", nargs=-1, required=True, type=AnyLocation(), metavar="OUT...")
@click.option("--failed", is_flag=True, help="Name every photo that failed, and why.")
@click.option(
    "--ledger", type=AnyLocation(), metavar="PATH", help="Where the ledger is, if not in OUT."
)
@AS_JSON
def status(
    outputs: tuple[Location, ...], failed: bool, ledger: Location | None, as_json: bool
) -> None:
    """Tell what was done in output folders, and what failed, of shards all together; what was submitted for clips."""
    from ffprep.cli.reporting import text
    from ffprep.ledger.history import History
    from ffprep.ledger.shards import Ledgers

    if ledger and len(outputs) > 1:
        raise UsageError("--ledger is that of one OUT; ask for one at a time")
    histories = []
    for output in outputs:
        path = ledger or output / LEDGER
        ledgers = Ledgers.of(path)
        tells_clips = not ledger and _tell_submissions(output, failed, as_json)
        if not ledgers.kept:
            if tells_clips:
                continue
            words = f"{path}: there is no ledger; it is kept by `ffprep convert ... -o {output}`"
            raise UsageError(words)
        if failed:
            _tell_failed(ledgers.failures(), as_json)
            continue
        histories.append(ledgers.history)
        _tell_of(output, histories[-1], as_json)
        if others := ledgers.others:
            such = f"such as {text.printable_path(others[0].path)}"
            words = f"{len(others)} ledgers of another split are not counted, {such}"
            say(f"{words}; remove them if that is over")
    if len(histories) > 1 and not as_json:
        click.echo("together: " + "\n".join(History.together(histories).totals()))


def _tell_submissions(output: Location, failed: bool, as_json: bool) -> bool:
    """Tell what was submitted for the clips of a folder, if anything was."""
    from contextlib import closing

    from ffprep.ledger.database import database_errors, open_to_read
    from ffprep.submit.submissions import FILE, LAYOUT, StoredSubmissions

    if not isinstance(output, Path) or not (path := output / FILE).exists():
        return False
    with database_errors(path, LAYOUT), closing(open_to_read(path, LAYOUT)) as database:
        found = StoredSubmissions.of(database)
    if failed:
        _tell_failed(found.failed, as_json)
    else:
        _tell_of(output, found, as_json)
    return True


def _tell_failed(failed: Iterable["Failed | StoredSubmission"], as_json: bool) -> None:
    from ffprep.cli.reporting import text

    for each in failed:
        if as_json:
            text.print_json(asdict(each))
        else:
            click.echo(text.printable(f"{each.source}: {each.kind}: {each.message}"))


def _tell_of(output: Location, found: "History | StoredSubmissions", as_json: bool) -> None:
    from ffprep.cli.reporting import text

    if as_json:
        text.print_json({"output": str(output)} | found.as_dict())
    else:
        lines = map(text.printable, found.describe().splitlines())
        click.echo(f"{text.printable_path(output)}: " + "\n".join(lines))


@click.command(hidden=True)
@click.argument("path", type=PATH)
@MAX_PIXELS
@MAX_MEMORY
@COLOUR
def frame(path: Path, **given: Any) -> None:
    """Write a photo's pixels to stdout, for an ffmpeg that cannot read it (see --dry-run)."""
    from ffprep.image.sandbox import DecoderPool
    from ffprep.system.processes import Processes

    policy = _limits(given)
    with DecoderPool(Processes(), policy) as viewers, _told(path):
        picture, _ = viewers.look(path, policy.max_pixels, given["colour"] == "keep")
        with viewers.decoded(path, picture) as (_, pixels):
            for part in pixels:
                sys.stdout.buffer.write(part)


def _limits(given: Mapping[str, Any]) -> Policy:
    return Policy(max_pixels=given["max_pixels"], max_memory=given["max_memory"])


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what is wrong with a photo, and leave."""
    from ffprep.cli.reporting import text

    try:
        yield
    except PhotoError as error:
        say(f"{text.printable_path(path)}: {error.kind}: {text.printable(str(error))}")
        sys.exit(ExitCode.BUG if error.kind is Kind.INTERNAL else ExitCode.SOME_FAILED)


@click.command("modes")
@FILTERS
@AS_JSON
def list_modes(filters: tuple[Path, ...], as_json: bool) -> None:
    """List the modes: what each keeps, what it loses, what it suits."""
    from ffprep.cli.reporting import text
    from ffprep.config.modes import all_modes
    from ffprep.options.parse import filter_folders

    for mode in all_modes(filter_folders(filters)):
        lists = {"suits": list(mode.suits), "scenes": list(mode.scenes)}
        words = {"keeps": mode.keeps, "loses": mode.loses} | lists
        if as_json:
            text.print_json({"name": mode.name, "summary": mode.summary} | words)
        else:
            words |= {key: ", ".join(texts) for key, texts in lists.items()}
            click.echo(f"{mode.name}: {mode.summary}")
            click.echo(
                "".join(f"    {key} {text}\n" for key, text in words.items() if text), nl=False
            )


@click.command("targets")
@TARGETS
@AS_JSON
def list_targets(targets: tuple[Path, ...], as_json: bool) -> None:
    """List the named destinations, and what each takes."""
    from ffprep.cli.reporting import text
    from ffprep.config.targets import all_targets
    from ffprep.options.parse import target_files

    for target in all_targets(target_files(targets)):
        if as_json:
            text.print_json(target.as_dict())
        else:
            click.echo(text.printable(f"{target.name}: {target.title}"))
            for line in target.describe():
                click.echo("    " + text.printable(line))
