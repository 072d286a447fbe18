"""The folder with real photos, if FFPREP_PHOTOS is set."""

import os
from pathlib import Path

import pytest

PHOTOS = Path(os.environ["FFPREP_PHOTOS"]) if os.environ.get("FFPREP_PHOTOS") else None

needs_photos = pytest.mark.skipif(PHOTOS is None, reason="FFPREP_PHOTOS is not set")
