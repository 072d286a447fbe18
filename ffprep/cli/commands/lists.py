"""`ffprep modes` and `ffprep targets`: print the known modes and targets."""

from pathlib import Path

import click

from ffprep.options.shared import AS_JSON, FILTERS, TARGETS


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
            click.echo(f"{mode.name}: {mode.summary}")
            click.echo(
                "".join(f"    {key} {text}\n" for key, text in words.items() if text), nl=False
            )


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
            click.echo(text.printable(f"{target.name}: {target.title}"))
            for line in target.describe():
                click.echo("    " + text.printable(line))
