"""Give a verified picture its final name."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from ffprep.core.job import LocalJob
from ffprep.core.policy import Policy
from ffprep.system.files import FileStamp
from ffprep.system.tempfiles import write_errors

_NOT_SUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


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
        _rename(temporary, job.output, stamp)
        if policy.fsync:
            with suppress(OSError):  # the picture is published already
                _sync(job.output.parent)
    return stamp


def _rename(temporary: Path, output: Path, stamp: FileStamp) -> None:
    """Rename a file. Raises OSError, unless the file has its new name nevertheless.

    An NFS server whose answer was lost is asked twice, and finds no file the second time.
    """
    try:
        os.replace(temporary, output)
    except OSError:
        with suppress(OSError):
            if FileStamp.seen(os.lstat(output)) == stamp:
                return
        raise


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
