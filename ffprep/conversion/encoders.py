"""The pixel formats and options of FFmpeg's encoders for a Spec.

JPEG's quality is that of the Independent JPEG Group: their tables for luma and chroma (ITU-T T.81,
annex K), scaled by the quality. FFmpeg's encoder uses such tables unchanged if its own quantiser is
8, except their first number: DC is always quantised by 8.
"""

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


def jpeg_pixel_format(spec: Spec) -> str:
    """Return FFmpeg's pixel format for the chroma subsampling of a Spec."""
    subsampling = spec.subsampling
    if subsampling == "auto":
        subsampling = "444" if spec.quality >= _FULL_CHROMA_FROM else "420"
    return f"yuv{subsampling}p"


def options(spec: Spec) -> dict[str, Any]:
    """Return the options of the encoder, without its name."""
    if spec.format.name == "jpeg":
        scale = _scale(spec.quality)
        fixed = {"q:v": 8, "qmin": 8, "qmax": 8}
        luma, chroma = _scaled(_LUMA, scale), _scaled(_CHROMA, scale)
        tables = {"intra_matrix": luma, "chroma_intra_matrix": chroma}
        return fixed | tables | {"huffman": "optimal" if spec.optimize else "default"}
    if spec.format.name == "webp":
        # libwebp's effort, `method`, is 0 to 6. For lossless, its quality is effort too.
        effort = {"compression_level": min(spec.compression, 6)}
        return effort | ({"lossless": 1} if spec.lossless else {"quality": spec.quality})
    return {"compression_level": spec.compression}


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
