"""Compare ffprep with other tools: `python -m scripts.bench`."""
