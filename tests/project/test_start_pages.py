"""The start pages, run from their first line to their last in a fresh folder."""

import json
import sys
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from scripts.cases import raw
from tests.support.pages import ROOT, Page
from tests.support.pictures import opened, ramp
from tests.support.standin import Standin
from tests.support.stores import bucketeer

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
# Programs that a test cannot run: the package index, other users, containers.
STAND_INS = {
    "pip": "",
    "pipx": f'mkdir -p "$HOME/.local/bin" && ln -s {BIN}/ffprep "$HOME/.local/bin"',
    "docker": '[ "$1" = build ] || { until [ "$1" = ffprep ]; do shift; done; exec "$@"; }',
}


@pytest.fixture
def folder(tmp_path: Path, home: Path) -> Path:
    """An empty folder of the reader."""
    folder = tmp_path / "reader"
    folder.mkdir()
    return folder


def exif(orientation: int = 1) -> Image.Exif:
    """Return the EXIF of a phone: how it was held, and when."""
    made = Image.Exif()
    made[0x0112] = orientation
    made.get_ifd(0x8769)[0x9003] = "2024:07:14 18:02:11"
    return made


def pictures(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the sizes of the pictures in a folder, by their paths there."""
    found = (path for path in folder.rglob("*.*") if path.suffix in (".jpg", ".png"))
    return {str(path.relative_to(folder)): opened(path).size for path in sorted(found)}


def test_a_photographer_fills_a_frame(follow, folder: Path) -> None:
    (folder / "photos/lake").mkdir(parents=True)
    card = folder / "card"
    card.mkdir()
    ramp(4000, 3000).save(folder / "photos/beach.jpg", exif=exif())
    ramp(4000, 3000).save(folder / "photos/lake/IMG_0007.jpg", exif=exif(orientation=6))
    heic = pillow_heif.from_pillow(ramp(2016, 1512))
    heic.save(folder / "photos/lake/IMG_0008.HEIC", exif=exif().tobytes())
    dng = raw.tiff({**raw._DNG, **raw.sensor(ramp(320, 240))})
    (folder / "photos/lake/DSC_0042.DNG").write_bytes(dng)
    replaced = {"/volume1/pictures": str(folder), "/media/card": str(card)}
    follow(Page("docs/start/photographer.md"), folder, replaced, STAND_INS)
    sizes = pictures(folder / "frame")
    assert set(sizes.values()) == {(1280, 800)}
    assert len(pictures(card)) == len(sizes) == 4


def test_a_developer_gets_a_clip(follow, folder: Path, standin: Standin) -> None:
    standin.quick = True
    (folder / "photos").mkdir()
    ramp(4000, 3000).save(folder / "photo.jpg")
    ramp(1500, 2000).save(folder / "photos/tall.jpg")
    ramp(1600, 1200).save(folder / "photos/wide.png")
    replaced = {
        "https://videos.example.com": standin.address,
        "OPENAI_API_KEY=...": f"OPENAI_API_KEY={standin.key}",
    }
    follow(Page("docs/start/developer.md"), folder, replaced, STAND_INS)
    assert opened(folder / "ready.jpg").size == (1280, 720)
    assert pictures(folder / "pictures") == {"tall.jpg": (720, 1280), "wide.jpg": (1280, 720)}
    clips = {str(path.relative_to(folder)) for path in folder.rglob("*.mp4")}
    assert clips == {"program.mp4", "clip.mp4", "clips/tall.mp4", "clips/wide.mp4"}
    assert standin.count("create") == len(clips) + 1  # the first one was refused


ROOTS = ("/etc/", "/opt/", "/srv/", "/usr/local/", "/var/")
ADMIN = {
    # `python3 -m venv FOLDER`: an environment with this ffprep.
    "python3": f'mkdir -p "$3/bin" && ln -s {BIN}/ffprep "$3/bin" && ln -s /bin/true "$3/bin/pip"',
    "useradd": "",
    # A line of the crontab has the environment of cron.
    "runuser": 'shift 3; [ "$1" != sh ] || PATH=/usr/bin:/bin\n'
    'env -i HOME="$HOME" PATH="$PATH" "$@"',
    "crontab": 'if [ "$3" = - ]; then cat > "$HOME/crontab"; else cat "$HOME/crontab"; fi',
    "install": 'for each; do case "$each" in /*) mkdir -p "$each" ;; esac; done',
    "curl": f'cp {ROOT}/scripts/deploy/"$(basename "$2")" .',
}


def test_a_sysadmin_runs_a_job_every_night(follow, folder: Path) -> None:
    for name in ROOTS:
        (folder / name.strip("/")).mkdir(parents=True)
    (folder / "usr/local/bin").mkdir()
    (folder / "srv/photos").mkdir()
    ramp(1600, 1200).save(folder / "srv/photos/a.jpg")
    torn = (folder / "srv/photos/a.jpg").read_bytes()[:20_000]
    (folder / "srv/photos/torn.jpg").write_bytes(torn)
    follow(Page("docs/start/sysadmin.md"), folder, {n: f"{folder}{n}" for n in ROOTS}, ADMIN)
    assert pictures(folder / "srv/ready") == {"photos/a.jpg": (1280, 720)}
    assert pictures(folder / "srv/shop/ready") == {"a.jpg": (640, 360)}
    summary = json.loads((folder / "var/lib/ffprep/nightly.json").read_text())
    assert (summary["failed"], summary["exit_code"]) == (1, 0)


def test_a_data_set_is_made(
    follow, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = folder / "photos"
    photos.mkdir()
    for name, size in {"lake": (2400, 1600), "tower": (1600, 2400), "wide": (2048, 1024)}.items():
        ramp(*size).save(photos / f"{name}.jpg")
    (photos / "lake.txt").write_text("a lake in the evening\n")
    (photos / "tower.txt").write_text("a tower of stone\n")
    with bucketeer(tmp_path) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        for bucket in ("photos", "ready"):
            server.owner().create_bucket(Bucket=bucket)
        for path in photos.glob("*.jpg"):
            server.owner().upload_file(str(path), "photos", f"2026/{path.name}")
        follow(Page("docs/start/dataset.md"), folder, {"/data": str(folder)}, STAND_INS)
        listed = server.owner().list_objects_v2(Bucket="ready", Prefix="2026/")["Contents"]
    names = {"1216x832/lake.jpg": (1216, 832), "832x1216/tower.jpg": (832, 1216)}
    made = pictures(folder / "ready")
    assert made == names | {"1344x768/wide.jpg": (1344, 768)}
    lines = (folder / "shared/metadata.jsonl").read_text().splitlines()
    assert {json.loads(line)["file_name"] for line in lines} == set(made)
    keys = {each["Key"] for each in listed if ".ffprep" not in each["Key"]}
    assert keys == {"2026/lake.jpg", "2026/tower.jpg", "2026/wide.jpg"}
