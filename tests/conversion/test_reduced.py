"""`--fast`: JPEGs that TurboJPEG decodes at a fraction of their size."""

from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from ffprep.config.modes import find_mode
from ffprep.conversion.fed import reduced
from ffprep.core.formats import FORMATS, OUTPUT_FORMATS
from ffprep.core.geometry import Bounds, Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import LocalJob, Result, Status
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault, Kind
from ffprep.image import turbojpeg
from ffprep.record import replace
from tests.support.converters import converter
from tests.support.pictures import opened, psnr, ramp
from tests.support.shims import need

SPEC = Spec(Size(64, 48), find_mode("cover"), OUTPUT_FORMATS["png"], fast=True)
JPEG = next(format for format in FORMATS if format.name == "jpeg")
PHOTO = ImageInfo(JPEG, Size(320, 240), planes="yuv420p")


@pytest.fixture
def library() -> None:
    with suppress(EnvironmentFault):
        turbojpeg._library()
    need("TurboJPEG", turbojpeg._library.cache_info().currsize)


needs_turbojpeg = pytest.mark.usefixtures("library")


@pytest.mark.parametrize(
    ("picture", "spec", "size"),
    [
        (PHOTO, SPEC, Size(160, 120)),
        (PHOTO, replace(SPEC, size=Size(32, 24)), Size(80, 60)),
        (replace(PHOTO, orientation=6), replace(SPEC, size=Size(48, 64)), Size(160, 120)),
        (replace(PHOTO, planes=None), SPEC, None),
        (PHOTO, replace(SPEC, size=Size(200, 150)), None),
        (PHOTO, replace(SPEC, bounds=Bounds(0, 0, 0.9, 1)), None),
        (PHOTO, replace(SPEC, mode=find_mode("blur")), None),
        (replace(PHOTO, stored=Size(320, 241)), SPEC, None),
        (PHOTO, replace(SPEC, size=Size(64, 36)), Size(160, 120)),
        (PHOTO, replace(SPEC, size=Size(64, 47)), None),
    ],
    ids="half quarter turned unusual large bounds filters odd scaled-first cut".split(),
)
def test_a_jpeg_is_reduced_if_the_same_part_of_it_is_shown(
    picture: ImageInfo, spec: Spec, size: Size | None
) -> None:
    found = reduced(picture, spec)
    assert (found and found.picture.stored) == size


def convert(folder: Path, out: str, spec: Spec = SPEC, streams: bool = True) -> dict[str, Result]:
    jobs = [LocalJob(path, folder / out / path.stem, spec) for path in sorted(folder.glob("*.jpg"))]
    results = converter(streams=streams).convert(jobs)
    return {result.source.stem: result for result in results}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """JPEGs of each kind of planes; of each, two go together, and one is cut at odd pixels."""
    for name, options in {"444": 0, "422": 1, "420": 2, "gray": 0}.items():
        for number, size in enumerate([(320, 240), (640, 480), (400, 320)]):
            photo = ramp(*size).convert("L" if name == "gray" else "RGB")
            exif = Image.Exif()
            exif[0x0112] = 3 if number == 2 else 1
            path = tmp_path / f"{name}-{number}.jpg"
            photo.save(path, quality=95, subsampling=options, exif=exif)
    return tmp_path


@needs_turbojpeg
def test_reduced_photos_are_nearly_the_same_and_equal_in_a_stream_and_alone(photos: Path) -> None:
    together, alone = convert(photos, "together"), convert(photos, "alone", streams=False)
    full = convert(photos, "full", replace(SPEC, fast=False))
    for name in together:
        assert together[name].status is alone[name].status is Status.CONVERTED
        pictures = [(photos / out / name).read_bytes() for out in ("together", "alone", "full")]
        assert pictures[0] == pictures[1] != pictures[2]
        assert psnr(opened(photos / "together" / name), opened(photos / "full" / name)) > 41
    assert len(full) == len(together) == 12


@needs_turbojpeg
def test_damage_is_found_as_without_fast_and_costs_no_other_photo(photos: Path) -> None:
    path = photos / "420-0.jpg"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    (photos / "444-0.jpg").write_bytes((photos / "444-0.jpg").read_bytes()[:-2])  # no end marker
    for streams in (True, False):
        fast = convert(photos, f"fast-{streams}", streams=streams)
        full = convert(photos, f"full-{streams}", replace(SPEC, fast=False), streams)
        failure, expected = fast.pop("420-0").failure, full.pop("420-0").failure
        assert failure
        assert expected
        assert (failure.kind, str(failure)) == (Kind.DAMAGED, str(expected))
        assert {result.status for result in fast.values()} == {Status.CONVERTED}
        outputs = [photos / f"{way}-{streams}" / "444-0" for way in ("fast", "full")]
        assert outputs[0].read_bytes() == outputs[1].read_bytes()


@pytest.mark.parametrize("name", ["libnone.so", "libc.so.6"], ids=["missing", "without-functions"])
def test_a_library_that_cannot_be_used_is_no_fault_of_photos(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turbojpeg, "_NAMES", (name,))
    with pytest.raises(EnvironmentFault, match="leave out --fast"):
        turbojpeg._library.__wrapped__()
