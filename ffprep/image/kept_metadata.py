"""The metadata of a photo that its output keeps.

Nothing is copied in one piece: EXIF, XMP and IPTC are read and written anew, field by field. What
cannot be read is absent.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from PIL import Image

from ffprep.core.image_info import ImageInfo
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError
from ffprep.image.embed import Metadata
from ffprep.image.kept_exif import Exif
from ffprep.image.metadata import LONGEST, RDF, XML, Rights, rights_in, xmp_properties
from ffprep.image.pillow import opened
from ffprep.system.files import open_regular

_LONGEST, _LONGEST_OTHERWISE = {"jpeg": 65000}, 1 << 20
"""The most bytes of EXIF, XMP and IPTC each: a JPEG has them in one segment."""

_EXIF_BEGIN = b"Exif\0\0"
_RESOURCE, _TAG = 0x0404, 33723  # of IPTC, in a JPEG and in a TIFF
_IPTC_WITHOUT_PLACE = frozenset(
    {(1, 90), *((2, number) for number in (5, 10, 15, 20, 25, 40, 55, 60, 62, 63, 80, 85))}
    | {(2, number) for number in (105, 110, 115, 116, 118, 120, 122)}
)
"""Of the Information Interchange Model 4.2: the encoding, then words, owners and dates."""
_IPTC_PREVIEW = frozenset({(2, 200), (2, 201), (2, 202)})

_PREFIXES = {
    "x": "adobe:ns:meta/",
    "rdf": RDF[1:-1],
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
}

_WITHOUT_PLACE = {
    "dc": "title description creator rights subject",
    "xmp": "Rating Label CreateDate ModifyDate MetadataDate CreatorTool",
    "xmpRights": "Marked UsageTerms WebStatement Owner",
    "photoshop": "AuthorsPosition CaptionWriter Credit DateCreated Headline Instructions Source",
    "exif": "DateTimeOriginal DateTimeDigitized",
    "Iptc4xmpExt": "DigitalSourceType",
}
"""Words about the picture, its owners and its dates; keywords are as their author chose them."""

_STALE = {
    "exif": "PixelXDimension PixelYDimension ColorSpace SubjectArea SubjectLocation "
    "FocalPlaneXResolution FocalPlaneYResolution FocalPlaneResolutionUnit",
    "exifEX": "InteroperabilityIndex Gamma",
    "tiff": "Orientation ImageWidth ImageLength BitsPerSample Compression SamplesPerPixel "
    "PhotometricInterpretation PlanarConfiguration YCbCrSubSampling YCbCrPositioning",
    "xmp": "Thumbnails",
    "photoshop": "ICCProfile ColorMode",
}
_STALE_SCHEMAS = (
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.adobe.com/xmp/note/",
    "http://ns.google.com/photos/1.0/",
    "http://ns.apple.com/HDRGainMap/1.0/",
    "http://ns.apple.com/adjustment-settings/1.0/",
    "http://www.metadataworkinggroup.com/schemas/regions/",
    "http://ns.microsoft.com/photo/1.2/",
)
"""Those of other pictures in the file, and of regions, which a crop moves."""


def read_metadata(path: Path, picture: ImageInfo, spec: Spec) -> Metadata:
    """Return what an output keeps.

    Raises PhotoError `missing` or `io` if the file is gone or cannot be opened.
    """
    try:
        with opened(path, picture, metadata_only=True) as image:
            rights = rights_in(image)
            if spec.kept_metadata == "date":
                return Metadata(Rights(taken=rights.taken).exif())
            if spec.kept_metadata == "keep-rights":
                return Metadata(rights.exif())
            return _copied(path, picture, spec, image, rights)
    except PhotoError as error:
        if error.kind in (Kind.MISSING, Kind.IO):
            raise
        return Metadata()


def _copied(
    path: Path, picture: ImageInfo, spec: Spec, image: Image.Image, rights: Rights
) -> Metadata:
    """Return a copy of a photo's metadata, or of what is no place, for an output."""
    everything = spec.kept_metadata == "keep"
    longest = _LONGEST.get(spec.format.name, _LONGEST_OTHERWISE)
    written, xmp, iptc = rights.exif(), b"", b""
    with suppress(Exception):  # parsers raise whatever they stumble over
        for file in _places_of_exif(path, picture, image):
            if exif := Exif.read(file, everything):
                exif.complete(rights.fields)
                exif.correct(spec.size, srgb=picture.output_profile is None)
                written = exif.written(longest) or written
                break
    with suppress(Exception):
        xmp = kept_xmp(image.info.get("xmp"), everything, longest)
    with suppress(Exception):
        resources = image.info.get("photoshop", {})
        block = resources.get(_RESOURCE) or getattr(image, "tag_v2", {}).get(_TAG)
        iptc = kept_iptc(block or b"", everything, longest)
    return Metadata(written, xmp, iptc)


def _places_of_exif(path: Path, picture: ImageInfo, image: Image.Image) -> Iterator[BinaryIO]:
    if picture.format.name in ("tiff", "raw"):
        with open_regular(path) as file:
            yield file
    data = image.info.get("exif")
    if isinstance(data, bytes):
        yield BytesIO(data.removeprefix(_EXIF_BEGIN))
    yield BytesIO(Image.Image.getexif(image).tobytes().removeprefix(_EXIF_BEGIN))


def kept_iptc(block: bytes, everything: bool, longest: int) -> bytes:
    """Return the records of an IPTC block that are kept; empty if they are too long.

    Datasets are read up to one that is broken or extended.
    """
    kept, start = list[bytes](), 0
    while start + 5 <= len(block):
        marker, record, number, length = struct.unpack_from(">BBBH", block, start)
        end, field = start + 5 + length, (record, number)
        if marker != 0x1C or end > len(block):
            break
        is_kept = everything and record in (1, 2) and field not in _IPTC_PREVIEW
        if is_kept or field in _IPTC_WITHOUT_PLACE:
            kept.append(block[start:end])
        start = end
    joined = b"".join(kept) if any(each[1] == 2 for each in kept) else b""
    return joined if len(joined) <= longest else b""


def _names(schemas: dict[str, str]) -> frozenset[str]:
    return frozenset(
        f"{{{_PREFIXES[prefix]}}}{name}"
        for prefix, names in schemas.items()
        for name in names.split()
    )


_KEPT_NAMES, _STALE_NAMES = _names(_WITHOUT_PLACE), _names(_STALE)


def kept_xmp(packet: object, everything: bool, longest: int) -> bytes:
    """Return an XMP packet with what is kept of one; empty if that is nothing, or too long.

    Without `everything`, it has only texts of `_WITHOUT_PLACE`; so it has if all would be longer
    than `longest` bytes. Raises what the parser raises.
    """
    properties = xmp_properties(packet)
    if everything:
        written = _packet([each for each in properties if not _is_stale(each.tag)])
        if len(written) <= longest:
            return written
    texts = [_text_only(each) for each in properties if each.tag in _KEPT_NAMES]
    written = _packet([each for each in texts if each is not None])
    return written if len(written) <= longest else b""


def _is_stale(name: str) -> bool:
    return name in _STALE_NAMES or name[1:].partition("}")[0].startswith(_STALE_SCHEMAS)


def _text_only(element: Element) -> Element | None:
    """Return a property of one text, or an array of texts; None if it has none."""
    made = Element(element.tag)
    arrays = [child for child in element if child.tag in (RDF + "Alt", RDF + "Seq", RDF + "Bag")]
    for array in arrays[:1]:
        copy = SubElement(made, array.tag)
        for item in array.findall(RDF + "li"):
            language = {name: value for name, value in item.attrib.items() if name == XML + "lang"}
            SubElement(copy, item.tag, language).text = (item.text or "")[:LONGEST]
        return made if len(copy) else None
    made.text = (element.text or "").strip()[:LONGEST]
    return made if made.text else None


def _packet(properties: list[Element]) -> bytes:
    if not properties:
        return b""
    for prefix, schema in _PREFIXES.items():
        ElementTree.register_namespace(prefix, schema)
    root = Element(f"{{{_PREFIXES['x']}}}xmpmeta")
    rdf = SubElement(root, RDF + "RDF")
    description = SubElement(rdf, RDF + "Description", {RDF + "about": ""})
    description.extend(properties)
    begin = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'.encode()
    xml: str = ElementTree.tostring(root, "unicode")
    return begin + xml.encode() + b'<?xpacket end="w"?>'
