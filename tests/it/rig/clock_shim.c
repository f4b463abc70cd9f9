/* Preloaded: the machine's clocks as a test wants them. The file that CHAINFILL_SHIM_CLOCKS names holds two numbers of
 * eight bytes, milliseconds: what is added to the wall clock, and what is added to the boot clock. Timers stay what they
 * are, as they do over a suspend. A program that reads CHAINFILL_SHIM_BOOT's file instead of the kernel's boot_id takes
 * itself to be on another boot. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *clocks;
static const char *boot;

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("CHAINFILL_SHIM_CLOCKS");
    boot = getenv("CHAINFILL_SHIM_BOOT");
    int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : -1;
    void *at = file < 0 ? MAP_FAILED : mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (at == MAP_FAILED) {
        _exit(70); /* a test on the true clocks would wait for hours, or pass for nothing */
    }
    clocks = at;
    close(file);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, which, now);
    if (failed || !clocks) {
        return failed;
    }
    int64_t add_ms = which == CLOCK_REALTIME ? clocks[0] : which == CLOCK_BOOTTIME ? clocks[1] : 0;
    int64_t nanos = now->tv_nsec + add_ms % 1000 * 1000000;
    now->tv_sec += add_ms / 1000 + (nanos < 0 ? -1 : nanos / 1000000000);
    now->tv_nsec = (nanos + 1000000000) % 1000000000;
    return 0;
}

static int open_at(const char *path, int flags, mode_t mode) {
    int is_boot = boot && !strcmp(path, "/proc/sys/kernel/random/boot_id");
    return (int)syscall(SYS_openat, AT_FDCWD, is_boot ? boot : path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_at(path, flags, mode);
}
