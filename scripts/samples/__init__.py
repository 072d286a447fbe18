"""Draw sample photos and libraries: `python -m scripts.samples.photos`, `... .library`."""
