"""The XMP (ISO 16684-1) of a photo that its output keeps, written anew."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from defusedxml.ElementTree import fromstring

from ffprep.image.metadata import LONGEST, LONGEST_XMP, RDF

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_XML = "{http://www.w3.org/XML/1998/namespace}"
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


def _names(schemas: dict[str, str]) -> frozenset[str]:
    return frozenset(
        f"{{{_PREFIXES[prefix]}}}{name}"
        for prefix, names in schemas.items()
        for name in names.split()
    )


_KEPT_NAMES, _STALE_NAMES = _names(_WITHOUT_PLACE), _names(_STALE)


def kept_xmp(packet: bytes, everything: bool, longest: int) -> bytes:
    """Return an XMP packet with what is kept of one; empty if that is nothing, or too long.

    Without `everything`, it has only texts of `_WITHOUT_PLACE`; so it has if all would be longer
    than `longest` bytes. Raises what the parser raises.
    """
    if len(packet) > LONGEST_XMP:
        return b""
    root = fromstring(packet.strip(b"\0 \r\n\t"), forbid_dtd=True)
    properties = list(_properties(next(root.iter(RDF + "RDF"))))
    if everything:
        written = _packet([each for each in properties if not _is_stale(each.tag)])
        if len(written) <= longest:
            return written
    texts = [_text_only(each) for each in properties if each.tag in _KEPT_NAMES]
    written = _packet([each for each in texts if each is not None])
    return written if len(written) <= longest else b""


def _properties(rdf: "Element") -> "Iterator[Element]":
    """Yield the properties of the picture itself, those in attributes as elements, too."""
    for description in rdf.findall(RDF + "Description"):
        for name, value in description.attrib.items():
            if not name.startswith((RDF, _XML)):
                element = ElementTree.Element(name)
                element.text = value
                yield element
        yield from description


def _is_stale(name: str) -> bool:
    return name in _STALE_NAMES or name[1:].partition("}")[0].startswith(_STALE_SCHEMAS)


def _text_only(element: "Element") -> "Element | None":
    """Return a property of one text, or an array of texts; None if it has none."""
    made = ElementTree.Element(element.tag)
    arrays = [child for child in element if child.tag in (RDF + "Alt", RDF + "Seq", RDF + "Bag")]
    for array in arrays[:1]:
        copy = ElementTree.SubElement(made, array.tag)
        for item in array.findall(RDF + "li"):
            language = {name: value for name, value in item.attrib.items() if name == _XML + "lang"}
            ElementTree.SubElement(copy, item.tag, language).text = (item.text or "")[:LONGEST]
        return made if len(copy) else None
    made.text = (element.text or "").strip()[:LONGEST]
    return made if made.text else None


def _packet(properties: "list[Element]") -> bytes:
    if not properties:
        return b""
    for prefix, schema in _PREFIXES.items():
        ElementTree.register_namespace(prefix, schema)
    root = ElementTree.Element(f"{{{_PREFIXES['x']}}}xmpmeta")
    rdf = ElementTree.SubElement(root, RDF + "RDF")
    description = ElementTree.SubElement(rdf, RDF + "Description", {RDF + "about": ""})
    description.extend(properties)
    begin = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'.encode()
    xml: str = ElementTree.tostring(root, "unicode")
    return begin + xml.encode() + b'<?xpacket end="w"?>'
