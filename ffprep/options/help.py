"""Write the help of commands: examples, options in sections, and one screen for `-h`."""

from collections.abc import Mapping
from itertools import islice

import click

from ffprep.options.shared import DocumentedCommand

_FIRST = 3
"""How many examples one screen has."""


def write_examples(formatter: click.HelpFormatter, examples: Mapping[str, str]) -> None:
    """Write command lines as they are typed, each below a comment that says what it does."""
    if not examples:
        return
    with formatter.section("Examples"):
        for command, purpose in examples.items():
            _write_lines(formatter, f"# {purpose}", command)


def sections(command: click.Command, ctx: click.Context) -> dict[str, list[tuple[str, str]]]:
    """Return the options under their headings, with their help; the others under `Options`."""
    found: dict[str, list[tuple[str, str]]] = {}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
        if record:
            found.setdefault(getattr(param, "heading", "Options"), []).append(record)
    return found


def short_help(ctx: click.Context) -> str:
    """Return the help of a command on one screen: the first examples, and the options to know."""
    command = ctx.command
    assert isinstance(command, DocumentedCommand)
    formatter = ctx.make_formatter()
    command.format_usage(ctx, formatter)
    formatter.write_paragraph()
    with formatter.indentation():
        _write_lines(formatter, *islice(command.examples, _FIRST))
        formatter.write_paragraph()
        formatter.write_dl(list(command.short.items()))
    formatter.write_paragraph()
    formatter.write_text(f"All options: {ctx.command_path} --help")
    return formatter.getvalue().rstrip("\n")


def _write_lines(formatter: click.HelpFormatter, *lines: str) -> None:
    """Write lines that are not wrapped."""
    for line in lines:
        formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
