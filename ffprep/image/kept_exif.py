"""The EXIF of a photo that its output keeps, without what describes other pixels.

Fields are copied by their types and bytes into a new structure, so nothing else gets into the
output. The numbers in a file say only where to read, and all counts are limited.
"""

import struct
from typing import BinaryIO, Self

from PIL.ExifTags import IFD, Base

from ffprep.core.geometry import Size
from ffprep.image.chunks import Directory, directories
from ffprep.record import Record

_MOST_BYTES, _LONGEST_VALUE = 1 << 20, 2000
_EXIF, _GPS, _INTEROP = _POINTERS = int(IFD.Exif), int(IFD.GPSInfo), int(IFD.Interop)

# What the picture shows, its camera, dates, owners and resolution (EXIF 3.0, 4.6.5); the last are
# Windows'. Other fields say how pixels are stored.
_MAIN = frozenset(
    {0x10E, 0x10F, 0x110, 0x11A, 0x11B, 0x128, 0x131, 0x132, 0x13B, 0x8298}
    | {0x4746, 0x4749, *range(0x9C9B, 0x9CA0)}
)
_ALL_MAIN = _MAIN | {0x10D, 0x11D, 0x129, 0x13C}  # names of document, page and computer

# The exposure, dates, the lens and titles (EXIF 3.0, 4.6.6). Not maker notes, user comments, owners
# and numbers of devices, an identifier of the picture, and what a device measured around it.
_DETAILS = frozenset(
    {0x829A, 0x829D, 0x8822, 0x8824, 0x8827, *range(0x8830, 0x8836), 0x9000, 0x9003, 0x9004}
    | {0x9010, 0x9011, 0x9012, 0x9101, *range(0x9201, 0x920B), 0x9290, 0x9291, 0x9292}
    | {*range(0xA000, 0xA004), 0xA20B, 0xA215, 0xA217, 0xA300, 0xA301}
    | {*range(0xA401, 0xA40B), 0xA40C, 0xA432, 0xA433, 0xA434, 0xA436, 0xA437, 0xA438, 0xA460}
)
# Where in the stored picture something is, how many bytes and dots its pixels had, and padding.
_STALE = frozenset({0x9102, 0x9214, 0xA20C, 0xA20E, 0xA20F, 0xA210, 0xA214, 0xEA1C})

_ASCII, _SHORT, _LONG = 2, 3, 4
_OF_BIG_TIFF = (16, 17, 18)


class Field(Record):
    """A field: its type, how many values it has, their bytes, and the place where these stood."""

    type: int
    count: int
    content: bytes
    place: int = 0


Fields = dict[int, Field]


class Exif(Record):
    """The EXIF of a photo. `groups` are its fields by the tag of their directory; 0 is the first.

    `order` is that of their bytes, `<` or `>`.
    """

    order: str
    groups: dict[int, Fields]

    @classmethod
    def read(cls, file: BinaryIO, everything: bool) -> Self | None:
        """Read a file that begins with a TIFF's header; None if it does not, or has no fields.

        Without `everything`, places and numbers of devices are left out.
        """
        main = next(directories(file), None)
        if main is None:
            return None
        longest = _MOST_BYTES if everything else _LONGEST_VALUE
        groups = {0: _fields(main, _ALL_MAIN if everything else _MAIN, longest)}
        if details := main.below(_EXIF):
            every = frozenset(details.entries) - _STALE
            groups[_EXIF] = _fields(details, every if everything else _DETAILS, longest)
            if interop := details.below(_INTEROP):
                groups[_INTEROP] = _fields(interop, frozenset({1, 2}), longest)
        if everything and (place := main.below(_GPS)):
            groups[_GPS] = _fields(place, frozenset(place.entries), longest)
        return cls(main.order, groups) if any(groups.values()) else None

    def complete(self, texts: dict[int, dict[int, bytes]]) -> None:
        """Add texts to directories where they are missing."""
        for group, added in texts.items():
            for tag, text in added.items():
                field = Field(_ASCII, len(text) + 1, text + b"\0")
                self.groups.setdefault(group, {}).setdefault(tag, field)

    def correct(self, size: Size, srgb: bool) -> None:
        """Make the fields say what the output is: upright, of a size, perhaps in sRGB."""
        self.groups[0][Base.Orientation] = self._number(_SHORT, 1)
        details = self.groups.get(_EXIF, {})
        for tag, side in ((Base.ExifImageWidth, size.width), (Base.ExifImageHeight, size.height)):
            if tag in details:
                details[tag] = self._number(_LONG, side)
        if srgb:
            details.pop(Base.Gamma, None)
            self.groups.pop(_INTEROP, None)
            if Base.ColorSpace in details:
                details[Base.ColorSpace] = self._number(_SHORT, 1)

    def _number(self, type: int, value: int) -> Field:
        return Field(type, 1, struct.pack(self.order + {_SHORT: "H", _LONG: "I"}[type], value))

    def written(self, longest: int) -> bytes:
        """Return it from its byte order mark on, without the largest values if it is too long."""
        by_length = sorted(
            (len(field.content), group, tag)
            for group, fields in self.groups.items()
            for tag, field in fields.items()
        )
        while (excess := len(data := _written(self.order, self.groups, longest)) - longest) > 0:
            while excess > 0:
                length, group, tag = by_length.pop()
                del self.groups[group][tag]
                excess -= length
        return data


def _fields(directory: Directory, wanted: frozenset[int], longest: int) -> Fields:
    fields, left = Fields(), _MOST_BYTES
    for tag, entry in directory.entries.items():
        if tag in wanted and tag not in _POINTERS and entry.type not in _OF_BIG_TIFF:
            content = directory.content(tag, min(left, longest))
            left -= len(content)
            if content:
                fields[tag] = Field(entry.type, entry.count, content, entry.place)
    return fields


def _written(order: str, groups: dict[int, Fields], longest: int) -> bytes:
    """Return a TIFF of these directories.

    The maker note stands where it stood, if that is free and not too far: cameras write places in
    it that count from the beginning of the EXIF.
    """
    for below, above in ((_EXIF, 0), (_GPS, 0), (_INTEROP, _EXIF)):
        if below in groups:
            groups[above][below] = Field(_LONG, 1, bytes(4))
    starts, end = dict[int, int](), 8
    for tag, fields in groups.items():
        starts[tag], end = end, end + 6 + 12 * len(fields)
    data = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))
    data += bytes(end - 8)
    note = groups.get(_EXIF, {}).get(Base.MakerNote)
    is_in_place = note is not None and end <= note.place <= longest
    if note and is_in_place:
        data += bytes(note.place - end) + note.content
    for tag, fields in groups.items():
        struct.pack_into(order + "H", data, starts[tag], len(fields))
        for number, (each, field) in enumerate(sorted(fields.items())):
            value = field.content
            if each in _POINTERS:
                value = struct.pack(order + "I", starts[each])
            elif len(value) > 4:
                place = field.place
                if not (field is note and is_in_place):
                    data += bytes(len(data) % 2)
                    place = len(data)
                    data += value
                value = struct.pack(order + "I", place)
            at = starts[tag] + 2 + 12 * number
            struct.pack_into(order + "HHI4s", data, at, each, field.type, field.count, value)
    return bytes(data)
