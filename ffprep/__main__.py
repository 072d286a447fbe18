"""`python -m ffprep`, and the `ffprep` command."""

import os
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line. Ctrl-C ends it silently, even while it is still being imported."""
    try:
        from ffprep.cli import main as cli
    except KeyboardInterrupt:
        os._exit(130)
    cli.main()


if __name__ == "__main__":
    main()
