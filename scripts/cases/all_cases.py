"""All cases, in the order of the table."""

from scripts.cases import jpeg, raw, tiff
from scripts.cases.case import Case

CASES: tuple[Case, ...] = (*jpeg.CASES, *raw.CASES, *tiff.CASES)
