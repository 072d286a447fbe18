"""The version of ffprep, its pages on the web, and the ffmpeg that is installed with it."""

__version__ = "1.0.0"


def page(name: str) -> str:
    """Return the URL of a page, such as `guide/modes` or `guide/modes#pad`.

    An installation does not contain docs/.
    """
    name, mark, heading = name.partition("#")
    return f"https://ffprep.github.io/ffprep/{name}.html{mark}{heading}"


def embedded_ffmpeg() -> tuple[str, str] | None:
    """Return path and version of the ffmpeg of imageio-ffmpeg; None if it brings none.

    Its name has its version: running it would take 15 ms, and the import, with a trial run, 60.
    """
    import os
    from importlib.util import find_spec

    package = find_spec("imageio_ffmpeg")
    for folder in (package and package.submodule_search_locations) or ():
        binaries = os.path.join(folder, "binaries")
        for name in sorted(os.listdir(binaries)) if os.path.isdir(binaries) else ():
            start, _, version = name.rpartition("-v")
            path = os.path.join(binaries, name)
            if start.startswith("ffmpeg-") and version[:1].isdigit() and os.access(path, os.X_OK):
                return path, version
    return None
