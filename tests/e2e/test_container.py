"""The steps of the Dockerfile, run in a folder in the place of the image: no engine is needed."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pathspec
import pytest

from tests.support.pictures import opened, ramp

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
_OURS = re.compile(r"(?<![\w.~])/(?=(src|opt|photos|tmp)\b)")
"""The folders of the image that its steps name; all others are the base image's."""


def steps() -> Iterator[tuple[str, str]]:
    """Each instruction of the Dockerfile and its words, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    for line in text.replace("\\\n", "").splitlines():
        if line.strip():
            instruction, _, words = line.partition(" ")
            yield instruction, words.strip()


def send(context: Path) -> None:
    """Copy what `docker build` sends: what .dockerignore lets through."""
    ignored = pathspec.PathSpec.from_lines(
        "gitignore", (ROOT / ".dockerignore").read_text().splitlines()
    )
    for top in filter(lambda path: not ignored.match_file(path.name), ROOT.iterdir()):
        for path in [top, *top.rglob("*")]:
            place = path.relative_to(ROOT)
            if path.is_file() and not ignored.match_file(place):
                (context / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, context / place)


@dataclass(frozen=True)
class Image:
    """What was built below `folder`, and what the Dockerfile says of how it is started."""

    folder: Path
    environment: dict[str, str]
    said: dict[str, str]

    def start(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """As `docker run` does it, without a terminal."""
        program, *first = json.loads(self.said["ENTRYPOINT"])
        found = shutil.which(program, path=self.environment["PATH"])
        assert found == str(self.folder / "opt/ffprep/bin/ffprep")
        argv = [found, *first, *(arguments or json.loads(self.said["CMD"]))]
        return _run(argv, self.environment, self.folder / "photos")


def _run(
    argv: list[str], environment: dict[str, str], folder: Path
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image, its steps run below a folder. A path that a step names is one below it."""
    context, folder = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("image")
    send(context)
    # FFPREP_* and PYTHON* are the tests' own; what pip needs to reach PyPI is the machine's.
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("FFPREP_", "PYTHON"))}
    environment, said = {**ours, "HOME": "/nowhere"}, dict[str, str]()

    def below(words: str) -> str:
        return _OURS.sub(f"{folder}/", words)

    for instruction, words in steps():
        if instruction == "FROM":  # nothing of the stage before, but what is copied from it
            shutil.rmtree(folder / "src", ignore_errors=True)
            for name in ("tmp", "photos"):
                (folder / name).mkdir(exist_ok=True)
        elif instruction == "ENV":
            name, _, value = words.partition("=")
            environment[name] = below(value).replace("$PATH", environment["PATH"])
        elif instruction == "COPY" and words.startswith("--from="):
            _, source, target = words.split()
            assert source == target, "a venv works where it was made, and nowhere else"
        elif instruction == "COPY":
            *sources, target = below(words).split()
            for source in sources:
                into = Path(target, source) if target.endswith("/") else Path(target)
                into.parent.mkdir(parents=True, exist_ok=True)
                is_folder = (context / source).is_dir()
                (shutil.copytree if is_folder else shutil.copyfile)(context / source, into)
        elif instruction == "RUN":
            done = _run(["sh", "-c", below(words)], environment, folder)
            assert done.returncode == 0, f"RUN {words}\n{done.stdout}{done.stderr}"
        else:
            said[instruction] = words
    return Image(folder, environment, said)


def test_the_image_converts_photos_for_any_user(image: Image) -> None:
    assert image.start().stdout.startswith("Usage: ffprep")
    ramp(1000, 800).save(image.folder / "photos/a.jpg")
    ran = image.start("convert", ".", "-o", "ready", "--size", "640x360")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert opened(image.folder / "photos/ready/a.jpg").size == (640, 360)


def test_the_image_runs_as_a_plain_user_without_a_shell(image: Image) -> None:
    said = image.said
    user, group = map(int, said["USER"].split(":"))  # by numbers, which Kubernetes can check
    assert user > 0 < group
    # A shell as process 1 would keep SIGTERM to itself.
    assert all(json.loads(said[word]) for word in ("ENTRYPOINT", "CMD"))
    health = json.loads(said["HEALTHCHECK"].partition("CMD ")[2])
    assert _run(health, image.environment, image.folder).returncode == 0


def test_only_the_needed_files_are_in_the_build_context(tmp_path: Path) -> None:
    send(tmp_path)
    sent = {path.name for path in tmp_path.iterdir()}
    assert sent == {
        *("pyproject.toml", "uv.lock", "README.md", "LICENSE"),
        *("ffprep", "filters", "docs"),
    }
    assert [path.name for path in (tmp_path / "docs").iterdir()] == ["man"]
    assert not list(tmp_path.rglob("__pycache__"))
