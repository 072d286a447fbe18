"""Connects to a Dask cluster: from a scheduler's address to a Cluster that can convert."""

import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from ffprep.core.location import absolute, names_url
from ffprep.core.policy import ClusterOptions
from ffprep.errors import EnvironmentFault
from ffprep.library.request import Request
from ffprep.record import replace
from ffprep.run.convert_options import ConvertOptions
from ffprep.run.dask_executor import STOP_SECONDS, Cluster, first_line, lost
from ffprep.run.task import ChunkTask, ClusterTask, can_read
from ffprep.storage.protocol import storage_of
from ffprep.system.tempfiles import errors_named_after, marker_beside
from ffprep.version import page

_SAME_VERSIONS = ("| dask ", "| distributed ", "| python ")
"""The packages, in Dask's table of versions, that must have the same version everywhere."""
_MAX_SOURCES = 32
"""How many sources each worker must be able to read."""
_PAGE = f"see {page('operations/cluster')}"


@contextmanager
def connect_cluster(
    run_options: ConvertOptions, stopped: Callable[[], bool], warn: Callable[[str], None]
) -> Iterator[Cluster]:
    """Connect to the cluster of a run, and ask all its workers who they are.

    Raises EnvironmentFault if the scheduler cannot be reached, or a worker cannot do the work.
    """
    options, ffmpeg = run_options.workers.cluster, run_options.workers.ffmpeg
    request, policy = run_options.request, run_options.policy
    assert options
    with _client(options, warn) as client, _shared_file(request) as shared_file:
        if shared_file:  # the permissions of outputs: a worker may have another umask
            policy = replace(policy, mode=stat.S_IMODE(shared_file.stat().st_mode))
        paths = _required_paths(request, shared_file)
        task = ClusterTask(uuid4().hex, ChunkTask(), policy, ffmpeg, paths)
        cluster = Cluster(client, options, task, warn)
        try:
            cluster.refresh_workers()
        except OSError as error:
            raise lost(options, error) from None
        watcher = threading.Thread(target=cluster.watch, args=(stopped,), daemon=True)
        watcher.start()
        try:
            yield cluster
        finally:
            cluster.shutdown()
            watcher.join(2 * STOP_SECONDS)
            cluster.close()


@contextmanager
def _client(options: ClusterOptions, warn: Callable[[str], None]) -> Iterator[Any]:
    try:
        client = _connect(options, warn)
    except ImportError as error:
        problem = f"--cluster needs Dask, which cannot be imported ({error})"
        raise EnvironmentFault(f"{problem}; pip install 'ffprep[dask]'") from None
    except (OSError, ValueError, RuntimeError) as error:  # the last: forbidden by configuration
        problem = f"no Dask scheduler answers at {options.address} ({first_line(error)})"
        raise EnvironmentFault(f"{problem}; {_PAGE}") from None
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=2)


def _connect(options: ClusterOptions, warn: Callable[[str], None]) -> Any:
    """Return a Dask client, which logs nothing unless Dask's configuration says so."""
    import dask

    if "logging" not in dask.config.config:
        loggers = ("distributed", "distributed.client", "tornado.application", "asyncio")
        dask.config.set({"logging": dict.fromkeys(loggers, "critical")})
    from distributed import Client
    from distributed.versions import VersionMismatchWarning

    _require_address(options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", VersionMismatchWarning)
        client = Client(  # type: ignore[no-untyped-call]
            options.address, set_as_default=False, name="ffprep"
        )
    for warning in caught:
        lines = str(warning.message).splitlines()
        if differences := [line for line in lines if line.startswith(_SAME_VERSIONS)]:
            warn("client, scheduler and workers differ: " + " ".join(differences))
    return client


def _require_address(options: ClusterOptions) -> None:
    """Raise EnvironmentFault for an address that Dask cannot use.

    Dask's client, given one, would be left half made, wait, and print complaints.
    """
    import dask
    from distributed.comm.addressing import parse_address, parse_host_port

    try:
        scheme, place = parse_address(options.address, strict=True)
        host, port = parse_host_port(place)
    except ValueError:
        scheme, host, port = "", "", 0
    if scheme not in ("tcp", "tls") or not host or not 0 < port < 1 << 16:
        problem = f"{options.address!r} is not the address of a Dask scheduler"
        raise EnvironmentFault(f"{problem}; write tcp://HOST:PORT, or tls://HOST:PORT")
    if not dask.config.get("distributed.client.security-loader", None):
        _require_certificates(options, scheme)


def _require_certificates(options: ClusterOptions, scheme: str) -> None:
    """Raise EnvironmentFault if Dask's configuration and the address do not agree about TLS."""
    from distributed.security import Security

    try:
        security: Any = Security()  # type: ignore[no-untyped-call]
        configured = security.get_connection_args("client")
    except (OSError, ValueError) as error:
        problem = f"Dask's configuration names certificates that cannot be used ({error})"
        raise EnvironmentFault(f"{problem}; {_PAGE}") from None
    if scheme == "tls" and not configured.get("ssl_context"):
        problem = f"{options.address} needs certificates, and Dask's configuration names none"
        raise EnvironmentFault(f"{problem} (distributed.comm.tls); {_PAGE}")
    if scheme == "tcp" and configured.get("require_encryption"):
        problem = f"{options.address} is not encrypted, and Dask's configuration requires it"
        raise EnvironmentFault(f"{problem}; write tls://HOST:PORT, {_PAGE}")


@contextmanager
def _shared_file(request: Request) -> Iterator[Path | None]:
    """Make a file beside the outputs, which workers must be able to read; None if OUT is a URL."""
    beside = request.output if request.is_named else request.output / "shared"
    if not storage_of(beside).is_local:
        yield None
        return
    with ExitStack() as stack:
        with errors_named_after("--cluster"):
            path = stack.enter_context(marker_beside(Path(absolute(beside))))
        yield path


def _required_paths(request: Request, shared_file: Path | None) -> tuple[str, ...]:
    """Return paths that a worker with the right disks can read: shared file, source folders.

    URLs are not among them: a worker reads them with its own credentials, and photos fail one by
    one.
    """
    sources = (os.fspath(source) for source in islice(request.sources, _MAX_SOURCES))
    paths = [os.path.abspath(name) for name in sources if not names_url(name)]
    folders = [path if os.path.isdir(path) else os.path.dirname(path) for path in paths]
    shared = [str(shared_file)] if shared_file else []
    return (*shared, *filter(can_read, dict.fromkeys(folders)))
