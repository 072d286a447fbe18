"""Whether the picture of a photo that FFmpeg has decoded is all there.

Most of it the decoder's complaints tell (fflog). Where they do not say what they are about, or where
FFmpeg goes on without a word, the file itself is asked.
"""

from collections.abc import Callable
from pathlib import Path

from ffprep.core.ffmpeg_log import Log
from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.image import jpeg, jpeg2000, tiff
from ffprep.image.chunks import png_has_right_checksums
from ffprep.image.pillow import opened
from ffprep.system.files import open_regular

NOT_ALL = "not all of it can be decoded"


def is_to_be_asked(picture: ImageInfo, log: Log) -> bool:
    """Whether the log alone does not tell."""
    name = picture.format.name
    if name == "jpeg":
        return not log.damage and log.ends_early
    if name == "png":
        return bool(log.damage)
    return name in _ASK and not log.damage


def damage(path: Path, picture: ImageInfo, log: Log) -> str | None:
    """What tells that some of the picture is missing; None where it is whole.

    Raises PhotoError as `probe` does.
    """
    told = log.damage[0] if log.damage else None
    ask = _ASK.get(picture.format.name)
    return ask(path, picture, log, told) if ask else told


def _jpeg(path: Path, picture: ImageInfo, log: Log, told: str | None) -> str | None:
    """FFmpeg fills up the last block, and does not mind whole scans that are not there."""
    if told is None and log.ends_early:
        with open_regular(path) as file:
            if not jpeg.is_complete(file.read()):
                return "the file ends early"
    return told


def _png(path: Path, picture: ImageInfo, log: Log, told: str | None) -> str | None:
    """FFmpeg does not say in which chunk a checksum is wrong, and reads on behind the last."""
    if told is None:
        return None
    wrong = hidden_damage(path, picture)
    return told if wrong or not _decodes(path, picture) else None


def _second(path: Path, picture: ImageInfo, log: Log, told: str | None) -> str | None:
    """FFmpeg's decoders of VP8 and LZW do not tell where the bits run out; Pillow's do."""
    return told or (None if _decodes(path, picture) else NOT_ALL)


def _without_log(path: Path, picture: ImageInfo, log: Log, told: str | None) -> str | None:
    return told or hidden_damage(path, picture)


_ASK: dict[str, Callable[[Path, ImageInfo, Log, str | None], str | None]] = {
    "jpeg": _jpeg,
    "png": _png,
    "gif": _second,
    "webp": _second,
    "tiff": _without_log,
    "jpeg2000": _without_log,
}


def hidden_damage(path: Path, picture: ImageInfo) -> str | None:
    """What tells that a picture is not the one that was written, though no decoder minds.

    Raises PhotoError as `probe` does.
    """
    name = picture.format.name
    if name == "png":
        with open_regular(path) as file:
            return None if png_has_right_checksums(file) else "a checksum is wrong"
    if name == "jpeg2000":
        with open_regular(path) as file:
            return None if jpeg2000.is_complete(file.read()) else "some tiles are missing"
    if name == "tiff":
        with opened(path, picture) as image:
            return None if tiff.has_all_rows(image) else "some rows are missing"
    return None


def require_whole(path: Path, picture: ImageInfo) -> None:
    """Decode a file whole, with Pillow. Raises PhotoError as `probe` does.

    A JPEG that lacks only its end is whole, which Pillow does not say.
    """
    if not _decodes(path, picture):
        if picture.format.name == "jpeg":
            with open_regular(path) as file:
                data = file.read()
            has_end = data.rstrip(b"\0").endswith(b"\xff\xd9")
            if not has_end and jpeg.is_complete(data):
                return
        with opened(path, picture) as image:  # again, for what is wrong with it
            image.load()


def _decodes(path: Path, picture: ImageInfo) -> bool:
    """Raises PhotoError where that cannot be said: for lack of memory."""
    try:
        with opened(path, picture) as image:
            image.load()
    except PhotoError as error:
        if error.kind is not Kind.DAMAGED:
            raise
        return False
    return True
