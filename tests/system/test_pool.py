import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffprep.system import pool
from ffprep.system.machine import _quota, processors
from ffprep.system.pool import Immediate, run_chunks
from ffprep.system.single import StopRules


def twice(number: int) -> Iterator[int]:
    yield from (number, -number)


def test_everything_comes_out_once() -> None:
    assert sorted(run_chunks(range(100), twice, 3)) == sorted(
        [*range(100), *(-n for n in range(100))]
    )


def test_order_is_kept_where_it_is_asked_for() -> None:
    gates = [threading.Event() for _ in range(4)]

    def late_first(number: int) -> list[int]:
        if number < 3:
            gates[number + 1].wait(60)
        gates[number].set()
        return [number]

    assert list(run_chunks(range(4), late_first, 4, ordered=True)) == [0, 1, 2, 3]


def test_one_slow_chunk_does_not_hold_up_the_rest() -> None:
    rest = threading.Event()

    def work(number: int) -> list[int]:
        if number == 0:
            rest.wait(30)
        return [number]

    outcomes = []
    for outcome in run_chunks(range(20), work, 2):
        outcomes.append(outcome)
        if len(outcomes) == 19:
            rest.set()
    assert outcomes[-1] == 0


def test_the_end_of_the_work_is_noticed_without_waiting_for_a_pulse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "POLL_SECONDS", 3600)
    assert list(run_chunks(range(50), twice, 1, ordered=True))[-2:] == [49, -49]
    assert list(run_chunks([1], lambda n: [], 1)) == []


def test_what_takes_no_work_comes_out_at_once_and_what_is_done_with_it() -> None:
    first, last = threading.Event(), threading.Event()

    def work(chunk: list[int]) -> list[int]:
        if chunk == [2]:
            last.wait(30)
        first.set()
        return chunk

    def chunks() -> Iterator[list[int] | Immediate[int]]:
        yield [1]
        yield [2]
        first.wait(30)
        yield Immediate([0, 0])

    outcomes = run_chunks(chunks(), work, 2)
    assert sorted(next(outcomes) for _ in range(3)) == [0, 0, 1]
    last.set()
    assert list(outcomes) == [2]


def test_chunks_are_drawn_only_as_they_are_needed() -> None:
    drawn = []

    def chunks() -> Iterator[int]:
        for number in range(1000):
            drawn.append(number)
            yield number

    outcomes = run_chunks(chunks(), lambda n: [n], 2)
    next(outcomes)
    assert len(drawn) <= 5
    outcomes.close()  # type: ignore[attr-defined]


def test_an_exception_ends_it_all() -> None:
    def work(number: int) -> list[int]:
        if number == 3:
            raise ValueError("three")
        return [number]

    with pytest.raises(ValueError, match="three"):
        list(run_chunks(range(1000), work, 2))


def test_when_stopped_what_is_done_still_comes_out() -> None:
    stopped = threading.Event()

    def work(number: int) -> list[int]:
        if number == 5:
            stopped.set()
        return [number]

    outcomes = list(run_chunks(range(1000), work, 2, stop=StopRules(stopped.is_set)))
    assert 5 in outcomes
    assert len(outcomes) < 20


def test_a_straggler_does_not_hold_up_the_stop() -> None:
    begun, over = threading.Event(), threading.Event()

    def work(number: int) -> list[int]:
        begun.set()
        over.wait(60)
        return [number]

    started = time.monotonic()
    assert list(run_chunks([1], work, 1, stop=StopRules(begun.is_set))) == []
    over.set()
    assert time.monotonic() - started < 30  # not the 60 of the straggler


def test_workers_are_the_processors_this_process_may_use() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from ffprep.system import machine; print(machine.processors())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "1\n"
    assert 1 <= processors() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("cgroup", "files", "quota"),
    [
        ("0::/", {}, math.inf),
        ("0::/", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a/b", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "max 100000\n"}, 2),
        (
            "4:memory:/x\n3:cpu,cpuacct:/a",
            {"cpu/a/cpu.cfs_quota_us": "50000\n", "cpu/a/cpu.cfs_period_us": "100000\n"},
            0.5,
        ),
        (
            "3:cpu:/",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            math.inf,
        ),
    ],
)
def test_a_quota_of_the_control_group_counts(tmp_path: Path, cgroup: str, files, quota) -> None:
    # A machine's own control groups cannot be had as one likes, so their files are faked.
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(cgroup + "\n")
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert _quota(tmp_path) == quota


def test_what_was_done_is_told_before_a_failure_that_ends_it_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, failed = threading.Event(), threading.Event()
    told: list[str] = []
    collect = pool._Pool._collect_last

    def collect_last(self: pool._Pool[str, str]) -> Iterator[str]:
        failed.set()
        return collect(self)

    monkeypatch.setattr(pool._Pool, "_collect_last", collect_last)
    monkeypatch.setattr(pool, "STOP_SECONDS", 60)

    def work(chunk: str) -> Iterator[str]:
        if chunk == "bad":
            begun.wait(60)
            raise LookupError
        begun.set()
        failed.wait(60)
        yield chunk

    with pytest.raises(LookupError):
        told.extend(run_chunks(["bad", "good"], work, 2))
    assert told == ["good"]
