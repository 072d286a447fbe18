"""Converters that tests share, so that decoders are started once and not for every photo."""

from functools import cache

from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.policy import Policy


@cache
def converter(policy: Policy | None = None, streams: bool = True) -> Converter:
    """Return a converter with the embedded ffmpeg."""
    return Converter(find(), policy or Policy(), streams)
