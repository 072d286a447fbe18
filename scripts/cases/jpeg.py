"""JPEGs."""

from io import BytesIO

from scripts.cases.case import Case, Feature, quarters, squares


def plain() -> bytes:
    """Return a JPEG that is not unusual at all."""
    file = BytesIO()
    squares().save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()


CASES = (Case("JPEG", Feature.KIND, "baseline, 4:4:4", ".jpg", plain, quarters()),)
