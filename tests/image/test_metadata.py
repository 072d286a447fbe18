"""Photos with all kinds of metadata: outputs have none by default, or the rights on demand."""

import errno
import json
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from ffprep.config.modes import find_mode
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Size
from ffprep.core.image_info import Profile
from ffprep.core.job import LocalJob, Status
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault, Kind, PhotoError
from ffprep.image import metadata as rights
from ffprep.image import pillow
from ffprep.image.capture_date import Taken
from ffprep.image.embed import Metadata, embed
from ffprep.image.kept_metadata import read_metadata
from ffprep.image.metadata import Rights
from ffprep.image.probe import probe
from tests.support.converters import converter
from tests.support.photos import PHOTOS, needs_photos
from tests.support.pictures import opened, psnr, ramp

SPEC = Spec(Size(64, 48), find_mode("cover"))
KEEP = replace(SPEC, metadata="keep-rights")
OUTPUTS = ("jpeg", "png", "webp", "avif")

# All metadata that outputs must not have contains this.
SECRET = "SECRET"
RIGHTS = Rights(
    "© 2024 José Núñez",
    "José Núñez",
    "Zwei Boote — 二艘の船",
    Taken("2024:05:06 07:08:09", "125", "+02:00"),
)
OTHER = Rights("© XMP", "Xavier; Ümit", "X", Taken("2001:02:03 04:05:06", "", "+00:00"))


def exif_of_everything(kept: Rights = RIGHTS) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = kept.description.encode()
    exif[0x010F] = f"{SECRET} make"
    exif[0x0110] = f"{SECRET} model"
    exif[0x0131] = f"{SECRET} software"
    exif[0x0132] = "2025:12:31 23:59:58"
    exif[0x013B] = kept.artist.encode()
    exif[0x8298] = kept.copyright.encode()
    exif[0x9C9C] = f"{SECRET} comment".encode("utf-16-le")
    assert kept.taken
    exif.get_ifd(0x8769).update(
        {
            0x9003: kept.taken.date,
            0x9004: "2025:12:31 23:59:57",
            0x9011: kept.taken.offset,
            0x9291: kept.taken.subseconds,
            0x927C: f"{SECRET} maker note".encode() * 20,
            0x9286: f"ASCII\0\0\0{SECRET} user comment".encode(),
            0xA420: f"{SECRET} image id",
            0xA430: f"{SECRET} owner",
            0xA431: f"{SECRET} body serial",
            0xA435: f"{SECRET} lens serial",
        }
    )
    exif.get_ifd(0x8825).update(
        {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0), 27: b"ASCII\0\0\0SECRET"}
    )
    return with_thumbnail(exif.tobytes().removeprefix(b"Exif\0\0"))


def with_thumbnail(exif: bytes) -> bytes:
    """Add a second directory with a JPEG whose comment is secret."""
    made = BytesIO()
    ramp(16, 12).save(made, "JPEG", comment=f"{SECRET} thumbnail")
    small = made.getvalue()
    start = len(exif) + len(exif) % 2
    entries = [(0x0103, 3, 1, 6 << 16), (0x0201, 4, 1, start + 42), (0x0202, 4, 1, len(small))]
    second = struct.pack(">H", 3) + b"".join(struct.pack(">HHII", *e) for e in entries) + bytes(4)
    (count,) = struct.unpack_from(">H", exif, 8)
    link = 10 + 12 * count
    linked = exif[:link] + struct.pack(">I", start) + exif[link + 4 :]
    return linked.ljust(start, b"\0") + second + small


def xmp(kept: Rights = OTHER) -> bytes:
    """Make XMP as Photoshop does, with a picture that this one was made from."""
    artists = "".join(f"<rdf:li>{name}</rdf:li>" for name in kept.artist.split("; "))
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/">
 <rdf:Description rdf:about="" photoshop:DateCreated="2001-02-03T04:05:06Z"
  aux:SerialNumber="{SECRET} serial" exif:GPSLatitude="52,31.2N">
  <xmpMM:Ingredients><rdf:Bag><rdf:li><rdf:Description>
   <dc:rights>{SECRET} ingredient</dc:rights>
   </rdf:Description></rdf:li></rdf:Bag></xmpMM:Ingredients>
  <photoshop:City>{SECRET} city</photoshop:City>
  <dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{kept.copyright}</rdf:li>
   <rdf:li xml:lang="de">{SECRET} auf Deutsch</rdf:li></rdf:Alt></dc:rights>
  <dc:creator><rdf:Seq>{artists}</rdf:Seq></dc:creator>
  <dc:description><rdf:Alt><rdf:li>{kept.description}</rdf:li></rdf:Alt></dc:description>
 </rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


def iptc(*fields: tuple[int, int, bytes]) -> bytes:
    return b"".join(struct.pack(">BBBH", 28, r, n, len(v)) + v for r, n, v in fields)


IPTC = iptc(
    (1, 90, b"\x1b%G"),
    (2, 55, b"19990102"),
    (2, 60, b"030405-0600"),
    (2, 80, "Iñez".encode()),
    (2, 80, b"Ivo"),
    (2, 90, f"{SECRET} city".encode()),
    (2, 116, "© IPTC".encode()),
    (2, 120, "Ein schöner Tag".encode()),
)
FROM_IPTC = Rights(
    "© IPTC", "Iñez; Ivo", "Ein schöner Tag", Taken("1999:01:02 03:04:05", "", "-06:00")
)


def photoshop(block: bytes) -> bytes:
    """Make an APP13 segment with IPTC and something else in it."""
    other = f"{SECRET} resource".encode()
    resources = [(0x0404, block), (0x040C, other)]
    body = b"Photoshop 3.0\0" + b"".join(
        b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + b"\0" * (len(data) % 2)
        for number, data in resources
    )
    return b"\xff\xed" + struct.pack(">H", len(body) + 2) + body


def jpeg(path: Path, image: Image.Image, block: bytes = IPTC, **options: Any) -> Path:
    image.save(path, "JPEG", quality=95, **options)
    data = path.read_bytes()
    path.write_bytes(data[:20] + photoshop(block) + data[20:] + f"{SECRET} trailer".encode())
    return path


def png_text() -> PngImagePlugin.PngInfo:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("Author", "Piña")
    text.add_text("Copyright", "© PNG")
    text.add_text("Description", "in words", zip=True)
    text.add_text("Creation Time", "Sat, 1 Mar 2003 12:13:14 -0500")
    text.add_text("Comment", f"{SECRET} comment")
    text.add_text("Software", f"{SECRET} software", zip=True)
    return text


FROM_PNG = Rights("© PNG", "Piña", "in words", Taken("2003:03:01 12:13:14", "", "-05:00"))


def behind_the_picture(path: Path, *names: bytes) -> Path:
    """Move chunks of a PNG behind its pixels."""
    data, place, early, late = path.read_bytes(), 8, b"", b""
    while place < len(data) - 12:
        length, name = struct.unpack_from(">I4s", data, place)
        chunk = data[place : place + 12 + length]
        early, late = (early, late + chunk) if name in names else (early + chunk, late)
        place += 12 + length
    path.write_bytes(data[:8] + early + late + data[place:])
    return path


def tiff(path: Path, image: Image.Image) -> Path:
    tags = Image.Exif()
    tags.load(exif_of_everything())
    for tag in (0x010E, 0x013B, 0x8298):
        tags[tag] = tags[tag].encode("latin-1")
    tags[700], tags[33723], tags[34377] = xmp(), IPTC, photoshop(IPTC)[18:]
    image.save(path, "TIFF", exif=tags)
    return path


def write_everything(folder: Path) -> dict[str, Rights]:
    """Make a photo of every kind with metadata; return their names and rights."""
    import pillow_heif

    image, exif = ramp(160, 120), exif_of_everything()
    told = {"exif": b"Exif\0\0" + exif, "xmp": xmp()}
    jpeg(folder / "a.jpg", image, comment=f"{SECRET} comment", **told)
    jpeg(folder / "b.jpg", image, comment=f"{SECRET} comment", **told)
    image.save(folder / "a.png", exif=exif, pnginfo=with_xmp(png_text()))
    shutil.copy(folder / "a.png", folder / "late.png")
    behind_the_picture(folder / "late.png", b"eXIf", b"tEXt", b"zTXt", b"iTXt")
    see_through = image.copy()
    see_through.putalpha(Image.linear_gradient("L").resize(image.size))
    see_through.save(folder / "alpha.png", exif=exif)
    see_through.save(folder / "alpha.webp", **told)
    image.save(folder / "a.webp", **told)
    image.save(folder / "lossless.webp", lossless=True, **told)
    tiff(folder / "a.tiff", image)
    image.save(folder / "a.avif", **told)
    pillow_heif.from_pillow(image).save(folder / "a.heic", **told)
    image.save(folder / "a.gif", comment=f"{SECRET} comment".encode())
    image.save(folder / "a.jp2", comment=f"{SECRET} comment")
    names = sorted(path.name for path in folder.iterdir())
    assert all(SECRET.encode() in (folder / name).read_bytes() for name in names)
    return {name: Rights() if name in ("a.gif", "a.jp2") else RIGHTS for name in names}


def with_xmp(text: PngImagePlugin.PngInfo) -> PngImagePlugin.PngInfo:
    text.add_itxt("XML:com.adobe.xmp", xmp().decode())
    return text


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Rights]]:
    folder = tmp_path_factory.mktemp("everything")
    return folder, write_everything(folder)


def convert(
    sources: list[Path],
    out: Path,
    spec: Spec,
    streams: bool = True,
    formats: tuple[str, ...] = OUTPUTS,
) -> list[Path]:
    """Convert to output formats; return outputs in the order of formats and sources."""
    outputs = []
    for format in formats:
        made = replace(spec, format=OUTPUT_FORMATS[format])
        jobs = [LocalJob(source, out / f"{source.name}.{format}", made) for source in sources]
        results = list(converter(Policy(upscale="allow"), streams).convert(jobs))
        assert [r.failure for r in results if r.status is not Status.CONVERTED] == []
        assert [w for r in results for w in r.warnings] == []
        outputs += [job.output for job in jobs]
    return outputs


def parts(path: Path) -> set[str]:
    """Return the names of a file's JPEG segments, PNG or WebP chunks, or of an AVIF's parts."""
    data = path.read_bytes()
    if data[:2] == b"\xff\xd8":
        return set(jpeg_segments(data))
    if data[:4] == b"RIFF":
        return set(chunks(data, 12, "<4sI", 0))
    if data[4:8] == b"ftyp":
        return set(items(data))
    return set(chunks(data, 8, ">I4s", 4))


def jpeg_segments(data: bytes) -> Iterator[str]:
    place = 2
    while data[place + 1] != 0xDA:
        marker, length = struct.unpack_from(">HH", data, place)
        if marker >= 0xFFE0:
            yield {0xFFFE: "COM"}.get(marker, f"APP{marker & 15}")
        place += 2 + length
    assert data.index(b"\xff\xd9", place) == len(data) - 2


def chunks(data: bytes, place: int, shape: str, check: int) -> Iterator[str]:
    while place < len(data):
        head = struct.unpack_from(shape, data, place)
        name, length = sorted(head, key=lambda value: isinstance(value, int))
        yield name.decode()
        place += 8 + check + length + (0 if check else length % 2)


def items(data: bytes) -> Iterator[str]:
    """Yield the types of an AVIF's items and of its boxes."""
    yield from re.findall(r"infe\x02.{7}(.{4})", data.decode("latin-1"), re.DOTALL)
    place = 0
    while place < len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        yield name.decode()
        place += length


PLAIN = {"APP0", "IHDR", "IDAT", "IEND", "PLTE", "VP8 ", "VP8L", "VP8X", "ALPH", "pHYs"}
PLAIN |= {"ftyp", "meta", "mdat", "av01"}
RIGHTS_IN = {"APP1", "eXIf", "EXIF", "Exif"}


def told(path: Path) -> dict[int, Any]:
    """Return every EXIF tag that Pillow finds."""
    with Image.open(path) as image:
        exif = image.getexif()
        tags = {tag: value for tag, value in exif.items() if tag != 0x8769}
        assert not exif.get_ifd(1), "a thumbnail"
        return tags | dict(exif.get_ifd(0x8769))


def tags_of(rights: Rights) -> dict[int, Any]:
    if rights == Rights():
        return {}
    texts = {0x010E: rights.description, 0x013B: rights.artist, 0x8298: rights.copyright}
    tags: dict[int, Any] = {0x0112: 1}
    tags |= {tag: text.encode().decode("latin-1") for tag, text in texts.items() if text}
    if taken := rights.taken:
        times = {0x9003: taken.date, 0x9011: taken.offset, 0x9291: taken.subseconds}
        tags |= {tag: text for tag, text in times.items() if text}
    return tags


def require_only(path: Path, kept: Rights) -> None:
    """Require that an output has no other metadata."""
    data = path.read_bytes()
    assert SECRET.encode() not in data, path
    assert SECRET.encode("utf-16-le") not in data, path
    assert b"http://" not in data, path
    assert b"GPS" not in data, path
    assert told(path) == tags_of(kept), path
    assert parts(path) <= PLAIN | (RIGHTS_IN if kept != Rights() else set()), path
    with Image.open(path) as image:
        image.load()
        info = set(image.info) - {
            "jfif",
            "jfif_version",
            "jfif_unit",
            "jfif_density",
            "dpi",
            "aspect",
        }
        info -= {"loop", "background", "timestamp", "duration"}  # of WebP
        assert info == ({"exif"} if kept != Rights() else set()), path


def test_by_default_outputs_have_no_metadata(everything, tmp_path: Path) -> None:
    folder, names = everything
    outputs = convert([folder / name for name in names], tmp_path, SPEC)
    assert len(outputs) == len(names) * len(OUTPUTS)
    for output in outputs:
        require_only(output, Rights())


def test_keep_rights_keeps_the_rights_and_nothing_else(everything, tmp_path: Path) -> None:
    folder, names = everything
    for output in convert([folder / name for name in names], tmp_path, KEEP):
        require_only(output, names[output.stem])


def test_streams_and_single_photos_keep_the_same_metadata(everything, tmp_path: Path) -> None:
    folder, names = everything
    sources = [folder / name for name in names]
    for spec in (SPEC, KEEP):
        together = convert(sources, tmp_path / f"together-{spec.metadata}", spec)
        alone = convert(sources, tmp_path / f"alone-{spec.metadata}", spec, streams=False)
        for one, other in zip(together, alone, strict=True):
            assert told(one) == told(other)
            assert parts(one) == parts(other)


def test_a_folder_and_a_photo_by_the_command_line(ffprep, everything, tmp_path: Path) -> None:
    folder, names = everything
    options = ("--size", "64x48", "--metadata", "keep-rights", "--names", "{stem}-{n}")
    ran = ffprep("convert", folder, "-o", tmp_path / "out", *options)
    assert (ran.code, ran.err) == (0, "")
    made = sorted((tmp_path / "out").glob("[!.]*"))
    assert len(made) == len(names)
    assert [told(path) for path in made].count(tags_of(RIGHTS)) == len(names) - 2
    ran = ffprep("convert", folder / "a.jpg", "-o", tmp_path / "one.webp", *options[:4])
    assert (ran.code, ran.err) == (0, "")
    require_only(tmp_path / "one.webp", RIGHTS)


STRUCTURE = {"ExifTool", "System", "File", "JFIF", "Composite", "PNG", "PNG-pHYs", "RIFF"}
STRUCTURE |= {"QuickTime", "Meta", "Jpeg2000"}


@pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is not installed")
def test_exiftool_sees_the_rights_and_nothing_else(everything, tmp_path: Path) -> None:
    folder, names = everything
    asked = ["exiftool", "-j", "-G1", "-a", "-u", "-ee", "-charset", "UTF8"]
    kept = {
        "IFD0:Orientation": "Horizontal (normal)",
        "IFD0:ImageDescription": RIGHTS.description,
        "IFD0:Artist": RIGHTS.artist,
        "IFD0:Copyright": RIGHTS.copyright,
        "ExifIFD:DateTimeOriginal": "2024:05:06 07:08:09",
        "ExifIFD:OffsetTimeOriginal": "+02:00",
        "ExifIFD:SubSecTimeOriginal": 125,
    }
    for spec in (SPEC, KEEP):
        sources = [folder / name for name in names]
        outputs = convert(sources, tmp_path / spec.metadata, spec, formats=tuple(OUTPUT_FORMATS))
        ran = subprocess.run([*asked, *outputs], capture_output=True, check=True)
        found = json.loads(ran.stdout)
        assert len(found) == len(outputs)
        for output, tags in zip(outputs, found, strict=True):
            assert SECRET not in json.dumps(tags)
            assert not [tag for tag in tags if "Comment" in tag or "Warning" in tag]
            seen = {k: v for k, v in tags.items() if k.partition(":")[0] not in STRUCTURE}
            seen.pop("SourceFile")
            told_of = spec is KEEP and names[output.stem] != Rights()
            assert seen == (kept if told_of else {}), output


@pytest.mark.parametrize("format", OUTPUTS)
def test_a_turned_photo_comes_out_upright(tmp_path: Path, format: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Ann"
    source = tmp_path / "in.jpg"
    ramp(120, 160).save(source, quality=95, exif=exif)
    outputs = convert([source], tmp_path / "out", KEEP)
    output = next(path for path in outputs if path.suffix == f".{format}")
    assert told(output) == {0x0112: 1, 0x013B: "Ann"}
    upright = ImageOps.exif_transpose(opened(source))
    assert upright.size == (160, 120)
    expected = upright.resize((64, 48), Image.Resampling.LANCZOS)
    assert psnr(opened(output).convert("RGB"), expected) > 30
    with Image.open(output) as image:
        assert ImageOps.exif_transpose(image).size == (64, 48)


def rights_of(path: Path) -> Rights:
    with pillow.opened(path, probe(path, 1 << 28, sandboxed=True), metadata_only=True) as image:
        return rights.rights_in(image)


def test_rights_missing_in_exif_are_read_from_the_next_place(tmp_path: Path) -> None:
    image = ramp(60, 40)
    assert rights_of(jpeg(tmp_path / "a.jpg", image, xmp=xmp())) == FROM_IPTC
    exif = Image.Exif()
    exif[0x013B], exif[0x8298] = "Ann", " \0"
    exif.get_ifd(0x8769).update({0x9003: "0000:00:00 00:00:00", 0x9291: "99"})
    partly = jpeg(tmp_path / "b.jpg", image, exif=exif, block=iptc((2, 116, b"(c) Ann")))
    assert rights_of(partly) == Rights("(c) Ann", "Ann")
    for suffix in ("jpg", "webp", "tiff", "avif"):
        path = tmp_path / f"xmp.{suffix}"
        if suffix == "tiff":
            image.save(path, tiffinfo={700: xmp()})
        else:
            image.save(path, xmp=xmp())
        assert rights_of(path) == OTHER, suffix
    image.save(tmp_path / "a.png", pnginfo=png_text())
    assert rights_of(tmp_path / "a.png") == FROM_PNG
    image.save(tmp_path / "b.png", pnginfo=with_xmp(png_text()))
    assert rights_of(tmp_path / "b.png") == OTHER
    assert rights_of(behind_the_picture(tmp_path / "b.png", b"iTXt", b"tEXt", b"zTXt")) == OTHER


def test_iptc_declares_its_encoding(tmp_path: Path) -> None:
    image, name = ramp(60, 40), "José Nuñez"
    cut = name.encode()[:-3]
    blocks = {
        iptc((1, 90, b"\x1b%G"), (2, 80, name.encode())): name,
        iptc((1, 90, b"\x1b%G"), (2, 80, cut)): "José Nu",  # within a character
        iptc((2, 80, name.encode())): name,
        iptc((2, 80, name.encode("latin-1"))): name,
        iptc((2, 80, b""), (2, 80, b"Ann")): "Ann",
    }
    for number, (block, artist) in enumerate(blocks.items()):
        path = jpeg(tmp_path / f"{number}.jpg", image, block)
        assert rights_of(path).artist == artist


def test_the_photographers_and_the_editors_copyright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x8298] = b"Ann\0Ed"
    ramp(60, 40).save(tmp_path / "a.jpg", exif=exif)
    assert rights_of(tmp_path / "a.jpg").copyright == "Ann; Ed"


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("2024:05:06 07:08:09", Taken("2024:05:06 07:08:09")),
        ("2024-05-06T07:08:09.250-03:30", Taken("2024:05:06 07:08:09", "250", "-03:30")),
        ("2024-05-06T07:08Z", Taken("2024:05:06 07:08:00", "", "+00:00")),
        ("20240506 070809+0200", Taken("2024:05:06 07:08:09", "", "+02:00")),
        ("20240506", Taken("2024:05:06   :  :  ")),
        ("2024:05:06   :  :  ", Taken("2024:05:06   :  :  ")),
        ("0000:00:00 00:00:00", None),
        ("2024:02:30 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("2024", None),
        ("", None),
    ],
)
def test_dates(text: str, taken: Taken | None) -> None:
    assert Taken.parse(text) == taken


def test_texts_are_bounded_and_clean(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = ("é" * 40_000).encode()[:60_000]
    exif[0x013B] = b"\x1b[31mAnn\x07\r\nBea\x7f\0garbage"
    exif[0x8298] = b"\xa9 2024 Jos\xe9"  # not UTF-8
    ramp(60, 40).save(tmp_path / "a.png", exif=exif)
    found = rights_of(tmp_path / "a.png")
    assert found.description == "é" * (rights.LONGEST // 2)
    assert (found.artist, found.copyright) == ("[31mAnn\nBea", "© 2024 José")


LAUGHS = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%b">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12)
)


def hostile(folder: Path) -> None:
    image = ramp(60, 40)
    image.save(folder / "exif.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(range(60)))
    image.save(
        folder / "loop.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x87\x69\0\4\0\0\0\1\0\0\0\x08"
    )
    entries = [(0x010E, 12, 1, 0), (0x013B, 4, 1, 7), (0x8298, 3, 2, 9 << 16), (0x8769, 2, 4, 1)]
    numbers = b"MM\0*\0\0\0\x08\0\x04" + b"".join(struct.pack(">HHII", *e) for e in entries)
    image.save(folder / "numbers.webp", exif=numbers + bytes(4))
    image.save(folder / "laughs.jpg", xmp=LAUGHS + b"]><x>&m;</x>")
    image.save(folder / "deep.webp", xmp=b"<a>" * 300_000)
    image.save(folder / "long.webp", xmp=xmp() + b" " * 5_000_000)
    jpeg(folder / "iptc.jpg", image, block=b"\x1c\x02\x50\xff\xff\xff\xff\xff")
    jpeg(folder / "iptc2.jpg", image, block=b"\x1c\x02\x50\x00\x03Ann" + b"\xff" * 9)
    image.save(folder / "text.png")
    data = (folder / "text.png").read_bytes()
    body = b"Author\0\0" + zlib.compress(b"A" * 50_000_000)
    bomb = struct.pack(">I", len(body)) + b"zTXt" + body
    bomb += struct.pack(">I", zlib.crc32(b"zTXt" + body))
    (folder / "text.png").write_bytes(data[:-12] + bomb + data[-12:])


def test_hostile_metadata_loses_the_rights_and_not_the_photo(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    hostile(folder)
    for output in convert(sorted(folder.iterdir()), tmp_path / "out", KEEP):
        require_only(output, Rights())


def test_broken_metadata_does_not_hide_other_metadata(tmp_path: Path) -> None:
    ramp(60, 40).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff", xmp=xmp())
    assert rights_of(tmp_path / "a.jpg") == OTHER


def test_a_photo_that_is_gone_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    ramp(60, 40).save(path)
    picture = probe(path, 1 << 28, sandboxed=True)
    path.unlink()
    with pytest.raises(PhotoError) as caught:
        read_metadata(path, picture, KEEP)
    assert caught.value.kind is Kind.MISSING


def test_a_full_disk_while_rights_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ffprep.image.embed.embed", full)
    exif = Image.Exif()
    exif[0x8298] = "somebody"
    for name in ("a.jpg", "b.jpg"):
        ramp(60, 40).save(tmp_path / name, exif=exif)
    for streams in (True, False):
        jobs = [LocalJob(tmp_path / n, tmp_path / f"out-{n}", KEEP) for n in ("a.jpg", "b.jpg")]
        with pytest.raises(EnvironmentFault, match="no space left"):
            list(converter(streams=streams).convert(jobs))


@pytest.mark.parametrize("format", OUTPUTS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_profile_and_rights_can_both_be_embedded(tmp_path: Path, format: str, mode: str) -> None:
    profile = Profile.of(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    path = tmp_path / "a"
    for options in ({}, {"lossless": True}) if format == "webp" else ({},):
        ramp(61, 41).convert("RGB" if format == "jpeg" else mode).save(path, format, **options)
        before = opened(path)
        embed(path, OUTPUT_FORMATS[format], profile, Metadata(RIGHTS.exif()))
        assert told(path) == tags_of(RIGHTS)
        after = opened(path)
        assert after.info["icc_profile"] == profile.data
        assert (after.mode, after.tobytes()) == (before.mode, before.tobytes())


def test_embedding_into_another_file_than_webp_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    path.write_bytes(b"RIFF")
    with pytest.raises(PhotoError, match="not a whole webp"):
        embed(path, OUTPUT_FORMATS["webp"], None, Metadata(RIGHTS.exif()))


def test_metadata_parsers_are_imported_only_when_needed() -> None:
    # Without what Pillow itself imports: XML, before about version 12.
    code = "import sys, PIL.Image; before = set(sys.modules)\n"
    code += "import ffprep.cli.main, ffprep.conversion.converter; print(*set(sys.modules) - before)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    late = {"defusedxml", "xml", "email", "PIL.IptcImagePlugin", "PIL.TiffImagePlugin"}
    assert not late & set(ran.stdout.split())


@needs_photos
def test_real_photos_keep_nothing_but_their_rights(tmp_path: Path) -> None:
    assert PHOTOS
    # The outputs of a photo share its decoding.
    jobs = [
        LocalJob(source, tmp_path / spec.metadata / f"{source.name}.{format}", made)
        for source in sorted((PHOTOS / "camera").iterdir())
        for spec, format in product((SPEC, KEEP), OUTPUTS)
        for made in [replace(spec, format=OUTPUT_FORMATS[format])]
    ]
    results = list(converter(Policy(upscale="allow")).convert(jobs))
    assert {(result.failure, result.warnings) for result in results} == {(None, ())}
    assert len(results) == len(jobs)
    for job in jobs:
        kept = rights_of(job.source) if job.spec.metadata == KEEP.metadata else Rights()
        require_only(job.output, kept)
