"""What happens on Windows, where ffprep does not run."""

import subprocess
import sys

import pytest

from ffprep.system.installation import NOT_ON_WINDOWS

_RUN = "import runpy; runpy.run_module('ffprep', run_name='__main__', alter_sys=True)"


@pytest.mark.parametrize(
    ("program", "code", "status"),
    [("ffprep.exe", "import ffprep.__main__", 3), ("-m", _RUN, 3), ("own.py", "import ffprep", 1)],
)
def test_the_command_and_the_import_say_where_ffprep_runs(
    program: str, code: str, status: int
) -> None:
    faked = f"import sys; sys.platform = 'win32'; sys.argv = [{program!r}]; {code}"
    ran = subprocess.run([sys.executable, "-c", faked], capture_output=True, text=True)
    *before, last = ran.stderr.splitlines()
    assert (ran.returncode, ran.stdout) == (status, "")
    if status == 3:
        assert (before, last) == ([], f"ffprep: {NOT_ON_WINDOWS}")
    else:
        assert last == f"ImportError: {NOT_ON_WINDOWS}"
