"""Picture: what a probe found in a file."""

from dataclasses import dataclass

from ffprep.formats import Format
from ffprep.spec import Size


@dataclass(frozen=True, slots=True)
class Picture:
    """What a probe found in a file.

    `stored` is the size of the pixels in the file, `orientation` the EXIF value (1 to 8) by which
    they are turned for showing. `mode` is Pillow's word for the kind of pixels. `profile` says that
    there is an ICC profile, `tiled` that a HEIC is made of several tiles. `ffmpeg_reads` is False
    where FFmpeg is known to leave something out, or to get it wrong without a word. `raw` is the
    pixel format of what Pillow has decoded, for FFmpeg to read from its standard input.
    """

    format: Format
    stored: Size
    orientation: int = 1
    alpha: bool = False
    mode: str = "RGB"
    profile: bool = False
    tiled: bool = False
    ffmpeg_reads: bool = True
    raw: str | None = None

    @property
    def shown(self) -> Size:
        """The size as shown, upright."""
        return self.stored.turned if self.orientation >= 5 else self.stored
