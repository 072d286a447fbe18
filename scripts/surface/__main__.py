"""Write tests/project/surface.txt: `python -m scripts.surface`."""

import subprocess
import sys
from pathlib import Path

from scripts.surface.record import FILE, surface


def _run(argv: list[str], folder: Path) -> str:
    command = [sys.executable, "-m", "ffprep", *argv]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


if __name__ == "__main__":
    FILE.write_text("".join(f"{line}\n" for line in surface(_run)), encoding="utf-8")
