"""Measure ffprep against what people use instead: `python -m scripts.bench`."""
