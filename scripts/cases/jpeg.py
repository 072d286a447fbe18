"""JPEGs."""

import subprocess
from functools import partial
from io import BytesIO

from PIL import Image
from PIL.ExifTags import IFD, Base, Interop

from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.geometry import Size
from ffprep.image.chunks import jpeg_segments
from scripts.cases.case import SQUARES, Case, Feature, Verdict, quarters, squares
from scripts.cases.jpeg_writer import (
    COMMENT,
    JFIF,
    SAMPLINGS,
    SOF1,
    SOF2,
    Jpeg,
    adobe,
    gray,
    rgb,
    segment,
)

_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)
_GRAYS = ((230,) * 3, (30,) * 3, (100,) * 3, (180,) * 3)
_ONE = ((1, 1),)
IN_ADOBE_RGB = ((255, 24, 24), (0, 201, 37), (21, 57, 225), (240, 240, 240))


def written(**options: object) -> bytes:
    """Return `squares` as Pillow writes it."""
    file = BytesIO()
    squares().save(file, "JPEG", **{"quality": 95, "subsampling": 0, **options})
    return file.getvalue()


def exif(orientation: int = 1, interoperability: str = "", space: int = 1) -> bytes:
    """Return EXIF as cameras write it."""
    tags = Image.Exif()
    tags[Base.Orientation] = orientation
    tags.get_ifd(IFD.Exif)[Base.ColorSpace] = space
    if interoperability:
        tags.get_ifd(IFD.Exif)[IFD.Interop] = {Interop.InteropIndex: interoperability}
    return tags.tobytes()


def cmyk(transform: bool) -> bytes:
    """Return inks: with Adobe's segment they are inverted, as Photoshop writes them."""
    file = BytesIO()
    inks = squares().convert("CMYK")
    inks.save(file, "JPEG", quality=95)
    data = file.getvalue()
    if transform:
        return data
    # Pillow inverts what it writes, and so do decoders, whether the segment is there or not.
    start = data.index(b"\xff\xee")
    return data[:start] + data[start + 16 :]


def without_tables(marker: int) -> bytes:
    """Return `squares` without the tables of a marker."""
    data = written()
    for found, start, end in reversed(list(jpeg_segments(data))):
        if found == marker:
            data = data[:start] + data[end:]
    return data


def jpeg_ls(pixels: str) -> bytes:
    """Return a JPEG-LS, which FFmpeg writes with interleaved lines."""
    file = BytesIO()
    squares().save(file, "PNG")
    argv = [find().path, "-loglevel", "error", "-i", "-", "-pix_fmt", pixels]
    argv += ["-c:v", "jpegls", "-f", "image2pipe", "-"]
    return subprocess.run(argv, input=file.getvalue(), check=True, capture_output=True).stdout


def _colour(name: str, jpeg: Jpeg) -> Case:
    within = 8 if "4:1" in name else 3  # wide chroma is smoothed
    return Case("JPEG", Feature.COLOUR, name, ".jpg", jpeg.dct, quarters(), within=within)


def _deep(name: str, jpeg: Jpeg) -> Case:
    colours = _GRAYS if len(jpeg.names) == 1 else SQUARES
    return Case("JPEG", Feature.DEPTH, name, ".jpg", jpeg.dct, quarters(*colours))


def _lossless(name: str, bits: int, **options: object) -> Case:
    jpeg = Jpeg(bits=bits, head=adobe(0), space=rgb)
    if options:
        jpeg = Jpeg(bits=bits, head=b"", space=gray, names=b"\1", sampling=_ONE, colours=_GRAYS)
    colours = _GRAYS if options else SQUARES
    return Case("JPEG", Feature.DEPTH, name, ".jpg", jpeg.lossless, quarters(*colours))


_KINDS = (
    Case("JPEG", Feature.KIND, "baseline, 4:4:4", ".jpg", written, quarters()),
    Case(
        "JPEG", Feature.KIND, "progressive", ".jpg", partial(written, progressive=True), quarters()
    ),
    Case("JPEG", Feature.KIND, "arithmetic", ".jpg", Jpeg().arithmetic, quarters()),
    Case("JPEG", Feature.KIND, "JPEG-LS", ".jls", partial(jpeg_ls, "rgb24"), quarters()),
    Case(
        "JPEG",
        Feature.KIND,
        "height behind the scan",
        ".jpg",
        Jpeg().height_behind_the_scan,
        quarters(),
    ),
    Case(
        "JPEG",
        Feature.KIND,
        "hierarchical",
        ".jpg",
        Jpeg().hierarchical,
        verdict=Verdict.UNSUPPORTED,
        words="hierarchical JPEG",
    ),
    Case(
        "JPEG",
        Feature.KIND,
        "two components",
        ".jpg",
        Jpeg(names=b"\1\2", sampling=((1, 1), (1, 1)), space=lambda colour: rgb(colour)[:2]).dct,
        verdict=Verdict.UNSUPPORTED,
        words="JPEG of 2 components",
    ),
)

_DEPTHS = (
    _deep(
        "12 bits, gray",
        Jpeg(SOF1, 12, _ONE, names=b"\1", space=gray, colours=_GRAYS),
    ),
    _deep("12 bits, 4:4:4", Jpeg(SOF1, 12)),
    _deep("12 bits, 4:2:2", Jpeg(SOF1, 12, SAMPLINGS["4:2:2"])),
    _deep("12 bits, 4:2:0", Jpeg(SOF1, 12, SAMPLINGS["4:2:0"])),
    _deep("12 bits, 4:2:0, progressive", Jpeg(SOF2, 12, SAMPLINGS["4:2:0"])),
    Case(
        "JPEG",
        Feature.DEPTH,
        "12 bits, RGB",
        ".jpg",
        Jpeg(SOF1, 12, head=adobe(0), space=rgb).dct,
        verdict=Verdict.UNSUPPORTED,
        words="12-bit JPEG in RGB",
    ),
    _lossless("lossless, 8 bits, RGB", 8),
    _lossless("lossless, 16 bits, RGB", 16),
    _lossless("lossless, 8 bits, gray", 8, gray=True),
    _lossless("lossless, 12 bits, gray", 12, gray=True),
    _lossless("lossless, 16 bits, gray", 16, gray=True),
    Case(
        "JPEG",
        Feature.DEPTH,
        "lossless, 12 bits, RGB",
        ".jpg",
        Jpeg(bits=12, head=adobe(0), space=rgb).lossless,
        verdict=Verdict.UNSUPPORTED,
        words="12-bit lossless JPEG in RGB",
    ),
    Case(
        "JPEG",
        Feature.DEPTH,
        "JPEG-LS, gray",
        ".jls",
        partial(jpeg_ls, "gray"),
        quarters(*[(d,) * 3 for d in (90, 133, 72, 240)]),
    ),
)

_COLOURS = (
    *(_colour(f"YCbCr {name}", Jpeg(sampling=at)) for name, at in SAMPLINGS.items()),
    *(
        _colour(f"RGB by Adobe's segment, {name}", Jpeg(sampling=at, head=adobe(0), space=rgb))
        for name, at in SAMPLINGS.items()
    ),
    *(
        _colour(
            f"RGB by names of components, {name}",
            Jpeg(sampling=at, names=b"RGB", head=b"", space=rgb),
        )
        for name, at in SAMPLINGS.items()
    ),
    _colour("JFIF outranks Adobe's segment", Jpeg(head=JFIF + adobe(0))),
    _colour("JFIF outranks names of components", Jpeg(names=b"RGB")),
    _colour("Adobe's segment outranks names of components", Jpeg(names=b"RGB", head=adobe(1))),
    _colour("Adobe's segment in another place", Jpeg(head=adobe(0, 0xED))),
    _colour("no JFIF and no Adobe segment", Jpeg(head=b"")),
    _colour("comment: upside down", Jpeg(head=JFIF + segment(COMMENT, b"Metasoft MJPEG Codec"))),
    _colour("comment: narrow range", Jpeg(head=JFIF + segment(COMMENT, b"CS=ITU601"))),
    _colour("segment: another depth", Jpeg(head=JFIF + segment(0xE5, b"LJIF" + bytes(8) + b"\2"))),
    Case("JPEG", Feature.COLOUR, "CMYK", ".jpg", partial(cmyk, True), quarters()),
    Case(
        "JPEG",
        Feature.COLOUR,
        "CMYK without Adobe's segment",
        ".jpg",
        partial(cmyk, False),
        quarters(),
    ),
    Case(
        "JPEG",
        Feature.COLOUR,
        "Adobe RGB by EXIF",
        ".jpg",
        lambda: written(exif=exif(interoperability="R03", space=0xFFFF)),
        quarters(*IN_ADOBE_RGB),
        within=6,  # of the look-up table near the edge of sRGB
    ),
    Case(
        "JPEG",
        Feature.COLOUR,
        "sRGB by EXIF",
        ".jpg",
        lambda: written(exif=exif(interoperability="R98")),
        quarters(),
    ),
)

_ORIENTATIONS = (
    Case(
        "JPEG",
        Feature.ORIENTATION,
        "EXIF",
        ".jpg",
        lambda: written(exif=exif(6)),
        (((20, 24), SQUARES[2]), ((60, 24), SQUARES[0]), ((20, 72), SQUARES[3])),
        Size(80, 96),
    ),
    Case(
        "JPEG",
        Feature.ORIENTATION,
        "XMP alone turns nothing",
        ".jpg",
        lambda: written(xmp=_XMP),
        quarters(),
    ),
    Case(
        "JPEG",
        Feature.ORIENTATION,
        "EXIF against XMP",
        ".jpg",
        lambda: written(exif=exif(3), xmp=_XMP),
        quarters(*SQUARES[::-1]),
    ),
)

CASES = (*_KINDS, *_DEPTHS, *_COLOURS, *_ORIENTATIONS)
