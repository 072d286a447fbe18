"""The process in which pictures are decoded for another one, started by `sandbox`.

It reads requests from stdin and answers on stdout, each a pickle behind its length. A request is the
name of a function below and its arguments; an answer is what it returns, and the error it raises. A
picture's pixels follow their answer.
"""

import pickle
import struct
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import IO, Any

from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError


def main() -> None:
    """Answer until there are no more requests."""
    # Here, since the process that sends requests imports this module too, and few of these.
    from ffprep.image import colour, integrity, metadata, pillow, probe

    functions: dict[str, Callable[..., Any]] = {
        function.__name__: function
        for function in (
            probe.probe,
            probe.extras,
            probe.is_translucent,
            integrity.require_whole,
            integrity.damage,
            integrity.hidden_damage,
            metadata.read_rights,
            colour.to_srgb,
        )
    }
    warnings.filterwarnings("ignore", module="PIL")
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while request := receive(source):
        name, arguments = request
        try:
            if name == "decoded":
                with probe.decoded(*arguments) as (picture, pixels):
                    _send_pixels(sink, picture, pixels)
            else:
                send(sink, (functions[name](*arguments), None))
        except PhotoError as error:
            send(sink, (None, (error.kind, str(error))))
        except MemoryError:
            refused = pillow.out_of_memory()
            send(sink, (None, (refused.kind, str(refused))))
        except Exception as error:  # a bug, reported as such
            send(sink, (None, (Kind.INTERNAL, f"{type(error).__name__}: {error}")))
        sink.flush()


def _send_pixels(sink: IO[bytes], picture: ImageInfo, pixels: Iterable[bytes]) -> None:
    """Send an answer and the pixels that follow it; if they break off, so does this process."""
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
    """Read one message; None at the end, also if the message is cut off."""
    head = pipe.read(4)
    data = pipe.read(struct.unpack(">I", head)[0]) if len(head) == 4 else b""
    try:
        return pickle.loads(data) if data else None
    except (EOFError, pickle.UnpicklingError):
        return None


if __name__ == "__main__":
    main()
