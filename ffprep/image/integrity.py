"""Whether the picture of a photo that FFmpeg has decoded is all there.

Usually the decoder's complaints say so. If they do not say what they are about, or if FFmpeg goes
on without a complaint, the file itself is read.
"""

from pathlib import Path

from ffprep.core.decoder_log import INCOMPLETE, DecoderLog
from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.image.chunks import png_has_right_checksums
from ffprep.image.formats import completeness
from ffprep.image.formats.jpeg import JPEG_LS
from ffprep.image.pillow import opened
from ffprep.system.files import open_regular


def damage(path: Path, picture: ImageInfo, log: DecoderLog) -> str | None:
    """Return what shows that a part of the picture is missing; None if it is whole.

    Raises PhotoError as `probe` does.
    """
    complaint = log.damage[0] if log.damage else None
    name = picture.format.name
    if complaint and name == "png":  # FFmpeg does not say in which chunk a checksum is wrong
        sound = hidden_damage(path, picture) is None and _decodes(path, picture)
        return None if sound else complaint
    if complaint or name == "png":
        return complaint
    if name == "jpeg":  # FFmpeg fills up the last block, and accepts that whole scans are missing
        cut = log.ends_early and not completeness.is_complete_jpeg(_content(path))
        return "the file ends early" if cut else None
    if name in ("gif", "webp"):  # FFmpeg's decoders do not notice where the bits run out
        return None if _decodes(path, picture) else INCOMPLETE
    return hidden_damage(path, picture)


def hidden_damage(path: Path, picture: ImageInfo) -> str | None:
    """Return what shows that a picture is not the one that was written, though decoders accept it.

    Raises PhotoError as `probe` does.
    """
    name = picture.format.name
    if name == "png":
        with open_regular(path) as file:
            return None if png_has_right_checksums(file) else "a checksum is wrong"
    if name == "jpeg2000":
        return (
            None if completeness.is_complete_jpeg2000(_content(path)) else "some tiles are missing"
        )
    if name == "tiff":
        from ffprep.image.formats import tiff

        with opened(path, picture) as image:
            return None if tiff.has_all_rows(image) else "some rows are missing"
    return None


def require_whole(path: Path, picture: ImageInfo) -> None:
    """Decode a file whole, with Pillow. Raises PhotoError as `probe` does.

    A JPEG that lacks only its end counts as whole, though not for Pillow.
    """
    if not _decodes(path, picture):
        if picture.format.name == "jpeg":
            data = _content(path)
            has_end = data.rstrip(b"\0").endswith(b"\xff\xd9")
            if not has_end and completeness.is_complete_jpeg(data):
                return
        with opened(path, picture) as image:  # again, to raise its error
            image.load()


def _content(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read()


def _decodes(path: Path, picture: ImageInfo) -> bool:
    """Return whether Pillow decodes a file. Raises PhotoError if there is no memory to try."""
    try:
        with opened(path, picture) as image:
            if image.info.get("ffmpeg_only") == JPEG_LS:
                return _content(path).rstrip(b"\0").endswith(b"\xff\xd9")
            image.load()
    except PhotoError as error:
        if error.kind is not Kind.DAMAGED:
            raise
        return False
    return True
