"""Write an ICC profile anew, with the tags that decide colours and those that every profile has.

Everything is copied number by number, after its type (ICC.1:2022, 10): what stands behind the
profile, between its tags, behind their numbers, in private tags, or in reserved fields, is left
out. A profile that has nothing of that is copied as it is.
"""

import hashlib
import struct
from collections.abc import Callable

from ffprep.image.icc import assembled, multilingual

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
_PADDING = {b"para": (10, 12), b"mft1": (11, 12), b"mft2": (11, 12)}


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
    if data[:4] not in _LENGTHS:
        return _stages(data)
    length = _LENGTHS[data[:4]](data)
    if length > len(data):
        raise UnreadableProfile
    return _without_padding(data[:length])


def _without_padding(data: bytes) -> bytes:
    """Return an element with zeros where the standard reserves bytes."""
    start, end = _PADDING.get(data[:4], (8, 8))
    return data[:4] + bytes(4) + data[8:start] + bytes(end - start) + data[end:]


def _chromaticities_length(data: bytes) -> int:
    if struct.unpack_from(">H", data, 8) != (3,):  # an RGB profile has three phosphors
        raise UnreadableProfile
    return 36


def _curve_length(data: bytes) -> int:
    """Return how long a curve at the beginning of `data` is (10.6, 10.18)."""
    if data[:4] == b"curv":
        return 12 + 2 * int(struct.unpack_from(">I", data, 8)[0])
    if data[:4] == b"para":
        return 12 + 4 * _PARAMETERS[struct.unpack_from(">H", data, 8)[0]]
    raise UnreadableProfile


def _lut8_length(data: bytes) -> int:
    inputs, outputs, points = data[8:11]
    return int(48 + 256 * inputs + points**inputs * outputs + 256 * outputs)


def _lut16_length(data: bytes) -> int:
    inputs, outputs, points = data[8:11]
    before, after = struct.unpack_from(">HH", data, 48)
    return 52 + 2 * int(before * inputs + points**inputs * outputs + after * outputs)


_LENGTHS: dict[bytes, Callable[[bytes], int]] = {
    b"XYZ ": lambda _: 20,
    b"sf32": lambda _: 44,
    b"cicp": lambda _: 12,
    b"chrm": _chromaticities_length,
    b"curv": _curve_length,
    b"para": _curve_length,
    b"mft1": _lut8_length,
    b"mft2": _lut16_length,
}


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
