#include "proxy/base/arena.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct cs_arena_block {
    struct cs_arena_block *next;
    size_t room;
    size_t used;
    alignas(max_align_t) uint8_t bytes[];
};

enum { BLOCK_LEN = 16 * 1024 };

static struct cs_arena_block *block_with_room(struct cs_arena *a, size_t len)
{
    struct cs_arena_block **link = a->now != NULL ? &a->now : &a->first;
    for (; *link != NULL; link = &(*link)->next) {
        a->now = *link;
        if ((*link)->room - (*link)->used >= len)
            return *link;
    }
    size_t room = len > BLOCK_LEN ? len : BLOCK_LEN;
    struct cs_arena_block *b = malloc(sizeof *b + room);
    if (b == NULL)
        return NULL;
    *b = (struct cs_arena_block){ .room = room };
    if (a->now != NULL)
        a->now->next = b; /* the walk above ended at the last block */
    else
        a->first = b;
    a->now = b;
    return b;
}

void *cs_arena_get(struct cs_arena *a, size_t len)
{
    const size_t align = alignof(max_align_t);
    if (len > SIZE_MAX / 2)
        return NULL;
    size_t padded = (len + align - 1) / align * align;
    if (padded == 0)
        padded = align;
    struct cs_arena_block *b = NULL;
    if (a->max == 0 || padded <= a->max - a->used)
        b = block_with_room(a, padded);
    if (b == NULL) {
        a->exhausted = true;
        return NULL;
    }
    void *at = b->bytes + b->used;
    b->used += padded;
    a->used += padded;
    memset(at, 0, padded);
    return at;
}

void *cs_arena_copy(struct cs_arena *a, struct cs_span s)
{
    uint8_t *at = cs_arena_get(a, s.len + 1);
    if (at != NULL && s.len != 0)
        memcpy(at, s.at, s.len);
    return at;
}

struct cs_span cs_arena_span(struct cs_arena *a, struct cs_span s)
{
    void *at = cs_arena_copy(a, s);
    return at != NULL ? cs_span_of(at, s.len) : (struct cs_span){ 0 };
}

const char *cs_arena_printf(struct cs_arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *at = n >= 0 ? cs_arena_get(a, (size_t)n + 1) : NULL;
    if (at != NULL)
        (void)vsnprintf(at, (size_t)n + 1, format, again);
    va_end(again);
    return at != NULL ? at : "";
}

void cs_arena_reset(struct cs_arena *a)
{
    for (struct cs_arena_block *b = a->first; b != NULL; b = b->next)
        b->used = 0;
    a->now = a->first;
    a->used = 0;
    a->exhausted = false;
}

void cs_arena_done(struct cs_arena *a)
{
    for (struct cs_arena_block *b = a->first; b != NULL;) {
        struct cs_arena_block *next = b->next;
        free(b);
        b = next;
    }
    *a = (struct cs_arena){ .max = a->max };
}
