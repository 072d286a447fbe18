"""The option of a run for its report. Only a run that writes one imports this."""

from pathlib import Path

from ffprep.record import Record


class ReportFile(Record):
    """The HTML file that shows what a run made. It says which `options` and `config` were given."""

    path: Path
    options: tuple[tuple[str, str], ...] = ()
    config: Path | None = None
