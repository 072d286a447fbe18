"""What is said where the system refuses a name, a link or an operation on a file system."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ffprep.system.refused import dead_link, refused_name
from tests.support.command_line import Ran
from tests.support.pictures import opened, ramp
from tests.support.shims import shim

SIZE = ("--size", "32x18")

NTFS = """
static int bad(const char *p) {
    const char *n = strrchr(p, '/'); n = n ? n + 1 : p; size_t l = strlen(n);
    if (l > 143) return ENAMETOOLONG;
    if (strstr(n, "\\xff")) return EILSEQ;
    if (l && (n[l - 1] == '.' || n[l - 1] == ' ')) return EINVAL;
    return strpbrk(n, ":?\\"*<>|\\n") || !strncasecmp(n, "con.", 4) ? EINVAL : 0;
}
#define REFUSE(p) { int e = bad(p); if (e) { errno = e; return -1; } }
int rename(const char *a, const char *b) { REFUSE(b) return NEXT(rename)(a, b); }
int renameat(int d, const char *a, int e, const char *b) {
    REFUSE(b) return NEXT(renameat)(d, a, e, b); }
int mkdir(const char *p, mode_t m) { REFUSE(p) return NEXT(mkdir)(p, m); }
#define OPEN(name) int name(const char *p, int f, ...) { va_list v; va_start(v, f); \\
    mode_t m = va_arg(v, mode_t); va_end(v); \\
    if (f & O_CREAT) REFUSE(p) return NEXT(name)(p, f, m); }
OPEN(open) OPEN(open64)
"""
"""A file system with the rules of NTFS, and of eCryptfs for the length of names."""


def test_a_name_that_a_file_system_refuses_is_explained_and_costs_one_photo(
    ffprep: Callable[..., Ran], tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    expected = {
        "Shot 11:16.png": 'the character ":" in a name',
        "what?.png": 'the character "?" in a name',
        'in "quotes".png': "the character '\"' in a name",
        "two\nlines.png": "the character U+000A in a name",
        "u\udcff.png": "0xff (a byte that is not UTF-8)",
        "con.png": "the name con",
        "n" * 150 + ".png": "154 bytes",
        "trip./a.png": '"." at the end of a name',
        "trip /a.png": '" " at the end of a name',
        "e:f/a.png": 'the character ":" in a name',
    }
    for name in (*expected, "fine - ü_1.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        with open(folder / name, "wb") as file:
            ramp(40, 30).save(file, "PNG")
    command = ("convert", folder, "-o", tmp_path / "out", *SIZE)
    ran = ffprep(*command, "--json", env=shim(NTFS))
    errors = {
        os.path.relpath(each["source"], folder): each["error"]
        for each in ran.lines
        if each.get("error")
    }
    assert (ran.code, ran.summary["converted"]) == (1, 1)
    assert set(errors) == set(expected)
    for name, words in expected.items():
        assert errors[name]["kind"] == "io"
        assert words in errors[name]["message"]
        assert "--names" in errors[name]["message"]
    assert not list((tmp_path / "out").rglob("*.part"))
    # With other names, they are converted.
    ran = ffprep(*command, "--names", "{n}", "--json", env=shim(NTFS))
    assert {each["error"]["kind"] for each in ran.lines if each.get("error")} <= {"io"}
    assert ran.summary["converted"] == 8


def test_other_errors_are_not_blamed_on_the_name(tmp_path: Path) -> None:
    for number in (errno.EIO, errno.EPERM, errno.ENOENT, errno.EACCES):
        assert refused_name(tmp_path / "a:b?.jpg", OSError(number, "")) is None
    assert dead_link(tmp_path / "out") is None


FSYNC = """
int fsync(int fd) { struct stat s; fstat(fd, &s); const char *what = getenv("REFUSE");
    if (S_ISDIR(s.st_mode) || !strcmp(what, "all")) { errno = atoi(getenv("ERROR")); return -1; }
    return NEXT(fsync)(fd); }
int fdatasync(int fd) { return fsync(fd); }
int renameat(int d, const char *a, int e, const char *b) { int r = NEXT(renameat)(d, a, e, b);
    if (!r && strstr(b, ".jpg") && getenv("LOST")) { errno = ENOENT; return -1; } return r; }
"""
"""Refuses to sync folders, or all files; answers a rename that it has done with an error."""


@pytest.mark.parametrize(
    ("what", "number", "more"),
    [
        ("folders", errno.EINVAL, {}),
        ("folders", errno.EIO, {"LOST": "1"}),
        ("all", errno.EOPNOTSUPP, {}),
    ],
)
def test_a_picture_that_has_its_name_is_never_reported_as_failed(
    ffprep: Callable[..., Ran], tmp_path: Path, what: str, number: int, more: dict[str, str]
) -> None:
    (tmp_path / "in").mkdir()
    ramp(40, 30).save(tmp_path / "in/a.png")
    ramp(40, 30).save(tmp_path / "in/b.png")
    environment = shim(FSYNC) | {"REFUSE": what, "ERROR": str(number)} | more
    command = ("convert", tmp_path / "in", "-o", tmp_path / "out", *SIZE, "--fsync", "--json")
    ran = ffprep(*command, env=environment)
    assert (ran.code, ran.summary["converted"], ran.summary["failed"]) == (0, 2, 0), ran.err
    assert opened(tmp_path / "out/a.jpg").size == (32, 18)
    ran = ffprep(*command, env=environment)
    assert (ran.code, ran.summary["fresh"]) == (0, 2), ran.err


def test_a_link_that_leads_nowhere_is_named_with_its_target(
    ffprep: Callable[..., Ran], tmp_path: Path
) -> None:
    (tmp_path / "in/trip").mkdir(parents=True)
    ramp(40, 30).save(tmp_path / "in/a.png")
    ramp(40, 30).save(tmp_path / "in/trip/b.png")
    dead, loop, out = tmp_path / "dead", tmp_path / "loop", tmp_path / "out"
    dead.symlink_to(tmp_path / "mnt/ready")
    loop.symlink_to(tmp_path / "loop2")
    (tmp_path / "loop2").symlink_to(loop)
    target, circle = f"link to {tmp_path}/mnt/ready, which does not exist", "form a loop"
    for options, words in (
        (("-o", dead), target),
        (("-o", dead / "below/it"), target),
        (("-o", f"{loop}/"), circle),
        (("-o", out, "--ledger", dead / "it.db"), target),
        (("-o", out, "--ledger", dead), target),
    ):
        ran = ffprep("convert", tmp_path / "in", *SIZE, *options)
        assert (ran.code, words in ran.err, "exists;" in ran.err) == (3, True, False), ran.err
        assert ran.err.count("\n") == 1
    assert ffprep("status", dead).code == 3
    # Below OUT, it costs the photos whose outputs would be there.
    (out / "trip").symlink_to(tmp_path / "mnt")
    ran = ffprep("convert", tmp_path / "in", "-o", out, *SIZE, "--json")
    assert (ran.code, ran.summary["converted"]) == (1, 1)
    assert f"{out}/trip is a link to" in ran.results["b.png"]["error"]["message"]
    ran = ffprep("convert", tmp_path / "in/a.png", "-o", dead / "a.jpg", *SIZE)
    assert (ran.code, target in ran.err) == (3, True)
    (tmp_path / "mnt/ready").mkdir(parents=True)
    assert ffprep("convert", tmp_path / "in", "-o", dead, *SIZE).code == 0
