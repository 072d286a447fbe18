"""Make a library of many tiny photos, to measure runs that have little or nothing to do.

    python -m scripts.samples.library N FOLDER [--outputs OUT --size WxH] [--each 1000]

Writes N small, valid JPEGs of a few sizes into FOLDER/000, FOLDER/001, ..., `--each` in a folder.
With --outputs, it also writes N valid JPEGs of that size below OUT, under the names that
`ffprep convert FOLDER -o OUT --size WxH` would use, so that --adopt accepts them.
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
    """Return a photo of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (size.width, size.height), colour).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def write(count: int, folder: Path, photos: Sequence[bytes], each: int) -> None:
    """Write `count` files into folders below `folder`; their contents are `photos`, in turn."""
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
