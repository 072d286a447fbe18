"""The log file: a line for each photo, and one for the start and the end of a run.

It may be renamed or removed at any time (logrotate); the next line goes to a new file. A log that
cannot be written causes one warning, and the run continues. Several runs may share a file, since
each line is one write.
"""

import errno
import json
import os
import sys
import time
from contextlib import suppress
from datetime import datetime
from io import TextIOWrapper
from logging import LogRecord, makeLogRecord
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

from ffprep.cli.reporting.text import (
    printable_path,
    result_line,
    utc_timestamp,
    with_job,
    with_job_key,
)
from ffprep.core.job import Result
from ffprep.errors import EnvironmentFault, reason
from ffprep.library.walk import require_no_picture
from ffprep.run.summary import RunSummary
from ffprep.system.messages import printable, say
from ffprep.version import __version__

_PULSE, _TRIES = 0.05, 40


class LogFile:
    """A log file of `text` or `json` lines. Raises EnvironmentFault if it cannot be opened."""

    def __init__(self, path: Path, format: str, job: str = "") -> None:
        self._job = job
        self._json = format == "json"
        require_no_picture("--log-file", path)
        try:
            self._handler = _opened(path)
        except OSError as error:
            why = "no process reads this pipe" if error.errno == errno.ENXIO else reason(error)
            raise EnvironmentFault(f"--log-file {printable_path(path)}: {why}") from None

    def begin(self, summary: RunSummary) -> None:
        """Log the start of a run."""
        content = {
            "total": summary.total,
            "output": summary.output and os.fspath(summary.output),
            "version": __version__,
            "ffmpeg": summary.ffmpeg,
        }
        photos = "photos" if summary.total is None else f"{summary.total} photos"
        versions = f"ffprep {__version__}, ffmpeg {summary.ffmpeg}"
        words = f"begin: {photos} to {printable_path(summary.output)} ({versions})"
        self._write({"begin": content} if self._json else words)

    def photo(self, result: Result) -> None:
        """Log a Result."""
        self._write(result.as_dict() if self._json else result_line(result))

    def end(self, summary: RunSummary) -> None:
        """Log the end of a run, and close the file. Errors are reported when it is written."""
        ending = {"ended": summary.ended.value, "error": summary.error or None}
        words = f"end: {summary.sentence()}" + (
            f": {printable(summary.error)}" if summary.error else ""
        )
        self._write({"summary": summary.summary() | ending} if self._json else words)
        with suppress(OSError):
            self._handler.close()

    def _write(self, what: str | dict[str, Any]) -> None:
        now, pid = time.time(), os.getpid()
        if isinstance(what, str):
            stamp = datetime.fromtimestamp(now).astimezone().isoformat(" ", "milliseconds")
            text = f"{stamp} [{pid}] {with_job(what, self._job)}"
        else:
            text = json.dumps(
                {"time": utc_timestamp(now), "pid": pid} | with_job_key(what, self._job)
            )
        self._handler.handle(makeLogRecord({"msg": text}))


def _opened(path: Path) -> "_Handler":
    """Return a handler. The reader of a pipe may open it a moment later. Raises OSError."""
    for _ in range(_TRIES):
        try:
            return _Handler(path)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        time.sleep(_PULSE)
    return _Handler(path)


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a file without waiting for a pipe's reader, which no signal ends. Raises OSError."""
    descriptor = os.open(path, flags | os.O_NONBLOCK, 0o666)
    os.set_blocking(descriptor, True)
    return descriptor


class _Handler(WatchedFileHandler):
    """The standard library's handler, without any logger."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self._path, self._reported = path, False

    def _open(self) -> TextIOWrapper:
        name, errors = self.baseFilename, self.errors
        return open(name, "a", encoding=self.encoding, errors=errors, opener=_open_without_waiting)

    def emit(self, record: LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:  # the file cannot be opened again
            self.handleError(record)

    def handleError(self, record: LogRecord) -> None:  # noqa: N802
        """Report the first error. The next line is tried again."""
        if not self._reported:
            self._reported = True
            why = reason(sys.exception() or OSError())
            effect = "the run continues, log lines are lost"
            say(f"--log-file {printable_path(self._path)}: {why}; {effect}")
