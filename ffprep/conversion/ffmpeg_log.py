"""Read ffmpeg's log: the sizes decoded, the decoder's complaints, and whose fault a failure is.

Written for `-loglevel level+info` and the showinfo filter that every graph begins with. A photo's
comments stand in its log too, but never at the start of a line: FFmpeg indents what follows a line
break, and other characters that Unicode calls line breaks begin no line here.
"""

import re
from collections.abc import Iterable, Iterator

from ffprep.core.decoder_log import DecoderLog
from ffprep.core.geometry import Size

_LINE = re.compile(r"^((?:\[[^]]* @ 0x[0-9a-f]+\] )*)\[(error|fatal)\] (.*)$")
_FRAME = re.compile(
    r"^\[Parsed_showinfo_0 @ [^]]*\] \[info\] n: *\d+ pts: *(-?\d+) .* s:(\d+)x(\d+) "
)

# What a decoder says of EXIF, ICC and other data beside the picture: the pixels are whole.
# (FFmpeg 9: exif.c, mjpegdec.c, pngdec.c, tiff.c. "chunk too big" is data after a PNG's end, "chunk
# expands" a text or a profile of many megabytes; where the picture itself is missing, no frame
# comes out. "not on whitelist" is another stream of a container, for which the same holds.)
_METADATA = re.compile(
    r"exif|\bapp\d*\b|\bcom\b|icc|iccp|xmp|photoshop|metadata|unsupported tag|chunk too big"
    r"|chunk expands|not on whitelist",
    re.IGNORECASE,
)

# Only a warning, since the picture may be complete; `image.integrity` finds out.
_ENDS_EARLY = re.compile(r"^\[mjpeg @ 0x[0-9a-f]+\] \[warning\] EOI missing")
_CONTAINER = re.compile(r"^\[(?:in|out|vist|vost|vf|fc|AVFilterGraph|Parsed_)")

_GRAPH = re.compile(
    r"No such filter|Error applying option|Error initializing filters|Undefined constant"
    r"|Unable to parse|Error binding filtergraph|Missing '\)'|Invalid chars"
)
_NO_FRAME = re.compile(r"\[graph \d+ input from stream")
_UNOPENED = re.compile(r"Error opening input file |Stream specifier .* matches no streams")
_INVALID = re.compile(r"Error submitting packet to decoder: Invalid data")
_UNKNOWN = re.compile(r"unsupported coding type|is not implemented")
_MISSING_PART = re.compile(
    r"Unknown (encoder|decoder|input format): ?'?([^']*)'?|Unknown (\w+) '([^']+)'"
)
_OUT_OF_MEMORY = re.compile("Cannot allocate memory|Buffer reallocation failed")
_NO_THREADS = re.compile("Resource temporarily unavailable")
_DISK_FULL = re.compile("No space left on device|quota exceeded")
# Errors of the system have small numbers, FFmpeg's own large ones. 22 is an invalid argument.
_WRITE_ERROR = re.compile(r"Terminating thread with return code -(?!22 )\d{1,3} \((.*)\)")


def read(text: str) -> DecoderLog:
    """Read a log; lines that mean nothing to ffprep are skipped."""
    lines = text.split("\n")
    errors = [match for match in map(_LINE.match, lines) if match]
    messages = tuple(match[3] for match in errors)
    unopened = any(map(_UNOPENED.match, messages))
    return DecoderLog(
        frames=_frames(lines),
        jpeg_range=_jpeg_range(text),
        damage=tuple(match[3] for match in errors if _is_damage(match)),
        ends_early=any(map(_ENDS_EARLY.match, lines)),
        complaints=tuple(_complaints(lines)),
        errors=messages,
        graph_fault=None if unopened else _graph_fault(errors),
        unopened=unopened,
        missing_part=_missing_part(messages),
        invalid=any(map(_INVALID.match, messages)) and not _UNKNOWN.search(text),
        no_frames="No filtered frames for output stream" in text,
        out_of_memory=any(map(_OUT_OF_MEMORY.search, messages)),
        no_threads=any(map(_NO_THREADS.search, messages)),
        disk_full=any(map(_DISK_FULL.search, messages)),
        write_error=_write_error(errors),
    )


class StreamLog:
    """The log of a stream, which is read as it grows: its frames, and the complaints."""

    def __init__(self) -> None:
        self._log, self._read = DecoderLog(), 0

    def read(self, text: str, ended: bool) -> DecoderLog:
        """Return what the log says so far; its last line counts only if it has `ended`."""
        end = len(text) if ended else text.rfind("\n") + 1
        if end > self._read:
            before, lines = self._log, text[self._read : end].split("\n")
            frames = before.frames | _frames(lines)
            last = max(before.frames, default=-1)
            complaints = before.complaints + tuple(_complaints(lines, last))
            jpeg_range = before.jpeg_range or _jpeg_range(text[self._read : end])
            self._log = DecoderLog(frames=frames, jpeg_range=jpeg_range, complaints=complaints)
            self._read = end
        return self._log


def _frames(lines: Iterable[str]) -> dict[int, Size]:
    found = (match for match in map(_FRAME.match, lines) if match)
    return {int(match[1]): Size(int(match[2]), int(match[3])) for match in found}


def _jpeg_range(text: str) -> bool:
    return " fmt:yuvj" in text


def _complaints(lines: Iterable[str], last: int = -1) -> Iterator[int]:
    """Yield, for each complaint, the number of the last frame before it.

    `last` is the number of the last frame before these lines.
    """
    for line in lines:
        if frame := _FRAME.match(line):
            last = max(last, int(frame[1]))
        elif _ENDS_EARLY.match(line) or ((error := _LINE.match(line)) and _is_damage(error)):
            yield last


def _graph_fault(errors: list[re.Match[str]]) -> str | None:
    for error in errors:
        if _NO_FRAME.match(error[1]):
            return None  # what follows is about the frame that did not come
        if _GRAPH.search(error[3]) and not _METADATA.search(error[3]):
            return error[0]
    return None


def _missing_part(messages: Iterable[str]) -> str | None:
    found = (match for match in map(_MISSING_PART.match, messages) if match)
    return next((" ".join(filter(None, match.groups())) for match in found), None)


def _write_error(errors: list[re.Match[str]]) -> str | None:
    of_outputs = (error[3] for error in errors if error[1].startswith("[out#"))
    found = (match for match in map(_WRITE_ERROR.match, of_outputs) if match)
    return next((match[1] for match in found), None)


def _is_damage(error: re.Match[str]) -> bool:
    """Return whether this is a decoder's complaint, such as `[mjpeg @ 0x..] [error] overread 8`."""
    by_decoder = error[1] and not _CONTAINER.match(error[1])
    return bool(by_decoder and not _METADATA.search(error[3]))
