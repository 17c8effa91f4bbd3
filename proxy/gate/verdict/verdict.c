#include "proxy/gate/verdict/verdict.h"

#include <stdarg.h>
#include <stdio.h>

static const struct cs_rule_text rules[CS_RULE_COUNT] = {
#define X(id, text, clause, remedy) { #id, text, clause, remedy },
    CS_RULES(X)
#undef X
};

const struct cs_rule_text *cs_rule_text(enum cs_rule r)
{
    static const struct cs_rule_text unknown = { "?", "unknown rule", "", "" };
    return (unsigned)r < CS_RULE_COUNT ? &rules[r] : &unknown;
}

bool cs_verdict_has(const struct cs_verdict *v, enum cs_rule r)
{
    for (uint32_t i = 0; i < v->n_reasons; i++)
        if (v->reason[i].rule == r)
            return true;
    return false;
}

/* Grows an arena array by doubling; the old copy stays in the arena until its reset. */
static void *grown(struct cs_arena *a, void *at, uint32_t n, uint32_t *room, size_t item_len)
{
    if (n < *room)
        return at;
    uint32_t more = *room == 0 ? 16 : *room * 2;
    void *to = cs_arena_get(a, more * item_len);
    if (to == NULL)
        return NULL;
    if (n != 0)
        memcpy(to, at, n * item_len);
    *room = more;
    return to;
}

static const char *kept(struct cs_arena *a, const char *text)
{
    const char *copy = cs_arena_copy(a, cs_span_str(text));
    return copy != NULL ? copy : "";
}

void cs_verdict_add(struct cs_verdict *v, enum cs_rule r, const char *subject, const char *found,
                    const char *needed_format, ...)
{
    char needed[1024];
    va_list args;
    va_start(args, needed_format);
    (void)vsnprintf(needed, sizeof needed, needed_format, args);
    va_end(args);
    for (uint32_t i = 0; i < v->n_reasons; i++) {
        const struct cs_reason *old = &v->reason[i];
        if (old->rule == r && strcmp(old->subject, subject) == 0 && strcmp(old->found, found) == 0 &&
            strcmp(old->needed, needed) == 0)
            return;
    }
    struct cs_reason *rows = grown(v->arena, v->reason, v->n_reasons, &v->room_reasons, sizeof *rows);
    if (rows == NULL) {
        v->overflow = true;
        return;
    }
    v->reason = rows;
    v->reason[v->n_reasons++] = (struct cs_reason){
        .rule = r,
        .subject = kept(v->arena, subject),
        .found = kept(v->arena, found),
        .needed = kept(v->arena, needed),
    };
}

void cs_verdict_cover(struct cs_verdict *v, const struct cs_cover *c)
{
    struct cs_cover *rows = grown(v->arena, v->cover, v->n_covers, &v->room_covers, sizeof *rows);
    if (rows == NULL) {
        v->overflow = true;
        return;
    }
    v->cover = rows;
    v->cover[v->n_covers] = *c;
    v->cover[v->n_covers++].subject = kept(v->arena, c->subject);
}
