"""Measure how many modules one call of ffprep uses: `python -m scripts.structure`."""
