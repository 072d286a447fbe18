"""The way to a Dask cluster: a scheduler's address to a Cluster whose workers are met, and see the same disks."""

import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from ffprep.core.location import names_url
from ffprep.core.policy import ClusterOptions, Policy
from ffprep.errors import EnvironmentFault
from ffprep.library.plan import Request
from ffprep.run.dask_executor import PATIENCE, Cluster, first_line, from_anywhere, lost
from ffprep.run.task import ClusterTask, can_read
from ffprep.run.work import Work
from ffprep.system.tempfiles import temporary_beside, told_as

_ALIKE = ("| dask ", "| distributed ", "| python ")
"""Of all that Dask compares, what has to be of one version everywhere."""
_SIGHTS = 32
"""How many sources each worker is asked for."""


@contextmanager
def joined(
    venue: ClusterOptions,
    request: Request,
    policy: Policy,
    ffmpeg: str | None,
    stopped: Callable[[], bool],
    warn: Callable[[str], None],
) -> Iterator[Cluster]:
    """A cluster, with all its workers met. Raises EnvironmentFault where it cannot be reached, or one is of no use."""
    with _connected(venue, warn) as client, _mark(request) as mark:
        if mark:  # a worker may have another umask
            policy = replace(policy, mode=stat.S_IMODE(mark.stat().st_mode))
        duty = ClusterTask(uuid4().hex, Work(), policy, ffmpeg, _sights(request, mark))
        cluster = Cluster(client, venue, duty, warn)
        try:
            cluster.look_around()
        except (OSError, TimeoutError) as error:
            raise lost(venue, error) from None
        watcher = threading.Thread(target=cluster.watch, args=(stopped,), daemon=True)
        watcher.start()
        try:
            yield cluster
        finally:
            cluster.shutdown()
            watcher.join(2 * PATIENCE)
            cluster.leave()


@contextmanager
def _connected(venue: ClusterOptions, warn: Callable[[str], None]) -> Iterator[Any]:
    try:
        client = _client(venue, warn)
    except ImportError as error:
        words = f"--cluster needs Dask, and it cannot be imported ({error})"
        raise EnvironmentFault(f"{words}; pip install 'ffprep[dask]'") from None
    except (
        OSError,
        ValueError,
        RuntimeError,
    ) as error:  # Dask raises the last for what it is configured not to do
        words = f"no Dask scheduler answers at {venue.address} ({first_line(error)})"
        raise EnvironmentFault(f"{words}; see docs/operations/cluster.md") from None
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=2)


def _client(venue: ClusterOptions, warn: Callable[[str], None]) -> Any:
    """A Dask client that says nothing by itself, unless Dask's configuration has it log."""
    import dask

    if "logging" not in dask.config.config:
        quiet = ("distributed", "distributed.client", "tornado.application", "asyncio")
        dask.config.set({"logging": dict.fromkeys(quiet, "critical")})
    from distributed import Client
    from distributed.versions import VersionMismatchWarning

    _require_reachable(venue)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", VersionMismatchWarning)
        client = Client(  # type: ignore[no-untyped-call]
            venue.address, set_as_default=False, name="ffprep"
        )
    for warning in caught:
        lines = [line for line in str(warning.message).splitlines() if line.startswith(_ALIKE)]
        if lines:
            warn("client, scheduler and workers differ: " + " ".join(lines))
    return client


def _require_reachable(venue: ClusterOptions) -> None:
    """Raise for an address that Dask can make nothing of: its client would be left half made, and wait, and complain."""
    import dask
    from distributed.comm.addressing import parse_address, parse_host_port

    try:
        scheme, place = parse_address(venue.address, strict=True)
        host, port = parse_host_port(place)
    except ValueError:
        scheme, host, port = "", "", 0
    if scheme not in ("tcp", "tls") or not host or not 0 < port < 1 << 16:
        words = f"{venue.address!r} is no address of a Dask scheduler"
        raise EnvironmentFault(f"{words}; write tcp://HOST:PORT, or tls://HOST:PORT")
    if not dask.config.get("distributed.client.security-loader", None):
        _require_certificates(venue, scheme)


def _require_certificates(venue: ClusterOptions, scheme: str) -> None:
    """Raise where Dask's configuration and the address do not agree about TLS."""
    from distributed.security import Security

    try:
        security: Any = Security()  # type: ignore[no-untyped-call]
        configured = security.get_connection_args("client")
    except (OSError, ValueError) as error:
        words = f"the certificates that Dask's configuration names are of no use ({error})"
        raise EnvironmentFault(f"{words}; see docs/operations/cluster.md") from None
    if scheme == "tls" and not configured.get("ssl_context"):
        words = f"{venue.address} needs certificates, and Dask's configuration names none"
        raise EnvironmentFault(f"{words} (distributed.comm.tls); see docs/operations/cluster.md")
    if scheme == "tcp" and configured.get("require_encryption"):
        words = f"{venue.address} is not encrypted, and Dask's configuration requires it"
        raise EnvironmentFault(f"{words}; write tls://HOST:PORT, see docs/operations/cluster.md")


@contextmanager
def _mark(request: Request) -> Iterator[Path | None]:
    """A new file beside the outputs, where these are on a disk."""
    beside = from_anywhere(request.output if request.single else request.output / "sight")
    with ExitStack() as stack:
        mark = None
        if isinstance(beside, Path):
            with told_as("--cluster"):
                mark = stack.enter_context(temporary_beside(beside))
        yield mark


def _sights(request: Request, mark: Path | None) -> tuple[str, ...]:
    """Paths that a worker sees if it has the same disks: the mark, and folders of sources.

    What is in a store is seen with the worker's own credentials, or told photo by photo.
    """
    named = (os.fspath(source) for source in islice(request.sources, _SIGHTS))
    paths = [os.path.abspath(name) for name in named if not names_url(name)]
    folders = [path if os.path.isdir(path) else os.path.dirname(path) for path in paths]
    return (*([str(mark)] if mark else ()), *filter(can_read, dict.fromkeys(folders)))
