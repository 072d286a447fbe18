"""What a target publishes about its clips, and which of it a clip violates."""

from collections.abc import Iterator

from ffprep.record import Record


class ClipConstraints(Record):
    """What a target publishes about its clips; an empty value is not known.

    `seconds` are the lengths and `fps` the frame rates that it makes. `frames` are the pictures
    that it takes: `first`, or `first` and `last`.
    """

    seconds: tuple[int | float, ...] = ()
    fps: tuple[int | float, ...] = ()
    frames: tuple[str, ...] = ()

    def violations(
        self, seconds: float | None = None, fps: float | None = None, last_frame: bool = False
    ) -> Iterator[tuple[str, str]]:
        """Yield the name of each rule that a clip violates, and a sentence on it."""
        if seconds and self.seconds and seconds not in self.seconds:
            allowed = numbers_text(self.seconds)
            yield "seconds", f"clips have {allowed} seconds, not {seconds:g}"
        if fps and self.fps and fps not in self.fps:
            yield "fps", f"clips have {numbers_text(self.fps)} fps, not {fps:g}"
        if last_frame and self.frames and "last" not in self.frames:
            yield "frames", "it takes a first picture, and no last one"


def numbers_text(numbers: tuple[int | float, ...]) -> str:
    """Return a list of numbers as text: `4, 8 or 12`, `3 to 15`."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) > 2 and numbers == tuple(range(int(first), int(last) + 1)):
        return f"{first} to {last}"
    *others, final = map("{:g}".format, numbers)
    return f"{', '.join(others)} or {final}" if others else final
