"""Code points for colour (CICP, ITU-T H.273) as ICC profiles, so that both are converted alike."""

import struct
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ffprep.core.image_info import Cicp, Profile

# Red, green and blue of each set of primaries as XYZ, adapted from its own white to the D50 of
# profiles by Bradford's matrix (ICC.1:2022, annex E); 2 is unspecified, 7 is the same as 6.
_PRIMARIES = {
    1: ((0.43604, 0.22248, 0.01392), (0.38511, 0.71691, 0.09707), (0.14305, 0.06061, 0.71391)),
    4: ((0.63446, 0.31100, -0.00118), (0.18513, 0.59149, 0.05551), (0.14460, 0.09751, 0.77058)),
    5: ((0.45525, 0.23228, 0.01453), (0.36760, 0.70782, 0.10487), (0.14136, 0.05990, 0.70549)),
    6: ((0.41629, 0.22168, 0.01365), (0.39320, 0.70328, 0.09133), (0.15471, 0.07504, 0.71993)),
    8: ((0.56565, 0.26424, -0.00132), (0.25388, 0.68508, 0.05498), (0.14467, 0.05068, 0.77124)),
    9: ((0.67348, 0.27904, -0.00193), (0.16567, 0.67534, 0.02998), (0.12505, 0.04561, 0.79685)),
    11: ((0.48616, 0.22668, -0.00080), (0.32385, 0.71033, 0.04324), (0.15419, 0.06298, 0.78247)),
    12: ((0.51512, 0.24119, -0.00105), (0.29198, 0.69224, 0.04188), (0.15710, 0.06657, 0.78407)),
    22: ((0.45427, 0.24190, 0.01489), (0.35332, 0.67365, 0.09062), (0.15662, 0.08445, 0.71939)),
}
_SAME = {2: 1, 7: 6}
_D50 = (0.9642, 1.0, 0.8249)

HDR_PRIMARIES = frozenset({1, 4, 5, 6, 7, 8, 9, 11, 12, 22})
"""The primaries that FFmpeg's zscale filter knows."""

# Parametric curves of type 3: gamma, a, b, c, d (ICC.1:2022, 10.18). Pictures encoded for
# television are graded on ordinary screens; they are converted as they look there, as sRGB.
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_CURVES = dict.fromkeys((1, 2, 6, 13, 14, 15), _SRGB_CURVE)
_CURVES |= {4: (2.2, 1, 0, 0, 0), 5: (2.8, 1, 0, 0, 0), 8: (1, 1, 0, 0, 0)}


# Adobe RGB (1998) Color Image Encoding, version 2005-05, 4.3.4 and annex C.
_ADOBE_RGB = (
    (0.60974, 0.31111, 0.01947),
    (0.20528, 0.62567, 0.06087),
    (0.14919, 0.06322, 0.74457),
)
_ADOBE_CURVE = (563 / 256, 1, 0, 0, 0)


def profile_of(cicp: Cicp) -> Profile | None:
    """Return the profile that means the same as code points; None if ffprep does not know them."""
    primaries = _PRIMARIES.get(_SAME.get(cicp.primaries, cicp.primaries))
    curve = _CURVES.get(cicp.transfer)
    if not primaries or not curve:
        return None
    return _of_matrix(primaries, curve)


def adobe_rgb() -> Profile:
    """Return a profile for the colours of Adobe RGB (1998)."""
    return _of_matrix(_ADOBE_RGB, _ADOBE_CURVE, {b"desc": multilingual("Adobe RGB (1998)")})


def multilingual(text: str) -> bytes:
    """Return a text as multiLocalizedUnicodeType, in English (ICC.1:2022, 10.15)."""
    coded = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(coded), 28) + coded


def _of_matrix(
    primaries: Iterable[tuple[float, float, float]],
    curve: tuple[float, ...],
    more: Mapping[bytes, bytes] = MappingProxyType({}),
) -> Profile:
    tags = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz, primaries), strict=True))
    parametric = b"para" + bytes(4) + struct.pack(">Hxx5i", 3, *map(_fixed, curve))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), parametric)
    return Profile.of(_profile({**more, **tags, b"wtpt": _xyz(_D50)}))


def _fixed(value: float) -> int:
    """Return a number as s15Fixed16."""
    return round(value * 65536)


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *map(_fixed, values))


def _profile(tags: dict[bytes, bytes]) -> bytes:
    head = struct.pack(">8xI4s4s4s", 0x04200000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + _xyz(_D50)[8:]
    return assembled(head.ljust(128, b"\0"), tags)


def assembled(header: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Return a profile of a header and tags; equal ones share their bytes (ICC.1:2022, 7.3)."""
    start, table, body, places = 132 + 12 * len(tags), b"", b"", dict[bytes, int]()
    for name, content in tags.items():
        if content not in places:
            places[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", places[content], len(content))
    size = struct.pack(">I", start + len(body))
    return size + header[4:128] + struct.pack(">I", len(tags)) + table + body
