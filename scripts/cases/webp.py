"""WebPs, and animated ones."""

import struct
from functools import partial
from io import BytesIO

from PIL import Image

from scripts.cases.case import IN_THE_MIDDLE, SQUARES, Case, Feature, quarters, squares

_ALPHAS = (255, 128, 0, 255)
_TRANSLUCENT = quarters(*((*c, alpha) for c, alpha in zip(SQUARES, _ALPHAS, strict=True)))


def _saved(picture: Image.Image, **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, "WEBP", **options)
    return file.getvalue()


def _with_alpha(lossless: bool) -> bytes:
    picture = squares().copy()
    alpha = Image.new("L", picture.size)
    for index, value in enumerate(_ALPHAS):
        left, top = index % 2 * 48, index // 2 * 40
        alpha.paste(value, (left, top, left + 48, top + 40))
    picture.putalpha(alpha)
    return _saved(picture, quality=95, lossless=lossless, exact=True)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _small_first_frame() -> bytes:
    """Return an animation without alpha, whose first frame covers the middle of its canvas."""
    picture = _saved(squares().resize((48, 40), Image.Resampling.NEAREST), lossless=True)[12:]
    place = b"".join(n.to_bytes(3, "little") for n in (24 // 2, 20 // 2, 48 - 1, 40 - 1, 100))
    canvas = b"".join(n.to_bytes(3, "little") for n in (96 - 1, 80 - 1))
    frames = _chunk(b"ANMF", place + b"\0" + picture) * 2
    body = _chunk(b"VP8X", b"\2\0\0\0" + canvas) + _chunk(b"ANIM", b"\xff" * 4 + b"\0\0") + frames
    return _chunk(b"RIFF", b"WEBP" + body)


CASES = (
    Case("WebP", Feature.ALPHA, "lossless", ".webp", partial(_with_alpha, True), _TRANSLUCENT),
    Case("WebP", Feature.ALPHA, "lossy", ".webp", partial(_with_alpha, False), _TRANSLUCENT),
    Case(
        "WebP",
        Feature.FIRST_PICTURE,
        "first frame smaller than its canvas",
        ".webp",
        _small_first_frame,
        IN_THE_MIDDLE,
    ),
)
