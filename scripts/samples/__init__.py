"""Draw sample photos and libraries: `python -m scripts.samples.photos`, `python -m scripts.samples.library`."""
