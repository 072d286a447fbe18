"""`ffprep modes`: print the known modes."""

from pathlib import Path

import click

from ffprep.options.command import DocumentedCommand
from ffprep.options.shared import AS_JSON, MODES_DIR
from ffprep.system.messages import write_line

_EXAMPLES = {
    "ffprep modes": "What there is.",
    "ffprep convert photos -o ready --size 1280x720 --mode blur": "Use one.",
}


@click.command("modes", cls=DocumentedCommand, examples=_EXAMPLES)
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
