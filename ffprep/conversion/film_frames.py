"""The frames of a film, as FFmpeg's filter showinfo logs them, and how they become RGB."""

import re
from fractions import Fraction

from ffprep.conversion.pixel_formats import SCALER
from ffprep.core.geometry import Size
from ffprep.errors import Kind, PhotoError
from ffprep.record import Record

_FRAME = re.compile(
    r"^\[Parsed_showinfo_1 @ [^]]*\] \[info\] n: *\d+ pts: *(-?\d+) pts_time:(\S+) +"
    r"duration: *-?\d+ duration_time:(\S+) +fmt:(\S+) .*?sar:(\d+)/(\d+) s:(\d+)x(\d+) i:(\S)"
)
_COLOURS = re.compile(
    r"^\[Parsed_showinfo_1 @ [^]]*\] \[info\] color_range:(\S+) color_space:(\S+) "
    r"color_primaries:(\S+) color_trc:(\S+)"
)
_WITH_ALPHA = ("yuva", "gbrap", "rgba", "bgra", "argb", "abgr", "ya", "pal8")
_SUBSAMPLED = ("yuv", "nv", "p0", "p2", "p4", "gray")
_MATRICES = ("bt709", "fcc", "bt470bg", "smpte170m", "smpte240m", "bt2020nc")

# As players do: a frame that says nothing of its colours is BT.709 from these sides on.
_LONG_SIDE, _SHORT_SIDE = 1280, 577

_HDR = ("smpte2084", "arib-std-b67")
_LARGEST_ASPECT = 16


class Colours(Record):
    """What a frame says of its colours, in FFmpeg's words; `unknown` is nothing."""

    range: str = "unknown"
    matrix: str = "unknown"
    primaries: str = "unknown"
    transfer: str = "unknown"


class Frame(Record):
    """A frame: its times in seconds, its size as decoded and upright, and its pixels.

    `aspect` is the width of a pixel in heights; `format` is FFmpeg's name of the pixel format.
    """

    pts: int
    time: float
    duration: float
    format: str
    aspect: Fraction
    size: Size
    progressive: bool
    colours: Colours

    @property
    def alpha(self) -> bool:
        """Whether it has an alpha channel."""
        return self.format.startswith(_WITH_ALPHA)

    @property
    def shown(self) -> Size:
        """The size in square pixels; the shorter side of a pixel is enlarged."""
        width, height = self.size.width, self.size.height
        if self.aspect >= 1:
            return Size(round(width * self.aspect), height)
        return Size(width, round(height / self.aspect))

    @property
    def to_rgb(self) -> list[str]:
        """The filters that make RGB with square pixels of it, which says what its colours mean.

        Raises PhotoError for YCbCr that FFmpeg's scaler does not convert.
        """
        shown, colours = self.shown, self.colours
        filters = [f"scale={shown.width}:{shown.height}:flags={SCALER}", "setsar=1"]
        hdr = colours.transfer in _HDR
        # Pictures for television are graded on ordinary screens, so they are shown as sRGB.
        transfer = colours.transfer if hdr else "iec61966-2-1"
        primaries = colours.primaries
        if primaries in ("bt709", "unknown") and not hdr:
            primaries = transfer = "unknown"
        words = f"color_primaries={primaries}:color_trc={transfer}:colorspace=gbr:range=pc"
        filters.append(f"setparams={words}")
        if self.format.startswith(_SUBSAMPLED):
            filters.insert(0, f"setparams=range={self._range}:colorspace={self._matrix}")
        return filters

    @property
    def _range(self) -> str:
        return "pc" if self.colours.range == "pc" or self.format.startswith("yuvj") else "tv"

    @property
    def _matrix(self) -> str:
        matrix = self.colours.matrix
        if matrix == "unknown":
            short, long = sorted((self.size.width, self.size.height))
            return "bt709" if long >= _LONG_SIDE or short >= _SHORT_SIDE else "smpte170m"
        if matrix not in _MATRICES:
            words = f"is a film in YCbCr of the matrix {matrix}, which ffprep does not read"
            raise PhotoError(Kind.UNSUPPORTED, f"{words}; save it with another program")
        return matrix


def frames(text: str) -> list[Frame]:
    """Return the frames of a log, in the order in which they are shown."""
    found = list[Frame]()
    match: re.Match[str] | None = None
    for line in text.split("\n"):
        colours = _COLOURS.match(line) if match else None
        if match and colours:
            found.append(_frame(match, Colours(*colours.groups())))
            match = None
        match = _FRAME.match(line) or match
    return found


def _frame(match: re.Match[str], colours: Colours) -> Frame:
    pts, time, duration, format, across, down, width, height, kind = match.groups()
    aspect = Fraction(int(across), int(down)) if int(across) and int(down) else Fraction(1)
    if not 1 / _LARGEST_ASPECT <= aspect <= _LARGEST_ASPECT:
        aspect = Fraction(1)
    length = float(duration) if duration != "NOPTS" else 0.0
    size = Size(int(width), int(height))
    return Frame(int(pts), float(time), length, format, aspect, size, kind == "P", colours)
