"""The log file: a line a photo, and one for a run's begin and its end.

It may be renamed or removed at any time (logrotate); the next line goes to a new one. A log that cannot
be written costs one sentence, and no photo. Several runs may share one: each line is one write.
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
    printable,
    printable_path,
    result_as_dict,
    result_line,
    utc_timestamp,
    with_job,
    with_job_key,
)
from ffprep.core.job import Result
from ffprep.errors import EnvironmentFault, reason
from ffprep.library.walk import require_no_picture
from ffprep.run.summary import RunSummary
from ffprep.system.messages import say
from ffprep.version import __version__

_PULSE, _TRIES = 0.05, 40


class LogFile:
    """A log file of `text` or `json` lines. Raises EnvironmentFault when it cannot be opened."""

    def __init__(self, path: Path, format: str, job: str = "") -> None:
        self._job = job
        self._json = format == "json"
        require_no_picture("--log-file", path)
        try:
            self._handler = _opened(path)
        except OSError as error:
            why = "nobody reads this pipe" if error.errno == errno.ENXIO else reason(error)
            raise EnvironmentFault(f"--log-file {printable_path(path)}: {why}") from None

    def begin(self, tally: RunSummary) -> None:
        """Log that a run begins."""
        content = {
            "total": tally.total,
            "output": tally.output and os.fspath(tally.output),
            "version": __version__,
            "ffmpeg": tally.ffmpeg,
        }
        photos = "photos" if tally.total is None else f"{tally.total} photos"
        versions = f"ffprep {__version__}, ffmpeg {tally.ffmpeg}"
        words = f"begin: {photos} to {printable_path(tally.output)} ({versions})"
        self._write({"begin": content} if self._json else words)

    def photo(self, result: Result) -> None:
        """Log a Result."""
        self._write(result_as_dict(result) if self._json else result_line(result))

    def end(self, tally: RunSummary) -> None:
        """Log how a run ended."""
        ending = {"ended": tally.ended.value, "error": tally.error or None}
        words = f"end: {tally.sentence()}" + (f": {printable(tally.error)}" if tally.error else "")
        self._write({"summary": tally.summary() | ending} if self._json else words)

    def close(self) -> None:
        """Close the file; what is wrong with it was told when it was written to."""
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
    """A handler; the reader of a pipe may come a moment later. Raises OSError."""
    for _ in range(_TRIES):
        try:
            return _Handler(path)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        time.sleep(_PULSE)
    return _Handler(path)


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for the reader of a pipe, which no signal would end. Raises OSError."""
    descriptor = os.open(path, flags | os.O_NONBLOCK, 0o666)
    os.set_blocking(descriptor, True)
    return descriptor


class _Handler(WatchedFileHandler):
    """The standard library's, by itself: no logger of the process has to do with it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self._path, self._told = path, False

    def _open(self) -> TextIOWrapper:
        name, errors = self.baseFilename, self.errors
        return open(name, "a", encoding=self.encoding, errors=errors, opener=_open_at_once)

    def emit(self, record: LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:  # it cannot be opened again
            self.handleError(record)

    def handleError(self, record: LogRecord) -> None:  # noqa: N802
        """Say once what is wrong; the next line may find room again."""
        if not self._told:
            self._told = True
            why = reason(sys.exception() or OSError())
            say(
                f"--log-file {printable_path(self._path)}: {why}; the run goes on, and lines are lost"
            )
