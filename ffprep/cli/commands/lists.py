"""`ffprep modes` and `ffprep targets`: what there is; errors in a file of targets."""

import sys
from pathlib import Path

import click

from ffprep.cli.reporting.text import print_json
from ffprep.errors import ExitCode, UsageError
from ffprep.options.command import DocumentedCommand, option
from ffprep.options.shared import AS_JSON, MODES_DIR, TARGETS_FILE
from ffprep.options.types import PATH, completed_by
from ffprep.system.messages import say, write_line

_MODES_EXAMPLES = {
    "ffprep modes": "What there is.",
    "ffprep convert photos -o ready --size 1280x720 --mode blur": "Use one.",
}
_TARGETS_EXAMPLES = {
    "ffprep targets": "What there is.",
    "ffprep targets kling": "All about one: also where its rules are published.",
    "ffprep targets --check mine.toml": "Find errors in a file of your own.",
    "ffprep convert photos -o ready --target sora-2": "Each photo in the size that cuts least.",
}


@click.command("modes", cls=DocumentedCommand, examples=_MODES_EXAMPLES)
@MODES_DIR
@AS_JSON
def list_modes(modes_dir: tuple[Path, ...], as_json: bool) -> None:
    """List the modes: what each keeps and loses, and what it suits."""
    from ffprep.config.modes import all_modes, auto_summary
    from ffprep.options.frame import filter_folders

    for mode in (auto_summary(), *all_modes(filter_folders(modes_dir))):
        lists = {"suits": list(mode.suits), "scenes": list(mode.scenes)}
        words = {"keeps": mode.keeps, "loses": mode.loses} | lists
        if as_json:
            print_json({"name": mode.name, "summary": mode.summary} | words)
        else:
            words |= {key: ", ".join(texts) for key, texts in lists.items()}
            write_line(f"{mode.name}: {mode.summary}", err=False)
            for key, said in words.items():
                if said:
                    write_line(f"    {key} {said}", err=False)


@click.command("targets", cls=DocumentedCommand, examples=_TARGETS_EXAMPLES)
@click.argument("name", required=False, shell_complete=completed_by("targets"))
@TARGETS_FILE
@option(
    "--check",
    PATH,
    "Print every error in a file of targets, with its line; exit with 1 if there are any.",
    dest="checked",
)
@AS_JSON
def list_targets(
    name: str | None, targets_file: tuple[Path, ...], checked: Path | None, as_json: bool
) -> None:
    """List the targets: named destinations, with their rules.

    With NAME, print all about one.
    """
    if checked is not None:
        if name or targets_file:
            raise UsageError("--check reads only its FILE; leave out NAME and --targets-file")
        sys.exit(_check(checked, as_json))
    from ffprep.config.targets import all_targets, find_target
    from ffprep.options.frame import target_files

    files = target_files(targets_file)
    for target in [find_target(name, files)] if name else all_targets(files):
        if as_json:
            print_json(target.as_dict())
            continue
        write_line(f"{target.name}: {target.title}", err=False)
        for line in target.describe(whole=bool(name)):
            write_line(f"    {line}", err=False)


def _check(file: Path, as_json: bool) -> ExitCode:
    """Print the errors in a file of targets. Raise UsageError if there is no file."""
    from ffprep.config.targets import faults
    from ffprep.options.frame import require_file

    require_file("--check", file)
    count, found = faults(file)
    for fault in found:
        if as_json:
            print_json({"file": str(file), "line": fault.line, "message": str(fault)})
        else:
            write_line(str(fault), err=False)
    if not found and sys.stderr.isatty():
        say(f"{file}: {count} targets, no errors")
    return ExitCode.SOME_FAILED if found else ExitCode.OK
