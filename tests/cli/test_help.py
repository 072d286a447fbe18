"""Help, examples, versions, completion in a shell, manual pages, and `ffprep doctor`."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import PIL
import pytest

from ffprep.cli.main import cli
from ffprep.conversion.ffmpeg_binary import find
from ffprep.options.command import DocumentedCommand, WithExamples
from ffprep.system.processes import answer
from ffprep.version import __version__
from tests.support.pages import ROOT


def commands(group: click.Group = cli, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """All commands of ffprep that are listed, with their paths."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        if command.hidden:
            continue
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} ")


SHORT = [path for path, each in commands() if isinstance(each, DocumentedCommand) and each.short]


@pytest.mark.parametrize("path", SHORT)
def test_h_is_one_screen(ffprep, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = ffprep(*path.split(), "-h").out.decode()
    lines = told.replace("python -m ", "").splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"Usage: ffprep {path} ")
    assert lines[2].startswith(f"  ffprep {path}")
    assert lines[-1] == f"All options: ffprep {path} --help"
    command = dict(commands())[path]
    known = {name for param in command.params for name in param.opts}
    shown = {name for line in lines[5:] for name in re.findall(r"^  (-.*?)(?: [A-Z ]|  )", line)}
    assert shown
    assert {name.split()[0] for names in shown for name in names.split(", ")} <= known


@pytest.mark.parametrize("columns", [60, 200])
def test_summaries_of_commands_are_whole(
    ffprep, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = " ".join(ffprep("--help").out.decode().split())
    for path, command in commands():
        if " " not in path:
            assert f" {path} {(command.help or '').splitlines()[0]}" in text


@pytest.mark.parametrize("words", [[], ["config"]])
def test_without_a_command_the_help_is_the_error(ffprep, words: list[str]) -> None:
    ran = ffprep(*words)
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err == ffprep(*words, "--help").out.decode()


def test_examples_are_commands_that_can_be_parsed() -> None:
    known = dict(commands())
    for path, command in known.items():
        assert isinstance(command, WithExamples)
        assert command.examples, path
        for example in command.examples:
            words = shlex.split(re.split(r" > |\)$", example[example.rindex("ffprep ") :])[0])[1:]
            name = " ".join(words[:2]) if words[0] == "config" else words[0]
            known[name].make_context(name, words[len(name.split()) :])


def test_options_that_few_need_are_last(ffprep) -> None:
    told = ffprep("convert", "--help").out.decode()
    assert told.index("\nExamples:\n") < told.index("\nSources and outputs:\n")
    advanced = told.partition("\nAdvanced:\n")[2]
    for option in ("--cluster", "--shard", "--depfile", "--nice", "--max-load"):
        assert f"\n  {option} " in f"\n{advanced}"
    assert re.findall(r"^([A-Z]\w+):$", advanced, re.MULTILINE) == ["Options"]


def test_versions_are_those_of_what_is_used(ffprep, home: Path) -> None:
    lines = ffprep("--version").out.decode().splitlines()
    assert lines[0] == f"ffprep {__version__}"
    binary = find()
    assert binary.version in answer([binary.path, "-version"], 30).partition("Copyright")[0]
    assert lines[1].startswith(f"ffmpeg {binary.version}")
    assert lines[2] == f"Pillow {PIL.__version__}"
    assert lines[3] == f"Python {sys.version.split()[0]}"


def test_the_doctor_finds_no_fault_here_and_that_of_another_ffmpeg(
    ffprep, home: Path, tmp_path: Path
) -> None:
    ran = ffprep("doctor", tmp_path, "--json")
    assert (ran.code, ran.err) == (0, "")
    states = {line["check"]: line["state"] for line in ran.lines}
    assert states["outputs"] == states["modes"] == states["OUT"] == "ok"
    assert str(home) not in ran.out.decode()
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho ffmpeg version 9.0\n")
    broken.chmod(0o755)
    ran = ffprep("doctor", "/proc/nothing", "--ffmpeg", broken)
    assert ran.code == 3
    faults = re.findall(r"^(\S+) +fault: ", ran.out.decode(), re.MULTILINE)
    assert {"inputs", "outputs", "modes", "OUT"} <= set(faults)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("ffprep com", "compare completion"),
        ("ffprep config ", "init show"),
        ("ffprep convert --modes", "--modes-dir"),
        ("ffprep convert --filt", ""),
        ("ffprep convert a.jpg --mode ", "auto blur cover fit pad stretch"),
        ("ffprep convert --mode = p", "pad"),
        ("ffprep convert --format j", "jpeg jpegxl"),
        ("ffprep info --scene p", "portrait product"),
        ("ffprep check --target sora-2/l", "sora-2/landscape_720p"),
        ("ffprep convert --config none.toml --scene a", "art"),
        ("ffprep convert --modes-dir none --mode p", "pad"),
        ("ffprep info --frame ", "first last"),
        ("ffprep run ", "a b"),
        ("ffprep run b ", "a"),
    ],
)
def test_bash_completes(tmp_path: Path, home: Path, typed: str, completed: str) -> None:
    (tmp_path / "ffprep.toml").write_text("[job.a]\n[job.b]\n")
    words = [*typed.split(), ""] if typed.endswith(" ") else typed.split()
    script = (
        'eval "$(ffprep completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        '_ffprep_completion ffprep; echo "${COMPREPLY[@]}"'
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    argv = ["bash", "--norc", "-c", script, "bash", *words]
    ran = subprocess.run(
        argv, cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert (ran.stdout.strip(), ran.stderr) == (completed, "")


@pytest.mark.parametrize(("shell", "current"), [("zsh", "2"), ("fish", "--mode=co")])
def test_a_value_after_its_option_completes_to_the_whole_word(shell: str, current: str) -> None:
    words = {"COMP_WORDS": "ffprep convert --mode=co", "COMP_CWORD": current}
    environment = os.environ | words | {"_FFPREP_COMPLETE": f"{shell}_complete"}
    argv = [Path(sys.executable).with_name("ffprep")]
    ran = subprocess.run(argv, env=environment, capture_output=True, text=True)
    assert "--mode=cover" in ran.stdout.replace(",", "\n").replace("\t", "\n").splitlines()


def test_the_manual_pages_are_sound() -> None:
    tool = shutil.which("groff")
    if not tool:
        assert not os.environ.get("FFPREP_TESTS_NEED_TOOLS"), "install groff"
        pytest.skip("groff is not installed")
    files = sorted((ROOT / "docs/man").iterdir())
    argv = [tool, "-Tutf8", "-man", "-ww", "-rLL=80n", *files]
    ran = subprocess.run(argv, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "--targets-file" in re.sub(".\b", "", ran.stdout)
