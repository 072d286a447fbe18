"""Write the only picture of a run to stdout, for `-o -`."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ffprep.errors import UsageError
from ffprep.record import replace
from ffprep.run.convert_options import ConvertOptions
from ffprep.system.tempfiles import working_folder


@contextmanager
def written_to_stdout(options: ConvertOptions) -> Iterator[ConvertOptions]:
    """Yield options by which the picture is made in a temporary folder; then write it to stdout.

    Nothing is written if there is no verified picture. Raise UsageError if stdout is a terminal.
    """
    if sys.stdout.isatty():
        raise UsageError("-o - writes a picture, and stdout is a terminal; add > picture.jpg")
    with working_folder() as folder:
        output = folder / "picture"
        yield replace(options, request=replace(options.request, output=output))
        if output.exists():
            with output.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
