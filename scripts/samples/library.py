"""Make a library of many tiny photos, to measure what a run costs that has little or nothing to do.

python -m scripts.samples.library N FOLDER [--outputs OUT --size WxH] [--each 1000]

Writes N JPEGs into FOLDER/000, FOLDER/001, ..., `--each` to a folder. They are valid, of a few sizes, and small.
With --outputs, it also writes what `ffprep convert FOLDER -o OUT --size WxH` would: as many valid JPEGs
of that size under the same names, so that --adopt, or a walk over both trees, has something to find.
"""

import argparse
import io
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from PIL import Image

from ffprep.core.geometry import Size

_SIZES = (Size(32, 24), Size(24, 32), Size(48, 32), Size(40, 40), Size(64, 36))


def jpeg(size: Size, colour: tuple[int, int, int]) -> bytes:
    """A photo of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (size.width, size.height), colour).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def write(count: int, folder: Path, photos: Sequence[bytes], each: int) -> None:
    """Write `count` files into folders below `folder`, `photos` in turns."""
    contents = islice(cycle(photos), count)
    for first in range(0, count, each):
        album = folder / f"{first // each:03}"
        album.mkdir(parents=True, exist_ok=True)
        numbers = range(first, min(first + each, count))
        for number, content in zip(numbers, contents, strict=False):
            with open(f"{album}/IMG_{number:06}.jpg", "wb", buffering=0) as file:
                file.write(content)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make a library of many tiny photos.")
    parser.add_argument("count", type=int, metavar="N")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--outputs", type=Path, metavar="OUT")
    parser.add_argument("--size", type=Size.parse, default=Size(64, 36), metavar="WxH")
    parser.add_argument("--each", type=int, default=1000, help="files in a folder")
    given = parser.parse_args(arguments)
    photos = [jpeg(size, (40 * n, 90, 200 - 30 * n)) for n, size in enumerate(_SIZES)]
    write(given.count, given.folder, photos, given.each)
    if given.outputs:
        write(given.count, given.outputs, [jpeg(given.size, (80, 90, 140))], given.each)


if __name__ == "__main__":
    main()
