"""The folder with real photos, where FFPREP_PHOTOS names one."""

import os
from pathlib import Path

import pytest

PHOTOS = Path(os.environ["FFPREP_PHOTOS"]) if os.environ.get("FFPREP_PHOTOS") else None

needs_photos = pytest.mark.skipif(
    PHOTOS is None, reason="FFPREP_PHOTOS names no folder with real photos"
)
