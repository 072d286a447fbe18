"""What ffmpeg's log says: which sizes were decoded, what the decoder complained of, and whose fault it is.

Written for `-loglevel level+info` and the showinfo filter that every graph begins with. What a photo's
comments say stands in its log too, but never at the start of a line: FFmpeg indents what follows a line
break, and other characters that Unicode calls one begin no line here.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ffprep.core.geometry import Size

_LINE = re.compile(r"^((?:\[[^]]* @ 0x[0-9a-f]+\] )*)\[(error|fatal)\] (.*)$")
_FRAME = re.compile(
    r"^\[Parsed_showinfo_0 @ [^]]*\] \[info\] n: *\d+ pts: *(-?\d+) .* s:(\d+)x(\d+) "
)

# What a decoder says of EXIF, ICC and other remarks beside the picture: the pixels are whole.
# (FFmpeg 9: exif.c, mjpegdec.c, pngdec.c, tiff.c. "chunk too big" is data after a PNG's end, "chunk
# expands" a text or a profile of many megabytes; where it is the picture that is missing, no frame comes out.)
_METADATA = re.compile(
    r"exif|\bapp\d*\b|\bcom\b|icc|iccp|xmp|photoshop|metadata|unsupported tag|chunk too big|chunk expands"
    r"|not on whitelist",  # another stream of a container; where it is the picture's own, no frame comes out
    re.IGNORECASE,
)

# Only a warning, since the picture may be there all the same; `damage` finds out.
_ENDS_EARLY = re.compile(r"^\[mjpeg @ 0x[0-9a-f]+\] \[warning\] EOI missing")
_CONTAINER = re.compile(r"^\[(?:in|out|vist|vost|vf|fc|AVFilterGraph|Parsed_)")

_GRAPH = re.compile(
    r"No such filter|Error applying option|Error initializing filters|Undefined constant"
    r"|Unable to parse|Error binding filtergraph|Missing '\)'|Invalid chars"
)
_NO_FRAME = re.compile(r"\[graph \d+ input from stream")
_INVALID = re.compile(r"Error submitting packet to decoder: Invalid data")
_UNKNOWN = re.compile(r"unsupported coding type|is not implemented")
_LACKING = re.compile(
    r"Unknown (encoder|decoder|input format): ?'?([^']*)'?|Unknown (\w+) '([^']+)'"
)


# How many photos FFmpeg's decoder may be ahead of showinfo: its queues hold 8 frames (fftools, 9.0), and
# there are fewer than three of them in between.
_AHEAD = 24


@dataclass(frozen=True, slots=True)
class Log:
    """One process's log, read.

    `frames` are the sizes decoded, as stored (before ffprep's own turning), by their number in a
    sequence. `damage` are the decoder's complaints about the picture itself; complaints about
    metadata are left out. `ends_early` says that a JPEG has no end. `complaints` tells, for each of
    these, the last frame that was told before it.
    `errors` are all lines at error level. `graph_fault` is what FFmpeg says of a filter graph it
    cannot build; `lacking` names a part that this ffmpeg was built without. `refused` says that the
    decoder found the picture invalid, and not of a kind that it does not know, as arithmetic-coded JPEGs are.
    `barren` says that the decoders have come to their end, and no frame has: two graphs in a row crash then.
    """

    frames: dict[int, Size] = field(default_factory=dict)
    damage: tuple[str, ...] = ()
    ends_early: bool = False
    complaints: tuple[int, ...] = ()
    errors: tuple[str, ...] = ()
    graph_fault: str | None = None
    lacking: str | None = None
    refused: bool = False
    barren: bool = False

    @property
    def out_of_memory(self) -> bool:
        """FFmpeg was refused memory."""
        return any("Cannot allocate memory" in line for line in self.errors)

    @property
    def disk_full(self) -> bool:
        """FFmpeg found no room for its output, or none that is left to this user."""
        return any(re.search(r"No space left on device|quota exceeded", e) for e in self.errors)

    def suspects(self, number: int) -> bool:
        """Whether a complaint may be about this photo of a sequence.

        The decoder complains of a photo before showinfo tells its frame, and is not far ahead: not in
        frames, that is. However many photos it drops, they take no place between the two.
        """
        frames = sorted(self.frames)
        told = bisect_right(frames, number)
        return any(
            last < number and told - bisect_right(frames, last) <= _AHEAD
            for last in set(self.complaints)
        )


def read(text: str) -> Log:
    """Read a log; lines that mean nothing to ffprep are passed over."""
    told = text.split("\n")
    frames = {int(m[1]): Size(int(m[2]), int(m[3])) for m in map(_FRAME.match, told) if m}
    lines = [match for match in map(_LINE.match, told) if match]
    return Log(
        frames=frames,
        damage=tuple(m[3] for m in lines if _is_damage(m[1], m[3])),
        ends_early=any(map(_ENDS_EARLY.match, told)),
        complaints=tuple(_complaints(told)),
        errors=tuple(m[3] for m in lines),
        graph_fault=_graph_fault(lines),
        refused=any(_INVALID.match(m[3]) for m in lines) and not _UNKNOWN.search(text),
        barren="No filtered frames for output stream" in text,
        lacking=next((" ".join(filter(None, f.groups())) for f in map(_lacking, lines) if f), None),
    )


def _complaints(lines: Iterable[str]) -> Iterator[int]:
    last = -1
    for line in lines:
        if frame := _FRAME.match(line):
            last = max(last, int(frame[1]))
        elif _ENDS_EARLY.match(line) or (
            (match := _LINE.match(line)) and _is_damage(match[1], match[3])
        ):
            yield last


def _graph_fault(lines: list[re.Match[str]]) -> str | None:
    for line in lines:
        if _NO_FRAME.match(line[1]):
            return None  # what follows is said of the picture that did not come
        if _GRAPH.search(line[3]) and not _METADATA.search(line[3]):
            return line[0]
    return None


def _lacking(line: re.Match[str]) -> re.Match[str] | None:
    return _LACKING.match(line[3])


def _is_damage(contexts: str, message: str) -> bool:
    """Only a decoder's own complaints count: `[mjpeg @ 0x..] [error] overread 8`."""
    if not contexts or _CONTAINER.match(contexts):
        return False
    return not _METADATA.search(message)
