"""A process that opens pictures with Pillow's C code for another one: `python -m ffprep.image.sandbox_worker`.

It reads requests from stdin and answers on stdout, each a pickle behind its length: the name of a function
below and its arguments; what it returns, or what is to be raised. A picture's pixels follow their answer.
"""

import pickle
import struct
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import IO, Any

from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.image import colour, probe
from ffprep.image import integrity as damage
from ffprep.image import metadata as rights
from ffprep.image.pillow import out_of_memory

FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        probe.probe,
        probe.extras,
        probe.is_translucent,
        damage.require_whole,
        damage.damage,
        damage.hidden_damage,
        rights.of,
        colour.to_srgb,
    )
}


def main() -> None:
    """Answer until there are no more requests."""
    warnings.filterwarnings("ignore", module="PIL")
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while request := receive(source):
        name, arguments = request
        try:
            if name == "decoded":
                with probe.decoded(*arguments) as (picture, pixels):
                    _send_with(sink, picture, pixels)
            else:
                send(sink, (FUNCTIONS[name](*arguments), None))
        except PhotoError as error:
            send(sink, (None, (error.kind, str(error))))
        except MemoryError:
            refused = out_of_memory()
            send(sink, (None, (refused.kind, str(refused))))
        except Exception as error:  # a bug, told as such
            send(sink, (None, (Kind.INTERNAL, f"{type(error).__name__}: {error}")))
        sink.flush()


def _send_with(sink: IO[bytes], picture: ImageInfo, pixels: Iterable[bytes]) -> None:
    """An answer, and what comes after it; where that breaks off, so does this process."""
    send(sink, (picture, None))
    try:
        for part in pixels:
            sink.write(part)
    except Exception as error:
        sys.exit(str(error))


def send(pipe: IO[bytes], message: object) -> None:
    """Write one message."""
    data = pickle.dumps(message)
    pipe.write(struct.pack(">I", len(data)) + data)


def receive(pipe: IO[bytes]) -> Any:
    """Read one message; None at the end, also where it comes too soon."""
    head = pipe.read(4)
    data = pipe.read(struct.unpack(">I", head)[0]) if len(head) == 4 else b""
    try:
        return pickle.loads(data) if data else None
    except (EOFError, pickle.UnpicklingError):
        return None


if __name__ == "__main__":
    main()
