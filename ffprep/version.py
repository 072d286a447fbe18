"""The version of ffprep."""

__version__ = "0.1.0"
