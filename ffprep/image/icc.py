"""Make ICC profiles of other descriptions of colours, so that all are converted alike.

The profile of a photo is written anew for an output, with the tags that decide colours and those
that every profile has. Everything is copied number by number, after its type (ICC.1:2022, 10): what
stands behind the profile, between its tags, behind their numbers, in private tags, or in reserved
fields, is left out. A profile that has nothing of that is copied as it is.
"""

import hashlib
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

MOST_BYTES = 4 << 20
"""The longest profile that outputs get; those for printers have 1 to 3 MB."""

_MOST_TAGS = 100
_LONGEST_TEXT = 100
_PUNCTUATION = " -_.,:()/+&'®©™"
_LUTS = [b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"gamt"]
_KINDS = (
    dict.fromkeys([b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt", b"bkpt"], (b"XYZ ",))
    | dict.fromkeys([b"rTRC", b"gTRC", b"bTRC"], (b"curv", b"para"))
    | dict.fromkeys(_LUTS, (b"mft1", b"mft2", b"mAB ", b"mBA "))
    | {b"chad": (b"sf32",), b"cicp": (b"cicp",), b"chrm": (b"chrm",)}
)
"""The tags that are copied, and the types that they may have."""
_PARAMETERS = (1, 3, 4, 5, 7)
"""How many numbers the types of parametric curves have."""
_LENGTHS = {b"XYZ ": 20, b"sf32": 44, b"cicp": 12}
_PADDING = {b"para": (10, 12), b"mft1": (11, 12), b"mft2": (11, 12)}


def profile_of(cicp: Cicp) -> Profile | None:
    """Return the profile that means the same as code points; None if ffprep does not know them."""
    primaries = _PRIMARIES.get(_SAME.get(cicp.primaries, cicp.primaries))
    curve = _CURVES.get(cicp.transfer)
    return _profile_of(primaries, curve) if primaries and curve else None


def profile_of_gamma(
    gamma: float, primaries: tuple[Chromaticity, ...], name: str
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
    head = struct.pack(">8xI4s4s4s", 0x04200000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + _xyz(_D50)[8:]
    return Profile.of(assembled(head.ljust(128, b"\0"), tags | {b"wtpt": _xyz(_D50)}))


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


class UnreadableProfile(Exception):
    """A profile, or a tag that is needed, that is not as the standard says."""


def rewritten(profile: bytes) -> bytes:
    """Return a profile for the same colours. Raises UnreadableProfile."""
    try:
        profile = profile[: struct.unpack_from(">I", profile)[0]]
        header, tags = _header(profile), _tags(profile)
        made = {name: _element(tags[name], kinds) for name, kinds in _KINDS.items() if name in tags}
        for name, old_kind, none in ((b"desc", b"desc", "unnamed"), (b"cprt", b"text", "unknown")):
            text = tags.get(name) or (b"mluc" if profile[8] >= 4 else old_kind)
            made[name] = _WRITERS[text[:4]](_words(text) or none)
        if tags == made and _is_packed(profile, header):
            return profile
        return assembled(header, made)
    except (KeyError, IndexError, ValueError, OverflowError, struct.error):
        raise UnreadableProfile from None


def _is_packed(profile: bytes, header: bytes) -> bool:
    """Return whether a profile has nothing but its header, its table and its tags."""
    (count,) = struct.unpack_from(">I", profile, 128)
    start = 132 + 12 * count
    rest, used = bytearray(profile[start:]), 0
    for index in range(count):
        place, length = struct.unpack_from(">4xII", profile, 132 + 12 * index)
        rest[place - start : place - start + length] = bytes(length)
        used += length + 3
    identifier = hashlib.md5(
        header[:44] + bytes(4) + header[48:64] + bytes(4) + header[68:] + profile[128:],
        usedforsecurity=False,
    ).digest()
    return (
        not any(rest)
        and len(rest) <= used
        and profile[4:84] + profile[100:128] == header[4:84] + header[100:128]
        and profile[84:100] in (bytes(16), identifier)
    )


def _header(profile: bytes) -> bytes:
    """Return a header without identifier, and without what vendors and the future may use (7.2)."""
    if len(profile) < 132 or profile[36:40] != b"acsp":
        raise UnreadableProfile
    flags, attributes = struct.unpack_from(">IxxxxxxxxQ", profile, 44)
    made = profile[:44] + struct.pack(">I", flags & 3) + profile[48:56]
    made += struct.pack(">Q", attributes & 15) + bytes(2) + profile[66:84]
    return made.ljust(128, b"\0")


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """Return the elements of the tags that lie within a profile, as LittleCMS finds them."""
    (count,) = struct.unpack_from(">I", profile, 128)
    found = dict[bytes, bytes]()
    for index in range(min(count, _MOST_TAGS)):
        name, start, length = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        if 128 <= start <= start + length <= len(profile):
            found.setdefault(name, profile[start : start + length])
    return found


def _element(data: bytes, kinds: tuple[bytes, ...]) -> bytes:
    """Return the numbers of an element. Raises UnreadableProfile for a type its tag cannot have."""
    if data[:4] not in kinds:
        raise UnreadableProfile
    if data[:4] in (b"mAB ", b"mBA "):
        return _stages(data)
    length = _length(data)
    if length > len(data):
        raise UnreadableProfile
    return _without_padding(data[:length])


def _without_padding(data: bytes) -> bytes:
    """Return an element with zeros where the standard reserves bytes."""
    start, end = _PADDING.get(data[:4], (8, 8))
    return data[:4] + bytes(4) + data[8:start] + bytes(end - start) + data[end:]


def _length(data: bytes) -> int:
    """Return how long an element is whose type has numbers alone."""
    kind = data[:4]
    if kind in _LENGTHS:
        return _LENGTHS[kind]
    if kind == b"chrm":
        if data[8:10] != b"\0\3":  # an RGB profile has three phosphors
            raise UnreadableProfile
        return 36
    if kind in (b"curv", b"para"):
        return _curve_length(data)
    inputs, outputs, points = data[8:11]
    if kind == b"mft1":
        return int(48 + 256 * inputs + points**inputs * outputs + 256 * outputs)
    before, after = struct.unpack_from(">HH", data, 48)
    return 52 + 2 * int(before * inputs + points**inputs * outputs + after * outputs)


def _curve_length(data: bytes) -> int:
    """Return how long a curve at the beginning of `data` is (10.6, 10.18)."""
    if data[:4] == b"curv":
        return 12 + 2 * int(struct.unpack_from(">I", data, 8)[0])
    if data[:4] == b"para":
        return 12 + 4 * _PARAMETERS[struct.unpack_from(">H", data, 8)[0]]
    raise UnreadableProfile


def _stages(data: bytes) -> bytes:
    """Return a lutAToBType or lutBToAType with its stages one behind the other (10.12, 10.13)."""
    inputs, outputs = data[8], data[9]
    if not (0 < inputs <= 15 and 0 < outputs <= 15):
        raise UnreadableProfile
    to_pcs = data[:4] == b"mAB "
    channels = {"b": outputs if to_pcs else inputs, "m": 3, "a": inputs if to_pcs else outputs}
    b, matrix, m, table, a = struct.unpack_from(">5I", data, 12)
    parts = [
        _curves(data, b, channels["b"]),
        data[matrix : matrix + 48] if matrix else b"",
        _curves(data, m, channels["m"]),
        _table(data, table, inputs, outputs) if table else b"",
        _curves(data, a, channels["a"]),
    ]
    if matrix and len(parts[1]) < 48:
        raise UnreadableProfile
    places, made = list[int](), b""
    for part in parts:
        places.append(32 + len(made) if part else 0)
        made += part + bytes(-len(part) % 4)
    head = data[:4] + bytes(4) + bytes((inputs, outputs, 0, 0))
    return head + struct.pack(">5I", *places) + made


def _curves(data: bytes, start: int, count: int) -> bytes:
    made = b""
    for _ in range(count if start else 0):
        length = _curve_length(data[start : start + 12])
        curve = data[start : start + length]
        if len(curve) < length:
            raise UnreadableProfile
        made += _without_padding(curve) + bytes(-length % 4)
        start += length + -length % 4
    return made


def _table(data: bytes, start: int, inputs: int, outputs: int) -> bytes:
    """Return the colour look-up table of `_stages`: 16 bytes of points, precision, values."""
    values, width = outputs, data[start + 16]
    for points in data[start : start + inputs]:
        values *= points
    length = 20 + values * width
    table = data[start : start + length]
    if width not in (1, 2) or len(table) < length:
        raise UnreadableProfile
    return table[:inputs] + bytes(16 - inputs) + bytes((width, 0, 0, 0)) + table[20:]


def _words(element: bytes) -> str:
    """Return the text of an element, in the first of its languages; short, and without signs."""
    text = ""
    if element[:4] == b"mluc" and len(element) >= 28:
        length, start = struct.unpack_from(">II", element, 20)
        text = element[start : start + min(length, 4096)].decode("utf-16-be", "ignore")
    elif element[:4] == b"desc":
        text = element[12 : 12 + min(struct.unpack_from(">I", element, 8)[0], 4096)].decode(
            "latin-1"
        )
    elif element[:4] == b"text":
        text = element[8:4104].decode("latin-1")
    text = text.partition("\0")[0]
    kept = "".join(c if c.isalnum() or c in _PUNCTUATION else " " for c in text)
    return " ".join(kept.split())[:_LONGEST_TEXT]


def _description(text: str) -> bytes:
    """A textDescriptionType of version 2, whose other scripts are empty."""
    coded = text.encode("ascii", "replace") + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(coded)) + coded + bytes(78)


def _plain_text(text: str) -> bytes:
    return b"text" + bytes(4) + text.encode("ascii", "replace") + b"\0"


_WRITERS = {b"mluc": multilingual, b"desc": _description, b"text": _plain_text}
