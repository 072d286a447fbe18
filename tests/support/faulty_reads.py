"""Disks and network shares that fail while a file is read, in ffprep and in its children."""

import os
import sys
from pathlib import Path

from ffprep.conversion.ffmpeg_binary import find
from tests.support.ffmpegs import script
from tests.support.shims import shim

_READS = """
#include <sys/mman.h>

static int is_faulty(int fd) {
    char link[64], path[4096];
    const char *name = getenv("FAULT_NAME");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = name ? readlink(link, path, sizeof path - 1) : -1;
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, name) != NULL;
}

static int has_token(void) {
    const char *folder = getenv("FAULT_TOKENS");
    char token[4096];
    for (int number = 0; folder && number < 100; number++) {
        snprintf(token, sizeof token, "%s/%d", folder, number);
        if (unlink(token) == 0) return 1;
    }
    return folder == NULL;
}

/* Return how many of the bytes at an offset can be read; -1 if the read fails. */
static ssize_t readable(int fd, off_t at, size_t count) {
    int before = errno;
    if (!count || !is_faulty(fd)) { errno = before; return count; }
    struct stat found;
    fstat(fd, &found);
    const char *where = getenv("FAULT_AT");
    off_t from = atoll(where);
    if (strchr(where, '%')) from = found.st_size * from / 100;
    else if (from < 0) from += found.st_size;
    errno = before;
    if (at + (off_t)count <= from) return count;
    if (at < from) return from - at;
    if (!has_token()) return count;
    errno = atoi(getenv("FAULT_ERRNO"));
    return errno ? -1 : 0;
}

#define READ(count, call) { ssize_t n = readable(fd, at, count); return n > 0 ? call : n; }
ssize_t read(int fd, void *to, size_t count) {
    off_t at = lseek(fd, 0, SEEK_CUR);
    READ(count, NEXT(read)(fd, to, n)) }
ssize_t pread(int fd, void *to, size_t count, off_t at) READ(count, NEXT(pread)(fd, to, n, at))
ssize_t pread64(int fd, void *to, size_t count, off_t at) READ(count, NEXT(pread)(fd, to, n, at))
void *mmap(void *to, size_t count, int how, int flags, int fd, off_t at) {
    if (fd >= 0 && readable(fd, at, count) != (ssize_t)count) { errno = EIO; return MAP_FAILED; }
    return NEXT(mmap)(to, count, how, flags, fd, at); }
void *mmap64(void *to, size_t count, int how, int flags, int fd, off_t at) {
    return mmap(to, count, how, flags, fd, at); }
"""


def faulty(
    folder: Path,
    name: str,
    at: str,
    error: int,
    reads: int | None = None,
    only_children: bool = False,
) -> dict[str, str]:
    """Return an environment in which files whose path contains `name` cannot be read from `at` on.

    `at` is a byte, counted from the end if it is negative, or a share such as "50%". `error` is the
    number of the error; with 0, reads end there as if the file did. Only so many `reads` fail, in
    all processes together; None is all of them. `folder` gets what is needed. ffmpeg and the
    decoders fail too, or `only_children`.
    """
    folder.mkdir()
    fault = {"FAULT_NAME": name, "FAULT_AT": at, "FAULT_ERRNO": str(error)}
    if reads is not None:
        fault["FAULT_TOKENS"] = str(folder)
        for number in range(reads):
            (folder / str(number)).touch()
    environment = shim(_READS)
    fault["LD_PRELOAD"] = environment["LD_PRELOAD"]
    words = " ".join(f"{key}='{value}'" for key, value in fault.items())
    # Children get no LD_PRELOAD of this process.
    return {
        **os.environ,
        **({} if only_children else fault),
        "FFPREP_FFMPEG": script(folder / "ffmpeg", f'exec env {words} "{find().path}" "$@"'),
        "FFPREP_PYTHON": script(folder / "python", f'exec env {words} "{sys.executable}" "$@"'),
    }
