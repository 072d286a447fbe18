"""Parse the options of a Dask cluster."""

from collections.abc import Mapping
from typing import Any

from ffprep.core.policy import ClusterOptions, ThrottleOptions
from ffprep.errors import UsageError
from ffprep.options.types import Automatic


def read_cluster(params: Mapping[str, Any]) -> ClusterOptions:
    """Return the Dask cluster of --cluster. Raise UsageError."""
    if not params["cluster"].strip():
        raise UsageError("--cluster is empty; write the address of a scheduler, or leave it out")
    for name in ("nice", "idle", "max_load"):
        if params[name] != getattr(ThrottleOptions(), name):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} limits this machine, and --cluster converts on others")
    jobs = params["jobs"]
    return ClusterOptions(params["cluster"], None if isinstance(jobs, Automatic) else jobs)
