"""Ways to break a file: bits, numbers, parts, ends. All by the caller's random numbers."""

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from ffprep.core.formats import SUFFIXES
from scripts.fuzz.seeds import SIZE, Seed, crc

_HEADER = 160
_BYTES = (0, 1, 2, 3, 4, 7, 8, 0x10, 0x20, 0x7F, 0x80, 0xD8, 0xD9, 0xDA, 0xFE, 0xFF)
_NUMBERS = (0, 1, 2, 7, 8, 15, 16, 100, 255, 256, 1000, 4096, 16384, 32767, 32768, 65500, 65535)
_LARGE = (65536, 1 << 20, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 8, (1 << 32) - 1)
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Broken:
    """A mutated file: the number that makes it again, its seed, the name it goes by, its bytes."""

    number: int
    seed: Seed
    name: bytes
    data: bytes


def broken(run: int, number: int, seeds: Sequence[Seed], photos: Sequence[Seed]) -> Broken:
    """The `number`th file of the run; which others are made does not matter."""
    random = Random(f"{run}/{number}")
    seed = _chosen(random, seeds, photos)
    data = seed.data
    for _ in range(random.choice((1, 1, 1, 1, 2, 2, 4))):
        change = random.choice(_CHANGES)
        other = change is _splice and _chosen(random, seeds, photos, seed.format)
        data = change(random, data, other.data if other else b"")
    if data.startswith(_PNG) and random.random() < 0.8:
        data = _with_checksums(data)  # which nothing else would be looked behind
    return Broken(number, seed, _name(random, number, seed), data)


def _chosen(
    random: Random, seeds: Sequence[Seed], photos: Sequence[Seed], format: str | None = None
) -> Seed:
    """A seed, each format as often as the others; mostly of `format`, where one is given."""
    pool = photos if photos and random.random() < 0.08 else seeds
    formats = sorted({seed.format for seed in pool})
    wanted = format if format in formats and random.random() < 0.8 else random.choice(formats)
    return random.choice([seed for seed in pool if seed.format == wanted])


def _name(random: Random, number: int, seed: Seed) -> bytes:
    """Mostly by its own suffix, else another picture's, none, or a name that is hard to write."""
    stem = b"%06d" % number
    chance = random.random()
    if chance < 0.7:
        return stem + seed.suffix.encode()
    if chance < 0.9:
        return stem + random.choice(sorted(SUFFIXES)).encode()
    if chance < 0.94:
        return stem
    odd = (
        b" a b",
        b"\n",
        b"\xff\xe9",
        b"%d",
        b"\xf0\x9f\x8c\x84",
        b"'\"$(x)",
        b";[in],:=",
        b"\x1b[31m",
    )
    return stem + random.choice(odd) + seed.suffix.upper().encode()


def _place(random: Random, data: bytes, room: int = 1) -> int:
    """Where to change something: half of the time in the header."""
    end = max(1, len(data) - room + 1)
    return random.randrange(min(end, _HEADER) if random.random() < 0.5 else end)


def _put(data: bytes, place: int, content: bytes) -> bytes:
    return data[:place] + content + data[place + len(content) :]


def _flip_bits(random: Random, data: bytes, _: bytes) -> bytes:
    changed = bytearray(data)
    for _n in range(random.choice((1, 1, 1, 2, 8)) if data else 0):
        changed[_place(random, data)] ^= 1 << random.randrange(8)
    return bytes(changed)


def _set_bytes(random: Random, data: bytes, _: bytes) -> bytes:
    changed = bytearray(data)
    for _n in range(random.choice((1, 1, 3)) if data else 0):
        changed[_place(random, data)] = random.choice(_BYTES)
    return bytes(changed)


def _set_number(random: Random, data: bytes, _: bytes) -> bytes:
    """Change a field of 2 or 4 bytes: to an extreme, or a little, or to what a length may be."""
    kind = random.choice((">H", "<H", ">I", "<I"))
    width = struct.calcsize(kind)
    place = _place(random, data, width)
    field = data[place : place + width]
    if len(field) < width:
        return data
    (old,) = struct.unpack(kind, field)
    near = (old - 1, old + 1, old * 2, old // 2, old + 4, len(data), len(data) - place)
    value = random.choice((_NUMBERS, _LARGE, near)[random.randrange(3)])
    return _put(data, place, struct.pack(kind, value % (1 << 8 * width)))


def _say_size(random: Random, data: bytes, _: bytes) -> bytes:
    """Claim another size wherever a seed's own may be written: decoders take memory by it."""
    kind, side = random.choice((">H", "<H", ">I", "<I")), random.choice(SIZE)
    said = re.escape(struct.pack(kind, side))
    places = [match.start() for match in re.finditer(said, data)]
    value = random.choice((1, side + 1, side * 2, 3000, 16383, 65500))
    return _put(data, random.choice(places), struct.pack(kind, value)) if places else data


def _shuffle_parts(random: Random, data: bytes, _: bytes) -> bytes:
    """Double, drop, swap or move chunks, segments or boxes."""
    parts = list(_parts(data))
    for _n in range(random.choice((1, 1, 2))):
        if len(parts) < 3:
            return _double_bytes(random, data, b"")
        one, two = random.randrange(len(parts)), random.randrange(len(parts))
        match random.randrange(4):
            case 0:
                parts.insert(two, parts[one])
            case 1:
                del parts[one]
            case 2:
                parts[one], parts[two] = parts[two], parts[one]
            case _:
                parts.insert(two, parts.pop(one))
    return b"".join(parts)


def _double_bytes(random: Random, data: bytes, _: bytes) -> bytes:
    """Repeat a stretch, or leave it out."""
    start = _place(random, data)
    end = start + random.choice((1, 2, 4, 12, 64, 500))
    times = random.choice((0, 2, 2, 20))
    return data[:start] + data[start:end] * times + data[end:]


def _cut(random: Random, data: bytes, _: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _cut_end(random: Random, data: bytes, _: bytes) -> bytes:
    return data[: -random.randint(1, 40)]


def _splice(random: Random, data: bytes, other: bytes) -> bytes:
    """The beginning of one, the end of another: at the same place, or at any."""
    place = random.randrange(len(data) + 1)
    same = random.random() < 0.5
    return data[:place] + other[place if same else random.randrange(len(other) + 1) :]


def _append(random: Random, data: bytes, _: bytes) -> bytes:
    """Something behind the end: noise, zeros, or the file once more."""
    tails = (random.randbytes(random.randint(1, 3000)), bytes(5000), data, b"\xff\xd9", data[:40])
    return data + random.choice(tails)


_CHANGES: tuple[Callable[[Random, bytes, bytes], bytes], ...] = (
    *(_flip_bits, _set_bytes, _set_number, _set_number, _shuffle_parts, _shuffle_parts),
    *(_say_size, _double_bytes, _cut, _cut_end, _splice, _append),
)


def _parts(data: bytes) -> Iterator[bytes]:
    """A file in its parts, which together are all of it; what ends them is the last part."""
    places = sorted({0, *(place for place in _starts(data) if 0 < place < len(data)), len(data)})
    for start, end in pairwise(places):
        yield data[start:end]


def _starts(data: bytes) -> Iterator[int]:
    if data.startswith(b"\xff\xd8"):
        return (match.start() for match in re.finditer(rb"\xff[\xc0-\xfe]", data))
    if data.startswith(_PNG):
        return _chunks(data, 8, ">I4s", 12)
    if data.startswith(b"RIFF"):
        return _chunks(data, 12, "<4xI", 8, even=True)
    if data[:2] in (b"II", b"MM"):
        return _entries(data)
    if data[4:8] in (b"ftyp", b"jP  "):
        return _boxes(data)
    # GIF's blocks, the segments of a bare JPEG 2000.
    return (match.start() for match in re.finditer(rb"[!,]\xf9?|\xff[\x4f-\x93]", data))


def _chunks(data: bytes, place: int, kind: str, around: int, even: bool = False) -> Iterator[int]:
    while place + 8 <= len(data):
        yield place
        length = struct.unpack_from(kind, data, place)[0] + around
        place += length + length % 2 * even


def _entries(data: bytes) -> Iterator[int]:
    """Of a TIFF's first directory."""
    order = "<" if data[:1] == b"I" else ">"
    if len(data) < 8:
        return iter(())
    (start,) = struct.unpack_from(order + "I", data, 4)
    count = int.from_bytes(data[start : start + 2], "little" if order == "<" else "big")
    return iter(range(start + 2, start + 2 + 12 * min(count, 99) + 1, 12))


_BOXES = re.compile(
    rb"ftyp|meta|hdlr|pitm|iloc|iinf|infe|iref|iprp|ipco|ipma|ispe|pixi|colr|av1C|hvcC|auxC|irot"
    rb"|imir|mdat|moov|trak|jP  |jp2h|ihdr|jp2c"
)


def _boxes(data: bytes) -> Iterator[int]:
    """Yield the offsets of all boxes, nested ones too, where files are cut and joined."""
    return (match.start() - 4 for match in _BOXES.finditer(data))


def _with_checksums(data: bytes) -> bytes:
    """A PNG whose chunks are right again by their checksums."""
    for place in list(_chunks(data, 8, ">I4s", 12)):
        end = place + 8 + int.from_bytes(data[place : place + 4], "big")
        if end + 4 <= len(data):
            data = _put(data, end, crc(data[place + 4 : end]))
    return data
