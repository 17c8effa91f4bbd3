/*
 * Linked into a second front (front_failing): our own allocations fail one at a time. CS_FAIL_AT
 * names the first that fails; without it the allocations are counted only. Libraries keep theirs.
 */
#include <stdlib.h>

void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t size);

static int fails(void)
{
    static long left = -2;
    if (left == -2) {
        const char *text = getenv("CS_FAIL_AT");
        left = text != NULL ? strtol(text, NULL, 10) : -1;
    }
    return left >= 0 && left-- == 0;
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return fails() ? NULL : __real_realloc(at, size);
}
