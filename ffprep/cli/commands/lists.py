"""`ffprep modes` and `ffprep targets`: print the known modes and targets."""

from pathlib import Path

import click

from ffprep.options.shared import AS_JSON, FILTERS, TARGETS
from ffprep.system.messages import write_line


@click.command("modes")
@FILTERS
@AS_JSON
def list_modes(filters: tuple[Path, ...], as_json: bool) -> None:
    """List the modes: what each keeps, what each loses, what each suits."""
    from ffprep.cli.reporting import text
    from ffprep.config.modes import all_modes
    from ffprep.options.frame import filter_folders

    for mode in all_modes(filter_folders(filters)):
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


@click.command("targets")
@TARGETS
@AS_JSON
def list_targets(targets: tuple[Path, ...], as_json: bool) -> None:
    """List the targets: named destinations, with their rules."""
    from ffprep.cli.reporting import text
    from ffprep.config.targets import all_targets
    from ffprep.options.frame import target_files

    for target in all_targets(target_files(targets)):
        if as_json:
            text.print_json(target.as_dict())
        else:
            write_line(f"{target.name}: {target.title}", err=False)
            for line in target.describe():
                write_line(f"    {line}", err=False)
