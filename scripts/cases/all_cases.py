"""All cases, in the order of the table."""

from scripts.cases import bmp, gif, heif, jpeg, jpeg2000, jpegxl, png, raw, tiff, webp
from scripts.cases.case import Case

CASES: tuple[Case, ...] = (
    *jpeg.CASES,
    *png.CASES,
    *webp.CASES,
    *gif.CASES,
    *bmp.CASES,
    *tiff.CASES,
    *heif.CASES,
    *jpeg2000.CASES,
    *raw.CASES,
    *jpegxl.CASES,
)
