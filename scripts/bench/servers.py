"""Servers on this machine, to measure their clients: S3 (moto), and Dask with two workers."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

S3_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def s3() -> Iterator[dict[str, str]]:
    """Start an S3 server; yield the environment of its clients."""
    port = _free_port()
    with ExitStack() as stack:
        _start(stack, "moto.server", "-p", str(port))
        _wait_for(port)
        yield {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", **S3_ENVIRONMENT}


@contextmanager
def dask(folder: Path) -> Iterator[tuple[str, int]]:
    """Start a scheduler and two workers of one thread; yield address and process ID."""
    from distributed import Client

    port = _free_port()
    address, quiet = f"tcp://127.0.0.1:{port}", "--no-dashboard"
    with ExitStack() as stack:
        where = ("--host", "127.0.0.1", "--port", str(port))
        scheduler = _start(stack, "dask", "scheduler", *where, quiet)
        _wait_for(port)
        for _ in range(2):
            local = ("--nthreads", "1", "--local-directory", str(folder))
            _start(stack, "dask", "worker", address, *local, quiet)
        with Client(address) as client:  # type: ignore[no-untyped-call]
            client.wait_for_workers(2, timeout=60)
        yield address, scheduler.pid


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


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
    raise SystemExit("no server answers; run make, which installs the tools of developers")
