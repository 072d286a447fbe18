"""List the components of an installation in CycloneDX's format: `make sbom`.

build/release/ffprep-VERSION.cdx.json has ffprep, the packages that it needs, and the FFmpeg inside
imageio-ffmpeg, which no package index lists.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from ffprep.version import __version__
from scripts.release.build import DIST, ROOT

SBOM = ROOT / f"build/release/ffprep-{__version__}.cdx.json"
_FFMPEG = "from ffprep.version import embedded_ffmpeg; print(embedded_ffmpeg()[1])"


def write_sbom(python: Path) -> None:
    """Write the SBOM of the environment of a Python. Raise SystemExit if it is not valid."""
    argv = [sys.executable, "-m", "cyclonedx_py", "environment", str(python)]
    options = ["--pyproject", "pyproject.toml", "--spec-version", "1.6", "--output-reproducible"]
    made = subprocess.run([*argv, *options], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    text = json.dumps(_completed(json.loads(made.stdout), python), indent=2)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise SystemExit(f"{SBOM}: {error}")
    SBOM.parent.mkdir(parents=True, exist_ok=True)
    SBOM.write_text(text + "\n", encoding="utf-8")


def _completed(sbom: dict[str, Any], python: Path) -> dict[str, Any]:
    """Add the version of ffprep, which pyproject.toml does not have, and FFmpeg."""
    argv = [str(python), "-c", _FFMPEG]
    version = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    ffmpeg = {
        "bom-ref": f"ffmpeg=={version}",
        "type": "application",
        "name": "ffmpeg",
        "version": version,
        "description": "the program inside imageio-ffmpeg",
        "licenses": [{"license": {"id": "GPL-3.0-or-later"}}],
        "externalReferences": [{"type": "website", "url": "https://ffmpeg.org"}],
    }
    sbom["metadata"]["component"] |= {
        "version": __version__,
        "purl": f"pkg:pypi/ffprep@{__version__}",
    }
    sbom["components"].append(ffmpeg)
    (package,) = (each for each in sbom["components"] if each["name"] == "imageio-ffmpeg")
    needs = {each["ref"]: each for each in sbom["dependencies"]}
    needs[package["bom-ref"]].setdefault("dependsOn", []).append(ffmpeg["bom-ref"])
    sbom["dependencies"].append({"ref": ffmpeg["bom-ref"]})
    return sbom


def _in_an_environment(wheel: Path) -> None:
    """Install a wheel into a temporary environment, and write its SBOM."""
    uv = Path(sys.executable).with_name("uv")
    with TemporaryDirectory() as folder:
        subprocess.run(
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True
        )
        subprocess.run([uv, "pip", "install", "--quiet", "--python", folder, wheel], check=True)
        write_sbom(Path(folder, "bin/python"))


if __name__ == "__main__":
    _in_an_environment(next(DIST.glob("*.whl")))
    print(SBOM.relative_to(ROOT))
