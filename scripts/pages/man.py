"""Write docs/man: a manual page for each command, of the same texts as its help.

python -m scripts.pages.man
"""

import re
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path

import click

from ffprep.cli.commands.jobs import ConfigOverrideCommand
from ffprep.cli.main import EXAMPLES, cli
from ffprep.errors import ExitCode
from ffprep.options.command import WithExamples, sections
from ffprep.version import __version__

FOLDER = Path("docs/man")

_EXIT_STATUS = {
    str(ExitCode.OK.value): "All went well. Outputs that were up to date count as well.",
    str(ExitCode.SOME_FAILED.value): "Some files failed, or broke a rule.",
    str(ExitCode.USAGE.value): "The command line is wrong.",
    str(ExitCode.ENVIRONMENT.value): "No file can be converted: no usable ffmpeg, an invalid mode "
    "or configuration file, a full disk.",
    str(ExitCode.BUG.value): "A bug in ffprep.",
    str(ExitCode.HELD.value): "Another run holds the output folder. Try again later.",
    "130, 143": "Interrupted by a signal.",
    "141": "The reader of the output has gone.",
}
_ENVIRONMENT = {
    "FFPREP_FFMPEG": "Path of the ffmpeg to use, instead of the embedded one.",
    "OPENAI_API_KEY": "The key for `ffprep submit`.",
    "TMPDIR": "The folder for temporary files.",
    "XDG_CACHE_HOME": "Parent of the cache folder. The default is ~/.cache.",
}
_FILES = {
    "ffprep.toml": "Jobs, and options that they share.",
    "~/.config/ffprep/ffprep.toml": "The same, if there is none in the working folder.",
    "~/.config/ffprep/targets.toml": "More targets.",
    "~/.config/ffprep/filters/": "More modes, each a file.",
    "OUT/.ffprep/ledger.db": "What was converted to OUT, from which photos.",
}

_OVERRIDES = (
    "All options of `ffprep-convert`(1) are options here, too, and win over the file. `--no-prune` "
    "and the like turn off what the file turns on."
)


def pages() -> dict[str, str]:
    """Return the text of each page by its name."""
    root = click.Context(cli, info_name="ffprep", **cli.context_settings)
    found = {"ffprep": _main_page(root)}
    for context in _contexts(root):
        found[context.command_path.replace(" ", "-")] = _page(context)
    return {f"{name}.1": text for name, text in found.items()}


def _contexts(parent: click.Context) -> Iterator[click.Context]:
    """Yield a context for each command below a group."""
    group = parent.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        if command is None or command.hidden:
            continue
        context = click.Context(command, parent, name)
        if isinstance(command, click.Group):
            yield from _contexts(context)
        else:
            yield context


def _main_page(context: click.Context) -> str:
    commands = {each.command_path: each.command.get_short_help_str() for each in _contexts(context)}
    return "".join(
        [
            _head(context),
            _section("COMMANDS", _terms(commands)),
            _options(context),
            _section("EXAMPLES", _examples(EXAMPLES)),
            _section("EXIT STATUS", _terms(_EXIT_STATUS)),
            _section("ENVIRONMENT", _terms(_ENVIRONMENT)),
            _section("FILES", _terms(_FILES)),
            _see_also(*commands),
        ]
    )


def _page(context: click.Context) -> str:
    command = context.command
    examples = command.examples if isinstance(command, WithExamples) else {}
    return "".join(
        [
            _head(context),
            _options(context),
            _section("EXAMPLES", _examples(examples)) if examples else "",
            _see_also("ffprep"),
        ]
    )


def _head(context: click.Context) -> str:
    """Return title, name, synopsis and description."""
    name = context.command_path.replace(" ", "-")
    summary, _, rest = cleandoc(context.command.help or "").partition("\n\n")
    summary = " ".join(summary.split()).rstrip(".")
    usage = " ".join(context.command.collect_usage_pieces(context))
    paragraphs = [" ".join(each.split()) for each in (f"{summary}.", *rest.split("\n\n")) if each]
    return (
        f'.TH {name.upper()} 1 "" "ffprep {__version__}" "ffprep manual"\n.nh\n.ad l\n'
        f".SH NAME\n{_text(name)} \\- {_text(summary[:1].lower() + summary[1:])}\n"
        f".SH SYNOPSIS\n.B {_text(context.command_path)}\n{_text(usage)}\n"
        + _section("DESCRIPTION", "\n.PP\n".join(map(_text, paragraphs)) + "\n")
    )


def _options(context: click.Context) -> str:
    """Return the options, under subsections if there are several."""
    found = sections(context.command, context)
    if isinstance(context.command, ConfigOverrideCommand):
        return _section("OPTIONS", f"{_terms(dict(found['Options']))}.PP\n{_text(_OVERRIDES)}\n")
    if len(found) == 1:
        (records,) = found.values()
        return _section("OPTIONS", _terms(dict(records)))
    parts = (f".SS {heading}\n{_terms(dict(records))}" for heading, records in found.items())
    return _section("OPTIONS", "".join(parts))


def _section(heading: str, content: str) -> str:
    return f".SH {heading}\n{content}"


def _terms(terms: Mapping[str, str]) -> str:
    return "".join(f".TP\n\\fB{_text(term)}\\fR\n{_text(words)}\n" for term, words in terms.items())


def _examples(examples: Mapping[str, str]) -> str:
    return ".PP\n".join(
        f"{_text(purpose)}\n.PP\n.EX\n    {_text(command)}\n.EE\n"
        for command, purpose in examples.items()
    )


def _see_also(*commands: str) -> str:
    names = (f"\\fB{_text(each.replace(' ', '-'))}\\fR(1)" for each in commands)
    return _section("SEE ALSO", ",\n".join(names) + "\n")


def _text(text: str) -> str:
    """Return a text without meaning for roff, with what is in backticks in bold."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("~", "\\(ti")
    text = text.replace("^", "\\(ha")
    text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text)
    return f"\\&{text}" if text.startswith(".") else text


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for path in FOLDER.glob("*.1"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
