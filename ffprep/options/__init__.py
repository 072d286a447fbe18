"""Parse options, once, into frozen types: from the command line, ffprep.toml and Python keywords.

Every option is declared once, in `convert`, `check`, `compare` and `shared`. `job_file` reads them
from ffprep.toml. `parse` makes ConvertOptions of them: begin there. Below this package, no
dictionary of options is passed on, and nothing here reads a photo or prints.
"""
