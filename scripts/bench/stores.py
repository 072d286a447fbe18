"""What objects cost: CPU time of ffprep from S3 to S3, beside the same run from disk to disk.

The server (moto) is on loopback, and its own CPU time does not count.
"""

import io
import os
import random
import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from scripts.bench.meter import Measure, measure
from scripts.bench.race import Settings
from scripts.bench.servers import s3

_SIZE = "640x360"
_BYTES = 200_000
_CONVERT = (sys.executable, "-m", "ffprep", "convert", "--size", _SIZE, "--quiet", "--jobs")


@dataclass(frozen=True, slots=True)
class StoreCost:
    """Seconds of CPU time a photo; `difference` is the median of the rounds' own."""

    photos: int
    local: float
    remote: float
    difference: float
    rounds: tuple[float, ...]


def store_cost(settings: Settings, quick: bool) -> StoreCost:
    """Measure it, a local and a remote run in turns, after one of each to warm up."""
    count = 8 if quick else 200
    folder = settings.work / "stores"
    photos = folder / "photos"
    shutil.rmtree(folder, ignore_errors=True)
    photos.mkdir(parents=True)
    for number, content in enumerate(_photos(count)):
        (photos / f"{number:04}.jpg").write_bytes(content)
    pairs = list[tuple[float, float]]()
    with s3() as environment:
        _upload(environment, photos)
        for number in range(settings.rounds + 1):
            local = folder / f"ready-{number}"
            pairs.append(
                (
                    _cpu(settings, (os.fspath(photos), "-o", os.fspath(local)), {}),
                    _cpu(settings, ("s3://photos", "-o", f"s3://ready/{number}"), environment),
                )
            )
            print(f"stores, round {number}", file=sys.stderr)
    pairs = [(local / count, remote / count) for local, remote in pairs[1:]]
    differences = tuple(remote - local for local, remote in pairs)
    locals_, remotes = zip(*pairs, strict=True)
    median = statistics.median
    return StoreCost(count, median(locals_), median(remotes), median(differences), differences)


def _photos(count: int) -> Iterator[bytes]:
    """Yield JPEGs of about 200 kB: noise over a gradient, each of its own."""
    generator = random.Random(7)
    for _ in range(count):
        noise = Image.frombytes("RGB", (320, 240), generator.randbytes(320 * 240 * 3))
        smooth = Image.linear_gradient("L").resize((1280, 960)).convert("RGB")
        picture = Image.blend(smooth, noise.resize((1280, 960), Image.Resampling.BICUBIC), 0.35)
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=80)
        yield file.getvalue()


def _upload(environment: dict[str, str], photos: Path) -> None:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )
    for bucket in ("photos", "ready"):
        client.create_bucket(Bucket=bucket)
    for path in sorted(photos.iterdir()):
        client.put_object(Bucket="photos", Key=path.name, Body=path.read_bytes())
    client.close()


def _cpu(settings: Settings, places: Sequence[str], environment: dict[str, str]) -> float:
    argv = [*_CONVERT, str(settings.jobs), *places]
    ran: Measure = measure(argv, env=environment, memory=False)
    if ran.status:
        sys.exit(f"ffprep failed with exit code {ran.status}: {' '.join(argv)}")
    return ran.cpu
