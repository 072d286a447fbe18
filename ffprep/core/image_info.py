"""ImageInfo: what a probe found in a file."""

from pathlib import Path

from ffprep.core.formats import Format
from ffprep.core.geometry import Size
from ffprep.record import Record, field, replace


class Profile(Record):
    """An ICC profile. `space` is its header's colour space of the pixels: `RGB `, `CMYK`, ...

    Two profiles are equal if their digests are.
    """

    digest: str
    space: str
    data: bytes = field(compare=False, repr=False)

    @classmethod
    def of(cls, data: bytes) -> "Profile":
        """Read the header (ICC.1:2022, 7.2)."""
        from hashlib import sha256

        digest = sha256(data).hexdigest()[:32]
        return cls(digest, data[16:20].decode("latin-1"), data)


UNREAD = Profile("", "RGB ", b"")
"""Stands for a profile that cannot be read without decoding the pixels."""


class Cicp(Record):
    """Coding-independent code points for colour (ITU-T H.273): primaries and transfer."""

    primaries: int
    transfer: int


class YCbCr(Record):
    """How a container says that YCbCr becomes RGB, in FFmpeg's words.

    `matrix` is a colour space of its filter `setparams`, None for that of the bitstream; `location`
    says where subsampled chroma lies, None if the bitstream does.
    """

    full_range: bool
    matrix: str | None = None
    location: str | None = None


JFIF = YCbCr(full_range=True, matrix="bt470bg", location="center")
"""The YCbCr of a JPEG."""


class ImageInfo(Record):
    """What a probe found in a file.

    `stored` is the size of the pixels in the file, `orientation` the EXIF value (1 to 8) by which
    they are turned for display. `mode` is Pillow's mode of the pixels. `tiled` is true for a HEIC
    of several tiles. `ffmpeg_reads` is false if FFmpeg is known to leave something out, or to get
    it wrong without an error. `planes` is FFmpeg's pixel format of an ordinary JPEG. `raw` is the
    pixel format of pixels that a decoder of ffprep has decoded, which FFmpeg reads from its
    standard input, and converts to the `planes` before they are cut. An ICC `profile` or `cicp`
    says what colours mean; without either, they are sRGB. `ycbcr` outranks what the coded picture
    says of itself.
    `lut` is the look-up table that converts a profile's colours to sRGB, and `output_profile` the
    profile that the output gets with unconverted colours.
    `warnings` are what the user should know of a picture although it converts. `preview` is None
    unless the picture is only the embedded preview of a camera raw; it says why, and what to do.
    """

    format: Format
    stored: Size
    orientation: int = 1
    alpha: bool = False
    mode: str = "RGB"
    profile: Profile | None = None
    cicp: Cicp | None = None
    lut: Path | None = None
    output_profile: Profile | None = None
    tiled: bool = False
    ffmpeg_reads: bool = True
    planes: str | None = None
    raw: str | None = None
    ycbcr: YCbCr | None = None
    warnings: tuple[str, ...] = ()
    preview: str | None = None

    @property
    def weight(self) -> int:
        """The pixels held at a time, counted as opaque ones: alpha is processed in 16 bits."""
        return self.stored.pixels * (4 if self.alpha else 1)

    @property
    def needs_srgb(self) -> bool:
        """Whether FFmpeg has to convert the colours to sRGB."""
        return self.lut is not None or self.cicp is not None

    @property
    def shown(self) -> Size:
        """The size as displayed, upright."""
        return self.stored.rotated if self.orientation >= 5 else self.stored

    def warned(self, words: str) -> "ImageInfo":
        """Return it with one more warning."""
        return replace(self, warnings=(*self.warnings, words))


class Extras(Record):
    """What a file holds besides the pixels that are converted; outputs have only what is kept.

    `frames` counts those of an animation, the pages of a TIFF, the pictures of an MPO. `depth` is
    in bits a channel, as far as it is known. `metadata` are words such as `EXIF` and `place`.
    `camera` and `previews`, largest first, are those of a camera raw.
    """

    frames: int = 1
    depth: int = 8
    profile: str | None = None
    metadata: tuple[str, ...] = ()
    gain_map: bool = False
    camera: str = ""
    previews: tuple[Size, ...] = ()
