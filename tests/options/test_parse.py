"""The options of `convert` are parsed once, into one frozen type."""

import dataclasses
from pathlib import Path
from typing import Any

import click
import pytest

from ffprep.cli.commands.check import info
from ffprep.cli.commands.compare import compare
from ffprep.cli.commands.submit import submit
from ffprep.core.geometry import Size
from ffprep.core.policy import DryRun, Retry
from ffprep.core.shard import Shard
from ffprep.errors import UsageError
from ffprep.options import keywords
from ffprep.options.check import check_parameters, read_check, read_info
from ffprep.options.convert import convert_parameters
from ffprep.options.parse import read_convert
from ffprep.options.types import Automatic
from ffprep.run.convert_options import ConvertOptions, NotifyOptions, ReportOptions
from ffprep.system.files import LEDGER


def parsed(*arguments: str) -> ConvertOptions:
    """What a command line is parsed into."""
    words = ["in", "-o", "out", "--size", "8x6", *arguments]
    return read_convert(convert_parameters.make_context("convert", words).params)


def frozen_parts(value: Any) -> list[Any]:
    """A dataclass, and all dataclasses in its fields."""
    parts = [getattr(value, field.name) for field in dataclasses.fields(value)]
    return [value, *(each for part in parts if dataclasses.is_dataclass(part) for each in [part])]


def test_every_part_is_frozen() -> None:
    parts = frozen_parts(parsed("--summary-file", "s.json", "--cluster", "tcp://host:1"))
    assert len(parts) == 8
    for part in parts:
        name = dataclasses.fields(part)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, name, None)


def test_defaults_are_those_of_the_types() -> None:
    options = parsed("--jobs", "1")
    plain = ConvertOptions(options.request)
    assert dataclasses.replace(options.policy, hash_files=False) == plain.policy
    assert options.workers == plain.workers
    assert (options.notify, options.depfile) == (None, None)
    assert dataclasses.replace(options.throttle, grace=0.0) == plain.throttle
    assert dataclasses.replace(options.rerun, ledger=None) == plain.rerun
    assert dataclasses.replace(options.reporting, status_command="") == ReportOptions()


def test_a_run_keeps_a_ledger_in_its_folder_and_names_the_command_that_reads_it() -> None:
    options = parsed()
    assert options.rerun.ledger == Path("out") / LEDGER
    assert options.reporting.status_command == "ffprep status out"
    elsewhere = parsed("--ledger", "my ledger.db")
    assert elsewhere.rerun.ledger == Path("my ledger.db")
    command = "ffprep status out --ledger 'my ledger.db'"
    assert elsewhere.reporting.status_command == command
    assert options.policy.hash_files
    without = parsed("--ledger", "none")
    assert not without.policy.hash_files
    assert (without.rerun.ledger, without.reporting.status_command) == (None, "")


def test_each_shard_has_its_own_ledger() -> None:
    ledgers = {parsed("--shard", f"{number}/2").rerun.ledger for number in (1, 2)}
    base = Path("out") / LEDGER
    assert ledgers == {Shard.parse("1/2").path_for(base), Shard.parse("2/2").path_for(base)}
    assert base not in ledgers


def test_options_reach_their_part() -> None:
    options = parsed(
        "--retry-failed", "--wait", "2m", "--nice", "5", "--max-time", "1h", "--timeout", "7",
        "--json", "--dry-run", "--on-finish", "true",
    )  # fmt: skip
    assert (options.rerun.retry, options.rerun.wait) == (Retry.ONLY, 120.0)
    assert (options.throttle.nice, options.throttle.max_time) == (5, 3600.0)
    assert (options.policy.timeout, options.throttle.grace) == (7.0, 7.0)
    assert (options.reporting.json, options.reporting.dry_run) == (True, DryRun.PLAN)
    assert options.notify == NotifyOptions(on_finish="true")


def test_each_size_has_a_folder_or_a_name_of_its_own() -> None:
    renditions = parsed("--size", "9x9", "--format", "same").request.renditions
    assert [(str(each.spec.size), each.folder) for each in renditions] == [
        ("8x6", "8x6/"),
        ("9x9", "9x9/"),
    ]
    named = parsed("--size", "9x9", "--names", "{stem}-{width}").request.renditions
    assert [each.folder for each in named] == ["", ""]
    assert parsed().request.renditions[0].folder == ""
    inside = parsed("--size", "9x9", "--mode", "fit").request.renditions
    assert [each.folder for each in inside] == ["8x6/", "9x9/"]
    with pytest.raises(UsageError, match="is a file, and 2 pictures are asked for"):
        parsed("--size", "9x9", "-o", "one.jpg")


@pytest.mark.parametrize("option", ["--checksum", "--adopt", "--retry-failed", "--prune"])
def test_options_that_need_a_ledger(option: str) -> None:
    message = f"{option} needs the ledger, and --ledger none keeps none"
    with pytest.raises(UsageError, match=message):
        parsed("--ledger", "none", option)


def test_check_is_parsed_alike_from_a_command_line_and_from_keywords() -> None:
    words = ["a.jpg", "b", "--size", "8x6", "--jobs", "3", "--max-memory", "200MB"]
    typed = read_check(check_parameters.make_context("check", words).params)
    given = {"paths": ["a.jpg", "b"], "size": (8, 6), "jobs": 3, "max_memory": "200MB"}
    assert read_check(keywords.read(check_parameters, given)) == typed
    inspection, target = typed
    assert (target.only_size, inspection.workers) == (Size(8, 6), 3)
    assert inspection.policy.max_memory == 200_000_000
    words = ["a.jpg", "--size", "8x6", "--size", "9x9"]
    _, several = read_check(check_parameters.make_context("check", words).params)
    assert [size for _, size in several.sizes] == [Size(8, 6), Size(9, 9)]


def test_info_describes_every_size_and_every_target() -> None:
    def frames(*words: str) -> list[str]:
        _, content = read_info(info.make_context("info", ["a.jpg", *words]).params)
        return [str(frame.size) for frame in content.frames]

    assert frames("--size", "8x6", "--size", "9x9", "--size", "8x6") == ["8x6", "9x9"]
    targets = ("--target", "sora-2/720x1280", "--target", "wan-2.2")
    assert "720x1280" in frames(*targets)
    assert len(frames(*targets)) > 1
    with pytest.raises(UsageError, match="--size goes with one --target only"):
        frames(*targets, "--size", "8x6")


@pytest.mark.parametrize("option", ["--size 8x6 --size 9x9", "--target a/8x6 --target b/8x6"])
def test_commands_that_make_one_size_refuse_a_second_one(option: str) -> None:
    words = option.split()
    calls = [(submit, ["a.jpg"]), (compare, ["a.jpg", "-o", "sheet.png"])]
    calls += [(check_parameters, ["a.jpg"])] if "--target" in words else []
    for command, arguments in calls:
        with pytest.raises(click.BadParameter, match=f"{command.name} takes one, and not 2"):
            command.make_context(str(command.name), [*arguments, *words])


def test_a_dry_run_prints_a_plan_unless_commands_are_asked_for() -> None:
    for words, dry_run in (
        ((), None),
        (("--dry-run",), DryRun.PLAN),
        (("--dry-run", "photos"), DryRun.PLAN),  # the next word is a SOURCE
        (("--dry-run=plan",), DryRun.PLAN),
        (("--dry-run=commands",), DryRun.COMMANDS),
    ):
        options = parsed(*words)
        assert options.reporting.dry_run is dry_run
        assert ("photos" in options.request.sources) == ("photos" in words)
    with pytest.raises(click.BadParameter, match="'nothing' is not one of"):
        parsed("--dry-run=nothing")


def test_the_number_of_jobs_may_be_auto_in_any_case() -> None:
    for words in ((), ("--jobs", "auto"), ("--jobs", "AUTO")):
        assert isinstance(parsed(*words).workers.jobs, Automatic)
    assert parsed("--jobs", "3").workers.jobs == 3
