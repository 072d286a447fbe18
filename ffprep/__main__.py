"""`python -m ffprep`, and the `ffprep` command."""

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` would be imported from the working folder
    from typing import NoReturn


def main() -> "NoReturn":
    """Run the command line. Ctrl-C ends it silently, even while it is still being imported."""
    gc.set_threshold(50_000)  # imports make many objects and no garbage
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


def _leave_out_working_folder() -> None:
    """Import no module from the working folder, which `python -m` searches first."""
    installed_in = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not sys.flags.safe_path and sys.path[0] != installed_in:
        del sys.path[0]


if __name__ == "__main__":
    _leave_out_working_folder()
    main()
