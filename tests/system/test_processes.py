"""Child processes, real ones."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from ffprep.conversion.ffmpeg_binary import find
from ffprep.system import processes
from ffprep.system.processes import (
    Limits,
    Processes,
    answer,
    child_environment,
    ffmpeg_environment,
)
from tests.support.ffmpegs import script
from tests.support.processes import pid_in, until_ended
from tests.support.waiting import until


def run(
    argv: list[str], seconds: float, data: bytes | None = None, limits: Limits | None = None
) -> tuple[int | None, str]:
    """The status and the log of one process."""
    with Processes().start(argv, limits, [data] if data is not None else None) as running:
        status = running.wait_at_most(seconds)
    return status, running.log


def test_a_process_is_fed_and_heard() -> None:
    data = os.urandom(300_000)
    status, log = run(["sh", "-c", "wc -c >&2; exit 3"], 30, data)
    assert (status, log.strip()) == (3, "300000")


# What must not reach a child: it changes what FFmpeg logs, loads code, or is a secret.
WITHHELD = """AV_LOG_FORCE_COLOR AV_LOG_FORCE_256COLOR FFREPORT LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT
    DYLD_INSERT_LIBRARIES http_proxy HTTPS_PROXY no_proxy OPENAI_API_KEY AWS_SECRET_ACCESS_KEY
    FFPREP_PASSWORD FSSPEC_SFTP PYTHONWARNINGS PYTHONINSPECT PYTHONSTARTUP BASH_ENV""".split()
PASSED = ["PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "TZ", "LANG", "LC_CTYPE", "PYTHONPATH"]


def test_a_child_gets_a_small_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PASSED[1:], *WITHHELD):
        monkeypatch.setenv(name, "/value")
    _, log = run(["sh", "-c", "env >&2"], 30)
    for printed in (answer(["env"], 30), log):
        names = {line.partition("=")[0] for line in printed.splitlines()}
        assert names >= set(PASSED)
        assert names - {"PWD", "OLDPWD", "SHLVL", "_"} <= {*PASSED, *child_environment()}
        assert not names & set(WITHHELD)


def test_ffmpeg_that_keeps_its_memory_needs_no_more_of_it(tmp_path: Path) -> None:
    for number, size in enumerate(((2400, 1600), (900, 600), (1600, 2400), (3000, 1200)) * 2):
        Image.linear_gradient("L").resize(size).convert("RGB").save(tmp_path / f"{number}.jpg")
    argv = [find().path, "-v", "error", "-i", str(tmp_path / "%d.jpg"), "-threads", "1"]
    argv += ["-filter_complex_threads", "1", "-vf", "scale=320:240", "-f", "null", "-"]

    def peak(environment: dict[str, str]) -> int:
        pid = os.posix_spawn(argv[0], argv, environment)
        _, status, used = os.wait4(pid, 0)
        assert status == 0
        return used.ru_maxrss

    assert 0 < peak(ffmpeg_environment()) < 1.2 * peak(child_environment())


def test_the_page_on_security_lists_what_children_get() -> None:
    page = Path(__file__, "../../../SECURITY.md").resolve().read_text()
    (listed,) = re.findall(r"Children get of the environment only([^.]*)\.", page)
    assert {*re.findall(r"`(\w+)`", listed)} - {"LC_"} == processes._PASSED


def test_endless_chatter_neither_blocks_nor_fills_memory() -> None:
    status, log = run(["sh", "-c", "head -c 30000000 /dev/zero >&2"], 60)
    assert (status, len(log)) == (0, 1 << 20)


def test_one_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    hang = f"trap '' TERM; sleep 600 & echo $! > {note}; wait"
    with Processes().start(["sh", "-c", hang]) as running:
        child = pid_in(note)
        assert running.wait_at_most(0.1) is None
    until_ended(child)


def test_a_child_left_behind_is_ended_too(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    assert run(["sh", "-c", f"sleep 600 & echo $! > {note}"], 60)[0] == 0
    until_ended(pid_in(note))


def test_a_crash_shows_its_signal() -> None:
    assert run(["sh", "-c", "kill -SEGV $$"], 30)[0] == -signal.SIGSEGV


def test_stop_ends_what_runs_and_what_is_started_then() -> None:
    processes = Processes()
    with processes.start(["sleep", "600"]) as running:
        assert not running.wait(0.1)
        processes.stop()
        assert running.wait_at_most(60) == -signal.SIGKILL
    with processes.start(["sleep", "600"]) as running:
        assert running.wait_at_most(60) == -signal.SIGKILL
    assert processes.stopped


class Signalling(list[str]):
    """A command during whose start a signal comes."""

    def __iter__(self) -> Iterator[str]:
        signal.raise_signal(signal.SIGUSR1)
        return super().__iter__()


def test_a_signal_may_stop_what_its_own_thread_is_starting() -> None:
    processes = Processes()

    def hanging(*_: object) -> None:
        raise TimeoutError

    before = {
        signal.SIGUSR1: signal.signal(signal.SIGUSR1, lambda *_: processes.stop()),
        signal.SIGALRM: signal.signal(signal.SIGALRM, hanging),
    }
    signal.alarm(30)
    try:
        with processes.start(Signalling(["sleep", "600"])) as running:
            assert running.wait_at_most(20) == -signal.SIGKILL
    finally:
        signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="limits are set on Linux only")
def test_what_a_process_may_take_is_limited(tmp_path: Path) -> None:
    hog = """if 1:
        import resource, sys
        while resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY:
            pass  # the limit is set after the start
        data = bytearray(300 << 20)
        print("allocated", file=sys.stderr)
    """
    limits = Limits(memory=200 << 20, file=1 << 20)
    status, log = run([sys.executable, "-c", hog], 60, limits=limits)
    assert (status, "MemoryError" in log, "allocated" in log) == (1, True, False)
    wait = 'while [ "$(ulimit -f)" = unlimited ]; do :; done'
    body = f"{wait}\nexec head -c 2000000 /dev/zero > {tmp_path}/big"
    status, _ = run([script(tmp_path / "writer", body)], 60, limits=limits)
    assert status == -signal.SIGXFSZ
    assert (tmp_path / "big").stat().st_size == 1 << 20


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_time_in_which_this_process_was_stopped_does_not_count(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = f"""if 1:
        from ffprep.system.processes import Processes
        child = "echo $$ > {note}; kill -STOP $PPID; kill -STOP $$"
        with Processes().start(["sh", "-c", child]) as running:
            print(running.wait_at_most(1))
    """
    stopped = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    child, began = pid_in(note), time.monotonic()
    until(lambda: state(child) == state(stopped.pid) == "T")
    until(lambda: time.monotonic() - began > 1.2)  # longer than it may take
    for pid in (stopped.pid, child):
        os.kill(pid, signal.SIGCONT)
    assert stopped.communicate()[0] == b"0\n"


def test_a_child_that_was_stopped_has_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_WORKING", 0.03)  # on a busy machine
    for command, waited in (("kill -STOP $$", True), ("while :; do :; done", False)):
        with Processes().start(["sh", "-c", command]) as running:
            assert running.wait_at_most(0.6) is None
            assert running.waited is waited
