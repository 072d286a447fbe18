/* Loaded with LD_PRELOAD: reading files whose path contains FAULT_NAME fails from a byte on.

   FAULT_AT is that byte, counted from the end if it is negative, or a share such as "50%".
   FAULT_ERRNO is the error; 0 is a read that ends there, as if the file did. With FAULT_TOKENS, each
   failing read takes one file from that folder, and reads succeed when none are left. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_faulty(int fd) {
  const char *name = getenv("FAULT_NAME");
  char link[64], path[4096];
  if (!name) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strstr(path, name) != NULL;
}

static off_t fault_at(int fd) {
  const char *where = getenv("FAULT_AT");
  struct stat found;
  fstat(fd, &found);
  if (where && strchr(where, '%')) return found.st_size * atoi(where) / 100;
  off_t at = where ? atoll(where) : 0;
  return at < 0 ? found.st_size + at : at;
}

/* Return how many of `count` bytes at `at` can be read; -1 if this read fails. */
static ssize_t allowed(int fd, off_t at, size_t count) {
  int before = errno;
  if (!count || !is_faulty(fd)) return errno = before, (ssize_t)count;
  errno = before;
  off_t left = fault_at(fd) - at;
  if (left >= (off_t)count) return count;
  if (left > 0) return left;
  const char *tokens = getenv("FAULT_TOKENS");
  char token[4096];
  for (int number = 0; tokens; number++) {
    snprintf(token, sizeof token, "%s/%d", tokens, number);
    if (number > 99) return errno = before, (ssize_t)count;
    if (unlink(token) == 0) break;
  }
  errno = atoi(getenv("FAULT_ERRNO"));
  return -1;
}

#define NEXT(function) static __typeof__(&function) next; if (!next) next = dlsym(RTLD_NEXT, #function)

ssize_t read(int fd, void *buffer, size_t count) {
  NEXT(read);
  ssize_t most = allowed(fd, lseek(fd, 0, SEEK_CUR), count);
  return most < 0 ? (errno ? -1 : 0) : next(fd, buffer, most);
}

ssize_t pread(int fd, void *buffer, size_t count, off_t at) {
  NEXT(pread);
  ssize_t most = allowed(fd, at, count);
  return most < 0 ? (errno ? -1 : 0) : next(fd, buffer, most, at);
}

ssize_t pread64(int fd, void *buffer, size_t count, off_t at) { return pread(fd, buffer, count, at); }

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t at) {
  NEXT(mmap);
  if (fd >= 0 && allowed(fd, at, length) != (ssize_t)length) {
    errno = errno ? errno : EIO;
    return MAP_FAILED;
  }
  return next(address, length, protection, flags, fd, at);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t at) {
  return mmap(address, length, protection, flags, fd, at);
}
