"""The options of `submit`: what the request asks for, and what is refused before it is sent."""

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.support.pictures import ramp
from tests.support.standin import Rules, Standin
from tests.support.submitting import QUICK, clips


def test_target_and_model_imply_each_other(
    ffprep, standin: Standin, photo: Path, tmp_path: Path
) -> None:
    run = ["submit", photo, "--prompt", "waves", *QUICK, "-o", tmp_path / "c.mp4"]
    assert ffprep(*run, "--target", "sora-2", "--seconds", "8").code == 0
    assert ffprep(*run, "--model", "sora-2-pro", "--size", "1024x1792").code == 0
    asked = [
        (job.request.model, job.request.width, job.request.seconds) for job in standin.jobs.values()
    ]
    assert asked == [("sora-2", 1280, 8), ("sora-2-pro", 1024, 4)]
    wrong = ffprep(*run, "--model", "sora-2", "--size", "1024x1792")
    assert wrong.code == 2
    assert "sora-2 has no size 1024x1792" in wrong.err
    assert standin.count("create") == 2


def test_framing_format_and_extra_fields_reach_the_server(
    ffprep, standin: Standin, photo: Path, tmp_path: Path
) -> None:
    standin.rules = Rules(extra=frozenset({"seed", "style[name]"}))
    options = ["--mode", "pad", "--background", "white", "--format", "png", "--extra", "seed=7"]
    options += ["--extra", 'style={"name": "ink"}']
    ran = ffprep(
        "submit",
        photo,
        "--prompt",
        "w",
        "--size",
        "1280x720",
        *options,
        *QUICK,
        "--json",
        cwd=tmp_path,
    )
    assert ran.code == 0, ran.err
    (line, last) = ran.lines
    printed = {key: line[key] for key in ("status", "output", "width", "height", "job", "error")}
    assert printed == {
        "status": "done",
        "output": "photo.mp4",
        "width": 1280,
        "height": 720,
        "job": "video_0001",
        "error": None,
    }
    assert last["summary"]["done"] == 1
    (job,) = standin.jobs.values()
    assert job.request.extra == {"seed": "7", "style[name]": "ink"}
    (picture,) = job.request.pictures
    assert picture.mime == "image/png"
    assert Image.open(io.BytesIO(picture.data)).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "1280x720"], "--prompt"),
        (["--prompt", "w"], "no size is given"),
        (["--prompt", "w", "--size", "1280x720", "--extra", "size=7"], "--extra size"),
        (["--prompt", "w", "--size", "1280x720", "--extra", "style=ink"], "quotes around"),
        (["--prompt", "w", "--size", "1280x720", "-o", "c.png"], "c.mp4"),
        (["--prompt", "w", "--size", "1280x720", "--base-url", "localhost:8000"], "http://"),
        (
            [
                "--prompt",
                "w",
                "--size",
                "1280x720",
                "--protocol",
                "azure-v1",
                "--base-url",
                "http://x",
            ],
            "--model",
        ),
        (["--resume", "video_1"], "leave out SOURCE"),
        (["--resume", ""], "--resume is empty"),
        (["--prompt", "w", "--size", "1280x720", "-o", "c.mp4", "."], "named like one clip"),
        (["--prompt", "w\udcff", "--size", "1280x720"], "not valid UTF-8"),
        (["--prompt", "w", "--size", "1280x720", "--extra", "n=NaN"], "cannot be sent"),
        (
            ["--prompt", "w", "--size", "1280x720", "--extra", "n=" + "[" * 99_999],
            "nested too deep",
        ),
        (["--prompt", "w", "--size", "1280x720", "--base-url", "http://h/v1?key=s"], "? or #"),
    ],
)
def test_invalid_options_are_refused_before_anything_is_sent(
    ffprep, standin: Standin, photo: Path, arguments: list[str], words: str
) -> None:
    ran = ffprep("submit", photo, *arguments, cwd=photo.parent)
    assert (ran.code, words in ran.err) == (2, True), ran.err
    assert not standin.received


def test_two_photos_with_the_same_clip_are_not_sent(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    ramp(900, 900).save(photos / "a.png")
    ran = ffprep(*clips(photos, tmp_path), "--json", *QUICK)
    assert (ran.code, ran.kinds()) == (1, {"a.jpg": "collision", "a.png": "collision"})
    assert standin.count("create") == 3
