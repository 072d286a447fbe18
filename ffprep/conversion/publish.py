"""Give a verified picture its final name."""

import os
import stat
from pathlib import Path

from ffprep.core.job import LocalJob
from ffprep.core.policy import Policy
from ffprep.system.files import FileStamp
from ffprep.system.tempfiles import write_errors


def publish(temporary: Path, job: LocalJob, policy: Policy) -> FileStamp:
    """Give a verified file its final name; return its FileStamp. Raises as `temporary_beside`."""
    with write_errors(job.output):
        if policy.preserve_times:
            times = os.stat(job.source)
            os.utime(temporary, ns=(times.st_atime_ns, times.st_mtime_ns))
        if policy.mode is not None and stat.S_IMODE(temporary.stat().st_mode) != policy.mode:
            temporary.chmod(policy.mode)
        stamp = FileStamp.of(temporary)
        if policy.fsync:
            _sync(temporary)
        os.replace(temporary, job.output)
        if policy.fsync:
            _sync(job.output.parent)
    return stamp


def _sync(path: Path) -> None:
    """Write a file's bytes, or a folder's names, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
