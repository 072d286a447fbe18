"""Which photos are converted by what they show: --only, --min-size and --min-mpx."""

from ffprep.core.geometry import Size
from ffprep.errors import FilteredOut
from ffprep.record import Record


class PhotoFilter(Record):
    """The conditions that an upright photo must meet, all of those that are set.

    `shapes` are those that are converted, all of them if it is empty. Sizes are in pixels.
    """

    shapes: tuple[str, ...] = ()
    min_size: Size | None = None
    min_pixels: float = 0

    def require(self, shown: Size) -> None:
        """Raise FilteredOut if an upright photo of this size does not meet a condition."""
        shape = shown.shape
        if self.shapes and shape not in self.shapes:
            raise FilteredOut(f"{shape}, {shown}")
        least = self.min_size
        if least and (shown.width < least.width or shown.height < least.height):
            raise FilteredOut(f"{shown}, smaller than {least}")
        if shown.pixels < self.min_pixels:
            raise FilteredOut(f"{shown}, fewer than {self.min_pixels / 1e6:g} megapixels")

    @property
    def terms(self) -> str:
        """The conditions as text: a ledger row of another filter says nothing about a photo."""
        return f"{' '.join(sorted(self.shapes))} {self.min_size} {self.min_pixels:g}"
