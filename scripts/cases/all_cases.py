"""All cases, in the order of the table."""

from scripts.cases import gif, heif, jpeg, jpeg2000, jpegxl, png, raw, tiff, webp
from scripts.cases.case import Case

CASES: tuple[Case, ...] = (
    *jpeg.CASES,
    *jpeg2000.CASES,
    *png.CASES,
    *webp.CASES,
    *gif.CASES,
    *tiff.CASES,
    *heif.CASES,
    *jpegxl.CASES,
    *raw.CASES,
)
