// Stands between a program and the C library (LD_PRELOAD): writes every step that changes a file below one folder into a trace,
// in the order in which it happened, and lets steps fail as told. The program above is the real one, the disk below the real one.
//   FAULT_ROOT   the folder; paths are compared by their beginning
//   FAULT_TRACE  file to append records to: u32 op, i32 fd, u64 offset, u32 path length, u32 data length, path, data
// To be opened below the folder, though no such files are there:
//   .fault-arm:<n>:<kind>  from the n-th write or sync on steps fail: `enospc` fails writes, but gives the room of removed files
//                          back; `eio` fails writes; `sync` fails fsync
//   .fault-mend            nothing fails any more
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, LINK, CLOSE };
enum { FAIL_NONE, FAIL_ENOSPC, FAIL_EIO, FAIL_SYNC };
#define MOST_FDS 65536

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *root;
static size_t root_length;
static int trace = -1, kind = FAIL_NONE;
static long from, steps, room;
static unsigned char watched[MOST_FDS];

__attribute__((constructor)) static void start(void) {
  root = getenv("FAULT_ROOT");
  if (!root) return;
  root_length = strlen(root);
  const char *path = getenv("FAULT_TRACE");
  if (path) trace = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void control(const char *order) {
  char what[16] = "";
  long count;
  pthread_mutex_lock(&lock);
  kind = FAIL_NONE;
  if (sscanf(order, "arm:%ld:%15s", &count, what) == 2) {
    steps = room = 0;
    from = count;
    kind = !strcmp(what, "enospc") ? FAIL_ENOSPC : !strcmp(what, "eio") ? FAIL_EIO : FAIL_SYNC;
  }
  pthread_mutex_unlock(&lock);
}

static int below(const char *path) { return root && path && !strncmp(path, root, root_length); }
static int is_watched(int fd) { return fd >= 0 && fd < MOST_FDS && watched[fd]; }

static void put(const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    ssize_t done = syscall(SYS_write, trace, at, length);
    if (done <= 0) abort();
    at += done;
    length -= done;
  }
}

static void record(uint32_t op, int32_t fd, uint64_t offset, const char *path, const void *data, uint32_t length) {
  if (trace < 0) return;
  uint32_t path_length = path ? strlen(path) : 0;
  char head[24];
  memcpy(head, &op, 4);
  memcpy(head + 4, &fd, 4);
  memcpy(head + 8, &offset, 8);
  memcpy(head + 16, &path_length, 4);
  memcpy(head + 20, &length, 4);
  put(head, 24);
  if (path_length) put(path, path_length);
  if (length) put(data, length);
}

// Whether this step fails; counts it. Called with the lock held.
static int fails(int is_sync, long bytes) {
  steps++;
  if (kind == FAIL_NONE || steps < from) return 0;
  if (kind == FAIL_SYNC) { errno = EIO; return is_sync; }
  if (is_sync) return 0;
  if (kind == FAIL_EIO) { errno = EIO; return 1; }
  if (room >= bytes) { room -= bytes; return 0; }
  errno = ENOSPC;
  return 1;
}

static int open_file(const char *path, int flags, mode_t mode) {
  if (!below(path)) return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  const char *order = strstr(path, "/.fault-");
  if (order) {
    control(order + 8);
    errno = ENOENT;
    return -1;
  }
  pthread_mutex_lock(&lock);
  int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode), saved = errno;
  if (fd >= 0 && fd < MOST_FDS) {
    watched[fd] = 1;
    record(OPEN, fd, flags & (O_CREAT | O_TRUNC), path, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  errno = saved;
  return fd;
}

#define OPENER(name) \
  int name(const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    return open_file(path, flags, mode); \
  }
OPENER(open)
OPENER(open64)

int close(int fd) {
  if (!is_watched(fd)) return syscall(SYS_close, fd);
  pthread_mutex_lock(&lock);
  record(CLOSE, fd, 0, NULL, NULL, 0);
  watched[fd] = 0;
  int result = syscall(SYS_close, fd), saved = errno;
  pthread_mutex_unlock(&lock);
  errno = saved;
  return result;
}

static ssize_t write_at(int fd, const void *data, size_t length, off_t offset, int moves) {
  pthread_mutex_lock(&lock);
  if (fails(0, length)) {
    int saved = errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
    return -1;
  }
  if (moves) {
    int flags = fcntl(fd, F_GETFL);
    offset = lseek(fd, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
  }
  ssize_t done = moves ? syscall(SYS_write, fd, data, length) : syscall(SYS_pwrite64, fd, data, length, offset);
  int saved = errno;
  if (done > 0) record(WRITE, fd, offset, NULL, data, done);
  pthread_mutex_unlock(&lock);
  errno = saved;
  return done;
}

ssize_t write(int fd, const void *data, size_t length) {
  return is_watched(fd) ? write_at(fd, data, length, 0, 1) : syscall(SYS_write, fd, data, length);
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
  return is_watched(fd) ? write_at(fd, data, length, offset, 0) : syscall(SYS_pwrite64, fd, data, length, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return pwrite(fd, data, length, offset); }

// None of the programs under test writes in pieces; should one begin to, the trace would miss it.
ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (is_watched(fd)) abort();
  return syscall(SYS_writev, fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  if (is_watched(fd)) abort();
  return syscall(SYS_pwritev, fd, parts, count, (unsigned long)offset, 0UL);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) { return pwritev(fd, parts, count, offset); }

int ftruncate(int fd, off_t length) {
  if (!is_watched(fd)) return syscall(SYS_ftruncate, fd, length);
  pthread_mutex_lock(&lock);
  int result = syscall(SYS_ftruncate, fd, length), saved = errno;
  if (result == 0) record(TRUNCATE, fd, length, NULL, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = saved;
  return result;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

static int sync_file(int fd, long call) {
  if (!is_watched(fd)) return syscall(call, fd);
  pthread_mutex_lock(&lock);
  int result = -1, saved;
  if (!fails(1, 0)) result = syscall(call, fd);
  saved = errno;
  if (result == 0) record(SYNC, fd, 0, NULL, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = saved;
  return result;
}
int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

static int two_names(uint32_t op, const char *one, const char *other, long call) {
  if (!below(one)) return syscall(call, one, other);
  pthread_mutex_lock(&lock);
  int result = syscall(call, one, other), saved = errno;
  if (result == 0) record(op, -1, 0, one, other, strlen(other));
  pthread_mutex_unlock(&lock);
  errno = saved;
  return result;
}
int rename(const char *from_path, const char *to_path) { return two_names(RENAME, from_path, to_path, SYS_rename); }
int link(const char *path, const char *other) { return two_names(LINK, path, other, SYS_link); }

static int remove_name(const char *path) {
  if (!below(path)) return syscall(SYS_unlink, path);
  pthread_mutex_lock(&lock);
  struct stat about;
  long size = stat(path, &about) == 0 && about.st_nlink == 1 ? (long)about.st_size : 0;
  int result = syscall(SYS_unlink, path), saved = errno;
  if (result == 0) {
    room += size;
    record(UNLINK, -1, 0, path, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  errno = saved;
  return result;
}
int unlink(const char *path) { return remove_name(path); }
// fs.rm goes through the C++ library or remove(), depending on the version of Node.
int remove(const char *path) { return remove_name(path); }
