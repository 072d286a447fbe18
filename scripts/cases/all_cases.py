"""All cases, in the order of the table."""

from scripts.cases import heif, jpeg, raw, tiff
from scripts.cases.case import Case

CASES: tuple[Case, ...] = (*heif.CASES, *jpeg.CASES, *raw.CASES, *tiff.CASES)
