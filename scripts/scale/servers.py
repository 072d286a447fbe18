"""Servers on this machine, to measure their clients: S3 (moto), and Dask with two workers."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_DASK = 5988


@contextmanager
def s3() -> Iterator[str]:
    """Start an S3 server; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with ExitStack() as stack:
        _start(stack, "moto.server", "-p", str(port))
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def dask(folder: Path) -> Iterator[tuple[str, int]]:
    """Start a scheduler and two workers of one thread; yield address and process ID."""
    address = f"tcp://127.0.0.1:{_DASK}"
    quiet = ("--no-dashboard",)
    with ExitStack() as stack:
        where = ("--host", "127.0.0.1", "--port", str(_DASK))
        scheduler = _start(stack, "dask", "scheduler", *where, *quiet)
        _wait_for(_DASK)
        for _ in range(2):
            local = ("--nthreads", "1", "--local-directory", str(folder))
            _start(stack, "dask", "worker", address, *local, *quiet)
        time.sleep(5)
        yield address, scheduler.pid


def _start(stack: ExitStack, *module: str) -> "subprocess.Popen[bytes]":
    """Start a server that ends with the context."""
    argv = [sys.executable, "-m", *module]
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.enter_context(child)  # waits for it
    stack.callback(child.terminate)
    return child


def _wait_for(port: int) -> None:
    """Wait until a server listens on the port."""
    for _ in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit("no server answers; run: pip install --group dev")
