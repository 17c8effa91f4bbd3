#include "tests/unit/lists/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proxy/base/io.h"

enum { SLOTS = 8 };
static char folder[64];
static char path[SLOTS][FILES_PATH_LEN];

int files_setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/cs-lists-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

int files_teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SLOTS; i++)
        if (path[i][0] != '\0')
            (void)unlink(path[i]);
    return rmdir(folder);
}

const char *files_put(unsigned slot, struct cs_span content, int64_t modified_unix_s)
{
    (void)snprintf(path[slot], sizeof path[slot], "%s/%u", folder, slot);
    if (!cs_ok(cs_write_file(path[slot], content, 0600, NULL)))
        abort();
    const struct timespec times[2] = { { .tv_sec = modified_unix_s }, { .tv_sec = modified_unix_s } };
    if (modified_unix_s != 0 && utimensat(AT_FDCWD, path[slot], times, 0) != 0)
        abort();
    return path[slot];
}
