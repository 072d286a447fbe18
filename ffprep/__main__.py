"""`python -m ffprep`, and the `ffprep` command."""

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line. Ctrl-C ends it silently, even while it is still being imported."""
    try:
        from ffprep.cli import main as cli
    except KeyboardInterrupt:
        os._exit(130)
    except Exception as error:  # click cannot be imported, so this is not said by `ffprep.cli`
        from ffprep.system.installation import installation_fault

        if not (fault := installation_fault(error)):
            raise
        os.write(2, f"ffprep: {fault}\n".encode(errors="surrogateescape"))
        sys.exit(fault.exit_code)
    cli.main()


if __name__ == "__main__":
    main()
