"""JPEGs that are decoded at a fraction of their size (`--fast`), and fed to an ffmpeg.

A photo that libjpeg-turbo complains of is decoded in full by FFmpeg, as without `--fast`, which
finds out whether it is damaged.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from ffprep.config.modes import is_shipped
from ffprep.conversion import nut
from ffprep.conversion.fed import encode_fed
from ffprep.conversion.transcode import Outputs, Photo, Transcoder
from ffprep.core.fitting import Cut, rounded
from ffprep.core.geometry import Size
from ffprep.core.image_info import JFIF, ImageInfo
from ffprep.core.mode import Mode
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault, Killed, PhotoError
from ffprep.image.sandbox import DecoderPool
from ffprep.record import Record, replace
from ffprep.system.pipes import Data

# By how much a picture has to be shrunk for each fraction of its size.
_FRACTIONS = ((8, 14), (4, 7), (2, 2))

# The modes of ffprep that do nothing to a photo but cut and scale it. Other filters, and cuts by a
# number of pixels, may do something else to fewer pixels.
_SCALING = frozenset(("cover", "fit", "pad", "stretch"))


class Reduced(Record):
    """A picture as it is at a fraction of its size, and the mode that makes the output of it."""

    picture: ImageInfo
    mode: Mode


def reduced(picture: ImageInfo, spec: Spec) -> Reduced | None:
    """Return a picture at the fraction of its size that is enough for its output, if any.

    What is shown is exactly the same: a photo whose sides or cuts have a remainder is not reduced.
    """
    scales = spec.mode.name in _SCALING and is_shipped(spec.mode) and spec.bounds.whole
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

    def __iter__(self) -> Iterator[Data]:
        begun = False
        for number, photo in enumerate(self._photos):
            picture = photo.decoded
            try:
                with self._decoders.reduced(photo.source, picture) as pixels:
                    if not begun:
                        yield nut.header(picture.raw or "", picture.stored)
                    begun = True
                    yield nut.frame_header(number, picture.stored, pixels.size)
                    yield pixels
            except Killed:
                continue  # it is tried again, alone
            except PhotoError:
                self.refused.add(number)
            except EnvironmentFault as fault:
                self.fault = fault
                return
