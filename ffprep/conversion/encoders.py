"""The pixel formats and options of FFmpeg's encoders for a Spec.

A quality means about the same in JPEG, AVIF and JPEG XL; docs/guide/output-formats.md has the
measurements. JPEG's is that of the Independent JPEG Group: their tables for luma and chroma (ITU-T
T.81, annex K), scaled by the quality. FFmpeg's encoder uses such tables unchanged if its own
quantiser is 8, except their first number: DC is always quantised by 8.
"""

from itertools import pairwise
from typing import Any

from ffprep.core.spec import Spec

# Rows of eight, from low to high frequency.
_LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    *(17, 18, 24, 47, 99, 99, 99, 99),
    *(18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99),
    *(99, 99, 99, 99, 99, 99, 99, 99) * 4,
)

# From this quality on, full chroma is worth its bytes more than a finer quantiser is (for the
# figures, see docs/guide/colour.md).
_FULL_CHROMA_FROM = 95

_Table = tuple[tuple[int, float], ...]
"""Values for some qualities, between which others are interpolated."""

# libaom's quantiser (crf) by quality.
_CRF: _Table = (
    *((1, 63), (10, 45), (20, 37), (30, 33), (50, 28), (70, 23)),
    *((80, 19), (90, 13), (95, 9), (100, 2)),
)

# libjxl's Butteraugli distance by quality. From 80 on, it is that of libjxl's own tools.
_DISTANCE: _Table = (
    *((1, 15.0), (10, 11.0), (20, 6.4), (30, 4.6), (50, 3.2), (70, 2.5)),
    *((80, 1.9), (100, 0.1)),
)

_STILL: dict[str, Any] = {
    "usage": "allintra",
    "still-picture": 1,
    "flags:v": "+bitexact+global_header",  # without it, the file lacks the decoder's parameters
}
_LOSSLESS_AV1 = {"crf": 0, "aom-params": "lossless=1"}

ALPHA_OPTIONS = {f"{name}:v:1": value for name, value in _LOSSLESS_AV1.items()}
"""The options of the second picture of an AVIF, its alpha: lossless, as in WebP."""


def pixel_format(spec: Spec) -> str:
    """Return FFmpeg's pixel format of an output without alpha."""
    avif = spec.format.name == "avif"
    if not avif and spec.format.name != "jpeg":
        return spec.format.working
    deep = "10le" if avif and spec.depth == 10 else ""
    if avif and spec.lossless:
        return f"gbrp{deep}"
    subsampling = spec.subsampling
    if subsampling == "auto":
        subsampling = "444" if spec.quality >= _FULL_CHROMA_FROM else "420"
    return f"yuv{subsampling}p{deep}"


def options(spec: Spec) -> dict[str, Any]:
    """Return the options of the encoder, without its name."""
    return _OPTIONS[spec.format.name](spec)


def _jpeg(spec: Spec) -> dict[str, Any]:
    scale = _scale(spec.quality)
    fixed = {"q:v": 8, "qmin": 8, "qmax": 8}
    luma, chroma = _scaled(_LUMA, scale), _scaled(_CHROMA, scale)
    tables = {"intra_matrix": luma, "chroma_intra_matrix": chroma}
    return fixed | tables | {"huffman": "optimal" if spec.optimize else "default"}


def _png(spec: Spec) -> dict[str, Any]:
    return {"compression_level": spec.compression}


def _webp(spec: Spec) -> dict[str, Any]:
    # libwebp's effort, `method`, is 0 to 6. For lossless, its quality is effort too.
    effort = {"compression_level": min(spec.compression, 6)}
    return effort | ({"lossless": 1} if spec.lossless else {"quality": spec.quality})


def _avif(spec: Spec) -> dict[str, Any]:
    # Faster than 6, what libaom makes of a picture depends on those before it in a stream.
    speed = {"cpu-used": min(6, 12 - spec.compression)}
    quality = _LOSSLESS_AV1 if spec.lossless else {"crf": round(_between(_CRF, spec.quality))}
    return _STILL | speed | quality


def _jpegxl(spec: Spec) -> dict[str, Any]:
    distance = 0.0 if spec.lossless else _between(_DISTANCE, spec.quality)
    return {"effort": max(1, spec.compression), "distance": round(distance, 2)}


_OPTIONS = {"jpeg": _jpeg, "png": _png, "webp": _webp, "avif": _avif, "jpegxl": _jpegxl}


def _between(table: _Table, quality: int) -> float:
    (low, coarse), (high, fine) = next(
        pair for pair in pairwise(table) if pair[0][0] <= quality <= pair[1][0]
    )
    return coarse + (fine - coarse) * (quality - low) / (high - low)


def _scale(quality: int) -> float:
    """Return the IJG's scale in percent (libjpeg's jpeg_quality_scaling), adapted to FFmpeg.

    FFmpeg's quantiser rounds down where libjpeg rounds, so its files are smaller and worse. With
    this factor, both are about as Pillow's are at the same quality and with the same Huffman
    tables, as measured.
    """
    ijg = 5000 / quality if quality < 50 else 200 - 2 * quality
    return ijg * (0.75 if quality > 95 else min(0.85, 0.85 - (quality - 85) / 200))


def _scaled(table: tuple[int, ...], percent: float) -> str:
    values = (int((value * percent + 50) / 100) for value in table)
    return ",".join(str(min(255, max(1, value))) for value in values)
