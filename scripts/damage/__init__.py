"""Compare what ffprep and Pillow call damaged: `python -m scripts.damage`."""
