/* A preload between a program and its disk, for paths below one folder.
 *
 * It counts, records or breaks what changes files: writes, truncations, allocations, syncs, renames, unlinks, new
 * folders. The program arms it by calling the disk_* functions. Files that end in -shm are left alone: they are memory.
 *
 * Record: "kind fd offset length number name-length" as six 8-byte integers, then the name, then the bytes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { OPEN = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, CLOSE, PROMISE, SYNC_FAILED };
enum { FAIL_WRITE = 1, FAIL_SYNC = 2 };
#define FDS 4096

static char root[4096];
static size_t root_length;
static int log_fd = -1;
static long kill_at, steps;
static int fail_kind, fail_errno;
static long fail_from, fail_count, fail_seen;
static long quota = -1;
static long resyncs;
static char tracked[FDS], poisoned[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name, result, ...) \
    static result (*real_##name)(__VA_ARGS__); \
    if (!real_##name) real_##name = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static ssize_t plain_write(int fd, const void *data, size_t size) {
    REAL(write, ssize_t, int, const void *, size_t);
    return real_write(fd, data, size);
}

static void record(int64_t kind, int64_t fd, int64_t offset, int64_t number, const char *name, const void *data,
                   int64_t length) {
    if (log_fd < 0) return;
    int64_t name_length = name ? (int64_t)strlen(name) : 0;
    int64_t head[6] = {kind, fd, offset, data ? length : 0, number, name_length};
    plain_write(log_fd, head, sizeof head);
    if (name_length) plain_write(log_fd, name, name_length);
    if (data && length) plain_write(log_fd, data, length);
}

static int is_ours(const char *path) {
    size_t length = strlen(path);
    if (!root_length || strncmp(path, root, root_length)) return 0;
    return !(length > 4 && !strcmp(path + length - 4, "-shm"));
}

static int is_tracked(int fd) { return fd >= 0 && fd < FDS && tracked[fd]; }

static void step(void) {
    if (++steps == kill_at) kill(getpid(), SIGKILL);
}

/* ── what the program calls ─────────────────────────────────────────────────────────────────── */

void disk_root(const char *path) {
    strncpy(root, path, sizeof root - 1);
    root_length = strlen(root);
}
void disk_record(const char *path) {
    REAL(open, int, const char *, int, ...);
    log_fd = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}
void disk_promise(const char *what) {
    pthread_mutex_lock(&lock);
    record(PROMISE, 0, 0, 0, what, NULL, 0);
    pthread_mutex_unlock(&lock);
}
void disk_kill(long at) { kill_at = at; steps = 0; }
long disk_steps(void) { return steps; }
void disk_step(void) { step(); }
/* From the from-th call of a kind on, count calls fail. */
void disk_fail(int kind, int number, long from, long count) {
    fail_kind = kind; fail_errno = number; fail_from = from; fail_count = count; fail_seen = 0;
}
long disk_failed(void) { long n = fail_seen - fail_from + 1; return n < 0 ? 0 : n > fail_count ? fail_count : n; }
long disk_resyncs(void) { return resyncs; }
void disk_quota(long bytes) { quota = bytes; }

static int fails(int kind) {
    if (fail_kind != kind) return 0;
    fail_seen++;
    if (fail_seen < fail_from || fail_seen >= fail_from + fail_count) return 0;
    errno = fail_errno;
    return 1;
}

/* Room that a file may still grow by `more` bytes: the quota is shared by all files that are open or were. */
static int has_no_room(int fd, int64_t end) {
    struct stat found;
    if (quota < 0 || fstat(fd, &found) || end <= found.st_size) return 0;
    if (end - found.st_size > quota) { errno = ENOSPC; return 1; }
    quota -= end - found.st_size;
    return 0;
}
static void give_back(int64_t bytes) { if (quota >= 0 && bytes > 0) quota += bytes; }

/* ── opening and closing ────────────────────────────────────────────────────────────────────── */

static int opened(int fd, const char *path, int flags, int is_new) {
    if (fd >= 0 && fd < FDS) {
        tracked[fd] = is_ours(path);
        poisoned[fd] = 0;
        if (tracked[fd]) record(OPEN, fd, flags & O_TRUNC ? 1 : 0, is_new, path, NULL, 0);
    }
    return fd;
}

#define OPENER(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name, int, const char *, int, ...); \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); } \
        if (!is_ours(path)) { int fd = real_##name(path, flags, mode); if (fd >= 0 && fd < FDS) tracked[fd] = 0; return fd; } \
        pthread_mutex_lock(&lock); \
        int is_new = (flags & O_CREAT) && access(path, F_OK); \
        if (is_new) step(); \
        int fd = opened(real_##name(path, flags, mode), path, flags, is_new); \
        pthread_mutex_unlock(&lock); \
        return fd; \
    }
OPENER(open)
OPENER(open64)

int close(int fd) {
    REAL(close, int, int);
    if (!is_tracked(fd)) return real_close(fd);
    pthread_mutex_lock(&lock);
    record(CLOSE, fd, 0, 0, NULL, NULL, 0);
    tracked[fd] = poisoned[fd] = 0;
    int result = real_close(fd);
    pthread_mutex_unlock(&lock);
    return result;
}

/* ── writing ────────────────────────────────────────────────────────────────────────────────── */

ssize_t write(int fd, const void *data, size_t size) {
    if (!is_tracked(fd)) return plain_write(fd, data, size);
    pthread_mutex_lock(&lock);
    step();
    ssize_t result = -1;
    if (!fails(FAIL_WRITE) && !has_no_room(fd, lseek(fd, 0, SEEK_CUR) + (int64_t)size)) {
        result = plain_write(fd, data, size);
        if (result > 0) record(WRITE, fd, lseek(fd, 0, SEEK_CUR) - result, 0, NULL, data, result);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

#define PWRITER(name, offset_type) \
    ssize_t name(int fd, const void *data, size_t size, offset_type offset) { \
        REAL(name, ssize_t, int, const void *, size_t, offset_type); \
        if (!is_tracked(fd)) return real_##name(fd, data, size, offset); \
        pthread_mutex_lock(&lock); \
        step(); \
        ssize_t result = -1; \
        if (!fails(FAIL_WRITE) && !has_no_room(fd, offset + (int64_t)size)) { \
            result = real_##name(fd, data, size, offset); \
            if (result > 0) record(WRITE, fd, offset, 0, NULL, data, result); \
        } \
        pthread_mutex_unlock(&lock); \
        return result; \
    }
PWRITER(pwrite, off_t)
PWRITER(pwrite64, off64_t)

#define TRUNCATER(name, offset_type) \
    int name(int fd, offset_type size) { \
        REAL(name, int, int, offset_type); \
        if (!is_tracked(fd)) return real_##name(fd, size); \
        pthread_mutex_lock(&lock); \
        step(); \
        struct stat found; \
        fstat(fd, &found); \
        int result = has_no_room(fd, size) ? -1 : real_##name(fd, size); \
        if (!result) { record(TRUNCATE, fd, size, 0, NULL, NULL, 0); give_back(found.st_size - size); } \
        pthread_mutex_unlock(&lock); \
        return result; \
    }
TRUNCATER(ftruncate, off_t)
TRUNCATER(ftruncate64, off64_t)

#define ALLOCATER(name, offset_type) \
    int name(int fd, offset_type offset, offset_type size) { \
        REAL(name, int, int, offset_type, offset_type); \
        if (!is_tracked(fd)) return real_##name(fd, offset, size); \
        pthread_mutex_lock(&lock); \
        step(); \
        int result = has_no_room(fd, offset + size) ? ENOSPC : real_##name(fd, offset, size); \
        if (!result) record(TRUNCATE, fd, offset + size, 0, NULL, NULL, 0); \
        pthread_mutex_unlock(&lock); \
        return result; \
    }
ALLOCATER(posix_fallocate, off_t)
ALLOCATER(posix_fallocate64, off64_t)

/* ── syncing ────────────────────────────────────────────────────────────────────────────────── */

#define SYNCER(name) \
    int name(int fd) { \
        REAL(name, int, int); \
        if (!is_tracked(fd)) return real_##name(fd); \
        pthread_mutex_lock(&lock); \
        step(); \
        if (poisoned[fd]) resyncs++; \
        int result = fails(FAIL_SYNC) ? -1 : real_##name(fd); \
        if (result) poisoned[fd] = 1; \
        record(result ? SYNC_FAILED : SYNC, fd, 0, 0, NULL, NULL, 0); \
        pthread_mutex_unlock(&lock); \
        return result; \
    }
SYNCER(fsync)
SYNCER(fdatasync)

/* ── names ──────────────────────────────────────────────────────────────────────────────────── */

int rename(const char *from, const char *to) {
    REAL(rename, int, const char *, const char *);
    if (!is_ours(from)) return real_rename(from, to);
    pthread_mutex_lock(&lock);
    step();
    int result = real_rename(from, to);
    if (!result) record(RENAME, 0, 0, 0, from, to, (int64_t)strlen(to));
    pthread_mutex_unlock(&lock);
    return result;
}

int unlink(const char *path) {
    REAL(unlink, int, const char *);
    if (!is_ours(path)) return real_unlink(path);
    pthread_mutex_lock(&lock);
    step();
    struct stat found = {0};
    stat(path, &found);
    int result = real_unlink(path);
    if (!result) { record(UNLINK, 0, 0, 0, path, NULL, 0); give_back(found.st_size); }
    pthread_mutex_unlock(&lock);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir, int, const char *, mode_t);
    if (!is_ours(path)) return real_mkdir(path, mode);
    pthread_mutex_lock(&lock);
    step();
    int result = real_mkdir(path, mode);
    if (!result) record(MKDIR, 0, 0, 0, path, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
