"""Work on a Dask cluster: a real scheduler, real workers, and what may become of both."""

import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

import ffprep as library
from ffprep import __version__
from ffprep.conversion.ffmpeg_binary import find
from ffprep.errors import EnvironmentFault
from ffprep.run.task import convert_chunk
from tests.e2e.test_stores import outputs, photo, put
from tests.support.cluster import dask, kill_one
from tests.support.command_line import Ran
from tests.support.drawn_faces import photo as drawn_photo
from tests.support.drawn_faces import shows_skin
from tests.support.films import film
from tests.support.folders import finals, temporaries
from tests.support.pictures import opened, ramp
from tests.support.stores import bucketeer
from tests.support.waiting import until

pytestmark = pytest.mark.slow

PHOTOS, KILLS = 240, 3
SIZE = ["--size", "32x24"]
ROWS = (
    "SELECT folder, name, source, source_bytes, source_mtime, source_hash, output_bytes, "
    "output_hash, width, height, status, kind, message, tolerated, digest "
    "FROM jobs LEFT JOIN specs ON spec = specs.id "
    "ORDER BY folder, name, source"
)


def photos(folder: Path, count: int) -> Path:
    for number in range(count):
        path = folder / f"{number // 250}/{number:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        ramp(64 + number % 7, 48 + number % 5).save(path)
    return folder


def rows(out: Path) -> list[tuple[object, ...]]:
    database = sqlite3.connect(out / ".ffprep/ledger.db")
    try:
        return database.execute(ROWS).fetchall()
    finally:
        database.close()


def contents(out: Path) -> dict[Path, bytes]:
    return {path.relative_to(out): path.read_bytes() for path in finals(out)}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "ffprep", "convert", *map(str, arguments), *SIZE]


def test_a_run_with_killed_workers_makes_the_outputs_of_a_local_run(
    ffprep, tmp_path: Path, home: Path
) -> None:
    source, out, alone = photos(tmp_path / "in", PHOTOS), tmp_path / "out", tmp_path / "alone"
    assert ffprep("convert", source, "-o", alone, *SIZE).code == 0
    with dask(tmp_path / "dask") as cluster:
        for name in "abc":
            cluster.hire(name)
        cluster.until_registered(3)
        argv = command(source, "-o", out, "--cluster", cluster.address, "--json")
        stdout, stderr = tmp_path / "stdout", tmp_path / "stderr"
        with (
            stdout.open("wb") as output,
            stderr.open("wb") as errors,
            subprocess.Popen(argv, stdout=output, stderr=errors) as run,
        ):
            for kill in range(KILLS):
                until(lambda k=kill: out.exists() and len(finals(out)) > (k + 1) * PHOTOS // 6)
                kill_one(cluster, out)
            run.wait(300)
        ran = Ran(run.returncode, stdout.read_bytes(), stderr.read_text())
        again = ffprep("convert", source, "-o", out, *SIZE, "--cluster", cluster.address, "--json")
    assert ran.code == 0, ran.err
    assert cluster.deaths >= KILLS
    assert len(ran.results) == len(ran.lines) - 1 == PHOTOS
    assert contents(out) == contents(alone)
    assert rows(out) == rows(alone)
    assert again.summary["fresh"] == PHOTOS
    assert not temporaries(out)


# No decoder of this Python takes it along into death, so it is the opening of a name that does.
POISON = """import os, signal, sys

def deadly(event, arguments):
    if event == "open" and str(arguments[0]).endswith("poison.jpg"):
        os.kill(os.getpid(), signal.SIGKILL)

def dask_setup(worker):
    sys.addaudithook(deadly)
"""


def test_photos_that_kill_every_worker_fail_alone(ffprep, tmp_path: Path) -> None:
    # Few photos, so that a chunk is one photo; many threads, so that others are at a dying worker.
    source, out = photos(tmp_path / "in", 22), tmp_path / "out"
    deadly = dict.fromkeys(("poison.jpg", "other-poison.jpg"), "io")
    for name in deadly:
        ramp(64, 48).save(source / "0" / name)
    (tmp_path / "poison.py").write_text(POISON)
    once = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    with dask(tmp_path / "dask", **once) as cluster:
        for name in "ab":
            cluster.hire(name, "--nthreads", "6", "--preload", str(tmp_path / "poison.py"))
        options = ["--cluster", cluster.address, "--json"]
        ran = ffprep("convert", source, "-o", out, *SIZE, *options)
    again = ffprep("convert", source, "-o", out, *SIZE, "--json")
    assert (ran.code, ran.kinds()) == (1, deadly)
    assert "2 workers" in ran.results["poison.jpg"]["error"]["message"]
    assert (ran.summary["converted"], ran.summary["failed"], len(ran.results)) == (22, 2, 24)
    # Something outside may have killed the workers, so the next run tries again.
    assert (again.summary["fresh"], again.summary["converted"]) == (22, 2)
    assert not temporaries(out)


OTHER_VERSION = "import ffprep.version\nffprep.version.__version__ = '0.0.1'\n"
# What a machine without the disk sees cannot be had on this one.
ELSEWHERE = "from ffprep.run import task\ntask.can_read = lambda path: False\n"


def test_unfit_workers_are_named_before_the_run_begins(ffprep, tmp_path: Path) -> None:
    source, out, ffmpeg = photos(tmp_path / "in", 3), tmp_path / "out", find()
    arguments = ["convert", source, "-o", out, *SIZE, "--cluster"]
    with dask(tmp_path / "dask") as cluster:
        for text, words in ((OTHER_VERSION, "has ffprep 0.0.1"), (ELSEWHERE, "cannot read")):
            (tmp_path / "preload.py").write_text(text)
            cluster.hire("w", "--preload", str(tmp_path / "preload.py"))
            ran = ffprep(*arguments, cluster.address)  # the worker comes while it waits
            assert (ran.code, words in ran.err) == (3, True), ran.err
            cluster.dismiss("w")
        assert not finals(out)
        (tmp_path / "preload.py").write_text(
            'import os\nos.environ["FFPREP_FFMPEG"] = os.environ["NEWER"]\n'
        )
        newer = tmp_path / "ffmpeg"
        newer.write_text(
            "#!/bin/sh\n"
            '[ "$1" = -version ] && echo ffmpeg version 99.0 && exit\n'
            f'exec {ffmpeg.path} "$@"\n'
        )
        newer.chmod(0o755)
        cluster.hire("a")
        cluster.hire("b", "--preload", str(tmp_path / "preload.py"), NEWER=str(newer))
        cluster.until_registered(4)
        ran = ffprep(*arguments, cluster.address, "--json", "-v")
        assert (ran.code, ran.summary["converted"]) == (0, 3)
        versions = f"{ffmpeg.version}, 99.0"
        assert ran.summary["cluster"]["ffmpeg"] == versions
        assert f"different versions of FFmpeg: {versions}" in ran.err


def test_an_invalid_address_is_reported_in_a_sentence(ffprep, tmp_path: Path) -> None:
    arguments = ["convert", photos(tmp_path / "in", 1), "-o", tmp_path / "out", *SIZE, "--cluster"]
    for address, words in {
        "nonsense": "'nonsense' is not the address of a Dask scheduler",
        "http://127.0.0.1:8786": "write tcp://HOST:PORT",
        "tcp://127.0.0.1": "write tcp://HOST:PORT",
        "ucx://127.0.0.1:8786": "write tcp://HOST:PORT",
        "tls://127.0.0.1:8786": "needs certificates",
    }.items():
        ran = ffprep(*arguments, address)
        (line,) = ran.err.splitlines()
        assert (ran.code, words in line) == (3, True), line
    unset = ffprep(*arguments, "")
    assert (unset.code, "--cluster is empty" in unset.err) == (2, True)


def test_a_worker_of_another_version_is_reported_with_both_versions() -> None:
    with pytest.raises(
        EnvironmentFault, match=rf"has ffprep {__version__}, and this run has 0.0.1;"
    ):
        convert_chunk("0.0.1", b"")


def test_a_cluster_without_workers_is_reported_and_left_at_the_time_limit(
    ffprep, tmp_path: Path
) -> None:
    source, out = photos(tmp_path / "in", 500), tmp_path / "out"
    with dask(tmp_path / "dask") as cluster:
        options = (source, "-o", out, "--cluster", cluster.address)
        ran = ffprep("convert", *options, *SIZE, "--max-time", "2s")
        assert (ran.code, "stopped after --max-time; 500 not processed yet" in ran.err) == (
            1,
            True,
        )
        assert ran.err.count("has no workers") == 1
        cluster.hire("a")
        with begun(tmp_path, *options, outputs=1) as run:
            cluster.dismiss("a")
            until(lambda: "has no workers" in (tmp_path / "said").read_text())
            run.kill()
    assert list(out.glob(".ffprep-*.part"))  # the mark of the run that was killed
    assert ffprep("convert", source, "-o", out, *SIZE).code == 0
    assert not temporaries(out)


def test_workers_use_the_umask_of_the_run(ffprep, tmp_path: Path) -> None:
    source, out = photos(tmp_path / "in", 3), tmp_path / "out"
    with dask(tmp_path / "dask") as cluster:
        cluster.hire("a")
        mask = os.umask(0o077)
        try:
            ran = ffprep("convert", source, "-o", out, *SIZE, "--cluster", cluster.address)
        finally:
            os.umask(mask)
    assert ran.code == 0
    assert {path.stat().st_mode & 0o777 for path in finals(out)} == {0o600}


def begun(folder: Path, *arguments: object, outputs: int = 100) -> "subprocess.Popen[bytes]":
    """A run that has made some of its outputs; what it says is in `said`."""
    with (folder / "said").open("wb") as file:
        run = subprocess.Popen(command(*arguments), stdout=file, stderr=file)
    out = folder / "out"
    until(lambda: run.poll() is not None or (out.exists() and len(finals(out)) >= outputs))
    assert run.poll() is None, (folder / "said").read_text()
    return run


def test_an_ended_run_loses_no_finished_output(ffprep, tmp_path: Path, home: Path) -> None:
    source, out = photos(tmp_path / "in", 1000), tmp_path / "out"
    with dask(tmp_path / "dask") as cluster:
        cluster.hire("a")
        cluster.hire("b")
        options = (source, "-o", out, "--upscale", "allow", "--cluster", cluster.address)
        with begun(tmp_path, *options) as run:
            run.send_signal(signal.SIGTERM)
        assert run.returncode == 143
        # What the workers had in hand, they end, or leave as it was.
        until(lambda: not temporaries(out))
        interrupted = len(rows(out))
        assert 0 < interrupted < 1000
        with begun(tmp_path, *options, outputs=interrupted + 100) as run:
            cluster.scheduler.kill()
        said = (tmp_path / "said").read_text()
        assert (run.returncode, said.count(f"the Dask scheduler at {cluster.address} is lost")) == (
            3,
            1,
        )
        assert "Traceback" not in said
        lost = len(rows(out))
        assert interrupted < lost < 1000
        quick = {**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
        ran = ffprep("convert", *options, *SIZE, env=quick)
        assert (ran.code, "no Dask scheduler answers" in ran.err) == (3, True)
    last = ffprep("convert", source, "-o", out, *SIZE, "--upscale", "allow", "--json")
    assert (last.summary["fresh"], last.summary["converted"]) == (lost, 1000 - lost)


def test_a_cluster_is_one_more_option(ffprep, tmp_path: Path, monkeypatch) -> None:
    photos(tmp_path / "in", 12)
    damaged = (tmp_path / "in/0/0003.jpg").read_bytes()
    (tmp_path / "in/0/0003.jpg").write_bytes(damaged[: len(damaged) // 2])
    monkeypatch.chdir(tmp_path)
    with dask(tmp_path / "dask") as cluster:
        cluster.hire("a")
        cluster.until_registered(1)
        job = '[job.a]\nsources = ["in"]\noutput = "a"\nsize = "32x24"\n'
        job += f'cluster = "{cluster.address}"\n'
        Path("ffprep.toml").write_text(job)
        ran = ffprep("run", "a", "--quiet")
        assert ran.code == 1
        assert ran.err.count("\n") == 1, ran.err  # Dask prints nothing
        assert "in/0/0003.jpg: damaged: " in ran.err
        Path("in/0/0003.jpg").write_bytes(damaged)
        shutil.rmtree("a/.ffprep")
        # Outputs that are there are decoded by the workers too, and contents compared.
        ran = ffprep("run", "a", "--adopt", "--checksum", "--json")
        assert (ran.code, ran.err) == (0, "")
        assert (ran.summary["fresh"], ran.summary["converted"]) == (11, 1)
        os.utime("in/0/0005.jpg")
        again = ffprep("run", "a", "--checksum", "--json").summary
        assert (again["fresh"], again["cluster"]["workers"]) == (12, 1)
        results = library.convert("in", "b", "32x24", cluster=cluster.address, jobs=1)
        first = next(results)
        assert (first.source.parts[0], first.output.parts[0]) == ("in", "b")
        results.close()
        rest = list(library.convert("in", "b", "32x24", cluster=cluster.address))
        assert len(rest) == 12
        assert {result.failure for result in rest} == {None}
        one = ffprep(
            "convert", "in/0/0001.jpg", "-o", "one.jpg", *SIZE, "--cluster", cluster.address
        )
        assert (one.code, one.err) == (0, "")
        assert opened(Path("one.jpg")).size == (32, 24)
    refused = ffprep("convert", "in", "-o", "c", *SIZE, "--cluster", "tcp://x:1", "--max-load", "1")
    assert refused.code == 2


PAGE = (Path(__file__).parents[2] / "docs/operations/cluster.md").read_text()


def blocks(heading: str, kind: str) -> list[str]:
    """The examples of a part of the page."""
    (part,) = re.findall(rf"^## {heading}\n(.*?)(?=^## )", f"{PAGE}\n## ", re.DOTALL | re.MULTILINE)
    return re.findall(rf"```{kind}\n(.*?)```", part, re.DOTALL)


def test_the_documented_cluster_works(tmp_path: Path, home: Path) -> None:
    photos(tmp_path / "photos", 6)
    (tmp_path / "dask").mkdir()
    (tmp_path / "dask/dask.yaml").write_text(blocks("Dask alone", "yaml")[0])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"/shared": str(tmp_path), "scheduler:8786": f"127.0.0.1:{port}", "8786": str(port)}
    servers, convert = blocks("Dask alone", "sh")
    for old, new in places.items():
        servers, convert = servers.replace(old, new), convert.replace(old, new)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "DASK_CONFIG": str(tmp_path / "dask")}
    with ExitStack() as stack:
        for line in servers.splitlines():
            log = stack.enter_context((tmp_path / "log").open("ab"))
            server = subprocess.Popen(
                shlex.split(line),
                env=environment,
                cwd=tmp_path,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            stack.callback(server.wait)
            stack.callback(os.killpg, server.pid, signal.SIGKILL)
        subprocess.run(convert, shell=True, env=environment, check=True)
    assert len(finals(tmp_path / "ready")) == 6


def test_the_documented_shards_work(tmp_path: Path, home: Path) -> None:
    photos(tmp_path / "photos", 40)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}

    def run(script: str, **more: str) -> str:
        script = script.replace("/shared", str(tmp_path))
        return subprocess.check_output(
            ["sh", "-ec", script], env={**environment, **more}, text=True
        )

    two, slurm, kubernetes = blocks("Without Dask: shards", "sh")
    assert "ready: 40 outputs" in run(two)
    shutil.rmtree(tmp_path / "ready")
    for number in (3, 10):
        run(slurm, SLURM_ARRAY_TASK_ID=str(number))
        run(kubernetes, JOB_COMPLETION_INDEX=str(number))
    ledgers = (tmp_path / "ready/.ffprep").glob("*.db")
    assert {path.name for path in ledgers} == {f"ledger-{n}-of-16.db" for n in (3, 4, 10, 11)}
    assert 0 < len(finals(tmp_path / "ready")) < 40


def test_photos_in_object_storage_need_no_shared_disk(ffprep, tmp_path: Path) -> None:
    with bucketeer(tmp_path) as s3, dask(tmp_path / "dask", **s3.environment) as cluster:
        for bucket in ("photos", "ready"):
            s3.owner().create_bucket(Bucket=bucket)
        put(s3, {f"in/{number}.jpg": photo(number) for number in range(30)})
        arguments = ["convert", "s3://photos/in", "-o", "s3://ready/a", *SIZE]
        cluster.hire("a")
        cluster.until_registered(1)
        options = ["--cluster", cluster.address, "--json"]
        ran = ffprep(*arguments, *options, env=s3.environment)
        assert (ran.code, ran.err, ran.summary["converted"]) == (0, "", 30)
        again = ffprep(*arguments, *options, env=s3.environment)
        assert again.summary["fresh"] == 30
        for number in (1, 2):
            part = ["--shard", f"{number}/2", *options]
            shard = ffprep(*arguments[:3], "s3://ready/b", *SIZE, *part, env=s3.environment)
            assert (shard.code, shard.err) == (0, "")
        told = ffprep("status", "s3://ready/b", env=s3.environment).out.decode()
        assert told.startswith("s3://ready/b: 30 outputs")
        assert len(outputs(s3, "a/")) == len(outputs(s3, "b/")) == 30
        # And the last frame of a film, cut at the face in it.
        frames = [drawn_photo(1200, 600), drawn_photo(1200, 600, (800, 50, 400))]
        put(s3, {"films/a.mp4": film(tmp_path / "a.mp4", frames).read_bytes()})
        line = ["convert", "s3://photos/films", "-o", "s3://ready/f", "--frame", "last"]
        sizes = ["--size", "150x300", "--size", "75x150", "--focus", "faces"]
        ran = ffprep(*line, *sizes, *options, env=s3.environment)
        assert (ran.code, ran.summary["converted"]) == (0, 2)
        made = outputs(s3, "f/")
        assert made.keys() == {"150x300/a.jpg", "75x150/a.jpg"}
        for name, content in made.items():
            with Image.open(BytesIO(content)) as picture:
                assert f"{picture.width}x{picture.height}" == name.partition("/")[0]
                assert shows_skin(picture)
