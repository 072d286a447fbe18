"""Photos and clips in stores, and the record of submissions there."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.support import standin as service
from tests.support.pictures import ramp
from tests.support.standin import Standin
from tests.support.stores import Bucketeer, bucketeer
from tests.support.submitting import QUICK, clip_size

pytestmark = pytest.mark.slow

RUN = ("--prompt", "w", "--size", "1280x720", "--jobs", "1", *QUICK)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucketeer]:
    with bucketeer(tmp_path_factory.mktemp("moto")) as running:
        yield running


@pytest.fixture
def s3(server: Bucketeer, monkeypatch: pytest.MonkeyPatch, standin: Standin) -> Iterator[Bucketeer]:
    """The server, with two photos in one bucket, and another bucket for clips."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    owner = server.owner()
    for bucket in ("photos", "clips"):
        owner.create_bucket(Bucket=bucket)
    for name in ("a.jpg", "trip/b.jpg"):
        file = io.BytesIO()
        ramp(1600, 1200).save(file, "jpeg")
        owner.put_object(Bucket="photos", Key=f"in/{name}", Body=file.getvalue())
    server.forget()
    yield server
    server.empty()


def test_a_folder_of_photos_in_a_store_becomes_clips_in_a_store(
    ffprep, s3: Bucketeer, standin: Standin, tmp_path: Path
) -> None:
    sidecar = b'mode = "pad"\n'
    s3.owner().put_object(Bucket="photos", Key="in/a.jpg.ffprep.toml", Body=sidecar)
    run = ("submit", "s3://photos/in", "-o", "s3://clips/out", "--background", "white", *RUN)
    assert ffprep(*run, "--dry-run").out.count(b"POST ") == 2
    assert (standin.received, s3.names("clips")) == ([], [])
    ran = ffprep(*run)
    assert (ran.code, ran.err) == (0, "")
    made = {name for name in s3.names("clips") if name.endswith(".mp4")}
    assert made == {"out/a.mp4", "out/trip/b.mp4"}
    clip = tmp_path / "b.mp4"
    clip.write_bytes(s3.content("clips", "out/trip/b.mp4"))
    assert clip_size(clip) == (1280, 720)
    padded, covered = (
        Image.open(io.BytesIO(each.part("input_reference").data)).convert("L").getpixel((0, 0))
        for each in standin.received
        if each.operation == "create"
    )
    assert padded == 255
    assert covered != 255
    again = ffprep(*run, "--json")
    assert (again.summary["fresh"], standin.count("create")) == (2, 2), again.err
    assert b"submissions: 2 done" in ffprep("status", "s3://clips/out").out
    s3.owner().put_object(Bucket="clips", Key="out/a.mp4", Body=b"a film of one's own")
    changed = ffprep(*run, "--json")
    assert changed.kinds()["a.jpg"] == "collision", changed.err


def test_a_request_is_recorded_in_the_store_before_it_is_sent(
    ffprep, s3: Bucketeer, standin: Standin
) -> None:
    run = ("submit", "s3://photos/in/a.jpg", "-o", "s3://clips/a.mp4", *RUN)
    s3.faults.append(
        lambda request: (
            "unknown"
            if request.method == "PUT" and request.path.endswith("submissions.db")
            else None
        )
    )
    ran = ffprep(*run)
    assert (ran.code, "cannot record submissions in s3://clips/.ffprep" in ran.err) == (3, True)
    assert standin.received == []
    s3.forget()
    standin.meets("create", service.CUT_AFTER)
    assert ffprep(*run, "--json").kinds() == {"a.jpg": "uncertain"}
    assert ffprep(*run, "--json").kinds() == {"a.jpg": "uncertain"}
    assert standin.count("create") == 1
    assert ffprep(*run, "--resubmit").code == 0
    assert s3.content("clips", "a.mp4")[4:8] == b"ftyp"
