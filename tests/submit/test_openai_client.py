"""The openai SDK: needed late, and optional."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.support.command_line import Ran


def test_help_and_dry_run_work_without_the_sdk(home: Path, photo: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> Ran:
        argv = ["ffprep", *map(str, arguments)]
        code = f"import sys; sys.modules['openai'] = None; sys.argv = {argv!r}"
        argv = [sys.executable, "-c", f"{code}; from ffprep.__main__ import main; main()"]
        environment = {name: value for name, value in os.environ.items() if "OPENAI" not in name}
        done = subprocess.run(argv, capture_output=True, cwd=tmp_path, env=environment)
        return Ran(done.returncode, done.stdout, done.stderr.decode())

    assert run("submit", "--help").code == 0
    asked = ["submit", photo, "--prompt", "waves", "--target", "sora-2/1280x720"]
    shown = run(*asked, "--dry-run")
    assert (shown.code, shown.err.count("\n")) == (0, 1)  # no server is named
    printed = shown.out.decode()
    for words in (
        "POST https://api.openai.com/v1/videos",
        "Bearer ***",
        "model: sora-2",
        "seconds: 4",
    ):
        assert words in printed
    assert "input_reference: photo.jpg, image/jpeg, 1280x720" in printed
    ran = run(*asked)
    assert (ran.code, "pip install 'ffprep[openai]'" in ran.err) == (3, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "photo.jpg"]


def test_the_sdk_is_imported_late() -> None:
    names = "'openai' in sys.modules, 'ffprep.submit.submission' in sys.modules"
    code = f"import sys, ffprep.cli.main; print({names})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "False False\n"


def test_retry_after_may_be_a_date() -> None:
    from email.utils import formatdate

    from ffprep.submit.openai_client import header_seconds

    seconds = header_seconds(
        {"retry-after": formatdate(time.time() + 3600, usegmt=True)}, "retry-after"
    )
    assert 3000 < (seconds or 0) <= 3600
