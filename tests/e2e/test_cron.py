"""The commands of docs/operations/cron.md and the systemd units, run in a folder in place of /."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ffprep.errors import ExitCode
from tests.support.pages import ROOT, Page
from tests.support.pictures import ramp

pytestmark = pytest.mark.slow

PAGE = Page("docs/operations/cron.md")
SERVICE = (ROOT / "scripts/deploy/ffprep@.service").read_text()
PROGRAM = str(Path(sys.executable).with_name("ffprep"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The machine of the page: its photos, its file."""
    root = tmp_path / "root"
    for folder in ("srv/photos/2024", "srv/photos/2025", "srv/products"):
        (root / folder).mkdir(parents=True)
        ramp(60, 40).save(root / folder / f"{Path(folder).name}.jpg")
    for folder in ("etc/ffprep", "var/log/ffprep", "var/lib/ffprep"):
        (root / folder).mkdir(parents=True)
    (root / "etc/ffprep/ffprep.toml").write_text(moved(PAGE.blocks("toml")[0], root))
    return root


def moved(text: str, root: Path) -> str:
    """A text of the page, with the machine's folders in `root`."""
    return re.sub(r"/(?:srv|etc|var)/", lambda path: f"{root}{path[0]}", text)


def outputs(root: Path) -> set[str]:
    ready = root / "srv/ready"
    found = {path.relative_to(ready) for path in ready.rglob("*.*") if path.is_file()}
    return {str(path) for path in found if ".ffprep" not in path.parts}


NIGHTLY = {"photos/2024.jpg", "photos/2025.jpg"}


def shown(root: Path, words: list[str]) -> list[str]:
    return [moved(word, root) for word in words]


def test_the_crontab_line_prints_nothing(root: Path, home: Path) -> None:
    ((*when, program, run, job, option, file),) = PAGE.commands("crontab")
    assert len(when) == 5
    assert program == "/usr/local/bin/ffprep"
    line = shlex.join([PROGRAM, run, job, option, moved(file, root)])
    cron = {"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "ffprep"}
    for _ in range(2):
        ran = subprocess.run(
            ["/bin/sh", "-c", line], cwd=home, env=cron, capture_output=True, timeout=300
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
        assert outputs(root) == NIGHTLY
    assert (root / "var/log/ffprep/ffprep.log").read_text().count("2024.jpg") >= 1


def test_the_documented_commands_work(ffprep, root: Path) -> None:
    show, dry, two, every, status, retry, accept = PAGE.commands("sh")
    ran = ffprep(*shown(root, show[1:]))
    assert (ran.code, ran.err) == (0, "")
    assert tomllib.loads(ran.out.decode())["job"]["nightly"]["mode"] == "pad"
    ran = ffprep(*shown(root, dry[1:]))
    assert (ran.code, ran.err) == (0, "")
    assert b"2025.jpg" in ran.out
    assert outputs(root) == set()
    for line in (two, every):
        ran = ffprep(*shown(root, line[1:]))
        assert (ran.code, ran.out, ran.err) == (0, b"", "")
        assert outputs(root) == NIGHTLY | {"products/products.webp"}
    photo = root / "srv/photos/2024/2024.jpg"
    photo.write_bytes(photo.read_bytes()[:400])
    failed = ffprep(*shown(root, retry[1:-1]))
    assert failed.code == 1
    assert failed.err.splitlines()[0].startswith("ffprep: 0 converted, 1 fresh, 1 failed in ")
    assert "2024.jpg: damaged" in failed.err
    assert str(photo).encode() in ffprep(*shown(root, status[1:])).out
    assert ffprep(*shown(root, retry[1:])).code == 1
    assert b"1 failure accepted" in ffprep(*shown(root, accept[1:])).out
    assert ffprep(*shown(root, retry[1:]), "--failures", "new").code == 0
    ramp(60, 40).save(photo)
    again = ffprep(*shown(root, retry[1:]))
    assert (again.code, again.out, again.err) == (0, b"", "")


def test_the_documented_job_makes_several_pictures(ffprep, root: Path) -> None:
    file = root / "etc/ffprep/ffprep.toml"
    file.write_text(moved(PAGE.blocks("toml")[1], root))
    ran = ffprep("run", "website", "--config", file, "--upscale", "allow")
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    assert outputs(root) == {
        "website/1600x1200/products.webp",
        "website/products-thumb.jpg",
    }


def test_the_documented_further_options_exist(ffprep, root: Path) -> None:
    file = root / "etc/ffprep/ffprep.toml"
    file.write_text(moved(PAGE.blocks("toml")[2], root))
    for _ in range(2):
        ran = ffprep("run", "nightly", "--config", file, "--upscale", "allow")
        assert (ran.code, ran.out, ran.err) == (0, b"", "")
        assert outputs(root) == {"photos/2024/2024.jpg", "photos/2025/2025.jpg"}
    assert (root / "var/lib/ffprep/nightly.json").is_file()


def test_the_service_runs_the_job_of_its_instance(ffprep, root: Path) -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", SERVICE, re.MULTILINE)
    env, program, *words = line.replace("%i", "products").replace("%E", f"{root}/etc").split()
    assert (env, program) == ("/usr/bin/env", "ffprep")  # wherever it is installed
    ran = ffprep(*words)
    assert (ran.code, ran.err) == (0, "")
    assert outputs(root) == {"products/products.webp"}


def test_systemd_accepts_the_units() -> None:
    for name in ("ffprep@.service", "ffprep@.timer", "ffprep@.path"):
        verify = ["systemd-analyze", "verify", "--man=no", ROOT / "scripts/deploy" / name]
        ran = subprocess.run(verify, capture_output=True, text=True)
        # Misspelt keys are only told.
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_the_page_lists_every_exit_code() -> None:
    table = PAGE.text.partition("## Exit codes")[2]
    rows = re.findall(r"^\| ([\d, ]+) \|.*\| (.*?) \|$", table, re.MULTILINE)
    told = {int(code): words for codes, words in rows for code in codes.split(",")}
    assert set(ExitCode) | {75, 130, 143} == set(told)
    (good,) = re.findall(r"^SuccessExitStatus=(.*)$", SERVICE, re.MULTILINE)
    well = {code for code, words in told.items() if words.startswith("success")} - {0, 130}
    assert well == set(map(int, good.split()))
    assert told[130] == "success (143)"


def test_the_jobs_of_the_readme_are_valid(ffprep, tmp_path: Path) -> None:
    (example,) = Page("README.md").blocks("toml")
    (tmp_path / "ffprep.toml").write_text(example)
    ran = ffprep("config", "show", "nightly", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert tomllib.loads(ran.out.decode())["job"]["nightly"]["quality"] == 92
