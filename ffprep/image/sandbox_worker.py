"""The process in which pictures are decoded for another one, started by `sandbox`.

It reads requests from stdin and answers on stdout, each a pickle. A request is the name of a
function below and its arguments; an answer is what it returns, and the error it raises. A picture's
pixels follow their answer.
"""

import pickle
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import IO, Any

from ffprep.core.geometry import Size
from ffprep.errors import FfprepError, Kind, PhotoError

_MODULES = {
    "probe": "probe",
    "extras": "extras",
    "read_extras": "formats.jpegxl",
    "is_translucent": "decode",
    "faces": "faces",
    "require_whole": "integrity",
    "damage": "integrity",
    "hidden_damage": "integrity",
    "read_metadata": "kept_metadata",
    "to_srgb": "colour",
    "decoded": "decode",
    "reduced": "turbojpeg",
}
"""The functions that may be called, with their modules in `ffprep.image`."""

_WITH_PIXELS = ("decoded", "reduced")


def _function(name: str) -> Callable[..., Any]:
    """Import a function when it is called: a worker often serves few."""
    if name == "draw_and_decode":
        return draw_and_decode
    function: Callable[..., Any] = getattr(import_module(f"ffprep.image.{_MODULES[name]}"), name)
    return function


def main() -> None:
    """Answer until there are no more requests."""
    warnings.filterwarnings("ignore", module="PIL")
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    for name, arguments in _requests(source):
        try:
            if name in _WITH_PIXELS:
                with _function(name)(*arguments) as (answer, pixels):
                    _send_pixels(sink, answer, pixels)
            else:
                _send(sink, (_function(name)(*arguments), None))
        except FfprepError as error:
            _send(sink, (None, error))
        except MemoryError:
            from ffprep.image import pillow

            _send(sink, (None, pillow.out_of_memory()))
        except Exception as error:
            _send(sink, (None, _unexpected(error)))
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


def _send(sink: IO[bytes], answer: tuple[Any, Any]) -> None:
    sink.write(pickle.dumps(answer))  # nothing is written if it cannot be pickled


def _send_pixels(sink: IO[bytes], answer: Any, pixels: Iterable[bytes | memoryview]) -> None:
    """Send an answer and the pixels that follow it; if they break off, so does this process."""
    _send(sink, (answer, None))
    try:
        for part in pixels:
            sink.write(part)
    except Exception as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
