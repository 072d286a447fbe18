"""Check a release as people install it: `make release-check`.

- sdist and wheel are built twice, with the same bytes (scripts/release/build.py).
- twine and check-wheel-contents accept them.
- pip, pipx and uv install the wheel, each with the oldest and the newest Python that is here. The
  installed ffprep converts a photo, and `ffprep doctor` finds no fault.
- The SBOM is written (scripts/release/sbom.py).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from ffprep.version import __version__
from scripts.release.build import DIST, build
from scripts.release.sbom import SBOM, write_sbom

BIN = Path(sys.executable).parent
SIZE = (1023, 767)


def main() -> None:
    """Build and check everything. Raise SystemExit or CalledProcessError at the first fault."""
    wheel = build()
    print("The sdist builds into the same sdist and the same wheel.")
    _run(BIN / "twine", "check", "--strict", *DIST.iterdir())
    _run(BIN / "check-wheel-contents", wheel)
    pythons = [*_pythons()]
    with TemporaryDirectory() as name, ThreadPoolExecutor(os.cpu_count()) as pool:
        photo = Path(name, "photo.png")
        Image.linear_gradient("L").resize((1600, 1200)).save(photo)

        def check(way: tuple[str, str]) -> Path:
            installer, python = way
            folder = Path(name, installer + Path(python).name)
            folder.mkdir()
            ffprep = _INSTALLERS[installer](wheel, python, folder)
            _check_command(ffprep, photo, folder / "ready.jpg")
            print(f"Installed with {installer} and {python}: ffprep converts a photo.")
            return ffprep

        ways = product(_INSTALLERS, dict.fromkeys((pythons[0], pythons[-1])))
        *_, ffprep = pool.map(check, ways)
        # uv is the last one: its environment has neither pip nor pipx.
        write_sbom(ffprep.resolve().with_name("python"))
        print(f"{SBOM} is valid.")


def _pythons() -> Iterator[str]:
    """Yield a Python of each version that is here and that ffprep supports, the oldest first."""
    path = os.pathsep.join(
        [os.environ["PATH"], *map(str, Path.home().glob(".pyenv/versions/*/bin"))]
    )
    for minor in range(11, 15):
        for folder in path.split(os.pathsep):
            python = shutil.which(f"python3.{minor}", path=folder)
            # A shim of pyenv fails for a version that is not chosen.
            if (
                python
                and not subprocess.run([python, "-c", ""], stderr=subprocess.DEVNULL).returncode
            ):
                yield python
                break


def _by_pip(wheel: Path, python: str, folder: Path) -> Path:
    _run(python, "-m", "venv", folder)
    _run(folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    return folder / "bin/ffprep"


def _by_pipx(wheel: Path, python: str, folder: Path) -> Path:
    homes = {"PIPX_HOME": str(folder), "PIPX_BIN_DIR": str(folder / "bin")}
    _run(BIN / "pipx", "install", "--quiet", "--python", python, wheel, **homes)
    return folder / "bin/ffprep"


def _by_uv(wheel: Path, python: str, folder: Path) -> Path:
    homes = {"UV_TOOL_DIR": str(folder), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    _run(BIN / "uv", "tool", "install", "--quiet", "--python", python, wheel, **homes)
    return folder / "bin/ffprep"


_INSTALLERS = {"pip": _by_pip, "pipx": _by_pipx, "uv": _by_uv}


def _check_command(ffprep: Path, photo: Path, output: Path) -> None:
    """Raise an error if an installed ffprep has another version, or cannot convert a photo."""
    version = _run(ffprep, "--version").partition("\n")[0]
    if version != f"ffprep {__version__}":
        raise SystemExit(f"{ffprep} is {version}, not {__version__}")
    _run(ffprep, "convert", photo, "-o", output, "--size", "{}x{}".format(*SIZE), "--quiet")
    with Image.open(output) as picture:
        picture.load()
        if picture.size != SIZE:
            raise SystemExit(f"{ffprep} made a picture of {picture.size}, not {SIZE}")
    _run(ffprep, "doctor")


def _run(*argv: str | Path, **environment: str) -> str:
    """Run a command in no checkout, and return what it printed on stdout."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("FFPREP_")}
    ran = subprocess.run(
        [str(word) for word in argv],
        env=ours | environment,
        cwd="/",
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return ran.stdout


if __name__ == "__main__":
    main()
