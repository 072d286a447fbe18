"""All cases, in the order of the table."""

from scripts.cases import gif, heif, jpeg, png, raw, tiff, webp
from scripts.cases.case import Case

CASES: tuple[Case, ...] = (
    *jpeg.CASES,
    *png.CASES,
    *webp.CASES,
    *gif.CASES,
    *tiff.CASES,
    *heif.CASES,
    *raw.CASES,
)
