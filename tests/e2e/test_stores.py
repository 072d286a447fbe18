"""Photos, outputs and ledgers in stores: an S3 server, behind a proxy that misbehaves."""

import io
import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from PIL import Image

import ffprep as library
from ffprep.config.modes import find_mode
from ffprep.core.geometry import Size
from ffprep.core.job import Job, Status
from ffprep.core.location import Remote, located
from ffprep.core.shard import Shard
from ffprep.core.spec import Spec
from ffprep.errors import Kind, OutputLocked, PhotoError, UsageError
from ffprep.ledger.remote import RemoteLedger
from ffprep.ledger.rows import Entry, Row
from ffprep.run.clean import CleanOptions, clean
from ffprep.storage.errors import HttpError
from ffprep.storage.fsspec_storage import FsspecStorage
from ffprep.storage.objects import ObjectStorage
from ffprep.storage.protocol import Object, Page, storage_of
from ffprep.storage.retries import Retries
from ffprep.storage.s3_client import s3_client
from ffprep.storage.stamps import ListedFolder
from ffprep.storage.stores import _opened
from ffprep.system.files import FileStamp
from ffprep.system.processes import started
from ffprep.system.tempfiles import machine_id
from tests.support.command_line import Ran
from tests.support.pictures import ramp
from tests.support.stores import KEY, Bucketeer, Request, bucketeer
from tests.support.waiting import until

pytestmark = pytest.mark.slow

SIZE = ("--size", "64x48")
QUICK = {"AWS_MAX_ATTEMPTS": "1", "AWS_RETRY_MODE": "standard"}
SPEC = Spec(Size(64, 48), find_mode("cover"))
FFPREP = [sys.executable, "-m", "ffprep"]

Command = Callable[..., Ran]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucketeer]:
    with bucketeer(tmp_path_factory.mktemp("moto")) as running:
        yield running


@pytest.fixture
def s3(server: Bucketeer) -> Iterator[Bucketeer]:
    """The server, with two empty buckets and no faults."""
    owner = server.owner()
    for bucket in ("photos", "ready"):
        owner.create_bucket(Bucket=bucket)
    server.forget()
    yield server
    server.empty()


@pytest.fixture
def online(s3: Bucketeer, ffprep: Command) -> Command:
    """The command line with the server in its environment."""

    def run(*arguments: object, **environment: str) -> Ran:
        return ffprep(*arguments, env=s3.environment | environment)

    return run


@pytest.fixture
def convert(online: Command) -> Command:
    return partial(online, "convert")


def photo(number: int) -> bytes:
    """A small JPEG; each number has its own."""
    file = io.BytesIO()
    picture = Image.linear_gradient("L").resize((80 + number % 7, 60)).rotate(number % 360)
    Image.merge(
        "RGB", (picture, picture.point([(p + number) % 256 for p in range(256)]), picture)
    ).save(file, "JPEG", comment=str(number))
    return file.getvalue()


def put(s3: Bucketeer, photos: dict[str, bytes]) -> None:
    with ThreadPoolExecutor(8) as threads:
        owner = s3.owner()
        list(
            threads.map(
                lambda item: owner.put_object(Bucket="photos", Key=item[0], Body=item[1]),
                photos.items(),
            )
        )


def outputs(s3: Bucketeer, prefix: str = "") -> dict[str, bytes]:
    names = [name for name in s3.names("ready", prefix) if "/.ffprep/" not in f"/{name}"]
    with ThreadPoolExecutor(8) as threads:
        contents = threads.map(lambda name: s3.content("ready", name), names)
        return dict(zip((name.removeprefix(prefix) for name in names), contents, strict=True))


def test_many_objects_through_throttling_cuts_and_a_kill(
    s3: Bucketeer, convert: Command, ffprep: Command, tmp_path: Path
) -> None:
    count = 240  # of which one folder has more than a page of a listing
    folders = ["flat" if n < 220 else f"d{n % 3}" for n in range(count)]
    photos = {f"2024/{folder}/{n:04}.jpg": photo(n) for n, folder in enumerate(folders)}
    for name, content in photos.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    put(s3, photos)
    staging = tmp_path / "staging"
    staging.mkdir()

    def faults(request: Request) -> str | None:
        number = request.path[-8:-4]
        if request.turn > 1 or not number.isdecimal():
            return None
        if int(number) % 20 == 1:
            return "slow down"
        return "cut" if request.reads_object and int(number) % 20 == 2 else None

    s3.page = 50
    s3.faults.append(faults)
    s3.faults.append(lambda r: "slow down" if "list-type" in r.query and r.turn % 9 == 8 else None)
    line = ["s3://photos/2024", "-o", "s3://ready/x", *SIZE]
    environment = s3.environment | {"TMPDIR": str(staging)}
    killed = subprocess.Popen([*FFPREP, "convert", *line], env=environment)
    until(lambda: killed.poll() is not None or sum(r.method == "PUT" for r in s3.seen) >= 60)
    killed.kill()
    killed.wait()
    assert "x/.ffprep/lock" in s3.names("ready")
    assert list(staging.iterdir())

    again = convert(*line, "--json", TMPDIR=str(staging))
    assert again.code == 0, again.err
    assert again.summary["converted"] + again.summary["fresh"] == count
    assert not list(staging.iterdir())
    assert [n for n in s3.names("ready") if ".ffprep" in n] == ["x/.ffprep/ledger.db"]

    here = ffprep("convert", tmp_path / "photos/2024", "-o", tmp_path / "ready", *SIZE)
    assert here.code == 0, here.err
    locally = {
        str(p.relative_to(tmp_path / "ready")): p.read_bytes()
        for p in (tmp_path / "ready").rglob("*.jpg")
    }
    assert outputs(s3, "x/") == locally

    s3.forget()
    s3.page = 50
    fresh = convert(*line, "--json")
    assert (fresh.code, fresh.summary["fresh"]) == (0, count)
    assert s3.reads("photos/") == []
    assert s3.reads("ready/") == ["ready/x/.ffprep/ledger.db"]

    put(s3, {"2024/flat/0005.jpg": photo(7777)})
    changed = convert(*line, "--json")
    assert (changed.code, changed.summary["converted"]) == (0, 1)
    assert s3.reads("photos/") == ["photos/2024/flat/0005.jpg"]


def test_what_stays_broken_costs_one_object(s3: Bucketeer, convert: Command) -> None:
    put(s3, {f"{n}.jpg": photo(n) for n in range(6)} | {"damaged.jpg": photo(9)[:600]})
    s3.faults.append(lambda r: "cut" if r.reads_object and r.path.endswith("/1.jpg") else None)
    s3.faults.append(lambda r: "slow down" if r.path == "photos/2.jpg" else None)
    s3.faults.append(
        lambda r: "slow down" if (r.method, r.path) == ("PUT", "ready/3.jpg") else None
    )
    ran = convert("s3://photos", "-o", "s3://ready", *SIZE, "--json", **QUICK)
    assert ran.code == 1
    assert ran.kinds() == {"1.jpg": "io", "2.jpg": "io", "3.jpg": "io", "damaged.jpg": "damaged"}
    assert sorted(outputs(s3)) == ["0.jpg", "4.jpg", "5.jpg"]
    s3.forget()
    ran = convert("s3://photos", "-o", "s3://ready", *SIZE, "--json")
    assert (ran.summary["converted"], ran.summary["fresh"]) == (3, 3)
    assert ran.kinds() == {"damaged.jpg": "damaged"}
    assert "photos/damaged.jpg" not in s3.reads("photos/")


@pytest.mark.parametrize(
    ("source", "output", "environment", "words"),
    [
        ("s3://photos", "s3://ready/x", {"AWS_ACCESS_KEY_ID": "wrong"}, "InvalidAccessKeyId"),
        ("s3://photos", "OUT", {"AWS_ACCESS_KEY_ID": "wrong"}, "s3://photos: the store rejects"),
        ("s3://typo", "s3://ready/x", {}, "s3://typo: there is no such bucket"),
        ("s3://photos", "s3://typo/x", {}, "s3://typo/x: there is no such bucket"),
        (
            "s3://photos",
            "s3://ready",
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
            "the connection failed",
        ),
    ],
)
def test_a_store_that_cannot_be_used_ends_the_run(
    s3: Bucketeer,
    convert: Command,
    tmp_path: Path,
    source: str,
    output: str,
    environment: dict[str, str],
    words: str,
) -> None:
    put(s3, {"a.jpg": photo(1)})
    output = output.replace("OUT", str(tmp_path / "out"))
    ran = convert(source, "-o", output, *SIZE, **QUICK | environment)
    assert ran.code == 3
    assert words in ran.err
    assert "s3kr1t" not in ran.err
    assert "Traceback" not in ran.err
    assert KEY not in ran.err
    buckets = s3.owner().list_buckets()["Buckets"]
    assert [bucket["Name"] for bucket in buckets] == ["photos", "ready"]


def test_an_interrupt_leaves_nothing_half(s3: Bucketeer, convert: Command) -> None:
    put(s3, {f"{n}.jpg": photo(n) for n in range(30)})
    hung = lambda r: "hang" if r.reads_object and r.path.endswith("7.jpg") else None  # noqa: E731
    s3.faults.append(hung)
    line = ["s3://photos", "-o", "s3://ready/x", *SIZE]
    run = subprocess.Popen([*FFPREP, "convert", *line], env=s3.environment, stderr=subprocess.PIPE)
    until(lambda: run.poll() is not None or any(hung(request) for request in s3.seen))
    run.send_signal(signal.SIGINT)
    _, words = run.communicate(timeout=60)
    assert run.returncode == 130, words
    assert "x/.ffprep/lock" not in s3.names("ready")
    assert not s3.owner().list_multipart_uploads(Bucket="ready").get("Uploads")
    s3.faults.clear()
    ran = convert(*line, "--json")
    assert ran.summary["converted"] + ran.summary["fresh"] == 30


def is_pending(pid: int, number: int) -> bool:
    """Return whether a signal has been sent to a process but not delivered yet."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


def test_what_is_put_while_a_run_is_interrupted_is_remembered(
    s3: Bucketeer, convert: Command
) -> None:
    put(s3, {f"{n}.jpg": photo(n) for n in range(4)})
    going, ended = Event(), Event()

    def slow(request: Request) -> None:
        if request.method == "PUT" and request.path.endswith(".jpg"):
            going.set()
            ended.wait(60)

    s3.faults.append(slow)
    line = ["s3://photos", "-o", "s3://ready", *SIZE, "--json"]
    run = subprocess.Popen([*FFPREP, "convert", *line], env=s3.environment, stdout=subprocess.PIPE)
    assert going.wait(60)
    run.terminate()
    until(lambda: not is_pending(run.pid, signal.SIGTERM))
    ended.set()
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 143
    there = len(outputs(s3))
    assert json.loads(out.splitlines()[-1])["summary"]["converted"] == there > 0
    s3.forget()
    assert convert(*line).summary["fresh"] == there


def test_one_run_an_output(s3: Bucketeer, convert: Command) -> None:
    put(s3, {"a.jpg": photo(1)})
    line = ["s3://photos", "-o", "s3://ready/x", *SIZE]
    lock = {"pid": 4711, "host": "elsewhere", "since": "yesterday", "machine": "00000000"}
    owner = s3.owner()
    owner.put_object(Bucket="ready", Key="x/.ffprep/lock", Body=json.dumps(lock).encode())
    held = convert(*line)
    assert held.code == 75
    assert "process 4711 on elsewhere, since yesterday" in held.err
    assert json.loads(s3.content("ready", "x/.ffprep/lock")) == lock

    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    lock |= {"pid": dead.pid, "machine": machine_id()}
    owner.put_object(Bucket="ready", Key="x/.ffprep/lock", Body=json.dumps(lock).encode())
    assert convert(*line).code == 0
    assert s3.names("ready") == ["x/.ffprep/ledger.db", "x/a.jpg"]


def test_a_lock_of_a_process_number_that_is_anothers_by_now(
    s3: Bucketeer, convert: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, {"a.jpg": photo(1)})
    line = ["s3://photos", "-o", "s3://ready/x", *SIZE]
    lock = {"pid": os.getpid(), "host": "here", "since": "long ago", "machine": machine_id()}

    def left(**more: object) -> None:
        content = json.dumps(lock | more).encode()
        s3.owner().put_object(Bucket="ready", Key="x/.ffprep/lock", Body=content)

    left(started=started(os.getpid()))
    assert convert(*line).code == 75
    left(started="4711")
    assert convert(*line).code == 0
    left()  # goes by its age
    for name, value in (s3.environment | QUICK).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(library.OutputLocked), storage_of("s3://ready/x").lock("s3://ready/x"):
        pass
    monkeypatch.setattr("ffprep.storage.object_lock._STALE", -1.0)
    with storage_of("s3://ready/x").lock("s3://ready/x"):
        pass
    s3.owner().put_object(Bucket="ready", Key="x/.ffprep/lock", Body=b"\xff")
    assert "delete s3://ready/x/.ffprep/lock" in convert(*line).err


@pytest.mark.parametrize("header", ["heedless", "unknown"])
def test_a_store_without_conditional_puts_is_refused(
    s3: Bucketeer, convert: Command, header: str
) -> None:
    put(s3, {"a.jpg": photo(1)})
    s3.faults.append(lambda r: header if r.method == "PUT" else None)
    ran = convert("s3://photos", "-o", "s3://ready/x", *SIZE)
    assert ran.code == 3
    assert "s3://ready/x cannot be locked: this store does not support conditional PUTs" in ran.err
    assert s3.names("ready") == []


def test_a_large_ledger_is_put_only_over_the_version_that_was_fetched(
    s3: Bucketeer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    ledger = tmp_path / "ledger.db"
    with ledger.open("wb") as file:
        file.truncate(101 << 20)
    place, url = storage_of("s3://ready"), "s3://ready/ledger.db"
    s3.owner().put_object(Bucket="ready", Key="ledger.db", Body=b"before")
    before = place.stat(url)
    s3.owner().put_object(Bucket="ready", Key="ledger.db", Body=b"another's")
    assert place.replace(ledger, url, before) is None
    assert s3.content("ready", "ledger.db") == b"another's"
    made = place.replace(ledger, url, place.stat(url))
    found = place.stat(url)
    assert found
    assert made == replace(found, modified=0)


def test_a_key_that_ends_like_a_version(s3: Bucketeer, convert: Command) -> None:
    names = ["b", "b?versionId=1.jpg", "c?versionId=null.jpg"]
    put(s3, {"in/" + name: photo(n) for n, name in enumerate(names)})
    s3.owner().put_object(Bucket="ready", Key="x/b", Body=b"precious")
    line = ["s3://photos/in", "-o", "s3://ready/x", *SIZE, "--json"]
    ran = convert(*line)
    assert (ran.code, ran.summary["converted"]) == (0, 2), ran.err
    assert s3.content("ready", "x/b") == b"precious"
    assert sorted(outputs(s3, "x/")) == names
    assert convert(*line).summary["fresh"] == 2


def test_a_lock_whose_creation_was_not_answered_is_ones_own(
    s3: Bucketeer, convert: Command
) -> None:
    put(s3, {"a.jpg": photo(1)})
    s3.faults.append(
        lambda r: (
            "cut"
            if r.method == "PUT" and r.path.endswith((".db", "lock")) and r.turn == 1
            else None
        )
    )
    assert convert("s3://photos", "-o", "s3://ready/x", *SIZE).code == 0
    assert s3.names("ready") == ["x/.ffprep/ledger.db", "x/a.jpg"]


def test_a_ledger_that_another_has_written_is_not_overwritten(
    s3: Bucketeer, convert: Command
) -> None:
    put(s3, {"a.jpg": photo(1)})

    def meddle(request: Request) -> str | None:
        if (request.method, request.path) == ("PUT", "ready/x/a.jpg"):
            s3.owner().put_object(Bucket="ready", Key="x/.ffprep/ledger.db", Body=b"another's")
        return None

    s3.faults.append(meddle)
    ran = convert("s3://photos", "-o", "s3://ready/x", *SIZE)
    assert ran.code == 3
    assert "another run has written it" in ran.err
    assert s3.content("ready", "x/.ffprep/ledger.db") == b"another's"
    assert len(s3.names("ready", "x/.ffprep/")) == 2


def test_a_ledger_that_is_of_no_use_is_named_by_its_url(s3: Bucketeer, convert: Command) -> None:
    put(s3, {"a.jpg": photo(1)})
    line = ["s3://photos", "-o", "s3://ready/x", *SIZE]
    owner, key = s3.owner(), "x/.ffprep/ledger.db"
    owner.put_object(Bucket="ready", Key=key, Body=photo(1))
    assert f"s3://ready/{key} is a picture" in convert(*line).err
    owner.put_object(Bucket="ready", Key=key, Body=b"rubbish" * 1000)
    corrupt = convert(*line)
    assert corrupt.code == 0
    assert f"the ledger s3://ready/{key} was corrupt; it is s3://ready/{key}.corrupt" in corrupt.err
    assert len(corrupt.err.splitlines()) == 1
    assert len(s3.names("ready", f"{key}.corrupt-")) == 1


def test_from_here_to_there_and_back(
    s3: Bucketeer, convert: Command, ffprep: Command, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    ramp(90, 70).save(tmp_path / "photos/a.png")
    there = convert(tmp_path / "photos", "-o", "s3://ready/up", *SIZE, "--format", "png")
    assert there.code == 0, there.err
    s3.owner().copy_object(Bucket="photos", Key="a.png", CopySource="ready/up/a.png")
    back = convert("s3://photos", "-o", tmp_path / "back", *SIZE, "--format", "same")
    assert back.code == 0, back.err
    with Image.open(tmp_path / "back/a.png") as picture:
        assert picture.size == (64, 48)
    assert (tmp_path / "back/.ffprep/ledger.db").exists()
    for line in (
        [tmp_path / "photos", "-o", "s3://ready/up", "--format", "png"],
        ["s3://photos", "-o", tmp_path / "back", "--format", "same"],
    ):
        s3.forget()
        again = convert(*line, *SIZE, "--json")
        assert again.summary["fresh"] == 1
        assert s3.reads("photos/") == []
    s3.forget()
    several = convert("s3://photos", "-o", "s3://ready/sizes", *SIZE, "--size", "8x6")
    assert several.code == 0, several.err
    made = [name for name in s3.names("ready", "sizes/") if name.endswith(".jpg")]
    assert sorted(made) == ["sizes/64x48/a.jpg", "sizes/8x6/a.jpg"]
    assert s3.reads("photos/") == ["photos/a.png"]
    one = convert("s3://photos/a.png", "-o", "s3://ready/one.webp", *SIZE)
    assert one.code == 0, one.err
    kept = convert("s3://photos", "-o", "s3://ready/kept", *SIZE, "--ledger", tmp_path / "kept.db")
    assert kept.code == 0, kept.err
    assert (tmp_path / "kept.db").exists()
    assert s3.names("ready", "kept/") == ["kept/a.jpg"]
    head = s3.owner().head_object(Bucket="ready", Key="one.webp")
    assert head["ContentType"] == "image/webp"


def test_names_selection_and_collisions_are_those_of_folders(
    s3: Bucketeer, convert: Command
) -> None:
    names = ["a.jpg", "in/b.JPG", "in/deep/c.jpg", "trash/d.jpg", "notes.txt", ".hid/e.jpg"]
    names += [
        "../f.jpg",
        "in/../../g.jpg",
        "in//h.jpg",
        "ä:b?#[1]+%41.jpg",
        "x.jpg",
        "x.png",
        "out/old.jpg",
    ]
    put(s3, {name: photo(n) for n, name in enumerate(names)})
    line = ["s3://photos/", "-o", "s3://photos/out", *SIZE, "--json", "--exclude", "trash/"]
    refused = convert(*line, **QUICK)
    assert (refused.code, "contains s3://photos/out/old.jpg" in refused.err) == (2, True)
    s3.owner().delete_object(Bucket="photos", Key="out/old.jpg")
    ran = convert(*line, **QUICK)
    assert ran.code == 1
    assert ran.kinds() == {"x.jpg": "collision", "x.png": "collision"}
    made = {d["output"] for d in ran.results.values() if d["status"] == "converted"}
    assert made == {
        f"s3://photos/out/{name}"
        for name in ("a.jpg", "in/b.jpg", "in/deep/c.jpg", "ä:b?#[1]+%41.jpg")
    }
    assert made < {f"s3://photos/{name}" for name in s3.names("photos")}
    assert ran.summary["passed_over"] == 4  # notes.txt, and the folders without a name
    again = convert(*line, **QUICK)  # outputs of the first run are not photos of the second
    assert (again.summary["converted"], again.summary["fresh"]) == (0, 4)
    over = convert("s3://photos/a.jpg", "-o", "s3://photos/a.jpg", *SIZE)
    assert "sources are never overwritten" in over.err


def test_prune_status_and_dry_run(s3: Bucketeer, convert: Command, online: Command) -> None:
    put(s3, {f"{n}.jpg": photo(n) for n in range(3)})
    line = ["s3://photos", "-o", "s3://ready/x", *SIZE]
    planned = convert(*line, "--dry-run").out.splitlines()
    assert planned[0] == b"s3://photos/0.jpg -> s3://ready/x/0.jpg  %b cover" % SIZE[1].encode()
    assert planned[3] == b"3 to convert"
    rehearsed = convert(*line, "--dry-run=commands")
    assert b"# s3://photos/0.jpg -> s3://ready/x/0.jpg\n" in rehearsed.out
    assert s3.names("ready") == []
    assert convert(*line).code == 0
    s3.owner().delete_object(Bucket="photos", Key="1.jpg")
    put(s3, {"2.jpg": b"no picture"})
    told = convert(*line, "--dry-run=commands", "--prune")
    assert b"# remove s3://ready/x/1.jpg\n" in told.out
    pruned = convert(*line, "--prune", "--json")
    assert (pruned.code, pruned.summary["pruned"], pruned.summary["failed"]) == (1, 1, 1)
    assert sorted(outputs(s3, "x/")) == ["0.jpg", "2.jpg"]
    status = online("status", "s3://ready/x", "--failed")
    assert status.out.startswith(b"s3://photos/2.jpg: unsupported")


def test_outputs_beside_photos_and_clean(s3: Bucketeer, convert: Command, online: Command) -> None:
    put(s3, {name: photo(n) for n, name in enumerate(["a.jpg", "in/b.jpg", "x_mine.jpg"])})

    def names() -> set[str]:
        return {name for name in s3.names("photos") if ".ffprep/" not in name}

    before = names()
    line = ["s3://photos", "-o", "s3://photos", *SIZE, "--json"]
    refused = convert(*line)
    assert (refused.code, names()) == (2, before)
    line += ["--names", "x_{stem}"]
    for counts in ((3, 0), (0, 3)):
        ran = convert(*line)
        assert (ran.code, ran.summary["converted"], ran.summary["fresh"]) == (0, *counts)
        assert names() - before == {"x_a.jpg", "in/x_b.jpg", "x_x_mine.jpg"}
    # Without the ledger, the list of outputs tells them.
    s3.owner().delete_object(Bucket="photos", Key=".ffprep/ledger.db")
    assert convert(*line).summary["converted"] == 3
    s3.owner().put_object(Bucket="photos", Key="in/x_b.jpg", Body=photo(9))
    shown = online("clean", "s3://photos", "--dry-run")
    expected = [f"# remove s3://photos/{name}" for name in ("x_a.jpg", "x_x_mine.jpg")]
    assert shown.out.decode().splitlines() == expected
    done = online("clean", "s3://photos")
    assert (done.code, "2 removed, 1 kept" in done.err) == (0, True), done.err
    assert names() == before | {"in/x_b.jpg"}


def test_a_folder_of_photos_in_a_source_is_not_filled(s3: Bucketeer, convert: Command) -> None:
    put(s3, {"a.jpg": photo(0), "trip/a.jpg": photo(1)})
    before = {name: s3.content("photos", name) for name in s3.names("photos")}
    refused = convert("s3://photos", "-o", "s3://photos/trip", *SIZE)
    assert (refused.code, "trip lies in a SOURCE and contains" in refused.err) == (2, True)
    assert {name: s3.content("photos", name) for name in s3.names("photos")} == before
    for counts in ((2, 0), (0, 2)):
        ran = convert("s3://photos", "-o", "s3://photos/ready", *SIZE, "--json")
        assert (ran.code, ran.summary["converted"], ran.summary["fresh"]) == (0, *counts)


def test_a_row_names_an_object_outside_of_the_folder(
    s3: Bucketeer, convert: Command, online: Command
) -> None:
    put(s3, {"a.jpg": photo(1)})
    line = ["s3://photos", "-o", "s3://ready/x", *SIZE]
    assert convert(*line).code == 0
    owner, key = s3.owner(), "x/.ffprep/ledger.db"
    made = s3.content("ready", "x/a.jpg")
    for name in ("mine.jpg", "x/../mine.jpg"):
        owner.put_object(Bucket="ready", Key=name, Body=made)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        path.write_bytes(s3.content("ready", key))
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE jobs SET folder = '../', name = 'mine.jpg'")
        owner.put_object(Bucket="ready", Key=key, Body=path.read_bytes())
    s3.owner().delete_object(Bucket="photos", Key="a.jpg")
    put(s3, {"b.jpg": photo(2)})
    convert(*line, "--prune")
    online("clean", "s3://ready/x")
    assert {"mine.jpg", "x/../mine.jpg"} < set(s3.names("ready"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["s3://photos", "-o", "s3://ready", "--checksum"], 2, "--checksum"),
        (["s3://photos", "-o", "OUT", "--adopt"], 2, "--adopt"),
        (["HERE", "-o", "s3://ready", "--preserve-times"], 2, "--preserve-times"),
        (["HERE", "-o", "OUT", "--log-file", "s3://a/b"], 2, "--log-file takes a local path"),
        (["--sources-from", "s3://a/b", "-o", "OUT"], 2, "is a URL; name a file of this machine"),
        (["s3://photos", "-o", "OUT", "--depfile", "OUT.d"], 2, "make knows no URLs"),
        (["sftp://me:s3kr1t@host/a", "-o", "OUT"], 2, "sftp://...@host: a password in a URL"),
        (["nobody://knows/a", "-o", "OUT"], 2, "the scheme nobody:// is unknown"),
        (["file:///photos", "-o", "OUT"], 2, "is a local file; write its path"),
        (["s3://", "-o", "OUT"], 2, "has no bucket"),
        (["smb://photos", "-o", "OUT"], 3, "smb:// takes a package more"),
        (["https://host/a.jpg?token=s3kr1t", "-o", "OUT"], 2, "https://host/a.jpg: a query"),
    ],
)
def test_what_is_refused_is_told(
    ffprep: Command, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    (tmp_path / "here").mkdir()
    places = {"OUT": str(tmp_path / "out"), "HERE": str(tmp_path / "here")}
    arguments = [places.get(word, word.replace("OUT.d", str(tmp_path / "d"))) for word in arguments]
    ran = ffprep("convert", *arguments, *SIZE)
    assert ran.code == code, ran.err
    assert words in ran.err
    assert "s3kr1t" not in ran.err


def test_a_file_of_jobs_may_name_urls(ffprep: Command, tmp_path: Path) -> None:
    words = (
        '[job.a]\nsources = ["s3://photos/2024", "here"]\noutput = "s3://ready"\nsize = "64x48"\n'
    )
    (tmp_path / "ffprep.toml").write_text(words)
    shown = ffprep("config", "show", "a", cwd=tmp_path).out.decode()
    assert f'sources = ["s3://photos/2024", "{tmp_path}/here"]' in shown
    assert 'output = "s3://ready"' in shown


def test_compare_takes_files_only(ffprep: Command) -> None:
    ran = ffprep("compare", "s3://photos/a.jpg", "-o", "sheet.jpg", *SIZE)
    assert ran.code == 2
    assert "s3://photos/a.jpg is a URL" in ran.err


def test_check_and_info_read_objects(s3: Bucketeer, online: Command, tmp_path: Path) -> None:
    put(s3, {f"in/{n}.jpg": photo(n) for n in range(40)} | {"in/deep/cut.jpg": photo(9)[:600]})
    put(s3, {"in/odd.jpg": b"no picture", "in/notes.txt": b"", "other.jpg": photo(1)})
    put(s3, {"in/3.jpg.ffprep.toml": b'mode = "pad"'})
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    run = partial(online, TMPDIR=str(temporary))
    s3.faults.append(lambda r: "cut" if r.reads_object and r.turn == 1 else None)
    checked = run("check", "s3://photos/in", "--size", "80x60")
    assert checked.code == 1, checked.err
    lines = checked.out.decode().splitlines()
    assert all(line.startswith("s3://photos/in/") for line in lines)
    assert any(line.startswith("s3://photos/in/deep/cut.jpg: damaged: ") for line in lines)
    assert any(line.startswith("s3://photos/in/odd.jpg: unsupported: ") for line in lines)
    wrong = {line.partition(": ")[0] for line in lines}
    of_right_size = {f"s3://photos/in/{n}.jpg" for n in range(0, 40, 7)}
    assert len(wrong) == 42 - len(of_right_size)
    assert not wrong & of_right_size
    assert not list(temporary.iterdir())

    one = run("check", "s3://photos/in/7.jpg", "--size", "80x60", "--json")
    assert (one.code, json.loads(one.out)["path"]) == (0, "s3://photos/in/7.jpg")
    missing = run("check", "s3://photos/in/none.jpg", *SIZE)
    assert missing.code == 1
    assert missing.out == b"s3://photos/in/none.jpg: missing: there is no such object (any more)\n"
    empty = run("check", "s3://photos/empty/", *SIZE)
    assert (empty.code, empty.out[:27]) == (1, b"s3://photos/empty: missing:")
    assert run("check", "s3://typo/in", *SIZE).code == 3
    assert run("check", "s3://photos/in", *SIZE, AWS_ACCESS_KEY_ID="wrong").code == 3

    told = run("info", "s3://photos/in/3.jpg", *SIZE, "--json")
    assert told.code == 0, told.err
    found = json.loads(told.out)
    assert (found["path"], found["width"]) == ("s3://photos/in/3.jpg", 83)
    assert found["sidecar"] == "s3://photos/in/3.jpg.ffprep.toml"


def test_a_profile_has_keys_and_endpoint_and_its_headers_are_sent(
    s3: Bucketeer, ffprep: Command, tmp_path: Path
) -> None:
    put(s3, {f"{n}.jpg": photo(n) for n in range(3)})
    config = f"[profile work]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:{s3.port}\n"
    (tmp_path / "config").write_text(config)
    keys = f"[work]\naws_access_key_id = {KEY}\naws_secret_access_key = s3kr1t\n"
    (tmp_path / "credentials").write_text(keys)
    environment = {key: text for key, text in os.environ.items() if not key.startswith("AWS_")}
    environment |= {
        "AWS_PROFILE": "work",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_SERVER_SIDE_ENCRYPTION": "AES256",
        "AWS_REQUEST_PAYER": "requester",
    }
    ran = ffprep("convert", "s3://photos", "-o", "s3://ready/x", *SIZE, env=environment)
    assert (ran.code, ran.err) == (0, "")
    puts = [request for request in s3.seen if request.method == "PUT"]
    assert {request.headers["x-amz-server-side-encryption"] for request in puts} == {"AES256"}
    assert {request.headers["x-amz-request-payer"] for request in s3.seen} == {"requester"}
    assert all("/eu-west-1/s3/" in request.headers["authorization"] for request in s3.seen)


def test_bytes_without_the_md5_of_their_etag_are_downloaded_once_more(
    s3: Bucketeer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in s3.environment.items():
        monkeypatch.setenv(name, text)
    put(s3, {f"{n}.jpg": photo(n) for n in range(4)})
    s3.owner().put_object(
        Bucket="photos", Key="kms.jpg", Body=photo(5), ServerSideEncryption="aws:kms"
    )
    s3.faults.append(
        lambda r: (
            "corrupt" if r.reads_object and r.turn <= (r.path == "photos/1.jpg" or 9) else None
        )
    )
    _opened.cache_clear()
    storage, copy = storage_of("s3://photos"), tmp_path / "copy.jpg"

    def fetched(name: str) -> bytes:
        storage.fetch(f"s3://photos/{name}", copy)
        return copy.read_bytes()

    assert fetched("1.jpg") == photo(1)
    assert s3.reads() == ["photos/1.jpg", "photos/1.jpg"]
    for read in (fetched, lambda name: storage.read(f"s3://photos/{name}")):
        with pytest.raises(PhotoError, match="do not have the MD5") as caught:
            read("2.jpg")
        assert caught.value.kind is Kind.IO
    assert storage.read("s3://photos/2.jpg", 10) == photo(2)[:10]
    s3.faults.insert(0, lambda r: "slow down" if r.method == "HEAD" and r.turn == 1 else None)
    assert fetched("kms.jpg") != photo(5)
    assert s3.reads().count("photos/kms.jpg") == 1

    # The user says that no ETag is an MD5, and both downloads are the same.
    monkeypatch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
    _opened.cache_clear()
    storage = storage_of("s3://photos")
    assert fetched("0.jpg") != photo(0)
    s3.faults[:] = [lambda r: "corrupt" if r.reads_object and r.turn == 1 else None]
    assert fetched("3.jpg") == photo(3)
    s3.faults[:] = [lambda r: "corrupt" if r.reads_object else None]
    with pytest.raises(PhotoError, match="do not have the MD5"):  # that one was an MD5
        fetched("2.jpg")
    _opened.cache_clear()


def test_altered_photos_and_outputs_cost_only_themselves(
    s3: Bucketeer, convert: Command, tmp_path: Path
) -> None:
    put(s3, {f"{n}.jpg": photo(n) for n in range(4)})
    s3.faults += [
        lambda r: "corrupt" if r.method == "GET" and r.path == "photos/0.jpg" else None,
        lambda r: "alter" if r.method == "PUT" and r.path == "ready/x/1.jpg" else None,
        lambda r: (
            "alter" if r.method == "PUT" and r.path == "ready/x/2.jpg" and r.turn == 1 else None
        ),
    ]
    ran = convert("s3://photos", "-o", "s3://ready/x", *SIZE, "--json", "--damaged", "keep")
    assert (ran.code, ran.kinds()) == (1, {"0.jpg": "io", "1.jpg": "io"}), ran.err
    assert [name for name in s3.names("ready") if name.endswith(".jpg")] == ["x/2.jpg", "x/3.jpg"]
    s3.faults.clear()
    ran = convert("s3://photos", "-o", "s3://ready/x", *SIZE, "--json")
    assert (ran.code, ran.summary["converted"], ran.summary["fresh"]) == (0, 2, 2), ran.err


def test_a_store_sends_no_listing_elsewhere_outside_or_round_in_circles(
    s3: Bucketeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, {"0.jpg": photo(0)})
    seen: list[str] = []
    keys = ("in/a/../../b.jpg", "in/a/b.jpg", "other/c.jpg", "in/d.jpg")
    contents = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"

    class Hostile(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            here = "prefix=in" in self.path
            self.send_response(200 if here else 307)
            self.send_header("Location", f"http://127.0.0.1:{s3.port}{self.path}")
            self.end_headers()
            self.wfile.write(f"<ListBucketResult>{more}{contents}</ListBucketResult>".encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
        lister = s3_client("photos")
        with pytest.raises(HttpError, match="307"):
            lister.page("")
        assert (len(seen), s3.seen) == (1, [])
        first = lister.page("in")
        assert [each.name for each in first.objects if each.name] == ["d.jpg"]
        with pytest.raises(ConnectionError, match="does not go on"):
            lister.page("in", first.token)
        server.shutdown()


@pytest.mark.parametrize("key", ["/a.jpg", "/in/a.jpg"])
def test_a_key_that_begins_with_a_slash_is_not_the_key_without_it(
    s3: Bucketeer, convert: Command, tmp_path: Path, key: str
) -> None:
    put(s3, {key: photo(1), key[1:]: photo(2)})
    ran = convert(f"s3://photos/{key}", "-o", tmp_path / "out", *SIZE)
    assert (ran.code, "an empty part" in ran.err) == (1, True), ran.err
    ran = convert("s3://photos/in", "-o", "s3://ready//x", *SIZE)
    assert (ran.code, "an empty part" in ran.err) == (3, True), ran.err


def test_an_interrupt_while_a_listing_hangs_ends_the_run(s3: Bucketeer, home: Path) -> None:
    put(s3, {"a.jpg": photo(1)})
    hung = lambda r: "hang" if "list-type" in r.query and r.path == "photos" else None  # noqa: E731
    s3.faults.append(hung)
    argv = [*FFPREP, "check", "s3://photos", *SIZE]
    run = subprocess.Popen(argv, env=s3.environment, stdout=subprocess.PIPE)
    until(lambda: run.poll() is not None or any(hung(request) for request in s3.seen))
    began = time.monotonic()
    run.terminate()
    run.communicate(timeout=60)
    assert run.returncode == 143
    assert time.monotonic() - began < 25  # the server hangs for 30


def test_an_interrupt_ends_a_check_of_objects(s3: Bucketeer, home: Path) -> None:
    put(s3, {f"{n}.jpg": photo(n) for n in range(20)})
    hung = lambda r: "hang" if r.reads_object and r.path.endswith("7.jpg") else None  # noqa: E731
    s3.faults.append(hung)
    argv = [*FFPREP, "check", "s3://photos", *SIZE]
    run = subprocess.Popen(argv, env=s3.environment, stdout=subprocess.PIPE)
    until(lambda: run.poll() is not None or any(hung(request) for request in s3.seen))
    began = time.monotonic()
    run.terminate()
    run.communicate(timeout=60)
    assert run.returncode == 143
    assert time.monotonic() - began < 25  # the server hangs for 30


def test_without_the_extra_a_sentence_says_what_to_install(home: Path, tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['obstore'] = None; sys.argv[0] = 'ffprep';"
        "from ffprep.__main__ import main; main()"
    )
    argv = [sys.executable, "-c", script, "convert", "s3://photos", "-o", str(tmp_path), *SIZE]
    done = subprocess.run(argv, capture_output=True)
    assert done.returncode == 3
    assert b"pip install 'ffprep[s3]'" in done.stderr


def test_for_local_files_nothing_of_stores_is_imported(home: Path, tmp_path: Path) -> None:
    ramp(80, 60).save(tmp_path / "a.png")
    os.makedirs(tmp_path / "s3:")
    ramp(80, 60).save(tmp_path / "s3:/a:b.png")
    script = (
        "import sys, ffprep\n"
        "made = list(ffprep.convert(['a.png', './s3:'], 'out', '64x48'))\n"
        "names = sorted(str(r.output) for r in made if not r.failure)\n"
        "assert names == ['out/a.jpg', 'out/a:b.jpg'], made\n"
        "heavy = ('fsspec', 'obstore', 'asyncio', 'ffprep.storage.objects')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout == "[]\n", done.stderr


class Memory:
    """Objects in memory, by paths: /bucket/key."""

    def __init__(self) -> None:
        _opened.cache_clear()

    def pipe_file(self, path: str, content: bytes) -> None:
        self._client(path).put(path.split("/", 2)[2], content)

    def cat_file(self, path: str) -> bytes:
        return storage_of(f"memory:/{path}").read(f"memory:/{path}")

    def exists(self, path: str) -> bool:
        return storage_of(f"memory:/{path}").stat(f"memory:/{path}") is not None

    def _client(self, path: str) -> Any:
        storage = storage_of(f"memory:/{path}")
        assert isinstance(storage, ObjectStorage)
        return storage.clients.writer


@pytest.fixture
def memory() -> Memory:
    return Memory()


def test_check_from_python_reads_objects(memory: Memory) -> None:
    memory.pipe_file("/photos/a.jpg", photo(0))
    memory.pipe_file("/photos/b.jpg", photo(1))
    findings = {str(each.path): each.broken for each in library.check("memory://photos", "80x60")}
    assert findings["memory://photos/a.jpg"] == ()
    assert len(findings["memory://photos/b.jpg"]) == 1


def test_clean_waits_for_the_shards_of_a_store(memory: Memory) -> None:
    for n in range(4):
        memory.pipe_file(f"/photos/{n}.jpg", photo(n))
    out, shards = located("memory://sharded"), [Shard(1, 2), Shard(2, 2)]
    for shard in shards:
        line = ("memory://photos", str(out), "64x48")
        assert all(not r.failure for r in library.convert(*line, shard=str(shard)))
    with storage_of(out).lock(out, shard=shards[1]), pytest.raises(OutputLocked):
        list(clean(CleanOptions(out), print, lambda: False))
    removed = [each.output.name for each in clean(CleanOptions(out), print, lambda: False)]
    assert sorted(removed) == [f"{n}.jpg" for n in range(4)]
    assert not memory.exists("/sharded/0.jpg")


def test_a_store_in_memory(memory: Memory) -> None:
    for n in range(5):
        memory.pipe_file(f"/photos/in/{n}.jpg", photo(n))
    line = ("memory://photos", "memory://ready", "64x48")
    assert {r.status for r in library.convert(*line)} == {Status.CONVERTED}
    made = memory.cat_file("/ready/in/3.jpg")
    assert {r.status for r in library.convert(*line)} == {Status.FRESH}
    memory.pipe_file("/photos/in/3.jpg", photo(33))
    results = {str(r.source): r.status for r in library.convert(*line)}
    assert [name for name, status in results.items() if status is Status.CONVERTED] == [
        "memory://photos/in/3.jpg"
    ]
    assert memory.cat_file("/ready/in/3.jpg") != made
    for since, count in (("1h", 5), ("2099-01-01", 0)):
        taken = library.convert("memory://photos", "memory://other", "64x48", since=since)
        assert len(list(taken)) == count
    assert library.prepare("memory://photos/in/1.jpg", "64x48").data == memory.cat_file(
        "/ready/in/1.jpg"
    )


def test_lock_and_ledger_outlive_a_while_without_room_for_temporary_files(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("ffprep.storage.object_lock._RENEWAL", 0.01)
    monkeypatch.setattr("ffprep.ledger.remote._EVERY", 0.0)

    with storage_of("memory://ready").lock("memory://ready"):
        (folder,) = tmp_path.iterdir()
        folder.rename(tmp_path / "gone")
        time.sleep(0.1)  # ten renewals fail
        (tmp_path / "gone").rename(folder)
        before = memory.cat_file("/ready/.ffprep/lock")
        until(lambda: memory.cat_file("/ready/.ffprep/lock") != before)
    home, warned = Remote("memory://ready/ledger.db"), list[str]()
    with RemoteLedger(home, warned.append, fsync=False, read_only=False) as ledger:
        ledger.path.with_name("saved.db").mkdir()
        ledger.record(Entry("", Row("a.jpg", "/a.jpg", "converted", 0)))
        assert not memory.exists("/ready/ledger.db")
    assert memory.exists("/ready/ledger.db")
    assert not warned


def test_without_a_temporary_folder_nothing_is_held(home: Path, tmp_path: Path) -> None:
    script = (
        "import sys, tempfile; tempfile.tempdir = 'nowhere'; sys.argv[0] = 'ffprep';"
        "from ffprep.__main__ import main; main()"
    )
    ramp(80, 60).save(tmp_path / "a.png")
    line = ["convert", str(tmp_path), "-o", "memory://ready", *SIZE]
    done = subprocess.run([sys.executable, "-c", script, *line], capture_output=True, text=True)
    assert done.returncode == 3
    assert "ffprep: cannot create a temporary folder" in done.stderr


def test_where_a_put_is_seen_as_it_goes_it_has_another_name_until_it_is_whole(
    tmp_path: Path,
) -> None:
    class Disk(LocalFileSystem):  # type: ignore[misc]
        cachable = False
        broken = False

        def put_file(self, lpath: str, rpath: str, *_: Any, **__: Any) -> None:
            Path(rpath).write_bytes(Path(lpath).read_bytes()[: 3 if self.broken else None])
            if self.broken:
                raise ConnectionResetError("gone")

    disk = Disk()
    store, made = FsspecStorage(Retries(1), disk), tmp_path / "made.jpg"
    made.write_bytes(photo(1))
    url = f"file://{tmp_path}/out/in/a.jpg"
    store.put(made, url)
    assert (tmp_path / "out/in/a.jpg").read_bytes() == photo(1)
    disk.broken = True
    made.write_bytes(photo(2))
    with pytest.raises(library.PhotoError, match="the connection failed"):
        store.put(made, url)
    assert (tmp_path / "out/in/a.jpg").read_bytes() == photo(1)
    assert os.listdir(tmp_path / "out/in") == ["a.jpg"]


@pytest.mark.parametrize("ordered", [True, False])
def test_of_a_flat_folder_only_what_is_asked_for_is_held(
    monkeypatch: pytest.MonkeyPatch, ordered: bool
) -> None:
    names = [f"{n:06}" for n in range(50_000)]
    if not ordered:
        names[30_000:] = sorted(names[30_000:], reverse=True)

    class Pages:
        def list(self, folder: str, top: bool = False) -> Iterator[Page]:
            for start in range(0, len(names), 1000):
                part = names[start : start + 1000]
                yield Page([Object(n, FileStamp(0, 0, int(n), 0)) for n in part], [])

    monkeypatch.setattr("ffprep.storage.stamps.storage_of", lambda url: Pages())
    listed = ListedFolder("s3://ready/flat")
    for turn in range(2):
        for start in range(0, 50_000, 512):
            asked = [f"{n:06}" for n in range(start, min(start + 512, 50_000))]
            found = listed.stamps([*asked, f"{start:06}-none"])
            assert [found[name].bytes for name in asked] == list(map(int, asked)), turn
            assert f"{start:06}-none" not in found
            assert not ordered or len(found) < 12_000
    if not ordered:
        assert len(listed.stamps(["000000"])) == 50_000


def test_what_goes_to_another_machine_knows_its_version() -> None:
    errand = Job(Remote("s3://photos/a.jpg", FileStamp(0, 0, 7, 8)), Path("a.jpg"), SPEC)
    again = pickle.loads(pickle.dumps(errand))
    assert again == errand
    assert again.source.stamp == FileStamp(0, 0, 7, 8)


def test_two_slashes_make_a_url_and_nothing_else_does(tmp_path: Path) -> None:
    assert located("s3:/photos") == Path("s3:/photos")
    assert located("a:b.jpg") == Path("a:b.jpg")
    assert located("./s3://photos") == Path("s3:/photos")
    assert located("S3://photos//") == Remote("s3://photos")
    with pytest.raises(UsageError):
        located("s3:///a")


def test_a_sidecar_beside_an_object_frames_it(memory: Memory) -> None:
    for n in range(3):
        memory.pipe_file(f"/photos/{n}.jpg", photo(n))
    line = ("memory://photos", "memory://ready", "64x64")

    def modes() -> dict[str, str | None]:
        return {str(r.source)[-5:]: r.mode for r in library.convert(*line) if not r.failure}

    assert modes() == {"0.jpg": "cover", "1.jpg": "cover", "2.jpg": "cover"}
    memory.pipe_file("/photos/1.jpg.ffprep.toml", b'mode = "pad"')
    memory.pipe_file("/photos/2.jpg.ffprep.toml", b'mode = "pat"')
    cut = memory.cat_file("/ready/1.jpg")
    results = {str(r.source)[-5:]: r for r in library.convert(*line)}
    assert {name: result.status for name, result in results.items()} == {
        "0.jpg": Status.FRESH,
        "1.jpg": Status.CONVERTED,
        "2.jpg": Status.FAILED,
    }
    assert results["1.jpg"].mode == "pad"
    assert memory.cat_file("/ready/1.jpg") != cut
    assert "2.jpg.ffprep.toml:1:" in str(results["2.jpg"].failure)
    named = ("memory://photos/1.jpg", "memory://other", "64x64")
    assert [result.mode for result in library.convert(*named)] == ["pad"]
    memory.pipe_file("/photos/2.jpg.ffprep.toml", b"#" * 5000)
    assert "at most" in str(next(r for r in library.convert(*line) if r.failure).failure)
