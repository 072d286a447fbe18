"""Photos whose pixels a decoder sends to ffmpeg; imported only for such photos.

Pillow decodes what FFmpeg cannot. With `--fast`, TurboJPEG decodes JPEGs at a fraction of their
size. A photo that it complains of is decoded in full by FFmpeg, as without `--fast`, which finds
out whether it is damaged.

The frames of a stream have different sizes, so they are sent in NUT, a container of FFmpeg. Only
what its demuxer needs for one stream of raw video is written: version 4, whose flag `pipe` allows
frames of any length without points for seeking. Each frame has its number as a timestamp, and its
width and height as side data.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.config.modes import is_shipped
from ffprep.conversion.transcode import Outputs, Photo, Transcoder, is_whole
from ffprep.core.decoder_log import INCOMPLETE, DecoderLog
from ffprep.core.fitting import Cut, rounded
from ffprep.core.geometry import WHOLE, Size
from ffprep.core.image_info import JFIF, ImageInfo
from ffprep.core.mode import Mode
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault, Killed, Kind, PhotoError
from ffprep.image.sandbox import DecoderPool
from ffprep.record import Record, replace
from ffprep.system.files import FileStamp, changed
from ffprep.system.tempfiles import require_writable

if TYPE_CHECKING:
    from ffprep.system.pipes import Data, Piped

# By how much a picture has to be shrunk for each fraction of its size.
_FRACTIONS = ((8, 14), (4, 7), (2, 2))

# The modes of ffprep that do nothing to a photo but cut and scale it. Other filters, and cuts by a
# number of pixels, may do something else to fewer pixels.
_SCALING = frozenset(("cover", "fit", "pad", "stretch"))

_FILE_ID = b"nut/multimedia container\0"
_MAIN, _STREAM, _SYNCPOINT = (
    bytes.fromhex(code) for code in ("4E4D7A561F5F04AD", "4E5311405BF2F9DB", "4E4BE4ADEECA4569")
)
_FOURCC = {
    "yuv444p": b"444P",
    "yuv422p": b"Y42B",
    "yuv420p": b"I420",
    "yuv440p": b"440P",
    "yuv411p": b"Y41B",
    "gray": b"Y800",
}

_VERSION, _PIPE = (4, 0), 2
_FARTHEST = 1 << 20

# A frame is a key frame, and says its timestamp, its size and side data.
_FRAME_FLAGS = 1 | 8 | 32 | 256
_FRAME_CODES = 255


def encode_by_pillow(
    steps: Transcoder, outputs: Outputs, files: Sequence[Path], log: DecoderLog | None
) -> str | None:
    """Decode with Pillow, encode with ffmpeg; return what shows that a part is missing, if any.

    The log is that of an ffmpeg which made nothing of the photo. Raises PhotoError.
    """
    photo, picture = outputs[0], outputs[0].picture
    if FileStamp.of(photo.job.source, photo.job.place) != photo.stamp:
        raise changed()  # with other colours, for example
    # Pillow would fill in what is missing of it.
    if log and picture.format.forgiving and log.shows_damage_to(picture):
        words = "the whole picture cannot be decoded; restore it from a backup"
        raise PhotoError(Kind.DAMAGED, words)
    try:
        _feed(steps, outputs, files, strict=True)
    except PhotoError as error:
        if error.kind is not Kind.DAMAGED or not steps.policy.keep_damaged:
            raise
        _feed(steps, outputs, files, strict=False)
        return INCOMPLETE
    return steps.decoders.hidden_damage(photo.source, picture)


def _feed(steps: Transcoder, outputs: Outputs, files: Sequence[Path], strict: bool) -> None:
    """Encode the pixels that Pillow has decoded."""
    with steps.decoders.decoded(outputs[0].source, outputs[0].picture, strict) as (raw, pixels):
        encode_fed(steps, outputs, raw, files, pixels)


def encode_fed(
    steps: Transcoder, outputs: Outputs, raw: ImageInfo, files: Sequence[Path], pixels: "Piped"
) -> None:
    """Encode pixels that a decoder sends. Raises PhotoError."""
    log = steps.transcode(outputs, raw, files, pixels)
    pixels.require_complete()
    if not is_whole(log, raw, files):
        require_writable(files[0], outputs[0].job.output)
        last = log.errors[-1] if log.errors else "it logged no error"
        raise PhotoError(Kind.INTERNAL, f"ffmpeg made no output of the decoded pixels: {last}")


class Reduced(Record):
    """A picture as it is at a fraction of its size, and the mode that makes the output of it."""

    picture: ImageInfo
    mode: Mode


def reduced(picture: ImageInfo, spec: Spec) -> Reduced | None:
    """Return a picture at the fraction of its size that is enough for its output, if any.

    What is shown is exactly the same: a photo whose sides or cuts have a remainder is not reduced.
    """
    scales = spec.mode.name in _SCALING and is_shipped(spec.mode) and spec.bounds == WHOLE
    scales = scales and not spec.focuses_on_faces  # it is not known yet where the photo is cut
    raw, shown, stored = picture.planes, picture.shown, picture.stored
    if raw is None or not scales:
        return None
    factor = min(shown.width / spec.size.width, shown.height / spec.size.height)
    for divisor, least in _FRACTIONS:
        # TurboJPEG fills up rows to a multiple of 4 pixels at most, where chroma is subsampled.
        if factor >= least and stored.width % (4 * divisor) == stored.height % divisor == 0:
            size = Size(stored.width // divisor, stored.height // divisor)
            small = replace(picture, stored=size, raw=raw, ycbcr=JFIF)
            if spec.mode.name != "cover":
                return Reduced(small, spec.mode)
            if _is_exact_if_scaled_first(shown, spec):
                return Reduced(small, _scaling_first(spec.mode))
            if not math.gcd(*_cut(shown, spec)) % divisor:
                return Reduced(small, spec.mode)
    return None


def _is_exact_if_scaled_first(shown: Size, spec: Spec) -> bool:
    """Return whether a photo that is scaled and then cut has whole sides and cuts at each step."""
    frame = spec.size
    scaled = Size(
        max(frame.width, rounded(shown.width * frame.height, shown.height)),
        max(frame.height, rounded(shown.height * frame.width, shown.width)),
    )
    width, height, left, top = _cut(shown, spec)
    across, down, x, y = _cut(scaled, spec)
    return (
        (across, down) == (frame.width, frame.height)
        and (scaled.width * width, x * width) == (shown.width * across, left * across)
        and (scaled.height * height, y * height) == (shown.height * down, top * down)
    )


def _scaling_first(mode: Mode) -> Mode:
    """Return `cover` with its steps in the other order: no cut lies between two reduced pixels."""
    crop, scale = mode.steps
    covering = {
        "w": "max({width}, round(iw*{height}/ih))",
        "h": "max({height}, round(ih*{width}/iw))",
    }
    cut = dict(crop.options) | {"w": "{width}", "h": "{height}"}
    first = replace(scale, options=tuple(covering.items()))
    return replace(mode, steps=(first, replace(crop, options=tuple(cut.items()))))


def _cut(photo: Size, spec: Spec) -> tuple[int, int, int, int]:
    cut = Cut.covering(photo, spec.size, spec.focus)
    return cut.size.width, cut.size.height, cut.left, cut.top


def encode(steps: Transcoder, outputs: Outputs, files: Sequence[Path]) -> bool:
    """Encode the outputs of a reduced photo.

    Return false if it has to be decoded in full. Raises PhotoError.
    """
    with ExitStack() as stack:
        try:
            decoding = steps.decoders.reduced(outputs[0].source, outputs[0].decoded)
            pixels = stack.enter_context(decoding)
        except Killed:
            raise
        except PhotoError:
            return False
        encode_fed(steps, outputs, outputs[0].decoded, files, pixels)
    return True


class Frames:
    """The reduced photos of a stream, as NUT: what its ffmpeg is fed with.

    `refused` are the numbers of photos that have to be decoded in full; `fault` is an error that
    would meet all photos.
    """

    def __init__(self, decoders: DecoderPool, photos: Sequence[Photo]) -> None:
        self._decoders, self._photos = decoders, photos
        self.refused = set[int]()
        self.fault: EnvironmentFault | None = None

    def __iter__(self) -> "Iterator[Data]":
        first = self._photos[0].decoded
        yield _header(first.raw or "", first.stored)
        for number, photo in enumerate(self._photos):
            picture = photo.decoded
            try:
                with self._decoders.reduced(photo.source, picture) as pixels:
                    yield _frame_header(number, picture.stored, pixels.size)
                    yield pixels
            except Killed:
                continue  # it is tried again, alone
            except PhotoError:
                self.refused.add(number)
            except EnvironmentFault as fault:
                self.fault = fault
                return


def _header(pixel_format: str, size: Size) -> bytes:
    """Return what comes before the first frame; `size` is that of any frame."""
    streams, time_bases = 1, (1, 1, 1)
    # Eight bits say which of 255 kinds a frame is of; all are alike.
    kinds = (_FRAME_FLAGS, 6, 0, 1, 0, 0, 0, _FRAME_CODES)
    main = _numbers(*_VERSION, streams, 1, *time_bases, *kinds, 0, _PIPE)
    fourcc = _FOURCC[pixel_format]
    stream = _numbers(0, 0, len(fourcc)) + fourcc
    stream += _numbers(0, 0, _FARTHEST, 0, 0, 0, size.width, size.height, 0, 0, 0)
    parts = _packet(_MAIN, main), _packet(_STREAM, stream), _packet(_SYNCPOINT, _numbers(0, 0))
    return _FILE_ID + b"".join(parts)


def _frame_header(number: int, size: Size, length: int) -> bytes:
    """Return what comes before the `length` bytes of a frame's pixels."""
    sides = ((b"Width", size.width), (b"Height", size.height))
    side_data = _numbers(len(sides))
    for name, value in sides:
        side_data += _numbers(len(name)) + name + _numbers(2 * value - 1)  # a signed number
    side_data += _numbers(0)
    return b"\0" + _numbers(number + 1, len(side_data) + length) + side_data


def _packet(start: bytes, content: bytes) -> bytes:
    return start + _numbers(len(content) + 4) + content + _checksum(content).to_bytes(4, "big")


def _numbers(*values: int) -> bytes:
    """Write numbers in groups of seven bits, of which all but the last have the eighth bit set."""
    written = bytearray()
    for value in values:
        groups = range((max(value.bit_length(), 1) - 1) // 7, -1, -1)
        written += bytes((value >> 7 * group) & 127 | (128 if group else 0) for group in groups)
    return bytes(written)


def _checksum(data: bytes) -> int:
    """Return the CRC-32 of the polynomial 0x04C11DB7, highest bit first, which begins at 0."""
    rest = 0
    for byte in data:
        rest ^= byte << 24
        for _ in range(8):
            rest = (rest << 1) ^ (0x104C11DB7 if rest >> 31 else 0)
    return rest
