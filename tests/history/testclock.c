/*
 * proxy/base/clock.h for countersign-gate-testclock, in place of proxy/base/clock.c: a Unix clock that
 * stands still at the second a test wrote. The file <ledger-path>.clock holds it as one int64 of this
 * machine; a gate that finds none ends. The monotonic clock runs as ever: deadlines stay deadlines.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "proxy/base/clock.h"

static const volatile int64_t *unix_s;

/* Before main, and so before the sandbox: afterwards the mapping is all that is needed. The C library
 * hands a constructor what main gets. */
__attribute__((constructor)) static void open_clock(int argc, char **argv)
{
    char path[4096];
    int len = argc < 2 ? -1 : snprintf(path, sizeof path, "%s.clock", argv[1]);
    int fd = len < 0 || (size_t)len >= sizeof path ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *unix_s, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        (void)fputs("countersign-gate-testclock: no clock beside the ledger\n", stderr);
        _exit(2);
    }
    (void)close(fd);
    unix_s = map;
}

int64_t cs_clock_unix_us(void)
{
    return *unix_s * 1000000;
}

int64_t cs_clock_mono_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail on Linux */
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
