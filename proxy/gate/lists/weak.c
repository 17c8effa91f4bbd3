#include "proxy/gate/lists/weak.h"

#include <stdlib.h>

#include "proxy/base/digest.h"

static const char magic[] = "CSWEAK01";

static bool rises(const struct cs_weak_section *before, const struct cs_weak_section *s)
{
    return before == NULL || before->kind < s->kind || (before->kind == s->kind && before->bits < s->bits);
}

static CS_RESULT fail(struct cs_note *note, const char *what)
{
    cs_note_set(note, "not a list of weak keys: %s", what);
    return CS_ERR(CONFIG);
}

static const char *sections_flaw(struct cs_reader *r, struct cs_weak_list *w)
{
    for (uint32_t i = 0; i < w->n_sections; i++) {
        struct cs_weak_section *s = &w->section[i];
        uint32_t head = cs_get_u32(r);
        s->kind = (uint8_t)(head >> 24);
        s->bits = head & 0xffffff;
        s->n_tails = cs_get_u64(r);
        if (r->failed)
            return "it ends within the table of sections";
        if (s->kind != CS_WEAK_RSA && s->kind != CS_WEAK_EC)
            return "a section of another kind than RSA and EC";
        if (!rises(i != 0 ? s - 1 : NULL, s))
            return "sections are not in rising order";
        if (s->n_tails == 0 || s->n_tails > CS_WEAK_MAX_LEN / CS_WEAK_TAIL_LEN)
            return "a section without tails, or with more than a file may hold";
        w->n_tails += s->n_tails;
    }
    return NULL;
}

static const char *tails_flaw(struct cs_reader *r, struct cs_weak_list *w)
{
    for (uint32_t i = 0; i < w->n_sections; i++) {
        struct cs_weak_section *s = &w->section[i];
        s->tails = cs_get_raw(r, (size_t)s->n_tails * CS_WEAK_TAIL_LEN).at;
        if (r->failed)
            return "it ends within the tails";
        for (uint64_t k = 1; k < s->n_tails; k++)
            if (memcmp(s->tails + (k - 1) * CS_WEAK_TAIL_LEN, s->tails + k * CS_WEAK_TAIL_LEN,
                       CS_WEAK_TAIL_LEN) >= 0)
                return "tails are not in rising order";
    }
    return NULL;
}

static const char *file_flaw(struct cs_reader *r, struct cs_span file, struct cs_weak_list *w)
{
    const char *flaw = sections_flaw(r, w);
    if (flaw == NULL)
        flaw = tails_flaw(r, w);
    if (flaw != NULL)
        return flaw;
    struct cs_span sum = cs_get_raw(r, CS_SHA256_LEN);
    if (!cs_ok(cs_reader_end(r)))
        return r->failed ? "it ends within the digest" : "octets follow the digest";
    struct cs_sha256 digest = cs_sha256(cs_span_of(file.at, file.len - CS_SHA256_LEN));
    return cs_span_eq(sum, cs_sha256_span(&digest)) ? NULL : "its digest is another";
}

CS_RESULT cs_weak_parse(struct cs_span file, struct cs_weak_list *out, struct cs_note *note)
{
    struct cs_reader r = cs_reader_init(file);
    struct cs_weak_list w = { 0 };
    struct cs_span head = cs_get_raw(&r, sizeof magic - 1);
    w.n_sections = cs_get_u32(&r);
    if (r.failed || !cs_span_is(head, magic))
        return fail(note, "it does not begin with CSWEAK01");
    if (w.n_sections == 0 || w.n_sections > CS_WEAK_SECTIONS_MAX)
        return fail(note, "the number of sections is not within 1 .. 4096");
    w.section = calloc(w.n_sections, sizeof *w.section);
    if (w.section == NULL)
        return CS_ERR(NO_MEMORY);
    const char *flaw = file_flaw(&r, file, &w);
    if (flaw != NULL) {
        cs_weak_done(&w);
        return fail(note, flaw);
    }
    *out = w;
    return CS_OK;
}

void cs_weak_done(struct cs_weak_list *w)
{
    if (w == NULL)
        return;
    free(w->section);
    *w = (struct cs_weak_list){ 0 };
}

const struct cs_weak_section *cs_weak_section_of(const struct cs_weak_list *w, enum cs_weak_kind kind,
                                                 uint32_t bits)
{
    for (uint32_t i = 0; i < w->n_sections; i++)
        if (w->section[i].kind == kind && w->section[i].bits == bits)
            return &w->section[i];
    return NULL;
}

bool cs_weak_has(const struct cs_weak_section *s, const uint8_t tail[CS_WEAK_TAIL_LEN])
{
    uint64_t low = 0, high = s->n_tails;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int d = memcmp(tail, s->tails + middle * CS_WEAK_TAIL_LEN, CS_WEAK_TAIL_LEN);
        if (d == 0)
            return true;
        if (d < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}
