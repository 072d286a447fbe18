import copy
import dataclasses
import os
import pickle
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import pytest

from ffprep.record import Record, asdict, astuple, field, replace


class Point(Record):
    x: int
    y: int = 2
    label: str = field(default="", compare=False, repr=False)


class Line(Record):
    start: Point
    others: list[Point] = field(default_factory=list)
    length: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", len(self.others))


class Named(Point):
    name: str = "n"


class Count(Record, frozen=False):
    number: int = 0


class Lazy(Record):
    __slots__ = ("__dict__",)

    number: int

    @cached_property
    def double(self) -> int:
        return 2 * self.number


def test_records_are_compared_hashed_and_shown_by_their_fields() -> None:
    point = Point(1, label="here")
    assert point == Point(1, 2) != Point(1, 3)
    assert hash(point) == hash(Point(x=1))
    assert repr(point) == "Point(x=1, y=2)"
    assert Named(1) != Point(1)
    assert repr(Named(1, name="a")) == "Named(x=1, y=2, name='a')"
    assert Lazy(2).double == 4
    match point:
        case Point(1, y, label="here"):
            assert y == 2
        case _:
            pytest.fail("no such pattern")


def test_records_are_frozen_unless_they_say_otherwise() -> None:
    point, count = Point(1), Count()
    with pytest.raises(dataclasses.FrozenInstanceError, match="'x'"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x
    assert not hasattr(point, "__dict__")
    count.number += 1
    assert count == Count(1)
    with pytest.raises(TypeError):
        hash(count)


def test_wrong_arguments_are_errors_that_name_the_class() -> None:
    with pytest.raises(TypeError, match=r"Point.__init__\(\) missing .* 'x'"):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="'z'"):
        replace(Point(1), z=1)  # type: ignore[call-arg]


def test_names_that_record_uses_itself_are_refused() -> None:
    with pytest.raises(TypeError, match="_fields"):
        type(Record)("Clash", (Record,), {"__annotations__": {"_fields": int}})


def test_records_are_copied_pickled_and_replaced() -> None:
    line = Line(Point(1), [Point(3)])
    assert line.length == 1
    assert Line(Point(1)).others is not Line(Point(1)).others
    for made in (copy.copy(line), copy.deepcopy(line), pickle.loads(pickle.dumps(line))):
        assert made == line
    assert replace(line, others=[]).length == 0
    assert dataclasses.replace(line, others=[]) == replace(line, others=[])


def test_functions_of_dataclasses_take_a_record() -> None:
    line = Line(Point(1, label="a"), [Point(3)])
    assert asdict(line) == dataclasses.asdict(line)
    assert astuple(Point(1)) == dataclasses.astuple(Point(1)) == (1, 2, "")
    described = {each.name: each for each in dataclasses.fields(Point)}
    assert list(described) == list(Point._fields)
    assert described["y"].default == 2
    assert not described["label"].compare


OTHERS = [f"3.{minor}" for minor in range(11, 15) if minor != sys.version_info.minor]


@pytest.mark.parametrize("version", OTHERS)
def test_records_are_the_same_in_other_versions(version: str) -> None:
    python = _interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed")
    root = Path(__file__).parents[1]
    packages = Path(pytest.__file__).parents[1]
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"PYTHONPATH": f"{root}{os.pathsep}{packages}"}
    argv = [python, "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:cacheprovider"]
    argv += ["--noconftest", "-k", "not other_versions", f"--rootdir={root}", __file__]
    done = subprocess.run(argv, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def _interpreter(version: str) -> str | None:
    """Return a Python of a version, in PATH or of pyenv."""
    folders = [Path(folder) for folder in os.get_exec_path()]
    folders += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin"))
    for python in (str(folder / f"python{version}") for folder in folders):
        if os.access(python, os.X_OK) and not subprocess.call(
            [python, "-c", ""], stderr=subprocess.DEVNULL
        ):
            return python
    return None
