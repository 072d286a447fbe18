"""The metadata that an output may keep: at least who owns a photo, what it shows and its date.

Each of these is read from the first place that has it: EXIF, IPTC, XMP, a PNG's text; the order is
the Metadata Working Group's (Guidelines for Handling Image Metadata, 2.0). It is written as EXIF,
which all output formats hold. `kept_metadata` says what else may be kept.
"""

import contextlib
import re
from xml.etree.ElementTree import Element

from defusedxml import ElementTree
from PIL import Image
from PIL.ExifTags import IFD, Base

from ffprep.image.capture_date import Taken
from ffprep.record import Record, astuple

LONGEST = 2000
"""The bytes of UTF-8 that are kept of a text; IPTC has room for as many in a caption."""

_LONGEST_XMP = 1 << 20


class Rights(Record):
    """What `--metadata keep-rights` keeps. Texts are clean, and at most `LONGEST` bytes."""

    copyright: str = ""
    artist: str = ""
    description: str = ""
    taken: Taken | None = None

    def exif(self) -> bytes:
        """Return EXIF from its byte order mark on, orientation 1; empty if there are no rights.

        Texts are UTF-8, as is common practice, although EXIF 2.32 allows ASCII only.
        """
        if self == Rights():
            return b""
        exif = Image.Exif()
        exif[Base.Orientation] = 1
        texts, times = self.fields.values()
        exif.update(texts)
        if times:
            exif[IFD.Exif] = {tag: text.decode() for tag, text in times.items()}
        return exif.tobytes().removeprefix(b"Exif\0\0")

    @property
    def fields(self) -> dict[int, dict[int, bytes]]:
        """The fields of EXIF's first directory, 0, and of its directory of details."""
        texts = {
            Base.ImageDescription: self.description,
            Base.Artist: self.artist,
            Base.Copyright: self.copyright,
        }
        taken = self.taken or Taken("")
        times = {
            Base.DateTimeOriginal: taken.date,
            Base.OffsetTimeOriginal: taken.offset,
            Base.SubsecTimeOriginal: taken.subseconds,
        }
        return {
            group: {int(tag): text.encode() for tag, text in tags.items() if text}
            for group, tags in ((0, texts), (int(IFD.Exif), times))
        }


def rights_in(image: Image.Image) -> Rights:
    """Return the rights in the metadata that Pillow has read of a file."""
    found = Rights()
    for source in (_exif, _exif_date, _iptc, _xmp, _png_text):
        with contextlib.suppress(Exception):  # Pillow's parsers raise whatever they stumble over
            pairs = zip(astuple(found), astuple(source(image)), strict=True)
            found = Rights(*(mine or other for mine, other in pairs))
    return found


def _exif(image: Image.Image) -> Rights:
    exif = Image.Image.getexif(image)
    # The photographer's copyright and, behind a NUL, the editor's (EXIF 2.32, 4.6.5).
    owners = _text(exif.get(Base.Copyright)).split("\0")[:2]
    return Rights(
        copyright=_joined(owners),
        artist=_clean(_text(exif.get(Base.Artist))),
        description=_clean(_text(exif.get(Base.ImageDescription))),
    )


def _exif_date(image: Image.Image) -> Rights:
    ifd = Image.Image.getexif(image).get_ifd(IFD.Exif)
    tags = (Base.DateTimeOriginal, Base.SubsecTimeOriginal, Base.OffsetTimeOriginal)
    return Rights(taken=Taken.parse(*(_text(ifd.get(tag)) for tag in tags)))


def _iptc(image: Image.Image) -> Rights:
    """IPTC-NAA Information Interchange Model 4.2, chapter 6."""
    from PIL import IptcImagePlugin

    found = IptcImagePlugin.getiptcinfo(image) or {}  # type: ignore[arg-type]
    utf8 = found.get((1, 90)) == b"\x1b%G"

    def texts(number: int) -> list[str]:
        values = found.get((2, number))
        values = values if isinstance(values, list) else [values or b""]
        # Cut to the field's length, UTF-8 may end within a character.
        return [v.decode(errors="ignore") if utf8 and v else _text(v) for v in values]

    day, time = (_joined(texts(number)[:1]) for number in (55, 60))
    return Rights(
        copyright=_joined(texts(116)[:1]),
        artist=_joined(texts(80)),
        description=_joined(texts(120)[:1]),
        taken=Taken.parse(f"{day} {time}"),
    )


XML = "{http://www.w3.org/XML/1998/namespace}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_DATES = (
    "{http://ns.adobe.com/exif/1.0/}DateTimeOriginal",
    "{http://ns.adobe.com/photoshop/1.0/}DateCreated",
)


def _xmp(image: Image.Image) -> Rights:
    properties = xmp_properties(image.info.get("xmp"))
    dates = (Taken.parse(_joined(_property(properties, name)[:1])) for name in _DATES)
    return Rights(
        # Of several languages, the default is the first.
        copyright=_joined(_property(properties, _DC + "rights")[:1]),
        artist=_joined(_property(properties, _DC + "creator")),
        description=_joined(_property(properties, _DC + "description")[:1]),
        taken=next(filter(None, dates), None),
    )


def xmp_properties(packet: object) -> list[Element]:
    """Return the properties in XMP (ISO 16684-1) of the picture, not of those it was made from.

    Those in attributes are elements, too. Raises what the parser raises.
    """
    if not isinstance(packet, bytes) or len(packet) > _LONGEST_XMP:
        return []
    root, found = ElementTree.fromstring(packet.strip(b"\0 \r\n\t"), forbid_dtd=True), []
    for description in next(root.iter(RDF + "RDF")).findall(RDF + "Description"):
        for name, value in description.attrib.items():
            if not name.startswith((RDF, XML)):
                found.append(Element(name))
                found[-1].text = value
        found += description
    return found


def _property(properties: list[Element], name: str) -> list[str]:
    """Return the values of an XMP property: its text, or those of an array's items."""
    element = next((each for each in properties if each.tag == name), None)
    if element is None:
        return []
    items = element.findall(f"./*/{RDF}li")
    return [item.text or "" for item in items or [element]]


def _png_text(image: Image.Image) -> Rights:
    """The keywords of PNG, third edition, 11.3.3.1."""
    copyright, artist, description, created = (
        _clean(_text(image.info.get(keyword)))
        for keyword in ("Copyright", "Author", "Description", "Creation Time")
    )
    return Rights(copyright, artist, description, Taken.parse(created) or _mail_date(created))


def _mail_date(text: str) -> Taken | None:
    """Read a date as in mail (RFC 1123), as PNG recommends."""
    from email.utils import parsedate_to_datetime

    try:
        return Taken.parse(parsedate_to_datetime(text).isoformat())
    except (TypeError, ValueError):
        return None


def _text(value: object) -> str:
    """Decode text, which is UTF-8 or else Windows-1252; Pillow decodes bytes as Latin-1."""
    if isinstance(value, str):
        try:
            value = value.encode("latin-1")
        except UnicodeEncodeError:  # Unicode already: a PNG's iTXt
            return str(value)
    if not isinstance(value, bytes):
        return ""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", "ignore")


# Control characters except tab and line feed, remains of broken text, byte order marks.
_UNPRINTABLE = re.compile("[\0-\b\v-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffd\ufffe\uffff]+")


def _clean(text: str) -> str:
    text = text[:LONGEST].partition("\0")[0].replace("\r\n", "\n").replace("\r", "\n")
    text = _UNPRINTABLE.sub("", text).strip()
    return text.encode()[:LONGEST].decode(errors="ignore")


def _joined(texts: list[str]) -> str:
    """Join several names in one text, as EXIF 2.32 (4.6.5) has them under Artist."""
    return _clean("; ".join(filter(None, map(_clean, texts))))
