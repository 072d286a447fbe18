"""All cases, in the order of the table."""

from scripts.cases import jpeg, raw
from scripts.cases.case import Case

CASES: tuple[Case, ...] = (*jpeg.CASES, *raw.CASES)
