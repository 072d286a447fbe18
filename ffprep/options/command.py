"""Commands and options as click declares them, their keys in ffprep.toml, and the help.

The help has examples, options in sections, and one screen for `-h`. `job_file`, which reads TOML,
is imported only if there is a file to read.
"""

import re
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ffprep.errors import EnvironmentFault
from ffprep.options.types import Renamed, completed_by, with_implied_values

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Value = TypeVar("Value")

FILE = "ffprep.toml"
COMMAND_LINE = "command line"
NOT_OF_A_FILE = ("config", "dry_run")
"""Options that a file must not set."""

_FIRST = 3
"""How many examples one screen has."""


def option(
    usage: str,
    type: click.ParamType[Any],
    help: str,
    dest: str | None = None,
    complete: str = "",
    **attributes: Any,
) -> Callable[[Any], Any]:
    """Return an option: how it is written, as `-o, --output OUT`, its type, and its help.

    Without a word for the value, it is that of the type. `dest` is the name of its parameter, if it
    is not that of the option. `complete` is the kind of the values that a shell completes.
    """
    names, _, value = usage.replace(", ", ",").partition(" ")
    declared = [*names.split(","), *([dest] if dest else [])]
    attributes |= {"shell_complete": completed_by(complete)} if complete else {}
    return click.option(*declared, type=type, help=help, metavar=value or None, **attributes)


def flag(names: str, help: str, dest: str | None = None) -> Callable[[Any], Any]:
    """Return an option without a value."""
    return option(names, click.BOOL, help, dest, is_flag=True)


def picked(params: Mapping[str, Any], names: str) -> dict[str, Any]:
    """Return the parameters of these names, separated by spaces."""
    return {name: params[name] for name in names.split()}


def options(*decorators: Callable[[Any], Any]) -> Callable[[Value], Value]:
    """Return several click options as one decorator."""

    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def section(heading: str, *decorators: Callable[[Any], Any]) -> Callable[[Value], Value]:
    """Return several click options as one decorator, under a heading in the help."""

    def decorate(function: Any) -> Any:
        before = len(getattr(function, "__click_params__", ()))
        function = options(*decorators)(function)
        for param in function.__click_params__[before:]:
            param.heading = heading
        return function

    return decorate


def parameters(
    name: str, *decorators: Callable[[Any], Any], cls: type[click.Command] = click.Command
) -> click.Command:
    """Return a command that does nothing: its parameters, for the Python functions too."""
    return click.command(name, cls=cls)(options(*decorators)(lambda **_: None))


class WithExamples(click.Command):
    """A command whose help has examples first: `examples` maps command lines to what they do."""

    def __init__(
        self, *args: Any, examples: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples or {}

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first sentence of the help, whole: it may take two lines in a list."""
        return (self.help or "").partition("\n")[0]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command does, and the examples."""
        super().format_help_text(ctx, formatter)
        write_examples(formatter, self.examples)


class DocumentedCommand(WithExamples):
    """A command whose help lists the options in sections.

    With `short`, the names of a few options, `-h` prints one screen: the first examples, and a line
    for each of these options: its help up to the first semicolon or full stop.
    """

    def __init__(self, *args: Any, short: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.short = short.split()

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Return the names of the option that prints everything."""
        names = super().get_help_option_names(ctx)
        return [name for name in names if not self.short or name.startswith("--")]

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters, with `-h` if it differs from `--help`."""
        params = super().get_params(ctx)
        return [*params, _SHORT_HELP] if self.short else params

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem[str]]":
        """Complete names of options, but not earlier names of an option."""
        earlier = {name for p in self.params if isinstance(p, Renamed) for name in p.opts[1:]}
        found = super().shell_complete(ctx, incomplete)
        return [item for item in found if item.value not in earlier]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse a command line. Some options may omit their value."""
        return super().parse_args(ctx, with_implied_values(self, args))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings, and the others under `Options`."""
        for heading, records in sections(self, ctx).items():
            with formatter.section(heading):
                formatter.write_dl(records)


class ConfigCommand(DocumentedCommand):
    """A command that reads options from a file too: that of `--config`, or `ctx.obj`, Settings."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line, with the file as its defaults."""
        given = unparsed_options(self, ctx, args)
        file = given.get("config")
        if file and not ctx.resilient_parsing:  # as for completion in a shell
            from ffprep.options.job_file import Settings, read

            ctx.obj = Settings.given(given).over(read(Path(file), self).defaults)
            ctx.default_map = ctx.obj.values
        ctx.params["photos"] = ctx.obj.photos if ctx.obj else {}
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            param = error.param
            setting = ctx.obj.options.get(param.name) if ctx.obj and param else None
            if param and setting and setting.origin != COMMAND_LINE:
                words = f"{setting.origin}: {key_names(param)[0]}: {error.message}"
                raise EnvironmentFault(words) from None
            raise


def unparsed_options(command: click.Command, ctx: click.Context, args: list[str]) -> dict[str, Any]:
    """Return the options of a command line, unparsed."""
    found, _, _ = command.make_parser(ctx).parse_args(with_implied_values(command, args))
    names = [str(p.name) for p in command.params if isinstance(p, click.Option)]
    return {name: found[name] for name in names if name in found}


def keys_of(command: click.Command) -> Mapping[str, click.Parameter]:
    """Return the keys that a file may have: long names of options, and arguments."""
    params = [param for param in command.params if param.name not in NOT_OF_A_FILE]
    return {name: param for param in params for name in key_names(param)}


def key_names(param: click.Parameter) -> list[str]:
    """Return the names of an option in a file; the first one is the usual one."""
    if isinstance(param, click.Argument):
        return [str(param.name)]
    return [name.removeprefix("--") for name in param.opts if name.startswith("--")]


def _print_short_help(ctx: click.Context, _param: click.Parameter, given: bool) -> None:
    """Print the help of a command on one screen: the first examples, and the options to know."""
    if not given or ctx.resilient_parsing:
        return
    command = ctx.command
    assert isinstance(command, DocumentedCommand)
    formatter = ctx.make_formatter()
    command.format_usage(ctx, formatter)
    formatter.write_paragraph()
    with formatter.indentation():
        _write_lines(formatter, *islice(command.examples, _FIRST))
        formatter.write_paragraph()
        options = {name: param for param in command.params for name in param.opts}
        formatter.write_dl([_short_record(options[f"--{name}"], ctx) for name in command.short])
    formatter.write_paragraph()
    formatter.write_text(f"All options: {ctx.command_path} --help")
    click.echo(formatter.getvalue().rstrip("\n"))
    ctx.exit()


def _short_record(param: click.Parameter, ctx: click.Context) -> tuple[str, str]:
    """Return an option as it is written, and the first clause of its help."""
    assert isinstance(param, click.Option)
    record = param.get_help_record(ctx)
    assert record
    usage = re.sub(r" \[.*", " WORD", re.split(r" / |\[=", record[0])[0])
    return usage, re.split(r"[;.] |\.?$|  \[", param.help or "")[0].replace("`", "")


_SHORT_HELP = click.Option(
    ["-h"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_short_help,
    help="Show the options to know, on one screen, and exit.",
)


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


def _write_lines(formatter: click.HelpFormatter, *lines: str) -> None:
    """Write lines that are not wrapped."""
    for line in lines:
        formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
