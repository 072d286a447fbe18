"""`--focus faces`: each photo of a stream is cut at a place of its own."""

from pathlib import Path

import pytest
from PIL import Image

from ffprep.config.modes import find_mode
from ffprep.conversion import command
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Bounds, FaceFocus, Size
from ffprep.core.job import CaveatKind, LocalJob, Status
from ffprep.core.spec import Spec
from ffprep.record import replace
from tests.support.converters import converter
from tests.support.pictures import coordinates, opened

SPEC = Spec(Size(100, 200), find_mode("cover"), OUTPUT_FORMATS["png"], focus=FaceFocus())
LEFTS = (0, 60, 140, 300)


def test_the_photos_of_a_stream_are_cut_at_their_own_faces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = list[int]()
    sequence_command = command.sequence_command

    def counted(binary, sequence, folder, photos):
        streams.append(len(each := list(photos)))
        return sequence_command(binary, sequence, folder, each)

    monkeypatch.setattr(command, "sequence_command", counted)
    jobs = []
    for number, left in enumerate(LEFTS):
        coordinates(400, 200).save(tmp_path / f"{number}.png")
        face = Bounds((left + 40) / 400, 0.4, (left + 60) / 400, 0.5)
        jobs.append(LocalJob(tmp_path / f"{number}.png", tmp_path / f"o{number}", SPEC))
        jobs[-1] = replace(jobs[-1], faces=(face,))
    results = {result.output: result for result in converter().convert(jobs)}
    assert streams == [4]  # one ffmpeg for all
    for number, left in enumerate(LEFTS):
        output = tmp_path / f"o{number}"
        assert results[output].status is Status.CONVERTED
        assert [each.kind for each in results[output].caveats] == [CaveatKind.CUT]
        red, _, blue = opened(output).getpixel((0, 0))
        assert red + 256 * (blue // 16) == left
        (alone,) = converter(streams=False).convert(
            [replace(jobs[number], output=tmp_path / "alone")]
        )
        assert alone.status is Status.CONVERTED
        assert (tmp_path / "alone").read_bytes() == output.read_bytes()


def test_a_turned_photo_is_cut_at_its_face(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = coordinates(200, 400).transpose(Image.Transpose.ROTATE_90)
    face, jobs = Bounds(0.4, 0.7, 0.6, 0.8), []
    for name in "ab":
        stored.save(tmp_path / f"{name}.png", exif=exif)
        spec = replace(SPEC, size=Size(200, 100))
        jobs.append(
            LocalJob(tmp_path / f"{name}.png", tmp_path / f"{name}-out", spec, faces=(face,))
        )
    for result in converter().convert(jobs):
        assert result.output
        _, green, blue = opened(Path(result.output)).getpixel((0, 0))
        top = green + 256 * (blue % 16)
        assert top <= 280 < 320 <= top + 100


def test_a_mode_that_cuts_nothing_looks_for_no_face(tmp_path: Path) -> None:
    coordinates(400, 200).save(tmp_path / "a.png")
    spec = replace(SPEC, mode=find_mode("pad"))
    (result,) = converter().convert([LocalJob(tmp_path / "a.png", tmp_path / "out", spec)])
    assert (result.status, result.faces, result.caveats) == (Status.CONVERTED, None, ())
    assert opened(tmp_path / "out").getpixel((50, 74)) == (0, 0, 0)  # it is in the middle
    assert opened(tmp_path / "out").getpixel((50, 76)) != (0, 0, 0)
