"""Colours described without an ICC profile, as profiles, so that all are converted alike."""

import struct
from collections.abc import Iterable, Sequence

from ffprep.core.image_info import Cicp, Profile

Chromaticity = tuple[float, float]
"""x and y of CIE 1931."""

D65, _C = (0.3127, 0.3290), (0.310, 0.316)

# White, red, green and blue of each set of primaries (ITU-T H.273, table 2); 2 is unspecified, 7 is
# the same as 6.
_PRIMARIES: dict[int, tuple[Chromaticity, ...]] = {
    1: (D65, (0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    4: (_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: (D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: (D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    8: (_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: (D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: ((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: (D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: (D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
_SAME = {2: 1, 7: 6}

HDR_PRIMARIES = frozenset({*_PRIMARIES, 7})
"""The primaries that FFmpeg's zscale filter knows."""

SRGB_PRIMARIES = _PRIMARIES[1]
"""White, red, green and blue of sRGB."""

# Profiles have colours as XYZ that is adapted to D50, by scaling the three responses of Bradford's
# matrix, whose columns these are (ICC.1:2022, annex E).
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = ((0.8951, -0.7502, 0.0389), (0.2664, 1.7135, -0.0685), (-0.1614, 0.0367, 1.0296))

# Parametric curves of type 3: gamma, a, b, c, d (ICC.1:2022, 10.18). Pictures encoded for
# television are graded on ordinary screens; they are converted as they look there, as sRGB.
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_CURVES = dict.fromkeys((1, 2, 6, 13, 14, 15), _SRGB_CURVE)
_CURVES |= {4: (2.2, 1, 0, 0, 0), 5: (2.8, 1, 0, 0, 0), 8: (1, 1, 0, 0, 0)}

# Adobe RGB (1998) Color Image Encoding, version 2005-05, 4.3.4 and annex C.
_ADOBE_RGB = (D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_ADOBE_CURVE = (563 / 256, 1, 0, 0, 0)


def profile_of(cicp: Cicp) -> Profile | None:
    """Return the profile that means the same as code points; None if ffprep does not know them."""
    primaries = _PRIMARIES.get(_SAME.get(cicp.primaries, cicp.primaries))
    curve = _CURVES.get(cicp.transfer)
    return _profile_of(primaries, curve) if primaries and curve else None


def profile_of_gamma(
    gamma: float, primaries: tuple[Chromaticity, ...] = SRGB_PRIMARIES, name: str = ""
) -> Profile | None:
    """Return the profile of a screen's gamma and its white, red, green and blue.

    Return None if there can be no such screen.
    """
    try:
        return _profile_of(primaries, (gamma, 1, 0, 0, 0), name)
    except (ZeroDivisionError, OverflowError, struct.error):
        return None


def adobe_rgb() -> Profile:
    """Return a profile for the colours of Adobe RGB (1998)."""
    return _profile_of(_ADOBE_RGB, _ADOBE_CURVE, "Adobe RGB (1998)")


def multilingual(text: str) -> bytes:
    """Return a text as multiLocalizedUnicodeType, in English (ICC.1:2022, 10.15)."""
    coded = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(coded), 28) + coded


def _profile_of(
    primaries: tuple[Chromaticity, ...], curve: Iterable[float], name: str = ""
) -> Profile:
    tags = {b"desc": multilingual(name)} if name else {}
    tags |= zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz, _adapted(*primaries)), strict=True)
    parametric = b"para" + bytes(4) + struct.pack(">Hxx5i", 3, *map(_fixed, curve))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), parametric)
    return Profile.of(_profile(tags | {b"wtpt": _xyz(_D50)}))


def _adapted(white: Chromaticity, *primaries: Chromaticity) -> Iterable[Sequence[float]]:
    """Yield the XYZ of each of three primaries; together they are D50."""
    seen, wanted = _times(_BRADFORD, _xyz_of(white)), _times(_BRADFORD, _D50)
    responses = [_times(_BRADFORD, _xyz_of(primary)) for primary in primaries]
    for amount, response in zip(_solved(responses, seen), responses, strict=True):
        triples = zip(response, wanted, seen, strict=True)
        yield _solved(_BRADFORD, [amount * part * to / by for part, to, by in triples])


def _xyz_of(chromaticity: Chromaticity) -> Sequence[float]:
    x, y = chromaticity
    return x / y, 1, (1 - x - y) / y


def _times(columns: Sequence[Sequence[float]], vector: Sequence[float]) -> Sequence[float]:
    rows = zip(*columns, strict=True)
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in rows]


def _solved(columns: Sequence[Sequence[float]], vector: Sequence[float]) -> Sequence[float]:
    """Return the vector of which a matrix makes this one (Cramer's rule)."""
    replaced = ([*columns[:place], vector, *columns[place + 1 :]] for place in range(3))
    return [_determinant(*matrix) / _determinant(*columns) for matrix in replaced]


def _determinant(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> float:
    return sum(a[i] * (b[i - 2] * c[i - 1] - b[i - 1] * c[i - 2]) for i in range(3))


def _fixed(value: float) -> int:
    """Return a number as s15Fixed16."""
    return round(value * 65536)


def _xyz(values: Sequence[float]) -> bytes:
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
