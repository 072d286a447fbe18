"""How a worker of the sandbox is started: its command line."""

import os
import sys

import PIL

import ffprep.version
from ffprep.errors import EnvironmentFault

NO_IMPORT = 97
"""The exit code of a worker that cannot import ffprep or Pillow."""

# The worker imports the same ffprep as this process, whatever its own path would find. The folders
# of ffprep and Pillow come last on that path, so they hide nothing.
_START = f"""import gc, sys
gc.set_threshold(50_000)  # imports make many objects and no garbage
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
sys.path += sys.argv[1:]
try:
    if spec := PathFinder.find_spec("ffprep", sys.argv[1:2]):
        sys.modules["ffprep"] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules["ffprep"])
    from ffprep.image.sandbox_worker import main
    import PIL.Image
except Exception as error:
    try:
        from ffprep.system.installation import installation_fault
        error = installation_fault(error) or error
    except ImportError:
        pass
    print(str(error) or type(error).__name__, file=sys.stderr)
    sys.exit({NO_IMPORT})
main()
"""


def worker_command() -> list[str]:
    """Return the command line of a worker. Raises EnvironmentFault if there is no Python for it."""
    python = os.environ.get("FFPREP_PYTHON") or sys.executable
    # A frozen program is its own `executable`, and would start all over again.
    if not python or (python == sys.executable and getattr(sys, "frozen", False)):
        raise EnvironmentFault(
            "this program brings no Python that can be started to decode pictures; "
            "name one that has ffprep installed in FFPREP_PYTHON"
        )
    files = [os.path.abspath(module.__file__ or "") for module in (ffprep.version, PIL)]
    folders = [os.path.dirname(os.path.dirname(file)) for file in files]
    return [python, "-P", "-c", _START, *folders]
