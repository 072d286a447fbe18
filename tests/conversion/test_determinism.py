"""The same photo and options give the same bytes, in a stream or alone, whatever memory holds."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from ffprep.config.modes import all_modes, find_mode
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from tests.support.ffmpegs import script
from tests.support.pictures import ramp

pytestmark = pytest.mark.slow

# Small frames have the smallest intermediate pictures, behind whose ends vectorized filters read.
SIZES = [Size(1, 1), Size(17, 2), Size(7, 64), Size(64, 16), Size(65, 49)]


# What modes do is the same for all formats with YCbCr, and for all with RGB.
ALL_MODES = ("jpeg", "png")

# Photos of these formats share a stream at every size.
SHARED = ("a.jpg", "b.jpg", "a.png", "b.png")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Make a photo of every input format and kind of pixel, and two for each stream."""
    folder = tmp_path_factory.mktemp("in")
    image = ramp(90, 70)
    alpha = Image.merge("RGBA", (*image.split(), Image.linear_gradient("L").resize(image.size)))
    for name in ("a.jpg", "b.jpg", "a.png", "b.png", "a.webp", "a.bmp", "a.gif", "a.tiff"):
        image.save(folder / name)
    image.save(folder / "a.avif", quality=60)
    image.save(folder / "a.jp2")
    alpha.save(folder / "alpha.png")
    alpha.save(folder / "alpha.webp", lossless=True)
    image.convert("L").resize((33, 200)).save(folder / "gray.jpg")
    image.convert("1").save(folder / "bits.png")
    image.convert("CMYK").save(folder / "cmyk.jpg")
    Image.new("I;16", (40, 30), 40_000).save(folder / "deep.png")
    image.resize((3, 2)).save(folder / "tiny.png")
    _heic(image, folder / "a.heic")
    return sorted(folder.iterdir())


def _heic(image: Image.Image, path: Path) -> None:
    import pillow_heif

    pillow_heif.from_pillow(image).save(path, quality=60)


def of_size(number: int, sources: list[Path]) -> list[Path]:
    """Select the photos of a size: those that share streams, and others at two sizes each."""
    count = len(SIZES)
    return [p for i, p in enumerate(sources) if p.name in SHARED or (i - number) % count < 2]


@pytest.fixture(scope="module")
def converters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Converter]]:
    """Return a converter with streams and one without, by the Python that they have to use.

    The new memory of their processes is filled with different bytes.
    """
    folder, made = tmp_path_factory.mktemp("programs"), dict[str, Converter]()
    # glibc fills memory with these bytes when it is allocated and freed.
    for fill, streams in (("1", True), ("170", False)):
        filled = f'export MALLOC_PERTURB_={fill}; exec "{{}}" "$@"'
        python = script(folder / f"python-{fill}", filled.format(sys.executable))
        ffmpeg = script(folder / f"ffmpeg-{fill}", filled.format(find().path))
        made[python] = Converter(replace(find(), path=ffmpeg), Policy(), streams=streams)
    yield made
    for converter in made.values():
        converter.close()


@pytest.mark.parametrize(
    ("mode", "format"),
    [
        (mode.name, format)
        for mode in all_modes()
        for format in OUTPUT_FORMATS
        if mode.name == "cover" or format in ALL_MODES
    ],
)
def test_outputs_do_not_depend_on_old_memory_contents(
    sources: list[Path],
    converters: dict[str, Converter],
    tmp_path: Path,
    mode: str,
    format: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Every size with one of the pixel formats of a mode, and all with both in the first mode.
    sizes = SIZES if mode == "cover" else SIZES[format == "png" :: 2]
    made: list[dict[str, bytes]] = []
    for python, converter in converters.items():
        monkeypatch.setenv("FFPREP_PYTHON", python)
        made.append({})
        for size in sizes:
            paths = of_size(SIZES.index(size), sources)
            spec = Spec(size, find_mode(mode), OUTPUT_FORMATS[format])
            out = tmp_path / str(len(made)) / str(size)
            results = converter.convert([LocalJob(p, out / p.name, spec) for p in paths])
            assert [r.failure for r in results if r.failure] == []
            made[-1] |= {f"{size} {p.name}": (out / p.name).read_bytes() for p in paths}
    in_a_stream, alone = made
    assert [name for name in alone if alone[name] != in_a_stream[name]] == []
