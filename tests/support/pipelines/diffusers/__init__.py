"""A stand-in for diffusers: its pipelines up to their check of sizes, which is that of diffusers.

The sizes and types that `check_inputs` refuses were compared with diffusers 0.42.
"""

from types import SimpleNamespace
from typing import Any, ClassVar, Self

import PIL.Image


class _Pipeline:
    multiple: ClassVar = 8
    width: ClassVar = 0
    height: ClassVar = 0

    @classmethod
    def from_pretrained(cls, _: str, **options: Any) -> Self:
        return cls()

    def to(self, device: str) -> Self:
        return self

    def __call__(self, image: Any, prompt: str = "", **options: Any) -> SimpleNamespace:
        width, height = options.pop("width", self.width), options.pop("height", self.height)
        if not isinstance(image, PIL.Image.Image):
            raise ValueError(f"`image` has to be of type `PIL.Image.Image` but is {type(image)}")
        if height % self.multiple or width % self.multiple:
            words = f"`height` and `width` have to be divisible by {self.multiple}"
            raise ValueError(f"{words} but are {height} and {width}.")
        if image.mode != "RGB":
            raise ValueError(f"the model has 3 channels, not those of {image.mode}")
        if image.size != (width, height):  # diffusers would stretch it
            raise ValueError(f"a picture of {image.size} is not the first frame")
        return SimpleNamespace(frames=[[image]])


class WanImageToVideoPipeline(_Pipeline):
    """Wan."""

    multiple, width, height = 16, 832, 480


class LTXImageToVideoPipeline(_Pipeline):
    """LTX-Video."""

    multiple, width, height = 32, 704, 512


class CogVideoXImageToVideoPipeline(_Pipeline):
    """CogVideoX."""

    width, height = 720, 480


class StableVideoDiffusionPipeline(_Pipeline):
    """Stable Video Diffusion."""

    width, height = 1024, 576
