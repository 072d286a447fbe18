"""Photos to pictures of exactly the size asked for, with FFmpeg, and proved."""

__version__ = "0.1.0"

__all__ = ["__version__"]
