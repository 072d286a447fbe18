"""JPEGs that are decoded at a fraction of their size (`--fast`), and fed to an ffmpeg.

A photo that libjpeg-turbo complains of is decoded in full by FFmpeg, as without `--fast`, which
finds out whether it is damaged.
"""

import math
from collections.abc import Iterator, Sequence

from ffprep.config.modes import is_shipped
from ffprep.conversion import nut
from ffprep.conversion.transcode import Photo
from ffprep.core.geometry import Size
from ffprep.core.image_info import JFIF, ImageInfo
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault, Killed, PhotoError
from ffprep.image.sandbox import DecoderPool
from ffprep.record import replace

# By how much a picture has to be shrunk for each fraction of its size.
_FRACTIONS = ((8, 14), (4, 7), (2, 2))

# The modes of ffprep that do nothing to a photo but cut and scale it. Other filters, and cuts by a
# number of pixels, may do something else to fewer pixels.
_SCALING = frozenset(("cover", "pad", "stretch"))

_SUBSAMPLED = frozenset(("yuv422p", "yuv420p", "yuv440p", "yuv411p"))


def reduced(picture: ImageInfo, spec: Spec) -> ImageInfo | None:
    """Return a picture as it is at the fraction of its size that is enough for its output, if any.

    What is shown is exactly the same: sides and cuts that have a remainder are not reduced.
    """
    scales = spec.mode.name in _SCALING and is_shipped(spec.mode) and spec.bounds.whole
    raw, shown, stored = picture.planes, picture.shown, picture.stored
    if raw is None or not scales:
        return None
    factor = min(shown.width / spec.size.width, shown.height / spec.size.height)
    edges = (stored.width, stored.height, *(_cut(shown, spec) if spec.mode.name == "cover" else ()))
    for divisor, least in _FRACTIONS:
        # TurboJPEG fills up rows to a multiple of 4 pixels at most, where chroma is subsampled.
        if factor >= least and stored.width % (4 * divisor) == 0 == math.gcd(*edges) % divisor:
            size = Size(stored.width // divisor, stored.height // divisor)
            # Chroma that is subsampled can be cut only at even pixels.
            cuts_chroma = raw in _SUBSAMPLED and math.gcd(*edges) % (2 * divisor)
            planes = "yuv444p" if cuts_chroma else raw
            return replace(picture, stored=size, raw=raw, planes=planes, ycbcr=JFIF)
    return None


def _cut(photo: Size, spec: Spec) -> tuple[int, int, int, int]:
    """Return the width, height and upper left corner of what `cover` shows, by its own rules."""
    frame, focus = spec.size, spec.focus
    width = max(1, min(photo.width, _rounded(photo.height * frame.width, frame.height)))
    height = max(1, min(photo.height, _rounded(photo.width * frame.height, frame.width)))
    left = min(max(photo.width * focus.x - width / 2, 0), photo.width - width)
    top = min(max(photo.height * focus.y - height / 2, 0), photo.height - height)
    return width, height, math.ceil(left - 0.5), math.ceil(top - 0.5)


def _rounded(value: int, divisor: int) -> int:
    """Return `value / divisor`, with halves rounded up."""
    return (2 * value + divisor) // (2 * divisor)


class Frames:
    """The reduced photos of a stream, as NUT: what its ffmpeg is fed with.

    `refused` are the numbers of photos that have to be decoded in full; `fault` is an error that
    would meet all photos.
    """

    def __init__(self, decoders: DecoderPool, photos: Sequence[Photo]) -> None:
        self._decoders, self._photos = decoders, photos
        self.refused = set[int]()
        self.fault: EnvironmentFault | None = None

    def __iter__(self) -> Iterator[bytes]:
        begun = False
        for number, photo in enumerate(self._photos):
            picture = photo.decoded
            try:
                with self._decoders.reduced(photo.source, picture) as pixels:
                    if not begun:
                        yield nut.header(picture.raw or "", picture.stored)
                    begun = True
                    yield nut.frame_header(number, picture.stored, pixels.size)
                    yield from pixels
            except Killed:
                continue  # it is tried again, alone
            except PhotoError:
                self.refused.add(number)
            except EnvironmentFault as fault:
                self.fault = fault
                return
