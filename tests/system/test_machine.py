"""How much memory is available, from files as Linux has them."""

import threading
import time
from pathlib import Path

import pytest

from ffprep.system import machine
from ffprep.system.machine import LARGE, available_memory, room_for


def test_memory_is_what_the_machine_and_the_control_group_leave(tmp_path: Path) -> None:
    # A machine's own control groups cannot be had as one likes, so their files are faked.
    files = {
        "proc/meminfo": "MemTotal: 8000 kB\nMemAvailable:    4000 kB\n",
        "proc/self/cgroup": "0::/a\n",
        "sys/fs/cgroup/a/memory.max": "max\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_memory(tmp_path) == 4000 << 10
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("1000000\n")
    assert available_memory(tmp_path) == 1000000
    assert available_memory() > 100 << 20


def test_large_pictures_wait_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_most_pixels", lambda: 2 * LARGE)
    inside, most = list[int](), list[int]()

    def work(pixels: int, begin: threading.Barrier, together: threading.Barrier) -> None:
        begin.wait(60)
        with room_for(pixels), room_for(pixels):
            inside.append(1)
            together.wait(60)
            time.sleep(0.01)
            most.append(len(inside))
            inside.pop()

    for pixels, wanted in ((LARGE, 2), (9 * LARGE, 1), (LARGE - 1, 4)):
        most.clear()
        arguments = (pixels, threading.Barrier(4), threading.Barrier(wanted))
        threads = [threading.Thread(target=work, args=arguments) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert max(most) == wanted
