"""Which kinds of TIFF can be read, and by which decoder."""

from typing import Any

from ffprep.image.formats.tiff_samples import (
    CIELAB,
    CMYK,
    CODECS,
    DEPTHS,
    DIFFERENCED_DEPTHS,
    GRAY,
    MIN_IS_WHITE,
    MODES,
    PALETTE,
    RGB,
    Layout,
)

# Tags of TIFF 6.0.
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES = 273, 274, 277, 278, 279
PLANAR, PREDICTOR, COLOURS, TILE_WIDTH, TILE_HEIGHT = 284, 317, 320, 322, 323
TILE_OFFSETS, TILE_BYTES, EXTRA_SAMPLES, SAMPLE_FORMAT, SUBSAMPLING = 324, 325, 338, 339, 530
YCBCR = 6
_UNSPECIFIED, _PREMULTIPLIED, _UNASSOCIATED = 0, 1, 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3

LZW = 5
_FFMPEG_CODECS = (1, LZW, 8, 32773, 32946)  # none, LZW, Deflate, PackBits, Deflate again
_CCITT, _JPEG = (2, 3, 4, 32771), (6, 7)
_PILLOW_CHANNELS = ((MIN_IS_WHITE, 1), (GRAY, 1), (RGB, 3), (RGB, 4), (CMYK, 4), (CIELAB, 3))
_UNREAD_CODECS = {9: "JBIG", 10: "JBIG", 34661: "JBIG", 22610: "JPEG XR", 34934: "JPEG XR"}
_UNREAD_CODECS |= {33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000"}
_UNREAD_CODECS |= {50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL", 34887: "LERC", 34933: "PNG"}
_UNREAD_CODECS |= {32766: "NeXT's codec", 32809: "ThunderScan", 34676: "SGILog", 34677: "SGILog"}
_UNREAD_CODECS |= {34892: "lossy JPEG", 32769: "Nikon's codec", 34713: "Nikon's codec"}
_UNREAD_CODECS |= {32770: "Samsung's codec", 65000: "Kodak's codec", 65535: "Pentax's codec"}
_UNREAD_COLOURS = {4: "a transparency mask", 10: "ITULAB", 32803: "the pixels of a camera's sensor"}
_UNREAD_COLOURS |= {32844: "LogL", 32845: "LogLuv", 34892: "linear raw pixels"}


def ffmpeg_reads(tags: Any) -> bool:
    """Return whether FFmpeg reads a page correctly.

    Measured with 9.0.2: tiles, planes and JPEG come out black, floats and signed integers as if
    they were unsigned, YCbCr in wrong colours, premultiplied alpha dark, palettes with alpha as
    gray; FFmpeg refuses BigTIFF, inks, CIELab and 32 bits.
    """
    return (
        not tags._bigtiff
        and tags.get(COMPRESSION, 1) in _FFMPEG_CODECS
        and tags.get(PLANAR, 1) == 1
        and TILE_WIDTH not in tags
        and (set(bits_of(tags)) <= {8, 16} or bits_of(tags) == (1,))
        and set(tags.get(SAMPLE_FORMAT, (1,))) == {_UNSIGNED}
        and tags.get(PHOTOMETRIC, 1) in (MIN_IS_WHITE, GRAY, RGB, PALETTE)
        and len(bits_of(tags)) <= _colour_count(tags.get(PHOTOMETRIC, 1)) + 1
        and (tags.get(PHOTOMETRIC) != PALETTE or _is_plain_palette(tags))
        and _PREMULTIPLIED not in tags.get(EXTRA_SAMPLES, ())
    )


def _is_plain_palette(tags: Any) -> bool:
    """Return whether a palette has no alpha, and 16 bits as it should."""
    return bool(tags.get(SAMPLES, 1) == 1 and max(tags.get(COLOURS, (0,))) > 255)


def pillow_reads(tags: Any) -> bool:
    """Return whether Pillow's plugin reads a page correctly, of those that have no `refusal`.

    Measured with 13.0: it reads 12 bits as dark, some planes as noise, white as black where it is
    the lowest value of few bits, and signed integers as unsigned.
    """
    colours, bits = tags.get(PHOTOMETRIC, 0), bits_of(tags)
    if tags.get(COMPRESSION, 1) not in CODECS or colours == YCBCR or _is_float(tags):
        return True
    return (
        (bits[0] == 8 or (bits[0] == 16 and colours == RGB))
        and (colours, len(bits)) in _PILLOW_CHANNELS
        and max(tags.get(EXTRA_SAMPLES, (0,))) <= _UNASSOCIATED
        and tags.get(PLANAR, 1) == 1
        and tags.get(FILL_ORDER, 1) == 1
        and set(tags.get(SAMPLE_FORMAT, (1,))) == {_UNSIGNED}
        and not (tags._bigtiff and tags.prefix == b"MM")
    )


def refusal(tags: Any) -> str | None:
    """Return of which kind a page is that ffprep cannot read, and what to do; None if it can."""
    compression, colours = tags.get(COMPRESSION, 1), tags.get(PHOTOMETRIC, 0)
    if compression not in (*CODECS, *_CCITT, *_JPEG):
        codec = _UNREAD_CODECS.get(compression, f"codec {compression}")
        todo = "save it with another compression, such as LZW"
        return f"compressed with {codec}, which ffprep cannot read; {todo}"
    kind = _UNREAD_COLOURS.get(colours)
    if not kind and colours not in (*MODES, YCBCR):
        kind = f"colours of the number {colours}"
    kind = kind or _unread_samples(tags, compression, colours) or _unread_layout(tags, colours)
    return kind and f"of {kind}, which ffprep cannot read; save it as RGB of 8 or 16 bits"


def _unread_samples(tags: Any, compression: int, colours: int) -> str | None:
    bits = bits_of(tags)
    if len(set(bits)) > 1:
        return "channels of different depths"
    if compression in _JPEG or colours == YCBCR:
        name = "JPEG" if compression in _JPEG else "YCbCr"
        return None if bits[0] == 8 else f"{bits[0]}-bit {name}"
    if _is_float(tags):
        gray = colours in (MIN_IS_WHITE, GRAY) and bits == (32,)
        return None if gray else f"{bits[0]}-bit floats"
    if set(tags.get(SAMPLE_FORMAT, (1,))) not in ({_UNSIGNED}, {_SIGNED}, {4}):  # 4: unknown
        return "complex numbers"
    if bits[0] not in DEPTHS:
        return f"{bits[0]}-bit integers"
    if colours == PALETTE and bits[0] > 8:
        return f"a palette of {bits[0]} bits"
    return None


def _unread_layout(tags: Any, colours: int) -> str | None:
    if colours == CMYK and any(tags.get(EXTRA_SAMPLES, ())):
        return "CMYK with alpha"
    if colours == YCBCR and tags.get(PLANAR, 1) == 2 and tags.get(SUBSAMPLING, (2, 2)) != (1, 1):
        return "subsampled YCbCr in planes"
    if tags.get(PREDICTOR, 1) == 2 and bits_of(tags)[0] not in DIFFERENCED_DEPTHS:
        return f"{bits_of(tags)[0]}-bit differences"
    return None


def layout(tags: Any) -> Layout:
    """Return how the integers of a page are stored. Raises ValueError if a tag is missing."""
    try:
        return _layout(tags)
    except KeyError as error:
        raise ValueError(f"tag {error} is missing") from None


def _layout(tags: Any) -> Layout:
    size, colours, samples = (
        (tags[WIDTH], tags[HEIGHT]),
        tags.get(PHOTOMETRIC, 0),
        len(bits_of(tags)),
    )
    tiled = TILE_WIDTH in tags
    rows = min(tags.get(ROWS_PER_STRIP, size[1]), size[1])
    part = (tags[TILE_WIDTH], tags[TILE_HEIGHT]) if tiled else (size[0], rows)
    if min(*size, *part) < 1 or samples < (colour_count := _colour_count(colours)):
        raise ValueError("its size or its number of samples is wrong")
    alpha = _alpha(tags, colour_count, samples)
    return Layout(
        size=size,
        part=part,
        tiled=tiled,
        offsets=tags[TILE_OFFSETS if tiled else STRIP_OFFSETS],
        lengths=tags.get(TILE_BYTES if tiled else STRIP_BYTES, ()),
        compression=tags.get(COMPRESSION, 1),
        photometric=colours,
        bits=bits_of(tags)[0],
        samples=samples,
        order="<" if tags.prefix == b"II" else ">",
        # Pictures of 8 bits that claim to be signed are not; libtiff ignores it as well. Of CIELab,
        # only a and b are, whatever the file says (libvips says it of L, too).
        signed=tags.get(SAMPLE_FORMAT, (1,))[0] == _SIGNED
        and bits_of(tags)[0] > 8
        and colours != CIELAB,
        planar=tags.get(PLANAR, 1) == 2,
        differenced=tags.get(PREDICTOR, 1) == 2,
        low_bit_first=tags.get(FILL_ORDER, 1) == 2,
        alpha=alpha,
        premultiplied=alpha is not None
        and tags.get(EXTRA_SAMPLES, (2,))[alpha - colour_count] == _PREMULTIPLIED,
        palette=_palette(tags) if colours == PALETTE else (),
    )


def bits_of(tags: Any) -> tuple[int, ...]:
    """Return the bits of each sample; a file may give those of one for all."""
    bits, samples = tuple(tags.get(BITS, (1,))), tags.get(SAMPLES, 1)
    return bits * samples if len(bits) == 1 else bits[:samples]


def _is_float(tags: Any) -> bool:
    return set(tags.get(SAMPLE_FORMAT, (1,))) == {_FLOAT}


def _colour_count(colours: int) -> int:
    return 1 if colours == PALETTE else len(MODES[colours])


def _alpha(tags: Any, colours: int, samples: int) -> int | None:
    """Return the first sample that is alpha; a fourth one of RGB is, if nothing is said of it."""
    extra = tags.get(EXTRA_SAMPLES)
    if extra is None:
        return colours if samples == colours + 1 and colours in (1, 3) else None
    return next((colours + at for at, kind in enumerate(extra) if kind != _UNSPECIFIED), None)


def _palette(tags: Any) -> tuple[bytes, ...]:
    """Return the levels of each index; some writers give 8 bits instead of 16."""
    values = tags[COLOURS]
    count, shift = len(values) // 3, 8 if max(values) > 255 else 0
    levels = bytes(value >> shift & 255 for value in values)
    return tuple(
        levels[start : start + count].ljust(256, b"\0")[:256] for start in (0, count, 2 * count)
    )
