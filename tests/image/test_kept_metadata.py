"""Outputs that keep the metadata of their photos: all of it, or all but places and numbers."""

import json
import random
import shutil
import struct
import subprocess
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ffprep.core.geometry import Size
from ffprep.image.kept_exif import Exif
from ffprep.image.kept_metadata import kept_iptc, kept_xmp, read_metadata
from ffprep.image.probe import probe
from ffprep.record import replace
from tests.image import test_metadata as samples
from tests.support.photos import PHOTOS, needs_photos
from tests.support.pictures import opened, ramp

ALL = replace(samples.SPEC, metadata="keep")
NO_PLACE = replace(samples.SPEC, metadata="keep-no-place")
NAMES = ("a.jpg", "a.png", "a.webp", "a.tiff", "a.heic")
ROOM = 65000

PRIVATE = (
    "maker note|user comment|image id|owner|body serial|lens serial|city|serial|ingredient|"
    "thumbnail|resource|trailer"
).split("|")

needs_exiftool = pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is missing")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    samples.write_everything(folder)
    return [folder / name for name in NAMES]


def tags_of(paths: list[Path], *options: str) -> list[dict[str, Any]]:
    command = ["exiftool", "-j", "-G1", "-a", "-charset", "UTF8", *options, *map(str, paths)]
    ran = subprocess.run(command, capture_output=True, check=True)
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


@needs_exiftool
def test_keep_keeps_all_that_a_format_holds(photos: list[Path], tmp_path: Path) -> None:
    expected = {
        "IFD0:Orientation": "Horizontal (normal)",
        "IFD0:Make": "SECRET make",
        "IFD0:Artist": samples.RIGHTS.artist,
        "ExifIFD:DateTimeOriginal": "2024:05:06 07:08:09",
        "ExifIFD:UserComment": "SECRET user comment",
        "ExifIFD:LensSerialNumber": "SECRET lens serial",
        "GPS:GPSLatitude": "52 deg 31' 12.00\"",
        "GPS:GPSLongitude": "13 deg 24' 18.00\"",
        "XMP-aux:SerialNumber": "SECRET serial",
        "XMP-photoshop:City": "SECRET city",
        "XMP-exif:GPSLatitude": "52 deg 31' 12.00\" N",
        "XMP-dc:Rights-de": "SECRET auf Deutsch",
        "XMP-dc:Creator": ["Xavier", "Ümit"],
    }
    outputs = samples.convert(photos, tmp_path, ALL)
    for output, tags in zip(outputs, tags_of(outputs), strict=True):
        assert expected.items() <= tags.items(), output
        assert not [tag for tag in tags if "Thumbnail" in tag or "Warning" in tag], output
        of_iptc = {"IPTC:City": "SECRET city", "IPTC:By-line": ["Iñez", "Ivo"]}
        has_iptc = output.suffix == ".jpeg" and output.stem in ("a.jpg", "a.tiff")
        assert (of_iptc.items() <= tags.items()) is has_iptc, output
        assert opened(output).size == (64, 48)


def test_keep_no_place_keeps_no_place_and_no_number(photos: list[Path], tmp_path: Path) -> None:
    for output in samples.convert(photos, tmp_path, NO_PLACE):
        data = output.read_bytes()
        for words in PRIVATE:
            assert f"SECRET {words}".encode() not in data, (output, words)
        assert b"GPS" not in data
        tags = samples.told(output)
        assert 0x8825 not in tags
        assert tags[0x0110] == "SECRET model"
        assert samples.tags_of(samples.RIGHTS).items() <= tags.items()
        assert b"\xc3\x9cmit" in data  # of the XMP


@needs_photos
@needs_exiftool
def test_the_exif_of_cameras_reads_as_before(tmp_path: Path) -> None:
    assert PHOTOS
    sources, copies = list[Path](), list[Path]()
    for path in sorted((PHOTOS / "camera").iterdir()):
        with Image.open(path) as image:
            data = image.info.get("exif", b"").removeprefix(b"Exif\0\0")
            exif = Exif.read(BytesIO(data), everything=True)
            assert exif
            exif.correct(Size(*image.size), srgb=False)
        sources.append(path)
        copies.append(tmp_path / path.name)
        ramp(8, 6).save(copies[-1], exif=b"Exif\0\0" + exif.written(ROOM))
    before, after = (
        tags_of(paths, "-n", "-EXIF:all", "-MakerNotes:all") for paths in (sources, copies)
    )
    left_out = (
        "Orientation|Thumbnail|YCbCr|Compress|SubjectArea|SubjectLocation|FocalPlane|Padding|"
        "WhitePoint|PrimaryChromaticities|PrintIM|OffsetSchema|MPF|SourceFile|Interop|ExifImage|"
        "Photometric|ImageWidth|ImageHeight|BitsPerSample|SamplesPerPixel|PlanarConfiguration|SamsungTrailer|Samsung:TimeStamp"
    ).split("|")
    for old, new, path in zip(before, after, sources, strict=True):
        kept = {
            tag: value
            for tag, value in old.items()
            if value != "" and not tag.startswith("IFD1")
            if not any(word in tag for word in left_out)
        }
        missing = {tag: value for tag, value in kept.items() if new.get(tag) != value}
        assert len(kept) > 20, path
        assert not missing, path


def simple_exif(**details: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Ann"
    exif.get_ifd(0x8769).update(
        {0xA001: 65535, 0xA002: 4000, 0xA003: 3000, 0xA005: {1: "R03"}, **details}
    )
    return exif.tobytes().removeprefix(b"Exif\0\0")


def read_back(data: bytes) -> tuple[Image.Exif, dict[int, Any]]:
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + data)
    return exif, exif.get_ifd(0x8769)


@pytest.mark.parametrize("srgb", [True, False])
def test_what_describes_other_pixels_is_corrected(srgb: bool) -> None:
    exif = Exif.read(BytesIO(simple_exif()), everything=True)
    assert exif
    exif.correct(Size(640, 480), srgb)
    found, details = read_back(exif.written(ROOM))
    assert (found[0x0112], found[0x013B]) == (1, "Ann")
    assert (details[0xA002], details[0xA003]) == (640, 480)
    assert details[0xA001] == (1 if srgb else 65535)
    assert found.get_ifd(0xA005) == ({} if srgb else {1: "R03"})


def test_exif_that_is_too_long_loses_its_largest_fields() -> None:
    data = simple_exif()
    exif = Exif.read(BytesIO(data), everything=True)
    assert exif
    exif.complete({0: {0x010E: b"d" * 40_000, 0x8298: b"c" * 30_000}})
    found, _ = read_back(exif.written(ROOM))
    assert (found[0x013B], found[0x8298], 0x010E in found) == ("Ann", "c" * 30_000, False)


def test_the_maker_note_stands_where_it_stood() -> None:
    note = b"NOTE" + bytes(range(200))
    data = samples.exif_of_everything()
    at = data.index(b"SECRET maker note")
    data = data[:at] + note + data[at + len(note) :]
    exif = Exif.read(BytesIO(data), everything=True)
    assert exif
    assert exif.written(ROOM).index(note) == at


def test_any_damage_to_exif_is_harmless() -> None:
    data, chance = samples.exif_of_everything(), random.Random(1)
    for everything in (True, False):
        for _ in range(400):
            broken = bytearray(data[: chance.randrange(8, len(data))])
            for _ in range(chance.randrange(1, 8)):
                broken[chance.randrange(4, len(broken))] = chance.choice(b"\0\1\4\x08\x7f\xff")
            exif = Exif.read(BytesIO(bytes(broken)), everything)
            if exif is None:
                continue
            exif.correct(Size(64, 48), srgb=True)
            written = exif.written(ROOM)
            assert len(written) <= ROOM
            assert read_back(written)[0][0x0112] == 1


def test_fields_that_share_bytes_do_not_grow() -> None:
    count = 900
    entries = b"".join(struct.pack("<HHII", 40000 + n, 7, 60_000, 8) for n in range(count))
    start = 26
    main = struct.pack("<HHHIII", 1, 0x8769, 4, 1, start, 0)
    data = b"II*\0\x08\0\0\0" + main + struct.pack("<H", count) + entries + bytes(60_000)
    exif = Exif.read(BytesIO(data), everything=True)
    assert exif
    assert len(exif.written(1 << 30)) < 1_100_000
    assert len(exif.written(ROOM)) <= ROOM


def test_hostile_metadata_does_not_stop_a_photo(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    samples.hostile(folder)
    for output in samples.convert(sorted(folder.iterdir()), tmp_path / "out", ALL):
        assert opened(output).size == (64, 48)
        assert samples.told(output).get(0x0112, 1) == 1


def test_texts_of_a_png_are_kept_in_exif(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    exif = Image.Exif()
    exif[0x010F], exif[0x8298] = "Maker", "(c) EXIF"
    ramp(60, 40).save(path, pnginfo=samples.png_text(), exif=exif)
    picture = probe(path, 1 << 28, sandboxed=True)
    kept = read_metadata(path, picture, ALL)
    found, details = read_back(kept.exif)
    assert (found[0x010F], found[0x8298]) == ("Maker", "(c) EXIF")
    assert found[0x013B].encode("latin-1").decode() == "Piña"
    assert (details[0x9003], details[0x9011]) == ("2003:03:01 12:13:14", "-05:00")


def test_xmp_without_what_describes_other_pixels() -> None:
    packet = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
     xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
     xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
     xmlns:g="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:my="http://example.com/my/"
     tiff:Orientation="6" g:Version="1.0" my:own="yes" xmp:Rating="4">
     <xmp:Thumbnails>AAAA</xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta>"""
    kept = kept_xmp(packet, True, ROOM).decode()
    assert "yes</" in kept
    assert ">4</xmp:Rating>" in kept
    assert not [word for word in ("Orientation", "Thumbnails", "gain-map") if word in kept]
    assert "yes" not in kept_xmp(packet, False, ROOM).decode()
    # All of it would be too long, the words about the picture are not.
    assert "yes" not in kept_xmp(packet.replace(b"yes", b"y" * 3000), True, 1000).decode()
    assert kept_xmp(packet, True, 100) == b""


def test_xmp_of_any_depth_is_harmless() -> None:
    packet = samples.xmp()
    for depth in (10, 20_000):
        deep = b"<photoshop:City>" * depth + b"</photoshop:City>" * depth
        longer = packet.replace(
            b"</rdf:Description></rdf:RDF>", deep + b"</rdf:Description></rdf:RDF>"
        )
        for everything in (True, False):
            with suppress(RecursionError):  # as any error of a parser, it costs the XMP alone
                assert b"Xavier" in kept_xmp(longer, everything, 1 << 20)


def test_broken_iptc_is_cut() -> None:
    name = samples.iptc((2, 80, b"Ann"))
    assert kept_iptc(name + b"\x1c\x02\x50\xff\xff\xff", True, ROOM) == name
    city = samples.iptc((2, 90, b"Berlin"))
    assert kept_iptc(city + name, False, ROOM) == name
    assert kept_iptc(samples.iptc((1, 90, b"\x1b%G")), True, ROOM) == b""
    assert kept_iptc(name, True, 5) == b""


@pytest.mark.parametrize("metadata", ["none", "keep-rights"])
def test_the_date_is_kept_without_other_metadata(
    photos: list[Path], tmp_path: Path, metadata: str
) -> None:
    kept = (
        samples.RIGHTS if metadata == "keep-rights" else samples.Rights(taken=samples.RIGHTS.taken)
    )
    spec = replace(samples.SPEC, metadata=metadata, date="keep")
    for output in samples.convert(photos[:1], tmp_path, spec):
        samples.require_only(output, kept)
