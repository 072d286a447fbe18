"""Draw the photo of the pages: a balloon over a lake in the evening.

    python -m scripts.samples.scene FILE [WxH]

The balloon is round and not in the centre, so a picture shows what a mode distorts and cuts.
"""

import sys
from collections.abc import Sequence
from math import sin
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from ffprep.core.geometry import Size

_FINE = 2  # drawn so many times larger, for smooth edges
_SHORE = 0.74
_SKY = ("#16224f", "#3f3b7d", "#a0557f", "#f0916b", "#ffd59a")
# Distance, height and colour of each chain of hills, from far to near.
_HILLS = ((0.60, 0.050, "#8a5a7d"), (0.65, 0.040, "#5a4470"), (0.70, 0.030, "#332f57"))
_BALLOON = ("#c8323c", "#f4e3c1", "#d9552f", "#f4e3c1", "#c8323c", "#f4e3c1", "#d9552f")


def draw(size: Size) -> Image.Image:
    """Return the scene in this size. All places in it are fractions of width and height."""
    width, height = size.width * _FINE, size.height * _FINE
    scene = _gradient(width, height, _SKY, _SHORE)
    _sun(scene)
    for number, (top, rise, colour) in enumerate(_HILLS):
        ImageDraw.Draw(scene).polygon(_ridge(width, height, top, rise, number), colour)
    _balloon(scene)
    _lake(scene)
    _trees(scene)
    return scene.resize((size.width, size.height), Image.Resampling.BOX)


def _gradient(width: int, height: int, colours: Sequence[str], end: float) -> Image.Image:
    """Return a vertical gradient; the last colour is reached at `end` of the height."""
    stops = Image.new("RGB", (1, len(colours)))
    for row, colour in enumerate(colours):
        stops.paste(colour, (0, row, 1, row + 1))
    box = (0.0, 0.5, 1.0, len(colours) - 0.5)
    sky = stops.resize((1, round(height * end)), Image.Resampling.BILINEAR, box)
    whole = Image.new("RGB", (1, height), colours[-1])
    whole.paste(sky)
    return whole.resize((width, height))


def _sun(scene: Image.Image) -> None:
    x, y, radius = scene.width * 0.7, scene.height * 0.55, min(scene.size) * 0.075
    for spread, strength in ((3.2, 70), (1.8, 110), (1.0, 255)):
        light = Image.new("L", scene.size)
        reach = radius * spread
        ImageDraw.Draw(light).ellipse((x - reach, y - reach, x + reach, y + reach), strength)
        if spread > 1:
            light = light.filter(ImageFilter.BoxBlur(radius * 0.8))
        scene.paste("#fff3cf", mask=light)


def _ridge(
    width: int, height: int, top: float, rise: float, number: int
) -> list[tuple[float, float]]:
    """Return the outline of a chain of hills."""
    line = []
    for step in range(201):
        t = step / 200
        wave = sin(5 * t + 2 * number) + 0.5 * sin(13 * t + number) + 0.2 * sin(41 * t + 3 * number)
        line.append((t * width, (top - rise * wave * 0.6) * height))
    return [*line, (width, height), (0, height)]


def _balloon(scene: Image.Image) -> None:
    pen, side = ImageDraw.Draw(scene), min(scene.size)
    x, y, radius = scene.width * 0.36, scene.height * 0.25, side * 0.17
    mouth, basket = y + radius * 1.42, y + radius * 1.75
    for sign in (-1, 1):  # the cone below the envelope, and the ropes
        edge = (x + sign * radius * 0.86, y + radius * 0.5)
        pen.polygon([(x, y), edge, (x + sign * radius * 0.16, mouth), (x, mouth)], _BALLOON[0])
        rope = [(x + sign * radius * 0.15, mouth), (x + sign * radius * 0.11, basket)]
        pen.line(rope, "#2b2230", _FINE * 2)
    for number, colour in enumerate(_BALLOON):  # each stripe covers the middle of the one before
        half = radius * (1 - number / len(_BALLOON))
        pen.ellipse((x - half, y - radius, x + half, y + radius), colour)
        pen.polygon(
            [
                (x - half * 0.86, y + radius * 0.5),
                (x + half * 0.86, y + radius * 0.5),
                (x + half * 0.16, mouth),
                (x - half * 0.16, mouth),
            ],
            colour,
        )
    half = radius * 0.14
    pen.rectangle((x - half, basket, x + half, basket + half * 1.5), "#4a2f26")


def _lake(scene: Image.Image) -> None:
    """Mirror what is above the shore, darker and with waves."""
    shore = round(scene.height * _SHORE)
    depth = scene.height - shore
    mirrored = ImageOps.flip(scene.crop((0, 0, scene.width, shore)))
    mirrored = mirrored.resize((scene.width, round(depth * 1.6))).crop((0, 0, scene.width, depth))
    water = Image.blend(mirrored, Image.new("RGB", mirrored.size, "#14204a"), 0.35)
    for row in range(0, depth, 2 * _FINE):
        shift = round(sin(row * 0.09 / _FINE) * (1 + 6 * row / depth) * _FINE)
        strip = water.crop((0, row, scene.width, row + 2 * _FINE))
        scene.paste(strip, (0, shore + row))
        scene.paste(strip, (shift, shore + row))


def _trees(scene: Image.Image) -> None:
    """Draw firs on the bank in front."""
    pen, side = ImageDraw.Draw(scene), min(scene.size)
    places = ((0.80, 0.20), (0.87, 0.30), (0.95, 0.24), (1.0, 0.33), (0.74, 0.12), (0.05, 0.15))
    ground = scene.height * 1.0
    for x, tall in places:
        left, top = scene.width * x, ground - side * tall
        for level in range(6):
            upper = top + side * tall * level * 0.15
            half = side * tall * (0.07 + 0.035 * level)
            lower = upper + side * tall * 0.24
            pen.polygon([(left, upper), (left - half, lower), (left + half, lower)], "#0d1430")
    bank = [(0, 0.975), (0.3, 0.985), (0.6, 0.97), (0.8, 0.945), (1, 0.93), (1, 1), (0, 1)]
    pen.polygon([(x * scene.width, y * scene.height) for x, y in bank], "#0d1430")


if __name__ == "__main__":
    draw(Size.parse(sys.argv[2] if len(sys.argv) > 2 else "1200x1600")).save(
        Path(sys.argv[1]), quality=92
    )
