"""Model 100 million photos: `python -m scripts.scale`."""
