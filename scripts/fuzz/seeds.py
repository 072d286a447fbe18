"""Small sound pictures of every format and kind that ffprep reads, for the fuzzer to break.

Pillow and pillow-heif write most, FFmpeg what they cannot, and a few are put together by hand.
"""

import os
import struct
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image, ImageCms, PngImagePlugin

from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.formats import HEAD_BYTES, sniff
from ffprep.core.image_info import Cicp
from ffprep.image.icc import profile_of

SIZE = (45, 33)
"""Odd, and no multiple of any block."""

_PHOTO_BYTES = 300_000
_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'


@dataclass(frozen=True, slots=True)
class Seed:
    """A sound file: what it is called, ffprep's name of its format, its usual suffix."""

    name: str
    format: str
    suffix: str
    data: bytes


def seeds() -> list[Seed]:
    """All that are made here."""
    pillow_heif.register_heif_opener()
    return [*_by_pillow(), *_by_ffmpeg(), *_by_hand()]


def photos() -> list[Seed]:
    """The small photos of FFPREP_PHOTOS, where it is set."""
    folder = os.environ.get("FFPREP_PHOTOS")
    paths = sorted(Path(folder).rglob("*")) if folder else []
    small = [path for path in paths if path.is_file() and path.stat().st_size < _PHOTO_BYTES]
    return [seed for path in small if (seed := _seed(path.name, path.read_bytes()))]


def _seed(name: str, data: bytes) -> Seed | None:
    format = sniff(data[:HEAD_BYTES])
    return Seed(name, format.name, format.suffixes[0], data) if format else None


def _made(name: str, data: bytes) -> Seed:
    seed = _seed(name, data)
    assert seed is not None, f"{name} is no picture"
    return seed


def _drawn(mode: str = "RGB", turn: int = 0) -> Image.Image:
    """Smooth in every channel, with an edge: something for each coder to do."""
    across = Image.linear_gradient("L").rotate(90 + turn).resize(SIZE)
    down = Image.linear_gradient("L").rotate(turn).resize(SIZE)
    down.paste(250, (10, 8, 22, 19))
    if mode in ("L", "RGB", "RGBA", "LA"):
        return Image.merge(mode, (across, down, across, down)[: len(mode)])
    if mode == "I;16":
        return Image.frombytes(mode, SIZE, bytes(v for pair in across.tobytes() for v in (7, pair)))
    if mode == "LAB":
        return Image.merge(mode, (across, down, across))
    return Image.merge("RGB", (across, down, across)).convert(mode)


def _metadata() -> dict[str, Any]:
    exif = Image.Exif()
    exif.update({0x010E: "A hill", 0x0112: 6, 0x013B: "Anna Berg", 0x8298: "Berg 2024"})
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8825)[1] = "N"
    wide = profile_of(Cicp(12, 13))
    assert wide is not None
    return {"exif": exif.tobytes(), "icc_profile": wide.data, "xmp": _XMP}


_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
_RGBA, _GRAY, _PALETTE, _MORE = "RGBA", "L", "P", "several"
_ALL = "with metadata"

# Pillow's plugin, kind of picture, and what `save` is told.
_KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("JPEG", "RGB", {}),
    ("JPEG", "RGB", {"subsampling": 0, "progressive": True}),
    ("JPEG", "RGB", {"restart_marker_blocks": 2, "optimize": True}),
    ("JPEG", "L", {}),
    ("JPEG", "CMYK", {}),
    ("JPEG", "CMYK", {"progressive": True, "icc_profile": _SRGB}),
    ("JPEG", _ALL, {}),
    ("MPO", _MORE, {}),
    *(("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    ("PNG", "P", {"transparency": bytes(range(0, 256, 4)), "bits": 4}),
    ("PNG", "RGB", {"transparency": (0, 0, 0)}),
    ("PNG", "L", {"transparency": 0, "icc_profile": _SRGB}),
    ("PNG", _ALL, {}),
    ("PNG", _MORE, {"duration": 50}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGB", {"lossless": True}),
    ("WEBP", "RGBA", {}),
    ("WEBP", "RGBA", {"lossless": True, "exact": True}),
    ("WEBP", _ALL, {}),
    ("WEBP", _MORE, {"duration": 50}),
    ("GIF", "L", {}),
    ("GIF", "P", {"transparency": 3, "comment": b"a remark"}),
    ("GIF", "RGBA", {"interlace": 1}),
    ("GIF", _MORE, {"duration": 50, "loop": 0, "disposal": 2}),
    *(("BMP", mode, {}) for mode in ("1", "L", "P", "RGB", "RGBA")),
    *(("TIFF", mode, {}) for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "LAB", "I;16", "F")),
    *(("TIFF", "RGB", {"compression": f"tiff_{way}"}) for way in ("lzw", "adobe_deflate")),
    ("TIFF", "RGB", {"compression": "packbits"}),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    ("TIFF", "RGB", {"compression": "zstd", "big_tiff": True}),
    ("TIFF", "YCbCr", {}),
    ("TIFF", "1", {"compression": "group4"}),
    ("TIFF", _ALL, {}),
    ("TIFF", _MORE, {"compression": "tiff_lzw"}),
    ("AVIF", "RGB", {"speed": 10}),
    ("AVIF", "RGB", {"speed": 10, "subsampling": "4:4:4", "quality": 100}),
    ("AVIF", "L", {"speed": 10}),
    ("AVIF", "RGBA", {"speed": 10}),
    ("AVIF", _ALL, {"speed": 10}),
    ("AVIF", _MORE, {"speed": 10, "duration": 50}),
    ("HEIF", "RGB", {}),
    ("HEIF", "L", {}),
    ("HEIF", "RGBA", {}),
    ("HEIF", "I;16", {}),
    ("HEIF", _ALL, {}),
    ("HEIF", _MORE, {}),
    *(("JPEG2000", mode, {}) for mode in ("L", "LA", "RGB", "RGBA", "I;16", "CMYK")),
    ("JPEG2000", "RGB", {"no_jp2": True}),
    ("JPEG2000", "RGB", {"irreversible": True, "tile_size": (16, 16), "num_resolutions": 3}),
)


def _by_pillow() -> Iterator[Seed]:
    for plugin, kind, options in _KINDS:
        told = dict(options)
        if kind == _ALL:
            told |= _metadata()
            if plugin == "PNG":
                told["pnginfo"] = _texts()
        if kind == _MORE:
            told |= {"save_all": True, "append_images": [_drawn(turn=180), _drawn(turn=90)]}
        image = _drawn("RGB" if kind in (_ALL, _MORE) else kind)
        out = BytesIO()
        image.save(out, plugin, **told)
        yield _made(" ".join([plugin, kind, *sorted(options)]), out.getvalue())


def _texts() -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Anna Berg")
    texts.add_text("Copyright", "Berg 2024", zip=True)
    texts.add_itxt("Description", "A hill", "en", "Description", zip=True)
    return texts


# Encoder, pixel format, and other options of FFmpeg's: 16 bits, interlacing, odd BMPs and TIFFs.
_FFMPEG_KINDS = (
    ("png", "rgb48be", ""),
    ("png", "rgba64be", ""),
    ("png", "ya16be", ""),
    ("png", "rgb24", "-flags +ildct"),
    ("png", "pal8", "-flags +ildct"),
    ("png", "gray16be", "-flags +ildct"),
    ("bmp", "rgb555le", ""),
    ("bmp", "rgb565le", ""),
    ("bmp", "rgb444le", ""),
    ("tiff", "rgb48le", "-compression_algo deflate"),
    ("tiff", "rgba64le", "-compression_algo raw"),
    ("tiff", "yuv420p", "-compression_algo lzw"),
    ("tiff", "monob", ""),
    ("mjpeg", "yuvj422p", "-huffman optimal"),
    ("jpeg2000", "rgb48be", ""),
    ("jpeg2000", "yuv420p", "-format j2k"),
    ("libjxl", "rgb24", "-effort 1 -distance 1"),
    ("libjxl", "gray16le", "-effort 1 -distance 0"),
)


def _by_ffmpeg() -> Iterator[Seed]:
    argv = [find().path, "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    argv += ["-video_size", "{}x{}".format(*SIZE), "-i", "-", "-frames:v", "1", "-strict", "-1"]
    pixels = _drawn().tobytes()
    for encoder, pix_fmt, options in _FFMPEG_KINDS:
        kind = ["-c:v", encoder, "-pix_fmt", pix_fmt, *options.split()]
        call = [*argv, *kind, "-f", "image2pipe", "-"]
        data = subprocess.run(call, input=pixels, stdout=subprocess.PIPE, check=True).stdout
        yield _made(" ".join([encoder, pix_fmt, options]).strip(), data)


def _by_hand() -> Iterator[Seed]:
    plain = BytesIO()
    _drawn().save(plain, "PNG")
    for primaries, transfer in ((9, 16), (12, 13)):
        chunk = png_chunk(b"cICP", bytes((primaries, transfer, 0, 1)))
        data = plain.getvalue()[:33] + chunk + plain.getvalue()[33:]
        yield _made(f"PNG cICP {primaries}/{transfer}", data)
    yield _made("BMP RLE8", _bmp_rle8())
    yield _made("BMP of OS/2", _bmp_os2())
    yield _made("TIFF tiles", _tiff_tiles("<"))
    yield _made("TIFF tiles big-endian", _tiff_tiles(">"))


def png_chunk(name: bytes, content: bytes) -> bytes:
    """A chunk with its length and its checksum."""
    return struct.pack(">I", len(content)) + name + content + crc(name + content)


def crc(data: bytes) -> bytes:
    """The checksum at the end of a chunk of a PNG."""
    return struct.pack(">I", zlib.crc32(data))


def _bmp_rle8() -> bytes:
    width, height = SIZE
    palette = b"".join(bytes((v, v, 255 - v, 0)) for v in range(256))
    rows = (bytes((20, row, width - 24, 90, 0, 4, 1, 2, 3, 4, 0, 0)) for row in range(height))
    body = b"".join(rows) + b"\0\1"
    place = 14 + 40 + len(palette)
    head = b"BM" + struct.pack("<I4xI", place + len(body), place)
    head += struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 2835, 2835, 256, 0)
    return head + palette + body


def _bmp_os2() -> bytes:
    width, height = SIZE
    palette = b"".join(bytes((v, v, 255 - v)) for v in range(256))
    body = bytes(v % 256 for v in range((width + 3) // 4 * 4 * height))
    place = 14 + 12 + len(palette)
    head = b"BM" + struct.pack("<I4xI", place + len(body), place)
    return head + struct.pack("<IHHHH", 12, width, height, 1, 8) + palette + body


def _tiff_tiles(order: str) -> bytes:
    """Gray, four tiles of 32x32, without compression."""
    tiles = 4
    offsets = [8 + 1024 * number for number in range(tiles)]
    lists = struct.pack(f"{order}8I", *offsets, *[1024] * tiles)
    end = 8 + 1024 * tiles
    tags = {256: SIZE[0], 257: SIZE[1], 258: 8, 259: 1, 262: 1, 277: 1, 322: 32, 323: 32}
    entries = [(tag, 1, value) for tag, value in tags.items()]
    entries += [(324, tiles, end), (325, tiles, end + 4 * tiles)]
    body = b"".join(struct.pack(f"{order}HHII", tag, 4, n, value) for tag, n, value in entries)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", end + len(lists))
    pixels = bytes(range(256)) * (4 * tiles)
    return head + pixels + lists + struct.pack(f"{order}H", len(entries)) + body + bytes(4)
