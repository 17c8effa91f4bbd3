/* Audit of the tree: the tiles are those of the entries, the checkpoints state the roots of their sizes. */
#include "proxy/ledger/audit.h"

typedef unsigned long long ull;

static CS_RESULT next_checkpoint(struct cs_audit *a)
{
    return cs_audit_step(a, CS_AUDIT_CHECKPOINTS, &a->at_checkpoint);
}

/* ---- checkpoints ---- */

static CS_RESULT checkpoint_form(struct cs_audit *a, uint64_t size, struct cs_span bytes)
{
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    struct cs_note why = { "" };
    if (a->checks->log != NULL) {
        if (!cs_ok(cs_tlog_checkpoint_open(bytes, a->checks->log, &n, &c, &why)))
            return cs_audit_bad(a, 0, "checkpoint of size %llu: %s", (ull)size, why.text);
    } else if (!cs_ok(cs_tlog_note_parse(bytes, &n)) || !cs_ok(cs_tlog_checkpoint_parse(n.text, &c))) {
        return cs_audit_bad(a, 0, "checkpoint of size %llu: not a signed checkpoint", (ull)size);
    }
    if (n.n_lines != 1 || c.extensions.len != 0)
        return cs_audit_bad(a, 0, "checkpoint of size %llu: holds more than the log writes", (ull)size);
    if (c.size != size)
        return cs_audit_bad(a, 0, "checkpoint of size %llu: its note says %llu", (ull)size, (ull)c.size);
    struct cs_sha256 root = cs_merkle_root(&a->tree);
    if (!cs_span_eq(cs_sha256_span(&root), cs_sha256_span(&c.root)))
        return cs_audit_bad(a, 0, "checkpoint of size %llu: its root is not that of the first %llu entries",
                            (ull)size, (ull)size);
    return CS_OK;
}

static CS_RESULT checkpoints_here(struct cs_audit *a)
{
    sqlite3_stmt *s = a->statement[CS_AUDIT_CHECKPOINTS];
    while (a->at_checkpoint && cs_column_u64(s, 1) <= a->tree.size) {
        uint64_t size = cs_column_u64(s, 1), n = cs_column_u64(s, 0), n_cosignatures = cs_column_u64(s, 2);
        if (n != a->report.n_checkpoints + 1)
            return cs_audit_bad(a, 0, "checkpoint row %llu follows row %llu", (ull)n,
                                (ull)a->report.n_checkpoints);
        if (size != a->tree.size || size == a->last_checkpoint)
            return cs_audit_bad(a, 0, "checkpoint of size %llu follows one of size %llu", (ull)size,
                                (ull)a->last_checkpoint);
        if (n_cosignatures < a->n_cosignatures)
            return cs_audit_bad(a, 0, "checkpoint of size %llu: fewer cosignatures than before it",
                                (ull)size);
        CS_TRY(checkpoint_form(a, size, cs_column_span(s, 3)));
        a->report.n_checkpoints++;
        a->last_checkpoint = size;
        a->n_cosignatures = n_cosignatures;
        CS_TRY(next_checkpoint(a));
    }
    return CS_OK;
}

/* ---- cosignatures ---- */

static CS_RESULT cosigned_note(struct cs_audit *a, uint64_t n, uint64_t size, struct cs_tlog_note *out)
{
    sqlite3_stmt *s = a->statement[CS_AUDIT_CHECKPOINT_OF];
    bool row = false;
    cs_bind_u64(s, 1, size);
    CS_TRY(cs_audit_step(a, CS_AUDIT_CHECKPOINT_OF, &row));
    struct cs_span copy = cs_arena_span(&a->arena, row ? cs_column_span(s, 0) : cs_span_of(NULL, 0));
    (void)sqlite3_reset(s);
    if (!row || !cs_ok(cs_tlog_note_parse(copy, out)))
        return cs_audit_bad(a, 0, "cosignature %llu is of size %llu, of which there is no checkpoint", (ull)n,
                            (ull)size);
    return CS_OK;
}

static CS_RESULT cosignature_holds(struct cs_audit *a, uint64_t n, uint64_t size, struct cs_span line,
                                   bool by[CS_COSIGNERS_MAX])
{
    struct cs_tlog_note of, lines;
    cs_arena_reset(&a->arena);
    CS_TRY(cosigned_note(a, n, size, &of));
    if (!cs_ok(cs_tlog_lines_parse(line, of.text, &lines)) || lines.n_lines != 1)
        return cs_audit_bad(a, 0, "cosignature %llu is not one signature line", (ull)n);
    for (uint32_t i = 0; i < a->checks->n_witnesses; i++) {
        enum cs_tlog_found found = cs_tlog_note_signed_by(&lines, &a->checks->witness[i], NULL);
        if (found == CS_TLOG_BAD)
            return cs_audit_bad(a, 0, "cosignature %llu, of size %llu: does not verify with the key of %s",
                                (ull)n, (ull)size, a->checks->witness[i].name);
        by[i] = by[i] || found == CS_TLOG_GOOD;
    }
    return CS_OK;
}

static CS_RESULT cosignatures(struct cs_audit *a)
{
    sqlite3_stmt *s = a->statement[CS_AUDIT_COSIGNATURES];
    bool by[CS_COSIGNERS_MAX] = { false };
    for (;;) {
        bool row = false;
        CS_TRY(cs_audit_step(a, CS_AUDIT_COSIGNATURES, &row));
        if (!row)
            break;
        uint64_t n = cs_column_u64(s, 0);
        if (n != a->report.n_cosignatures + 1)
            return cs_audit_bad(a, 0, "cosignature %llu follows cosignature %llu", (ull)n,
                                (ull)a->report.n_cosignatures);
        CS_TRY(cosignature_holds(a, n, cs_column_u64(s, 1), cs_column_span(s, 2), by));
        a->report.n_cosignatures++;
    }
    if (a->report.n_cosignatures < a->n_cosignatures)
        return cs_audit_bad(a, 0, "there are %llu cosignatures, the last checkpoint counts %llu",
                            (ull)a->report.n_cosignatures, (ull)a->n_cosignatures);
    for (uint32_t i = 0; i < a->checks->n_witnesses; i++)
        if (!by[i])
            return cs_audit_bad(a, 0, "witness %s has cosigned no checkpoint", a->checks->witness[i].name);
    return CS_OK;
}

/* ---- what is known from elsewhere ---- */

static CS_RESULT known_here(struct cs_audit *a)
{
    for (uint32_t i = 0; i < a->checks->n_known; i++) {
        const struct cs_ledger_known *k = &a->checks->known[i];
        if (k->size != a->tree.size)
            continue;
        struct cs_sha256 root = cs_merkle_root(&a->tree);
        if (!cs_span_eq(cs_sha256_span(&root), cs_sha256_span(&k->root)))
            return cs_audit_bad(a, 0, "forked: %.80s states another root for the first %llu entries", k->name,
                                (ull)k->size);
    }
    return CS_OK;
}

static CS_RESULT known_end(struct cs_audit *a)
{
    for (uint32_t i = 0; i < a->checks->n_known; i++)
        if (a->checks->known[i].size > a->tree.size)
            return cs_audit_bad(a, 0, "rolled back: %.80s states %llu entries, there are %llu",
                                a->checks->known[i].name, (ull)a->checks->known[i].size, (ull)a->tree.size);
    return CS_OK;
}

/* ---- the whole ---- */

CS_RESULT cs_audit_tree_begin(struct cs_audit *a)
{
    CS_TRY(next_checkpoint(a));
    if (a->at_checkpoint && cs_column_u64(a->statement[CS_AUDIT_CHECKPOINTS], 1) == 0)
        return cs_audit_bad(a, 0, "a checkpoint of size 0 is kept");
    return known_here(a);
}

CS_RESULT cs_audit_tree_leaf(struct cs_audit *a)
{
    unsigned n_full = 0;
    sqlite3_stmt *s = a->statement[CS_AUDIT_TILES];
    cs_tile_stack_add(&a->tiles, &a->leaf, &n_full);
    for (unsigned level = 0; level < n_full; level++) {
        bool row = false;
        uint64_t n = (a->tree.size >> (8 * (level + 1))) - 1;
        CS_TRY(cs_audit_step(a, CS_AUDIT_TILES, &row));
        if (!row || cs_column_u64(s, 0) != a->report.n_tiles + 1)
            return cs_audit_bad(a, a->tree.size, "filled tile %llu of level %u, which is missing", (ull)n,
                                level);
        if (!cs_span_eq(cs_column_span(s, 1), cs_span_of(a->tiles.part[level], CS_TILE_LEN)))
            return cs_audit_bad(a, 0, "tile %llu of level %u is not that of its entries", (ull)n, level);
        a->report.n_tiles++;
    }
    CS_TRY(known_here(a));
    return checkpoints_here(a);
}

CS_RESULT cs_audit_tree_end(struct cs_audit *a)
{
    bool row = false;
    if (a->at_checkpoint)
        return cs_audit_bad(a, 0,
                            "the checkpoint of size %llu stands for more entries than the %llu there are",
                            (ull)cs_column_u64(a->statement[CS_AUDIT_CHECKPOINTS], 1), (ull)a->tree.size);
    CS_TRY(cs_audit_step(a, CS_AUDIT_TILES, &row));
    if (row)
        return cs_audit_bad(a, 0, "there is a tile that the entries do not fill");
    CS_TRY(cosignatures(a));
    CS_TRY(known_end(a));
    a->report.last_checkpoint = a->last_checkpoint;
    if (a->checks->log != NULL && !a->checks->allow_tail && a->last_checkpoint != a->tree.size)
        return cs_audit_bad(a, a->last_checkpoint + 1,
                            "appended without checkpoint: the last one covers %llu of %llu entries",
                            (ull)a->last_checkpoint, (ull)a->tree.size);
    return CS_OK;
}
