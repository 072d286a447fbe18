"""The Python functions: `convert`, `check`, `info`, `compare`, `prepare`, and `Preprocessor`.

They parse keywords as the command line parses options, run the same engine, and raise its errors.
They print nothing, except for a bar in notebooks, and change nothing of the calling program. Begin
with `batch`, then `prepare`.
"""

# A command imports these while ffmpeg works. A program imports them with ffprep: its first photo is
# then as fast as the next, and an upgrade of ffprep while it runs changes nothing.
from ffprep.conversion import ffmpeg_log as ffmpeg_log
from ffprep.conversion import filtergraph as filtergraph
from ffprep.image import sandbox_worker as sandbox_worker
