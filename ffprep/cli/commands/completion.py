"""`ffprep completion`: the script by which a shell completes commands, options and values."""

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
)

from ffprep.options.command import DocumentedCommand
from ffprep.options.types import OneOf

_EXAMPLES = {
    "ffprep completion bash > ~/.local/share/bash-completion/completions/ffprep": (
        "bash, with the package bash-completion: in new shells."
    ),
    "ffprep completion zsh > ~/.zfunc/_ffprep": (
        "zsh, with `fpath+=~/.zfunc; autoload -Uz compinit; compinit` in ~/.zshrc."
    ),
    "ffprep completion fish > ~/.config/fish/completions/ffprep.fish": "fish: in new shells.",
    "source <(ffprep completion bash)": "This bash, or this zsh with zsh instead of bash.",
}


@add_completion_class
class _Bash(BashComplete):
    """Completes `--mode=p`, too, which bash hands over as three words."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the incomplete one, and that."""
        args, incomplete = super().get_completion_args()
        return args[:-1] if args[-1:] == ["="] else args, incomplete


class _WholeWord(ShellComplete):
    """Completes `--mode=p` in a shell that replaces the whole word."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return the completions; values of an option after its name."""
        option, equals, _ = incomplete.partition("=")
        found = super().get_completions(args, incomplete)
        if not (option.startswith("-") and equals):
            return found
        return [
            CompletionItem(f"{option}=" * (each.type == "plain") + each.value, each.type, each.help)
            for each in found
        ]


@add_completion_class
class _Zsh(_WholeWord, ZshComplete):
    pass


@add_completion_class
class _Fish(_WholeWord, FishComplete):
    pass


@click.command("completion", cls=DocumentedCommand, examples=_EXAMPLES)
@click.argument("shell", type=OneOf(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that completes ffprep in a shell.

    It completes commands, options, files, and the values of options: modes, targets, scenes,
    formats, and the jobs of ffprep.toml.
    """
    kind = get_completion_class(shell)
    assert kind
    complete = kind(ctx.find_root().command, {}, "ffprep", "_FFPREP_COMPLETE")
    # Not `source`, which starts a bash to learn its version.
    click.echo(complete.source_template % complete.source_vars(), nl=False)
