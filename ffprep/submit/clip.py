"""How photos become clips, the digest of each request, and how clips are published.

A downloaded clip must be a complete MP4 that decodes; then it is renamed.
"""

import os
import re
from collections.abc import Callable
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any, BinaryIO

from ffprep.core.geometry import Size
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.errors import FfprepError
from ffprep.image.chunks import iso_boxes
from ffprep.record import Record
from ffprep.submit.credentials import Credentials
from ffprep.submit.errors import FailureKind, JobError
from ffprep.submit.polling import PollOptions
from ffprep.submit.prepare_picture import PictureOptions
from ffprep.submit.video_apis import VideoApi
from ffprep.system.files import FileStamp, read_whole
from ffprep.system.processes import Limits, Processes
from ffprep.system.tempfiles import replace_file, sweep_folder

_VIDEO_STREAM = re.compile(r"Stream #0:\d+.*?: Video: .*?, (\d+)x(\d+)[ ,]")
_PROGRESS_TIME = re.compile(r"time=(\d+):(\d\d):(\d\d\.\d+)")
_NO_DECODER = re.compile("Decoder .*not found|Unknown decoder|none: no decoder")
_ERROR = re.compile(r"\[(?:error|fatal)\] ([^\r\n]+)")
_DECODE_TIMEOUT = 120.0
_LONGEST_HEAD = 4096
_MOST_BOXES = 1 << 17
_SHORT = 0.5
"""Warn about a clip that is shorter than this fraction of what was asked for."""


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


def publish(
    download: Callable[[BinaryIO], None], output: Path, options: ClipOptions, size: Size | None
) -> tuple[Size | None, list[str]]:
    """Download a clip, check it, and give it its name; return its size, and warnings.

    `size` is what was asked for, if that is known. The size of the clip is None if ffmpeg does not
    report it. Raises JobError if the clip is damaged, else as `replace_file` and `download` do.
    """
    sweep_folder(os.fspath(output.parent))  # temporary files of killed runs
    with replace_file(output) as temporary:
        with temporary.open("w+b") as file:
            download(file)
            require_complete(file, options.credentials)
        return _decode(temporary, options, size)


def require_complete(file: BinaryIO, credentials: Credentials) -> None:
    """Raise JobError if a file is not a complete MP4 (ISO/IEC 14496-12: boxes up to the end)."""
    file.seek(0)
    head = file.read(_LONGEST_HEAD)
    if not head:
        raise _clip_error("is empty")
    if head[4:8] != b"ftyp":
        raise _clip_error(f"is not an MP4: it {_describe_head(head, credentials)}")
    names = set[bytes]()
    for number, (name, whole, _) in enumerate(iso_boxes(file)):
        if not whole:
            raise _clip_error(f"is truncated after {file.seek(0, 2)} bytes")
        if number == _MOST_BOXES:
            raise _clip_error(f"has more than {_MOST_BOXES} boxes")
        names.add(name)
    if b"moov" not in names:
        raise _clip_error("has no index (moov box), so players cannot show it")


def _describe_head(head: bytes, credentials: Credentials) -> str:
    text = " ".join(head.decode(errors="replace").split())
    text = credentials.redact(text)[:80]
    is_text = text.isprintable() and "\ufffd" not in text
    return f"begins with {text}" if is_text else "is other binary data"


def _clip_error(problem: str) -> JobError:
    return JobError(FailureKind.CLIP, f"the downloaded clip {problem}")


def _decode(path: Path, options: ClipOptions, asked: Size | None) -> tuple[Size | None, list[str]]:
    """Decode the whole clip; return its size, and warnings. Raises JobError if decoding fails."""
    from ffprep.conversion.ffmpeg_binary import find

    argv = [find(options.ffmpeg).path, "-hide_banner", "-nostdin", "-xerror"]
    argv += ["-loglevel", "level+info"]
    argv += ["-protocol_whitelist", "file", "-f", "mov", "-i", f"file:{path}"]
    argv += ["-map", "0:v:0", "-f", "null", "-"]
    try:
        with Processes().start(argv, Limits(Policy().max_memory, 0)) as running:
            status = running.wait_at_most(_DECODE_TIMEOUT)
    except (OSError, FfprepError):
        return None, ["the clip was not decoded: ffmpeg could not be started"]
    stream = _VIDEO_STREAM.search(running.log)
    size = Size(int(stream[1]), int(stream[2])) if stream else None
    if status is None:
        return size, [f"the clip was not decoded completely: that took over {_DECODE_TIMEOUT:g} s"]
    if status and _NO_DECODER.search(running.log):
        return size, ["the clip was not decoded: this ffmpeg has no decoder for it"]
    if status:
        error = _ERROR.search(running.log)
        why = error[1].rstrip(".") if error else "ffmpeg reports no reason"
        raise _clip_error(f"cannot be decoded ({why})")
    warnings, seconds = list[str](), _decoded_seconds(running.log)
    if size and asked and size != asked:
        warnings.append(f"the clip is {size}, not {asked} as requested")
    if 0 < seconds < options.seconds * _SHORT:
        warnings.append(f"the clip lasts {seconds:.1f} s, not {options.seconds} s as requested")
    return size, warnings


def _decoded_seconds(log: str) -> float:
    """Return the last time that ffmpeg reports; 0 if it reports none."""
    times = _PROGRESS_TIME.findall(log)[-1:] or [(0, 0, 0)]
    ((hours, minutes, seconds),) = times
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
