"""Break pictures and give them to ffprep: `python -m scripts.fuzz`."""
