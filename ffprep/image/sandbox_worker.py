"""The process in which pictures are decoded for another one, started by `sandbox`.

It reads requests from stdin and answers on stdout, each a pickle. A request is the name of a
function of `ffprep.image` with its module, and its arguments; an answer is what it returns, the
error it raises, and whether the pixels of a picture follow.
"""

import os
import pickle
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from importlib import import_module
from typing import IO, Any

import PIL

import ffprep.version
from ffprep.core.geometry import Size
from ffprep.errors import EnvironmentFault, FfprepError, Kind, PhotoError

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


def main() -> None:
    """Answer until there are no more requests."""
    warnings.filterwarnings("ignore", module="PIL")
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    for name, arguments in _requests(source):
        try:
            module, _, function = name.rpartition(".")  # a worker often serves few
            answer = getattr(import_module(f"ffprep.image.{module}"), function)(*arguments)
            if isinstance(answer, AbstractContextManager):
                with answer as (described, pixels):
                    _send_pixels(sink, described, pixels)
            else:
                _send(sink, answer)
        except FfprepError as error:
            _send(sink, error=error)
        except MemoryError:
            from ffprep.image import pillow

            _send(sink, error=pillow.out_of_memory())
        except Exception as error:
            _send(sink, error=_unexpected(error))
        sink.flush()


def _unexpected(error: Exception) -> FfprepError:
    """Return what an error shows: a fault of the installation, or else a bug."""
    from ffprep.system.installation import installation_fault

    bug = PhotoError(Kind.INTERNAL, f"{type(error).__name__}: {error}")
    return installation_fault(error) or bug


def draw_and_decode(size: Size) -> None:
    """Draw a picture, and encode and decode it; it has twice the pixels, as decoders differ."""
    from io import BytesIO

    from PIL import Image

    longest = 16383  # of a WebP
    pair = min(2 * size.width, longest), min(size.height, longest)
    file = BytesIO()
    Image.linear_gradient("L").resize(pair).convert("RGB").save(file, "WEBP", method=0)
    with Image.open(file, formats=["WEBP"]) as image:
        image.load()


def _requests(source: IO[bytes]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield requests until the input ends or breaks off."""
    with suppress(EOFError, pickle.UnpicklingError):
        while True:
            yield pickle.load(source)


def _send(
    sink: IO[bytes], answer: Any = None, error: FfprepError | None = None, has_pixels: bool = False
) -> None:
    # Nothing is written if it cannot be pickled.
    sink.write(pickle.dumps((answer, error, has_pixels)))


def _send_pixels(sink: IO[bytes], answer: Any, pixels: Iterable[bytes | memoryview]) -> None:
    """Send an answer and the pixels that follow it; if they break off, so does this process."""
    _send(sink, answer, has_pixels=True)
    try:
        for part in pixels:
            sink.write(part)
    except Exception as error:
        sys.exit(str(error))
