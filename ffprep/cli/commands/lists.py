"""`ffprep modes` and `ffprep targets`: print the known modes and targets."""

from pathlib import Path

import click

from ffprep.options.shared import AS_JSON, MODES_DIR, TARGETS_FILE, DocumentedCommand
from ffprep.system.messages import write_line

_MODE_EXAMPLES = {
    "ffprep modes": "What there is.",
    "ffprep convert photos -o ready --size 1280x720 --mode blur": "Use one.",
}
_TARGET_EXAMPLES = {
    "ffprep targets": "What there is.",
    "ffprep convert photos -o ready --target sora-2": "Each photo in the size that cuts least.",
}


@click.command("modes", cls=DocumentedCommand, examples=_MODE_EXAMPLES)
@MODES_DIR
@AS_JSON
def list_modes(modes_dir: tuple[Path, ...], as_json: bool) -> None:
    """List the modes: what each keeps and loses, and what it suits."""
    from ffprep.cli.reporting import text
    from ffprep.config.modes import all_modes, auto_summary
    from ffprep.options.frame import filter_folders

    for mode in (auto_summary(), *all_modes(filter_folders(modes_dir))):
        lists = {"suits": list(mode.suits), "scenes": list(mode.scenes)}
        words = {"keeps": mode.keeps, "loses": mode.loses} | lists
        if as_json:
            text.print_json({"name": mode.name, "summary": mode.summary} | words)
        else:
            words |= {key: ", ".join(texts) for key, texts in lists.items()}
            write_line(f"{mode.name}: {mode.summary}", err=False)
            for key, said in words.items():
                if said:
                    write_line(f"    {key} {said}", err=False)


@click.command("targets", cls=DocumentedCommand, examples=_TARGET_EXAMPLES)
@TARGETS_FILE
@AS_JSON
def list_targets(targets_file: tuple[Path, ...], as_json: bool) -> None:
    """List the targets: named destinations, with their rules."""
    from ffprep.cli.reporting import text
    from ffprep.config.targets import all_targets
    from ffprep.options.frame import target_files

    for target in all_targets(target_files(targets_file)):
        if as_json:
            text.print_json(target.as_dict())
        else:
            write_line(f"{target.name}: {target.title}", err=False)
            for line in target.describe():
                write_line(f"    {line}", err=False)
