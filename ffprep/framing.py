"""What becomes of a photo's proportions in a frame: how much it is enlarged, cut, or set in bars."""

from dataclasses import dataclass

from ffprep.spec import Fit, Size


@dataclass(frozen=True, slots=True)
class Framing:
    """How a photo lies in a frame.

    `factor` is how many times as long a pixel of the photo becomes, the longer way where the two
    differ. `lost` is the share of the photo that is cut, `bars` the share of the frame that the
    photo leaves, `distortion` how many times as wide things become as they are high, or the reverse.
    """

    factor: float
    lost: float = 0.0
    bars: float = 0.0
    distortion: float = 1.0

    @classmethod
    def of(cls, fit: Fit, photo: Size, frame: Size) -> "Framing":
        """The Framing of an upright photo."""
        ratios = frame.width / photo.width, frame.height / photo.height
        low, high = min(ratios), max(ratios)
        if fit is Fit.COVER:
            return cls(high, lost=1 - low / high)
        if fit is Fit.CONTAIN:
            return cls(low, bars=1 - low / high)
        return cls(high, distortion=high / low)

    @property
    def enlarges(self) -> bool:
        """Whether the photo has fewer pixels than the frame shows of it."""
        return self.factor > 1

    def describe(self) -> str:
        """In words, such as `shrunk to 0.32x, 25 % of the photo is cut`."""
        size = "enlarged" if self.enlarges else "shrunk to" if self.factor < 1 else "stays at"
        parts = [f"{size} {times(self.factor)}"]
        parts += [f"{percent(self.lost)} of the photo is cut"] * (self.lost > 0)
        parts += [f"{percent(self.bars)} of the frame is bars"] * (self.bars > 0)
        parts += [f"proportions are off by {times(self.distortion)}"] * (self.distortion > 1)
        return ", ".join(parts)


def times(factor: float) -> str:
    """`1.50x`, with as many digits as tell it from 0 and 1."""
    if factor >= 10:
        return f"{factor:.4g}x"
    text = f"{factor:.2f}"
    return f"{factor:.6g}x" if text == "1.00" else f"{factor:.1g}x" if factor < 0.01 else f"{text}x"


def percent(share: float) -> str:
    """`25 %`; what rounds to nothing or to all is said to be below or over."""
    if share < 0.005:
        return "under 1 %"
    return f"{share:.0%}".replace("%", " %") if share < 0.995 else "over 99 %"
