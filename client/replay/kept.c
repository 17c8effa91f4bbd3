#include "client/replay/kept.h"

#include <stdlib.h>

#include "proto/canonical.h"

typedef Countersign__Ledger__V1__Entry entry_t;

static int by_digest(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct cs_sha256));
}

static struct cs_kept_row *find(const struct cs_kept *k, const struct cs_sha256 *digest)
{
    return k->n != 0 ? bsearch(digest, k->row, k->n, sizeof *k->row, by_digest) : NULL;
}

static CS_RESULT add(struct cs_kept *k, struct cs_span digest)
{
    if (k->n == k->room) {
        size_t room = k->room != 0 ? k->room * 2 : 64;
        struct cs_kept_row *rows = realloc(k->row, room * sizeof *rows);
        if (rows == NULL)
            return CS_ERR(NO_MEMORY);
        k->row = rows;
        k->room = room;
    }
    struct cs_kept_row *row = &k->row[k->n++];
    row->seq = 0;
    memcpy(row->tbs_sha256.byte, digest.at, sizeof row->tbs_sha256.byte);
    return CS_OK;
}

static cs_result visit_refusals(void *ctx, const entry_t *e, struct cs_span bytes)
{
    (void)bytes;
    if (e->body_case != COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL ||
        e->refusal->tbs_sha256.len != CS_SHA256_LEN)
        return CS_OK;
    return add(ctx, cs_proto_span(e->refusal->tbs_sha256));
}

struct cs_span cs_kept_tbs_of(const entry_t *e)
{
    if (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT)
        return cs_proto_span(e->intent->tbs);
    if (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION)
        return cs_proto_span(e->authorization->tbs);
    return (struct cs_span){ 0 };
}

static cs_result visit_tbs(void *ctx, const entry_t *e, struct cs_span bytes)
{
    (void)bytes;
    struct cs_span tbs = cs_kept_tbs_of(e);
    if (tbs.len == 0)
        return CS_OK;
    struct cs_sha256 digest = cs_sha256(tbs);
    struct cs_kept_row *row = find(ctx, &digest);
    if (row != NULL)
        row->seq = e->seq;
    return CS_OK;
}

CS_RESULT cs_kept_find(struct cs_kept *k, const char *ledger, uint64_t last, struct cs_note *note)
{
    if (last == 0)
        return CS_OK;
    CS_TRY(cs_ledger_each(ledger, 1, last, visit_refusals, k, note));
    if (k->n == 0)
        return CS_OK;
    qsort(k->row, k->n, sizeof *k->row, by_digest);
    size_t n = 1; /* a TBS that was refused twice is one row */
    for (size_t i = 1; i < k->n; i++)
        if (by_digest(&k->row[i], &k->row[n - 1]) != 0)
            k->row[n++] = k->row[i];
    k->n = n;
    return cs_ledger_each(ledger, 1, last, visit_tbs, k, note);
}

void cs_kept_done(struct cs_kept *k)
{
    free(k->row);
    *k = (struct cs_kept){ 0 };
}

uint64_t cs_kept_seq(const struct cs_kept *k, struct cs_span tbs_sha256)
{
    struct cs_sha256 digest;
    if (tbs_sha256.len != sizeof digest.byte)
        return 0;
    memcpy(digest.byte, tbs_sha256.at, sizeof digest.byte);
    const struct cs_kept_row *row = find(k, &digest);
    return row != NULL ? row->seq : 0;
}
