"""The public names, their types, and what their import costs."""

import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import ffprep as library
from ffprep import errors
from ffprep.cli.commands.check import info
from ffprep.cli.commands.compare import compare
from ffprep.cli.commands.convert import convert
from ffprep.options import keywords
from ffprep.options.command import key_names
from tests.support.processes import program

ROOT = Path(__file__).parents[2]


USER = """
import asyncio, io
from pathlib import Path
import ffprep

def one(data: bytes) -> tuple[str, bytes, str]:
    file = io.BytesIO(data)
    picture: ffprep.Prepared = ffprep.prepare(file, (8, 6), "pad", quality=90, focus=(0.5, 0.2))
    size: ffprep.Size = picture.size
    saved: Path = picture.save(f"{size.width}.jpg")
    return picture.upload()

async def many() -> list[str]:
    results = ffprep.convert(["a", Path("b")], "out", "8x6", ledger=False, jobs=2)
    return [str(result.output) for result in results if result.status is ffprep.Status.CONVERTED]

held = ffprep.Preprocessor("sora-2/1280x720", background="white")
path: Path = held.process_and_save("a.jpg", "pad")
sheet: ffprep.ContactSheet = ffprep.compare(["a", "b"], "s.png", "8x6", mode=["pad"], columns=2)
pages: tuple[Path, ...] = sheet.pages
texts: list[str] = [line for found in ffprep.info("a", (8, 6)) for line in found.describe()]
number: int = len(ffprep.convert("a", "out", "8x6", progress=False))
broken: list[tuple[str, ...]] = [finding.broken for finding in ffprep.check("out", "8x6")]
"""


def test_the_import_loads_no_other_module(tmp_path: Path) -> None:
    code = "import sys; before = set(sys.modules); import ffprep; print(*set(sys.modules) - before)"
    assert sorted(program(code, tmp_path).stdout.split()) == ["ffprep", "ffprep.version"]


def test_all_public_names_are_listed_once() -> None:
    assert sorted(library.__all__) == library.__all__
    assert set(library.__all__) <= set(dir(library))
    lazy = {name for names in library._MODULES.values() for name in names}
    assert lazy | {"__version__"} == set(library.__all__)
    for name in lazy:
        value = getattr(library, name)
        assert (value.__name__, value.__doc__ is None) == (name, False)
    with pytest.raises(AttributeError, match="nothing"):
        library.nothing  # noqa: B018


def test_no_module_or_package_has_the_name_of_a_public_function(tmp_path: Path) -> None:
    modules = {path.stem for path in (ROOT / "ffprep").iterdir()}
    assert "errors" in modules
    assert not modules & set(library.__all__)


def test_every_option_is_a_keyword_or_is_left_out_on_purpose() -> None:
    earlier = {"filters", "targets"}
    words = {key_names(param)[0].replace("-", "_") for param in convert.params} | earlier
    arguments = set("sources output size target mode ledger".split())
    only_command_line = set(
        "sources_from null dry_run depfile depfile_target config nice idle max_time max_load json "
        "quiet verbose failures log_file log_format summary_file metrics_file on_finish".split()
    )
    only_batches = set(
        "include exclude since follow_links jobs force checksum adopt retry retry_failed prune "
        "prune_emptied wait fsync preserve_times cluster shard no_default_excludes root only "
        "min_size min_mpx report carry manifest".split()
    )
    assert arguments | only_command_line | only_batches <= words
    of_a_run = words - arguments - only_command_line
    assert set(keywords.RunOptions.__annotations__) == of_a_run
    assert set(keywords.Options.__annotations__) == of_a_run - only_batches


def test_every_option_of_info_and_compare_is_a_keyword() -> None:
    commands = {info: keywords.InfoOptions, compare: keywords.CompareOptions}
    for command, known in commands.items():
        words = {name.replace("-", "_") for param in command.params for name in key_names(param)}
        assert set(known.__annotations__) == words - set("paths output size target json".split())


def test_importing_the_functions_loads_all_that_they_need(photo: Path) -> None:
    code = """
    import sys
    from ffprep import Preprocessor, check, convert, info, prepare
    before = set(sys.modules)
    prepare("photo.jpg", "16x9")
    list(check("photo.jpg", "16x9"))
    list(info("photo.jpg", "16x9"))
    print(*(name for name in set(sys.modules) - before if name.startswith("ffprep")))
    """
    assert program(code, photo.parent).stdout == "\n"


def test_type_hints_can_be_read_at_run_time() -> None:
    functions = (library.prepare, library.convert, library.check, library.info, library.compare)
    for function in functions:
        hints = typing.get_type_hints(function)
        assert f"ffprep.options.keywords.{hints['options'].__args__[0].__name__}" in str(
            function.__doc__
        )


@pytest.mark.slow
def test_mypy_checks_calls_of_users(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "wrong.py").write_text(
        "import ffprep\nffprep.prepare('a', '8x6', qualty=3)\n"
        "ffprep.prepare('a', '8x6').nothing\nffprep.Preprocessor(5.5)\n"
    )
    argv = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file="]
    ran = subprocess.run(
        [*argv, f"--cache-dir={tmp_path}/cache", "user.py", "wrong.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert set(re.findall(r"(\w+\.py):(\d+): error: .*\[([\w-]+)\]", ran.stdout)) == {
        ("wrong.py", "2", "call-overload"),
        ("wrong.py", "3", "attr-defined"),
        ("wrong.py", "4", "arg-type"),
    }, ran.stdout + ran.stderr


def test_earlier_names_still_work() -> None:
    assert library.Held is errors.Held is library.OutputLocked
    assert library.Answers is library.Results
