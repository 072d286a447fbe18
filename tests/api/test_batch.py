"""`ffprep.convert` and `ffprep.check`: iterators over results."""

import asyncio
import io
import json
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

import ffprep as library
from tests.support.pages import Page
from tests.support.pictures import as_webp, opened, ramp
from tests.support.processes import children, program
from tests.support.waiting import until

EXAMPLES = Page("docs/guide/python.md").blocks("python")


def test_results_come_as_they_finish_and_the_ledger_keeps_them(
    folder: Path, empty_tmp: Path
) -> None:
    (folder / "7.jpg").write_bytes(b"\xff\xd8\xff")
    output = folder.parent / "out"
    results = list(library.convert(folder, output, "16x9", "pad"))
    failed = [result for result in results if result.failure]
    assert [(result.source.name, result.failure.kind) for result in failed] == [
        ("7.jpg", "damaged")
    ]  # type: ignore[union-attr]
    assert sum(result.status is library.Status.CONVERTED for result in results) == 59
    again = list(library.convert([str(folder)], str(output), (16, 9), "pad"))
    assert sum(result.status is library.Status.FRESH for result in again) == 59
    anew = library.convert(folder, output, "16x9", "pad", ledger=False, include="1*.jpg")
    assert {result.status for result in anew} == {library.Status.CONVERTED}
    broken = {f.path.name: f.broken for f in library.check([output], "16x9")}
    assert (len(broken), set(broken.values())) == (59, {()})
    (wrong,) = library.check(folder / "1.jpg", target="sora-2/1280x720")
    assert "must match the requested width and height" in wrong.broken[0]


def test_the_ledger_is_where_it_is_asked_for(folder: Path, ffprep) -> None:
    output, ledger = folder.parent / "out", folder.parent / "my.db"
    list(library.convert(folder / "1.jpg", output, "16x9", ledger=ledger))
    told = json.loads(ffprep("status", output, "--ledger", ledger, "--json").out)
    assert told["runs"][0]["outcome"] == "done"
    assert not (output / ".ffprep/ledger.db").exists()
    single = library.convert(folder / "1.jpg", folder.parent / "one.png", "16x9")
    assert [result.output for result in single] == [folder.parent / "one.png"]


@pytest.mark.slow
def test_stopping_early_leaves_no_process_and_no_file(
    folder: Path, empty_tmp: Path, ffprep
) -> None:
    output, before = folder.parent / "out", children()
    for result in library.convert(folder, output, "1600x900", jobs=2):
        first = result.output
        break
    assert children() <= before
    assert list(empty_tmp.iterdir()) == list(output.glob(".ffprep-*")) == []
    made = set(output.glob("*.jpg"))
    assert first in made
    assert len(made) < 60
    status = json.loads(ffprep("status", output, "--json").out)
    assert status["runs"][0]["outcome"] == "interrupted"
    rest = list(library.convert(folder, output, "1600x900"))
    assert {result.output for result in rest if result.status is library.Status.FRESH} >= {first}
    assert len(rest) == 60
    findings = library.check(output, "1600x900", jobs=2)
    next(findings)
    findings.close()
    results = library.convert(folder, output, "1600x900", force=True)
    next(results)
    del results
    assert children() <= before
    assert list(output.glob(".ffprep-*")) == []


def test_options_are_checked_before_the_first_result(folder: Path) -> None:
    with pytest.raises(ValueError, match="quality"):
        library.convert(folder, folder.parent / "out", "16x9", quality=101)
    with pytest.raises(ValueError, match="needs the ledger"):
        library.convert(folder, folder.parent / "out", "16x9", prune=True, ledger=False)
    with pytest.raises(TypeError, match="nice"):
        library.convert(folder, folder.parent / "out", "16x9", nice=5)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="no size is given"):
        library.check(folder)
    for output, words in (
        (b"o", "output: b'o' is not a usable value"),
        (None, "its outputs need one; add output=OUT"),
    ):
        with pytest.raises(ValueError, match=words):
            library.convert(folder, output, "16x9")  # type: ignore[arg-type]
    for sources, words in (
        ([], "sources: name a file"),
        (b"a.jpg", "sources: bytes are not a path"),
        (5, "sources: .* not int"),
        ([b"a.jpg"], "sources: .* not bytes"),
        ("a\0.jpg", "sources: .* NUL"),
    ):
        with pytest.raises(ValueError, match=words):
            library.convert(sources, folder.parent / "out", "16x9")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="paths: name a file"):
        library.check([], "16x9")
    assert not (folder.parent / "out").exists()


def test_two_runs_cannot_write_one_folder(folder: Path) -> None:
    output = folder.parent / "out"
    first = library.convert(folder, output, "16x9")
    next(first)
    with pytest.raises(library.OutputLocked, match="held by"):
        next(library.convert(folder, output, "16x9"))
    first.close()
    assert next(library.convert(folder, output, "16x9"))


def test_threads_can_convert_at_the_same_time(folder: Path, empty_tmp: Path) -> None:
    data, webp = (folder / "1.jpg").read_bytes(), as_webp(ramp(300, 200))

    def work(number: int) -> set[tuple[int, int]]:
        source = (data, webp)[number % 2]
        sizes = {(30 + number, 20), (31 + number, 21)}
        return sizes - {
            Image.open(io.BytesIO(library.prepare(source, size).data)).size for size in sizes
        }

    with ThreadPoolExecutor(6) as pool:
        runs = [
            pool.submit(lambda n=n: list(library.convert(folder, folder.parent / f"o{n}", "16x9")))
            for n in range(2)
        ]
        assert set(map(len, pool.map(work, range(8)))) == {0}
        assert [len(run.result()) for run in runs] == [60, 60]


def test_asyncio_may_use_an_iterator_from_several_threads(folder: Path, empty_tmp: Path) -> None:
    async def main() -> int:
        results, seen, count = library.convert(folder, folder.parent / "out", "16x9"), set[int](), 0
        loop = asyncio.get_running_loop()

        def following() -> object:
            seen.add(threading.get_ident())
            return next(results, None)

        with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
            while await loop.run_in_executor((first, second)[count % 2], following):
                count += 1
        assert len(seen) == 2
        return count

    assert asyncio.run(main()) == 60


@pytest.mark.slow
def test_close_from_another_thread_ends_the_run_and_waits(
    folder: Path, empty_tmp: Path, ffprep
) -> None:
    output, before = folder.parent / "out", children()
    webp = as_webp(opened(folder / "0.jpg"))
    for photo in folder.iterdir():
        photo.with_suffix(".webp").write_bytes(webp)
        photo.unlink()
    results = library.convert(folder, output, "1600x1200", jobs=2)
    seen = [next(results)]
    with ThreadPoolExecutor(1) as pool, library.check(folder, "640x480") as findings:
        rest = pool.submit(list, results)
        until(lambda: len(list(output.glob("*.jpg"))) > 3)
        results.close()
        assert children() <= before
        assert list(empty_tmp.iterdir()) == list(output.glob(".ffprep-*")) == []
        seen += rest.result(60)
        results.close()
        assert next(results, None) is None
        assert not next(findings).broken
    assert next(findings, None) is None
    assert len(seen) < 60
    assert {result.failure for result in seen} == {None}
    status = json.loads(ffprep("status", output, "--json").out)
    assert status["runs"][0]["outcome"] == "interrupted"
    assert ffprep("status", output, "--failed").out == b""
    with library.convert(folder, output, "1600x1200") as again:  # the lock is free
        fresh = {result.output for result in again if result.status is library.Status.FRESH}
    assert fresh >= {result.output for result in seen}


def test_a_signal_handler_may_close_a_waiting_run(folder: Path) -> None:
    output = folder.parent / "out"
    with library.convert(folder, output, "16x9") as first:
        next(first)
        waiting = library.convert(folder, output, "16x9", wait=600)
        before = signal.signal(signal.SIGALRM, lambda *_: waiting.close())
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        try:
            assert list(waiting) == []
        finally:
            signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
def test_asyncio_may_cancel_the_documented_example(folder: Path, empty_tmp: Path) -> None:
    (example,) = (text for text in EXAMPLES if "results.close" in text)
    code = """
    import asyncio, os
    from pathlib import Path
    {example}

    async def stop(seconds):
        task = asyncio.create_task(main())
        await asyncio.sleep(seconds)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return task.cancelled()

    async def late(seconds):
        async with asyncio.timeout(seconds):
            await main()

    for seconds in (0.3, 1):
        assert asyncio.run(stop(seconds))
        try:
            asyncio.run(late(seconds))
        except TimeoutError:
            continue
        raise AssertionError
    assert not list(Path("converted").glob(".ffprep-*"))
    """
    lines = example.replace("640x360", "3000x2000").replace("asyncio.run(main())", "").splitlines()
    code = code.replace("{example}", "\n    ".join(lines))
    ramp(3000, 2000).save(folder / "0.jpg")
    for number in range(1, 60):
        shutil.copy(folder / "0.jpg", folder / f"{number}.jpg")
    ramp(90, 60).save(folder.parent / "photo.jpg")
    program(code, folder.parent)


@pytest.mark.slow
def test_a_daemon_thread_ends_silently_at_exit(folder: Path, empty_tmp: Path) -> None:
    code = """
    import atexit, threading
    import ffprep

    results = ffprep.convert("photos", "out", "1600x1200", jobs=2)
    next(results)
    thread = threading.Thread(target=list, args=[results], daemon=True)
    thread.start()
    atexit.register(thread.join, 20)  # leave it the time to write to stderr
    """
    program(code, folder.parent)
    assert list((folder.parent / "out").glob(".ffprep-*")) == []


def test_failures_advise_in_keywords(photo: Path) -> None:
    (result,) = library.convert(photo, photo.parent / "out", "999x999", upscale="fail")
    assert result.failure
    assert "or give upscale=allow" in result.failure.message
    photo.write_bytes(photo.read_bytes()[:-400])
    (result,) = library.convert(photo, photo.parent / "out", "8x8")
    assert result.failure
    assert "with damaged=keep" in result.failure.message


def test_an_unwritable_ledger_is_logged(photo: Path, caplog: pytest.LogCaptureFixture) -> None:
    output = photo.parent / "out"
    output.mkdir()
    (output / ".ffprep").write_text("in the way")
    (result,) = library.convert(photo, output, "8x6")
    assert (result.status, caplog.records[0].name) == (library.Status.CONVERTED, "ffprep")
    assert "the next run will convert everything again" in caplog.text
