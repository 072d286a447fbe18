"""Give a verified picture its final name."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from ffprep.core.job import LocalJob
from ffprep.core.policy import Policy
from ffprep.system.files import FileStamp
from ffprep.system.tempfiles import Temporary, write_errors

_NOT_SUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def publish(temporary: Temporary, job: LocalJob, policy: Policy) -> FileStamp:
    """Give a verified file its final name; return its FileStamp. Raises as `temporary_beside`."""
    file = temporary.file
    with write_errors(job.output):
        if policy.preserve_times:
            times = os.stat(job.source)
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        if policy.mode is not None and stat.S_IMODE(os.stat(file).st_mode) != policy.mode:
            os.chmod(file, policy.mode)
        stamp = FileStamp.seen(os.stat(file))
        if policy.fsync:
            _sync(temporary.path)
        temporary.publish()
        if policy.fsync:
            with suppress(OSError):  # the picture is published already
                _sync(job.output.parent)
    return stamp


def _sync(path: Path) -> None:
    """Write a file's bytes, or a folder's names, to the disk. Raises OSError.

    Some file systems do not have this operation, and refuse it.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
    finally:
        os.close(descriptor)
