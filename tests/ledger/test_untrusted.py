"""A ledger that a stranger wrote: it is refused or read with care, and nothing else is touched."""

import fcntl
import json
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest

from ffprep.ledger import database
from tests.support.command_line import Ran
from tests.support.pictures import ramp
from tests.support.shims import need, shim

SIZE = ("--size", "32x18")
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos in `in`, one of them bad, and their outputs in `out`."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "in").mkdir()
    ramp(40, 30).save(folder / "in/a.png")
    (folder / "in/bad.jpg").write_bytes(b"bad")
    command = ["convert", folder / "in", "-o", folder / "out", *SIZE]
    assert subprocess.run([sys.executable, "-m", "ffprep", *command], check=False).returncode == 1
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    shutil.copytree(made, tmp_path / "copy", copy_function=shutil.copy2)
    with closing(sqlite3.connect(tmp_path / "copy/out/.ffprep/ledger.db")) as ledger, ledger:
        for column in ("jobs SET source", "runs SET output"):
            statement = f"UPDATE {column} = replace({column.split()[-1]}, ?, ?)"
            ledger.execute(statement, (f"{made}", f"{tmp_path}/copy"))
    return tmp_path / "copy"


def alter(folder: Path, script: str) -> None:
    with closing(sqlite3.connect(folder / "out/.ffprep/ledger.db")) as ledger:
        ledger.executescript(script)


def command(folder: Path, *options: object) -> tuple[object, ...]:
    return ("convert", folder / "in", "-o", folder / "out", *SIZE, *options)


SCHEMAS = {
    "endless view": f"DROP TABLE runs; CREATE VIEW runs AS {ENDLESS} i id, 1 output FROM n",
    "view": "ALTER TABLE jobs RENAME TO j; CREATE VIEW jobs AS SELECT * FROM j",
    "trigger": "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM jobs; END",
    "index with an expression": "CREATE INDEX i ON jobs (abs(length(name)))",
    "generated column": "ALTER TABLE jobs ADD COLUMN more AS (zeroblob(1000000000))",
    "other table": "DROP TABLE specs; CREATE TABLE specs (id INTEGER PRIMARY KEY, digest, said)",
    "check": "ALTER TABLE runs ADD COLUMN more CHECK (length(randomblob(1000000)) > 1)",
    "missing table": "DROP TABLE jobs",
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_schema_that_ffprep_did_not_make_is_refused(
    ffprep: Callable[..., Ran], folder: Path, schema: str
) -> None:
    alter(folder, SCHEMAS[schema])
    ledger = folder / "out/.ffprep/ledger.db"
    before = ledger.read_bytes()
    runs = [
        command(folder),
        command(folder, "--prune", "--dry-run"),
        ("clean", folder / "out"),
        ("status", folder / "out"),
    ]
    for ran in (ffprep(*arguments) for arguments in runs):
        assert (ran.code, str(ledger) in ran.err, "Traceback" in ran.err) == (3, True, False)
        assert "--ledger" in ran.err
    assert ledger.read_bytes() == before


def test_further_tables_are_ignored(ffprep: Callable[..., Ran], folder: Path) -> None:
    alter(folder, "CREATE TABLE notes (text); INSERT INTO notes VALUES (1); ANALYZE")
    ran = ffprep(*command(folder, "--json"))
    assert (ran.code, ran.summary["fresh"]) == (1, 1)
    assert ffprep("status", folder / "out").code == 0


@pytest.mark.parametrize("name", [".ffprep", "ledger.db", "ledger.db-wal", "ledger.db-journal"])
def test_a_link_in_place_of_a_ledger_is_refused(
    ffprep: Callable[..., Ran], folder: Path, name: str
) -> None:
    place = folder / "out" / name if name == ".ffprep" else folder / "out/.ffprep" / name
    elsewhere = folder / "elsewhere"
    if place.exists():
        place.rename(elsewhere)
    else:
        elsewhere.write_text("precious")
    place.symlink_to(elsewhere)
    before = {p: p.read_bytes() for p in (elsewhere, *elsewhere.rglob("*")) if p.is_file()}
    if name in (".ffprep", "ledger.db"):
        for arguments in (command(folder), ("status", folder / "out")):
            ran = ffprep(*arguments)
            assert (ran.code, f"{place} is a link" in ran.err) == (3, True), ran.err
    else:
        ran = ffprep(*command(folder))
        assert (ran.code, "is not a regular file" in ran.err) == (1, True), ran.err
    after = {p: p.read_bytes() for p in (elsewhere, *elsewhere.rglob("*")) if p.is_file()}
    assert after == before
    # A ledger that --ledger names may be a link.
    if name == "ledger.db":
        place.rename(folder / "link.db")
        assert ffprep(*command(folder, "--ledger", folder / "link.db")).code == 1


def test_a_file_in_place_of_a_lock_keeps_its_content(
    ffprep: Callable[..., Ran], folder: Path
) -> None:
    precious, lock = folder / "precious", folder / "out/.ffprep/lock"
    lock.unlink()
    precious.write_text("precious")
    os.link(precious, lock)
    assert ffprep(*command(folder)).code == 1
    assert precious.read_text() == "precious"


def test_a_fifo_beside_the_ledger_does_not_hang(ffprep: Callable[..., Ran], folder: Path) -> None:
    for name in ("ledger.db-wal", "ledger.db-journal", "ledger.db-shm"):
        os.mkfifo(folder / "out/.ffprep" / name)
        ran = ffprep(*command(folder))
        assert (ran.code, f"{name} is not a regular file" in ran.err) == (1, True), ran.err
        assert ffprep("status", folder / "out").code == 3
        (folder / "out/.ffprep" / name).unlink()


def test_a_journal_that_names_a_file_does_not_delete_it(
    ffprep: Callable[..., Ran], folder: Path, tmp_path: Path
) -> None:
    # As SQLite leaves it if it is killed in a transaction over several databases.
    precious = tmp_path / "precious"
    precious.write_bytes(b"/none\0")
    ledger = folder / "out/.ffprep/ledger.db"
    with closing(sqlite3.connect(ledger)) as opened:
        opened.execute("PRAGMA journal_mode = DELETE")
    magic, path = bytes.fromhex("d9d505f920a163d7"), os.fsencode(precious)

    def four_bytes(*values: int) -> bytes:
        return b"".join(value.to_bytes(4, "big") for value in values)

    content = ledger.read_bytes()
    page, nonce = content[:4096], 7
    head = magic + four_bytes(1, nonce, len(content) // 4096, 512, 4096)
    record = four_bytes(1) + page + four_bytes(nonce + sum(page[4096 - 200 : 0 : -200]))
    name = four_bytes(2**30 // 4096 + 1) + path + four_bytes(len(path), sum(path)) + magic
    ledger.with_name("ledger.db-journal").write_bytes(head.ljust(512, b"\0") + record + name)
    ran = ffprep(*command(folder))
    assert (ran.code, "names another file" in ran.err) == (3, True), ran.err
    assert ffprep("status", folder / "out").code == 3
    assert precious.exists()
    # SQLite by itself deletes the file.
    with closing(sqlite3.connect(ledger)) as opened:
        opened.execute("SELECT * FROM runs").fetchall()
    assert not precious.exists()


def test_a_signal_ends_a_query(folder: Path) -> None:
    # There is no query without an end in a ledger that is accepted; this is the mechanism.
    code = f"""
import sys, time
from pathlib import Path
from ffprep.ledger import database
from ffprep.system.shutdown import Signals
database._LEAST_STEPS = 1 << 60
path = Path(sys.argv[1])
with Signals() as signals:
    if sys.argv[2] == "running":
        signals.while_running(lambda: None)
    ledger = database.open_to_write(path, "NORMAL")
    try:
        print("ready", flush=True)
        with database.database_errors(path):
            ledger.execute("{ENDLESS} count(*) FROM n").fetchall()
    except BaseException as error:
        print(type(error).__name__, getattr(error, "exit_code", ""))
"""
    for how in ("first", "running"):
        argv = [sys.executable, "-c", code, folder / "out/.ffprep/ledger.db", how]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as child:
            assert child.stdout
            assert child.stdout.readline() == b"ready\n"
            child.send_signal(signal.SIGTERM)
            assert child.communicate(timeout=30)[0] == b"Interrupted 143\n"


def test_a_query_that_reads_more_than_the_file_has_is_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_LEAST_STEPS", 2_000_000)
    path = folder / "out/.ffprep/ledger.db"
    with (
        closing(database.open_to_read(path)) as ledger,
        pytest.raises(database.LedgerUnusable, match="without end"),
        database.database_errors(path),
    ):
        ledger.execute(f"{ENDLESS} count(*) FROM n").fetchall()


def make_endless(path: Path) -> None:
    """Make a ledger's table of jobs a tree in which each page refers to the next one many times.

    SQLite takes it for a sound table with more rows than could ever be read.
    """
    with closing(sqlite3.connect(path)) as ledger, ledger:
        ledger.execute("PRAGMA journal_mode = DELETE")
        rows = (("zz/", f"n{i:06}", "/nowhere/x" * 8 + str(i)) for i in range(3000))
        job = "INSERT INTO jobs (folder, name, source, status, run, tolerated) "
        ledger.executemany(f"{job} VALUES (?, ?, ?, 'converted', 1, '')", rows)
    with closing(sqlite3.connect(path)) as ledger:
        found = ledger.execute("SELECT rootpage FROM sqlite_master WHERE name = 'jobs'")
        (root,) = found.fetchone()
    content = path.read_bytes()
    size, pages = 4096, len(content) // 4096
    page = bytearray(content[(root - 1) * size : root * size])
    cells = struct.unpack_from(f">{struct.unpack_from('>H', page, 3)[0]}H", page, 12)
    (leaf,) = struct.unpack_from(">I", page, cells[0])
    levels = [root, *range(pages + 1, pages + 15)]
    altered = bytearray(content) + bytes(size * 14)
    for level, below in zip(levels, [*levels[1:], leaf], strict=True):
        for place in (8, *cells):
            struct.pack_into(">I", page, place, below)
        altered[(level - 1) * size : level * size] = page
    struct.pack_into(">I", altered, 28, pages + 14)
    path.write_bytes(altered)


@pytest.mark.slow
def test_a_ledger_without_end_is_corrupt(ffprep: Callable[..., Ran], folder: Path) -> None:
    make_endless(folder / "out/.ffprep/ledger.db")
    for arguments in (("status", folder / "out"), command(folder, "--names", "{n}")):
        ran = ffprep(*arguments)
        assert (ran.code, "without end" in ran.err) == (3, True), ran.err
    ran = ffprep(*command(folder, "--prune"))
    assert (ran.code, "was corrupt" in ran.err) == (1, True), ran.err


REFUSES = """
static int refused(int c) { return c == F_SETLK || c == F_SETLKW || c == F_OFD_SETLK; }
#define WRAP(name) int name(int fd, int c, ...) { va_list v; va_start(v, c); \\
    void *a = va_arg(v, void *); va_end(v); \\
    if (refused(c)) { errno = atoi(getenv("REFUSE")); return -1; } return NEXT(name)(fd, c, a); }
WRAP(fcntl) WRAP(fcntl64)
int flock(int fd, int how) {
    if (getenv("FLOCK")) { errno = atoi(getenv("REFUSE")); return -1; }
    return NEXT(flock)(fd, how); }
"""
"""A file system that refuses locks on parts of files, and with FLOCK also on whole ones."""


@pytest.mark.parametrize("number", ["ENOLCK", "EOPNOTSUPP", "EACCES", "EINVAL"])
def test_refused_locks_are_not_another_program(
    ffprep: Callable[..., Ran], folder: Path, number: str
) -> None:
    import errno

    environment = shim(REFUSES) | {"REFUSE": str(getattr(errno, number))}
    ran = ffprep(*command(folder, "--json"), env=environment)
    assert (ran.code, ran.summary["converted"]) == (1, 1), ran.err
    assert ran.err.count("refuses locks") == 1
    assert "--ledger" in ran.err
    assert "another program" not in ran.err
    if number != "ENOLCK":
        return
    # A ledger that is named must work, and so must one for --retry-failed.
    for options in (("--ledger", folder / "it.db"), ("--retry-failed",)):
        ran = ffprep(*command(folder, *options), env=environment)
        assert (ran.code, "refuses locks" in ran.err) == (3, True), ran.err
    # Without any locks, the photos are converted as well.
    ran = ffprep(*command(folder, "--json"), env=environment | {"FLOCK": "1"})
    assert (ran.code, ran.summary["converted"]) == (1, 1), ran.err
    assert "another run may write there at the same time" in ran.err
    assert not list(folder.rglob("*.part"))


ODD_VALUES = (
    *("NULL", "-1", "9e999", "9223372036854775807"),
    *("'\x1b[2J'", "x'00ff'", "'%s' || char(0)"),
)
JOB_COLUMNS = (
    "source_bytes source_mtime source_hash spec output_bytes output_mtime output_hash "
    "width height status kind message tolerated seconds run"
).split()
RUN_COLUMNS = (
    "started ended outcome pid host ffprep ffmpeg terms output converted fresh failed pruned"
).split()
ODD_PLACES = (5, 1.5, b"\xff", "/abs/", "../", "x/../../", ".ffprep/", "no-slash")


def add_odd_rows(folder: Path) -> None:
    """Add rows to a ledger, each with one value that ffprep does not write."""
    sources = f"{(folder / 'in').resolve()}/"
    job = "INSERT INTO jobs (folder, name, source, status, kind, run, message, tolerated, "
    job += "output_bytes, output_mtime) VALUES (?, ?, ?, ?, 'damaged', 1, 'bad', '', 1, 1)"
    run = "ended, pid, host, ffprep, ffmpeg, terms, output"
    with closing(sqlite3.connect(folder / "out/.ffprep/ledger.db")) as ledger, ledger:
        for value, column, status in product(ODD_VALUES, JOB_COLUMNS, ("converted", "failed")):
            name = f"{column} {value} {status}"
            ledger.execute(job, ("", name, sources + name, status))
            ledger.execute(f"UPDATE jobs SET {column} = {value} WHERE name = ?", (name,))
        for value, column in product(ODD_VALUES[1:], RUN_COLUMNS):
            ledger.execute(f"INSERT INTO runs (started, {run}) SELECT started, {run} FROM runs")
            ledger.execute(f"UPDATE runs SET {column} = {value} WHERE id = last_insert_rowid()")
            ledger.execute("DELETE FROM runs WHERE id BETWEEN 2 AND last_insert_rowid() - 5")
        for place in ODD_PLACES:
            ledger.execute(job, (place, "thing", f"{sources}gone", "converted"))


def test_rows_that_ffprep_does_not_write_are_ignored(
    ffprep: Callable[..., Ran], folder: Path
) -> None:
    add_odd_rows(folder)
    (folder / "thing").write_text("precious")
    for options in ((), ("--failed", "--json"), ("--json",)):
        ran = ffprep("status", folder / "out", *options)
        assert (ran.code, ran.err) == (0, "")
        assert b"\x1b" not in ran.out
        assert b"Infinity" not in ran.out
    for options in (("--json", "--adopt"), ("--checksum",), ("--prune",), ("--retry-failed",)):
        ran = ffprep(*command(folder, *options))
        assert ran.code in (0, 1), (options, ran.err)
        assert "Traceback" not in ran.err
    assert (folder / "thing").read_text() == "precious"


def test_photos_of_odd_rows_are_converted_again(ffprep: Callable[..., Ran], folder: Path) -> None:
    ramp(40, 30).save(folder / "in/b.png")
    assert ffprep(*command(folder)).code == 1
    with closing(sqlite3.connect(folder / "out/.ffprep/ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE jobs SET kind = 'unheard-of' WHERE name = 'bad.jpg'")
        ledger.execute("UPDATE jobs SET width = 'wide' WHERE name = 'a.jpg'")
        ledger.execute("UPDATE jobs SET tolerated = 'unheard-of' WHERE name = 'b.jpg'")
    told = ffprep("status", folder / "out", "--json").lines[0]
    assert told["failures"] == {"unknown": 1}
    ran = ffprep(*command(folder, "--json"))
    assert (ran.summary["converted"], ran.summary["failed"]) == (2, 1)
    assert ffprep(*command(folder, "--json")).summary["fresh"] == 2


@pytest.mark.parametrize("change", ["long", "text"])
def test_a_ledger_with_values_that_ffprep_does_not_write_is_put_aside(
    ffprep: Callable[..., Ran], folder: Path, change: str
) -> None:
    ledger = folder / "out/.ffprep/ledger.db"
    if change == "long":
        alter(folder, "UPDATE jobs SET message = zeroblob(2000000)")
    else:
        alter(folder, "UPDATE jobs SET message = CAST(x'ff41' AS TEXT)")
    assert ffprep("status", folder / "out", "--failed").code == 3
    ran = ffprep(*command(folder, "--retry", "always", "--json"))
    assert (ran.code, "Traceback" in ran.err) == (1, False)
    assert "was corrupt" in ran.err
    assert list(ledger.parent.glob("ledger.db.corrupt-*"))
    assert ffprep("status", folder / "out", "--failed").code == 0


WORDS = {
    "escapes": {"pid": 1, "host": "\x1b]0;it\x07\x1b[2J", "since": "now\r\n* * * fake line"},
    "types": {"pid": [1], "host": None, "since": {}},
    "long": {"pid": 1, "host": "h" * 5000, "since": "now"},
    "list": [1, 2],
}


@pytest.mark.parametrize("words", [*map(json.dumps, WORDS.values()), "[" * 900, "\xff", ""])
def test_the_words_of_a_lock_are_bounded_and_plain(
    ffprep: Callable[..., Ran], folder: Path, words: str
) -> None:
    path = folder / "out/.ffprep/lock"
    path.write_bytes(words.encode("latin-1"))
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ran = ffprep(*command(folder))
    assert ran.code == 75
    assert ran.err == (
        f"ffprep: {folder}/out is held by another run; try again later, or wait longer with "
        "--wait S\n"
    )


LOCALES = [
    {"LC_ALL": "C.UTF-8"},
    {"LC_ALL": "C"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0"},
]


@pytest.mark.slow
def test_a_name_is_its_bytes_under_every_locale(
    ffprep: Callable[..., Ran], home: Path, tmp_path: Path
) -> None:
    need("locales", Path("/usr/share/i18n/charmaps/ISO-8859-1.gz").exists())
    definition = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", tmp_path / "en_US.ISO-8859-1"]
    subprocess.run(definition, check=True)
    os.makedirs(os.fsencode(tmp_path) + b"/in/f\xc3\xbc")
    names = (b"\xc3\xbc.png", b"\xff.png", "\u65e5\u672c.png".encode(), b"f\xc3\xbc/\xe9.png")
    for name in names:
        with open(os.fsencode(tmp_path) + b"/in/" + name, "wb") as file:
            ramp(40, 30).save(file, "PNG")
    with open(os.fsencode(tmp_path) + b"/in/bad-\xc3\xbc.jpg", "wb") as file:
        file.write(b"bad")
    (tmp_path / "ffprep.toml").write_text(
        '[job.n]\nsources = ["in/fü"]\noutput = "öut"\nsize = "32x18"\n'
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("LANG", "PYTHONUTF8")}
    environment["LOCPATH"] = str(tmp_path)
    for out, locales in (("out", LOCALES), ("out2", LOCALES[:2:-1] + LOCALES[:1])):
        for index, locale in enumerate(locales):
            run = ("convert", "in", "-o", out, *SIZE, "--json")
            ran = ffprep(*run, cwd=tmp_path, env=environment | locale)
            counts = ran.summary["converted"], ran.summary["fresh"], ran.summary["failed"]
            assert counts == ((0, 4, 1) if index else (4, 0, 1)), (locale, ran.err)
        with closing(sqlite3.connect(tmp_path / out / ".ffprep/ledger.db")) as ledger:
            assert ledger.execute("SELECT count(*) FROM jobs").fetchone() == (5,)
    assert ffprep("run", "n", cwd=tmp_path, env=environment | LOCALES[2]).code == 0
    assert os.listdir(os.fsencode(tmp_path) + "/öut".encode()) != []
