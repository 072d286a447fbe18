"""ICC profiles written by hand, and how far two pictures look apart."""

import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image

# White and the three primaries as x, y (ICC.1:2022; the standards of each space).
D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3 = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
PROPHOTO = ((0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105))
REC2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))

_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_PCS = np.array([0.9642, 1.0, 0.8249])

Array = np.ndarray


def srgb_curve(light: Array) -> Array:
    """Light, 0 to 1, as sRGB encodes it."""
    return np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055
    )


def srgb_light(code: Array) -> Array:
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def _xyz(x: float, y: float) -> Array:
    return np.array([x / y, 1, (1 - x - y) / y])


def to_xyz(primaries: Sequence[tuple[float, float]], white: tuple[float, float] = D65) -> Array:
    """The matrix from linear RGB to XYZ under its own white."""
    columns = np.stack([_xyz(*p) for p in primaries], 1)
    return columns * np.linalg.solve(columns, _xyz(*white))


def adapted(matrix: Array) -> Array:
    """A matrix to XYZ, with its white moved to the D50 of profiles (Bradford)."""
    cones = _BRADFORD @ _PCS / (_BRADFORD @ matrix.sum(1))
    return np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ matrix


def rgb(
    primaries: Sequence[tuple[float, float]], gamma: float = 0, white=D65, pad: int = 0
) -> bytes:
    """A matrix profile, version 2; gamma 0 is sRGB's curve, and `pad` bytes ride along."""
    columns = adapted(to_xyz(primaries, white)).T
    tags = {name: _xyz_tag(c) for name, c in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma))
    if pad:  # noise, so that no packing makes it small
        tags[b"pad0"] = b"data\0\0\0\0\0\0\0\1" + np.random.default_rng(1).bytes(pad)
    return _profile(b"RGB ", tags)


def table(kind: bytes, points: int, payload: bytes = b"") -> bytes:
    """A profile of P3 as a look-up table, `mft1`, `mft2` or `mAB `; `payload` stands between."""
    levels = np.linspace(0, 1, points)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1)
    values = np.clip(srgb_light(grid) @ adapted(to_xyz(P3)).T / 2, 0, 0.9999)  # 1.0 is half
    bits = 8 if kind == b"mft1" else 16
    cells = (values * 2**bits).astype(">u1" if bits == 8 else ">u2").tobytes()
    if kind == b"mAB ":
        straight = b"curv" + payload[:4].ljust(4, b"\0") + bytes(4)
        gap, curves = payload + bytes(-len(payload) % 4), 3 * straight
        clut = bytes([points] * 3).ljust(16, payload[:1] or b"\0") + b"\2" + bytes(3) + cells
        clut += bytes(-len(clut) % 4)
        matrix = struct.pack(">12i", *(65536 * np.eye(3)).astype(int).ravel(), 0, 0, 0)
        starts, body = [], b""
        for part in (curves, matrix, curves, clut, curves):
            starts.append(32 + len(body) + len(gap))
            body += gap + part
        tag = b"mAB " + bytes(4) + b"\3\3" + bytes(2) + struct.pack(">5I", *starts) + body
        return _profile(b"RGB ", {b"A2B0": tag + payload}, 4)
    matrix = struct.pack(">9i", *(np.eye(3) * 65536).astype(int).ravel())
    head = kind + bytes(4) + bytes((3, 3, points)) + (payload[:1] or b"\0") + matrix
    if kind == b"mft2":
        line = struct.pack(">HH", 0, 65535) * 3
        tag = head + struct.pack(">HH", 2, 2) + line + cells + line
    else:
        line = bytes(range(256)) * 3
        tag = head + line + cells + line
    return _profile(b"RGB ", {b"A2B0": tag + payload})


def gray(gamma: float) -> bytes:
    return _profile(b"GRAY", {b"kTRC": _curve(gamma)})


def _xyz_tag(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def _curve(gamma: float) -> bytes:
    if gamma:
        return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))
    codes = np.round(srgb_light(np.linspace(0, 1, 1024)) * 65535).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", 1024) + codes.tobytes()


def _profile(space: bytes, tags: dict[bytes, bytes], version: int = 2) -> bytes:
    text = b"a test\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": _xyz_tag(_PCS),
        **tags,
    }
    place, table, body = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += name + struct.pack(">II", place + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(
        ">I4xI4s4s4s", place + len(body), 0x400000 | version << 24, b"mntr", space, b"XYZ "
    )
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _xyz_tag(_PCS)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def lab(image: Image.Image) -> Array:
    """The CIE L*a*b* of an sRGB picture, under D50."""
    light = srgb_light(np.asarray(image.convert("RGB"), dtype=float) / 255)
    ratios = light @ adapted(to_xyz(SRGB)).T / _PCS
    f = np.where(ratios > 216 / 24389, np.cbrt(ratios), (24389 / 27 * ratios + 16) / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def ciede2000(one: Array, other: Array) -> Array:
    """The difference of L*a*b* colours (Sharma, Wu and Dalal, 2005)."""
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(v, -1, 0) for v in (one, other))
    mean7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - np.sqrt(mean7 / (mean7 + 25**7)) / 2
    c1, c2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a * stretch)) % 360 for a, b in ((a1, b1), (a2, b2)))
    colourless = c1 * c2 == 0
    turn = np.where(colourless, 0, (h2 - h1 + 180) % 360 - 180)
    turn = np.where((turn == -180) & (h2 > h1), 180, turn)
    hue = np.where(abs(h1 - h2) > 180, h1 + h2 + np.where(h1 + h2 < 360, 360, -360), h1 + h2)
    hue = np.radians(np.where(colourless, 2 * (h1 + h2), hue) / 2)
    c, l50 = (c1 + c2) / 2, ((l1 + l2) / 2 - 50) ** 2
    t = 1 - 0.17 * np.cos(hue - np.radians(30)) + 0.24 * np.cos(2 * hue)
    t += 0.32 * np.cos(3 * hue + np.radians(6)) - 0.20 * np.cos(4 * hue - np.radians(63))
    lightness = (l2 - l1) / (1 + 0.015 * l50 / np.sqrt(20 + l50))
    chroma = (c2 - c1) / (1 + 0.045 * c)
    shade = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2) / (1 + 0.015 * c * t)
    twist = np.sin(2 * np.radians(30 * np.exp(-(((np.degrees(hue) - 275) / 25) ** 2))))
    twist *= -2 * np.sqrt(c**7 / (c**7 + 25**7))
    return np.sqrt(lightness**2 + chroma**2 + shade**2 + twist * chroma * shade)


def apart(one: Image.Image, other: Image.Image) -> tuple[float, float]:
    """The mean CIEDE2000 of two sRGB pictures, and its 99th percentile."""
    differences = ciede2000(lab(one), lab(other))
    return float(differences.mean()), float(np.percentile(differences, 99))
