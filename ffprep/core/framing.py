"""What becomes of a photo's proportions in a frame: how much it is enlarged, cut, or set in bars."""

from dataclasses import dataclass

from ffprep.core.spec import Bounds, Fit, Focus, Size
from ffprep.errors import Kind, PhotoError

_CENTER = Focus()
_WHOLE = Bounds()


@dataclass(frozen=True, slots=True)
class Framing:
    """How a photo lies in a frame.

    `factor` is how many times as long a pixel of the photo becomes, the longer way where the two
    differ. `lost` is the share of the photo that is cut, `bars` the share of the frame that the
    photo leaves, `distortion` how many times as wide things become as they are high, or the reverse.
    `shown` is what is not cut, in fractions of the photo.
    """

    factor: float
    lost: float = 0.0
    bars: float = 0.0
    distortion: float = 1.0
    shown: Bounds = _WHOLE

    @classmethod
    def of(cls, fit: Fit, photo: Size, frame: Size, focus: Focus = _CENTER) -> "Framing":
        """The Framing of an upright photo, or of what bounds leave of one."""
        ratios = frame.width / photo.width, frame.height / photo.height
        low, high = min(ratios), max(ratios)
        if fit is Fit.COVER:
            left, right = _kept(focus.x, ratios[0] / high)
            top, bottom = _kept(focus.y, ratios[1] / high)
            return cls(high, lost=1 - low / high, shown=Bounds(left, top, right, bottom))
        if fit is Fit.CONTAIN:
            return cls(low, bars=1 - low / high)
        return cls(high, distortion=high / low)

    @property
    def enlarges(self) -> bool:
        """Whether the photo has fewer pixels than the frame shows of it."""
        return self.factor > 1

    @property
    def cut(self) -> dict[str, float]:
        """What is cut from each side, in fractions of the photo's width or height."""
        shown = self.shown
        sides = {"left": shown.left, "top": shown.top}
        return sides | {"right": 1 - shown.right, "bottom": 1 - shown.bottom}

    def describe(self) -> str:
        """In words, such as `shrunk to 0.32x, 25 % of the photo is cut (left 12 %, right 12 %)`."""
        size = "enlarged" if self.enlarges else "shrunk to" if self.factor < 1 else "stays at"
        parts = [f"{size} {times(self.factor)}"]
        if self.lost > 0:
            sides = ", ".join(f"{side} {percent(part)}" for side, part in self.cut.items() if part)
            parts.append(f"{percent(self.lost)} of the photo is cut ({sides})")
        parts += [f"{percent(self.bars)} of the frame is bars"] * (self.bars > 0)
        parts += [f"proportions are off by {times(self.distortion)}"] * (self.distortion > 1)
        return ", ".join(parts)


def _kept(focus: float, share: float) -> tuple[float, float]:
    """Where a cut of that share begins and ends: centred on the focus, as far as the edges allow."""
    start = max(focus - share / 2, 0.0)
    return (start, start + share) if start < 1 - share else (1 - share, 1.0)


def cropped_size(photo: Size, bounds: Bounds) -> Size:
    """What bounds leave of an upright photo. Raises PhotoError where that is nothing."""
    left = bounds.of(photo)
    if left is None:
        words = f"is {photo}, of which the crop bounds leave less than a pixel; give wider ones"
        raise PhotoError(Kind.UNSUPPORTED, words)
    return left


def times(factor: float) -> str:
    """`1.50x`, with as many digits as tell it from 0 and 1."""
    if factor >= 10:
        return f"{factor:.4g}x"
    text = f"{factor:.2f}"
    return f"{factor:.6g}x" if text == "1.00" else f"{factor:.1g}x" if factor < 0.01 else f"{text}x"


def percent(share: float) -> str:
    """`25 %`, `12.5 %`; what rounds to nothing or to all is said to be below or over."""
    if share < 0.005:
        return "under 1 %"
    return f"{float(f'{share:.1%}'[:-1]):g} %" if share < 0.995 else "over 99 %"
