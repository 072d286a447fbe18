"""A real Dask cluster on loopback: a scheduler, and workers that are restarted when they die."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.folders import temporaries
from tests.support.waiting import until

DASK = [sys.executable, "-m", "dask"]


class Dask:
    """A scheduler and its workers; `environment` is added to theirs."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self._file = folder, folder / "scheduler.json"
        self._environment = {**os.environ, **environment, "TMPDIR": str(folder)}
        self._over = threading.Event()
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self._options: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()
        self.deaths = 0
        loopback = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        self.scheduler = self._start(
            "scheduler", *loopback, "--scheduler-file", str(self._file), log="scheduler"
        )
        until(self._file.exists)
        until(lambda: self._file.stat().st_size)
        self.address = json.loads(self._file.read_text())["address"]
        self._keeper = threading.Thread(target=self._keep)
        self._keeper.start()

    def _start(self, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{log}.log").open("ab") as file:
            return subprocess.Popen(
                [*DASK, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=self.folder,
                env=self._environment,
            )

    def hire(self, name: str, *options: str, **environment: str) -> None:
        """Start a worker; it is restarted whenever it dies."""
        self._environment |= environment
        plain = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
        self._options[name] = (self.address, *plain, "--name", name, *options)
        with self._lock:
            self.workers[name] = self._start("worker", *self._options[name], log=name)

    def until_registered(self, count: int) -> None:
        """Wait until the scheduler has met as many workers since its start."""
        log = self.folder / "scheduler.log"
        until(lambda: log.read_text().count("Register worker") >= count)

    def dismiss(self, name: str) -> None:
        """End a worker for good."""
        with self._lock:
            worker = self.workers.pop(name)
        worker.kill()
        worker.wait()

    def _keep(self) -> None:
        """Restart dead workers under new names, since the scheduler may still know the old ones."""
        while not self._over.wait(0.05):
            with self._lock:
                for name, worker in self.workers.items():
                    if worker.poll() is not None and not self._over.is_set():
                        self.deaths += 1
                        options = [*self._options[name]]
                        options[options.index("--name") + 1] = f"{name}-{self.deaths}"
                        self.workers[name] = self._start("worker", *options, log=name)

    def close(self) -> None:
        self._over.set()
        self._keeper.join()
        for process in (*self.workers.values(), self.scheduler):
            process.kill()
            process.wait()


@contextmanager
def dask(folder: Path, **environment: str) -> Iterator[Dask]:
    """Run a scheduler until the end of the context."""
    folder.mkdir()
    made = Dask(folder, **environment)
    try:
        yield made
    finally:
        made.close()


def at_work(out: Path) -> set[int]:
    """Return the ids of the processes that have an unfinished output in a folder."""
    return {int(path.name.split("-")[2]) for path in temporaries(out)}


def kill_one(made: Dask, out: Path) -> None:
    """Kill a worker while it converts, as a batch system or the out-of-memory killer does."""

    def victim() -> int | None:
        ours = {worker.pid for worker in made.workers.values()}
        return next(iter(ours & at_work(out)), None)

    before = made.deaths
    os.kill(until(victim) or 0, signal.SIGKILL)
    until(lambda: made.deaths > before)
