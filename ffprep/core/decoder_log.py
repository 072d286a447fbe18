"""What FFmpeg's decoder said about a photo, as read from its log."""

from bisect import bisect_right

from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.record import Record, field

INCOMPLETE = "not all of it can be decoded"
"""What shows damage where a decoder gives up without a complaint in the log."""

# How many photos FFmpeg's decoder may be ahead of showinfo: its queues hold 8 frames (fftools,
# 9.0), and there are fewer than three of them in between.
_AHEAD = 24

# Formats whose decoders in FFmpeg may go on without a complaint although some of a picture is
# missing.
_SILENT = ("gif", "webp", "tiff", "jpeg2000")


class DecoderLog(Record):
    """The log of one ffmpeg process.

    `frames` are the sizes decoded, as stored (before ffprep turns them upright), by their number in
    a sequence; `jpeg_range` is true if their pixel format means full range, whatever a filter says.
    `damage` are the decoder's complaints about the picture itself, not those about metadata.
    `ends_early` is true for a JPEG without an end. `complaints` has, for each of these, the number
    of the last frame logged before it. `errors` are all lines at error level. `graph_fault` is what
    FFmpeg says of a filter graph that it cannot build; `unopened` is true if it did not open the
    file, or found no picture stream in it, which is not a fault of the graph.
    `missing_part` names a part that this ffmpeg was built without. `invalid` is true if the decoder
    found the picture invalid, and not of a kind that it does not know, as arithmetic-coded JPEGs
    are. `no_frames` is true if the decoders came to their end without a frame: FFmpeg crashes then
    if two graphs follow one another. `out_of_memory` and `disk_full` are true if FFmpeg was refused
    memory, or room for its output. `write_error` is another error of the system that kept it from
    writing its output.
    """

    frames: dict[int, Size] = field(default_factory=dict)
    jpeg_range: bool = False
    damage: tuple[str, ...] = ()
    ends_early: bool = False
    complaints: tuple[int, ...] = ()
    errors: tuple[str, ...] = ()
    graph_fault: str | None = None
    unopened: bool = False
    missing_part: str | None = None
    invalid: bool = False
    no_frames: bool = False
    out_of_memory: bool = False
    no_threads: bool = False
    disk_full: bool = False
    write_error: str | None = None

    def is_conclusive(self, format: str) -> bool:
        """Return whether the log alone says if a picture of this format is whole."""
        if format == "jpeg":
            return bool(self.damage) or not self.ends_early
        if format == "png":
            return not self.damage
        return bool(self.damage) or format not in _SILENT

    def agrees_with(self, picture: ImageInfo, number: int) -> bool:
        """Return whether the photo of this number was decoded as the probe has described it."""
        expected = picture.shown if picture.format.upright and not picture.raw else picture.stored
        if picture.ycbcr and not picture.ycbcr.full_range and self.jpeg_range:
            return False
        return self.frames.get(number) == expected

    def shows_damage_to(self, picture: ImageInfo) -> bool:
        """Return whether damage kept FFmpeg from decoding a file, which Pillow would fill in."""
        if self.unopened:
            return False
        if not picture.format.upright:
            return self.invalid
        # FFmpeg cuts off the last row or column of a HEIC of odd size.
        shown, found = picture.shown, self.frames.get(0)
        cut = found and (found.width, found.height) == (shown.width & ~1, shown.height & ~1)
        return not cut or bool(self.damage)

    def may_complain_about(self, number: int) -> bool:
        """Return whether a complaint may be about this photo of a sequence.

        The decoder complains of a photo before showinfo logs its frame, and is not far ahead, as
        counted in frames. However many photos it drops, they take no place between the two.
        """
        frames = sorted(self.frames)
        logged = bisect_right(frames, number)
        return any(
            last < number and logged - bisect_right(frames, last) <= _AHEAD
            for last in set(self.complaints)
        )
