"""The option of a run for its report. Only a run that writes one imports this."""

from pathlib import Path

from ffprep.errors import UsageError
from ffprep.record import Record


class ReportFile(Record):
    """The HTML file that shows what a run made. It says which `options` and `config` were given."""

    path: Path
    options: tuple[tuple[str, str], ...] = ()
    config: Path | None = None


def require_html(option: str, path: Path) -> None:
    """Raise UsageError if a report would replace a file of another kind, by its name."""
    if path.suffix.lower() not in (".html", ".htm"):
        problem = f"{option} {path} is not the name of a page; give one that ends in .html"
        raise UsageError(problem)
