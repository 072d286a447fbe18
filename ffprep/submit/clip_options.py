"""How photos become clips, and the digest that identifies each request."""

from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any

from ffprep.core.spec import Spec
from ffprep.record import Record
from ffprep.submit.credentials import Credentials
from ffprep.submit.polling import PollOptions
from ffprep.submit.prepare_picture import PictureOptions
from ffprep.submit.video_apis import VideoApi
from ffprep.system.files import FileStamp, read_whole


class ClipOptions(Record):
    """How every photo of a call becomes a clip.

    Without a `model`, the server chooses one. `extra` are additional fields of the request, with
    values as read from JSON. `again` asks for another take of an existing clip, `resubmit` for
    another try of failed jobs.
    `picture` is None if a job is resumed. `last_frame` is the photo that the clips end with.
    """

    api: VideoApi
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

    @property
    def credentials(self) -> Credentials:
        """Those of the server."""
        return self.api.credentials


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
