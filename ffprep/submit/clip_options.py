"""How photos become clips, and the digest that identifies each request."""

from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any

from ffprep.core.geometry import Size
from ffprep.core.spec import Spec
from ffprep.record import Record
from ffprep.submit.credentials import Credentials
from ffprep.submit.polling import PollOptions
from ffprep.submit.prepare_picture import PictureOptions
from ffprep.submit.protocol import ClipRequest
from ffprep.system.files import FileStamp, read_whole


class ClipOptions(Record):
    """How every photo of a call becomes a clip.

    `again` asks for another take of an existing clip, `resubmit` for another try of failed jobs.
    `picture` is None if a job is resumed. `last_frame` is the photo that the clips end with.
    """

    credentials: Credentials
    polling: PollOptions
    prompt: str = ""
    seconds: int = 0
    model: str | None = None
    extra: tuple[tuple[str, Any], ...] = ()
    picture: PictureOptions | None = None
    last_frame: Path | None = None
    resubmit: bool = False
    again: bool = False
    ffmpeg: str | None = None

    def clip_request(self, size: Size) -> ClipRequest:
        """Return the request for a clip of this size."""
        return ClipRequest(self.prompt, size, self.seconds, self.model, self.extra)


def request_digest(photo: Path, options: ClipOptions, spec: Spec | None, place: str = "") -> str:
    """Return the digest that identifies a request: the photo's bytes, the clip, the server.

    Photos whose digest changes are submitted and billed again, so it must not depend on the version
    of ffprep.
    """
    assert options.picture
    assert spec
    clip = {
        "photo": _content_digest(photo, place),
        "server": options.credentials.display_url,
        "protocol": options.credentials.protocol,
        "prompt": options.prompt,
        "seconds": str(options.seconds),
        "model": str(options.model),
    }
    if options.last_frame:
        clip["last_frame"] = _content_digest(options.last_frame)
    parts = [clip, options.picture.digest_fields(spec), dict(options.extra)]
    return sha256(dumps(parts, sort_keys=True).encode()).hexdigest()


def _content_digest(photo: Path, place: str = "") -> str:
    content = sha256()
    stamp = FileStamp.of(photo, place)
    read_whole(photo, stamp, hashed=False, place=place, sink=content.update)
    return content.hexdigest()
