/*
 * Arena: one request, one arena. A bounded arena turns memory exhaustion into a plain refusal and
 * freeing into one line. Memory is zeroed and lives until reset or done.
 */
#ifndef CS_BASE_ARENA_H
#define CS_BASE_ARENA_H

#include <stddef.h>

#include "proxy/base/bytes.h"

struct cs_arena {
    struct cs_arena_block *first; /* blocks stay linked over a reset, for reuse */
    struct cs_arena_block *now;
    size_t used;    /* bytes handed out since init or reset */
    size_t max;     /* 0 = unbounded */
    bool exhausted; /* a get was refused since init or reset */
};

/* The zero state is an empty, unbounded arena. cs_arena_get returns NULL when the bound or memory
 * is reached; alignment is that of max_align_t. */
void *cs_arena_get(struct cs_arena *a, size_t len);
/* cs_arena_copy copies bytes, adding a NUL behind them for convenience; NULL as cs_arena_get. */
void *cs_arena_copy(struct cs_arena *a, struct cs_span s);
/* cs_arena_span copies s into the arena; an empty span with at == NULL when there is no room and
 * s.len > 0, so compare lengths if it matters. */
struct cs_span cs_arena_span(struct cs_arena *a, struct cs_span s);
/* cs_arena_printf formats into the arena; a static "" when there is no room. */
const char *cs_arena_printf(struct cs_arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void cs_arena_reset(struct cs_arena *a);
void cs_arena_done(struct cs_arena *a);

static inline void cs_auto_arena(struct cs_arena *a)
{
    cs_arena_done(a);
}
#define CS_AUTO_ARENA __attribute__((cleanup(cs_auto_arena)))

#endif
