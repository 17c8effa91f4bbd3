/*
 * Tiles, proofs and checkpoints of an open ledger; and the table of what verify finds: each change to a
 * ledger with checkpoints, made on a copy of the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/io.h"
#include "proxy/ledger/proofs.h"
#include "proxy/ledger/tree.h"
#include "tests/unit/ledger/fixture.h"

#define ORIGIN "ca.example/countersign-audit"

static struct cs_tlog_signer signer(uint8_t byte, const char *name, enum cs_tlog_type type)
{
    uint8_t seed[32], public_key[32];
    size_t len = sizeof public_key;
    memset(seed, byte, sizeof seed);
    struct cs_tlog_signer s = { .private_key =
                                    EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32) };
    assert_int_equal(EVP_PKEY_get_raw_public_key(s.private_key, public_key, &len), 1);
    assert_ok(cs_tlog_key_make(cs_span_str(name), type, public_key, &s.key));
    return s;
}

static void append_many(struct house *h, unsigned n)
{
    uint64_t seq;
    for (unsigned i = 0; i < n; i++) {
        assert_ok(append_start(h->l, &seq));
        if (i % 97 == 0)
            commit(h->l);
    }
    commit(h->l);
}

static void sign(struct house *h, const struct cs_tlog_signer *s, struct cs_buf *out)
{
    struct cs_ledger_head head;
    cs_ledger_head_get(h->l, &head);
    cs_buf_reset(out);
    assert_ok(cs_tlog_checkpoint_sign(s, head.size, &head.root, out));
    assert_ok(cs_ledger_checkpoint_put(h->l, head.size, cs_buf_span(out)));
}

/* Every proof of an open ledger and of a reader verifies, whatever tiles it crosses. */
static void check_proofs(struct house *h, const struct cs_merkle *roots, uint64_t size)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_note note = { "" };
    struct cs_tree *tree = NULL;
    struct cs_sha256 root = cs_merkle_root(&roots[size]), there;
    assert_ok(cs_tree_open(h->path, &tree, &note));
    assert_int_equal(cs_tree_size(tree), size);
    for (uint64_t old = 1; old <= size; old += old < 600 && size < 700 ? 37 : 211) {
        struct cs_tlog_proof p, again;
        struct cs_sha256 old_root = cs_merkle_root(&roots[old]), leaf;
        struct cs_span entry;
        assert_ok(cs_ledger_root_at(h->l, old, &there));
        assert_memory_equal(&there, &old_root, sizeof there);
        assert_ok(cs_ledger_consistency(h->l, old, size, &p));
        assert_true(cs_tlog_consistency_holds(&p, old, size, &old_root, &root));
        assert_ok(cs_ledger_entry_get(h->l, old, &arena, &entry));
        leaf = cs_merkle_leaf(entry);
        assert_ok(cs_ledger_inclusion(h->l, old, size, &p));
        assert_true(cs_tlog_inclusion_holds(&p, old - 1, size, &leaf, &root));
        assert_ok(cs_tlog_inclusion(cs_tree_node, tree, old - 1, size, &again));
        assert_int_equal(p.n, again.n);
        assert_memory_equal(p.hash, again.hash, p.n * sizeof p.hash[0]);
    }
    cs_tree_close(tree);
    assert_result(cs_ledger_root_at(h->l, size + 1, &there), ARGUMENT);
}

static void proofs_cross_tiles_restarts_and_abandoned_turns(void **state)
{
    enum { LAST = 1300 };
    struct house *h = *state;
    struct cs_merkle *roots = calloc(LAST + 1, sizeof *roots);
    assert_non_null(roots);
    static const unsigned steps[] = { 1, 254, 1, 1, 255, 2, 500, 286 };
    uint64_t size = 0, seq;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        /* a turn that fills a tile and is taken back leaves nothing behind */
        for (unsigned k = 0; k < 300; k++)
            assert_ok(append_start(h->l, &seq));
        cs_ledger_abandon(h->l);
        append_many(h, steps[i]);
        if (i % 2 == 1) { /* a restart finds the unfinished tiles again */
            house_close(h);
            house_open(h);
        }
        CS_AUTO_ARENA struct cs_arena arena = { 0 };
        for (uint64_t end = size + steps[i]; size < end; size++) {
            struct cs_span entry;
            assert_ok(cs_ledger_entry_get(h->l, size + 1, &arena, &entry));
            struct cs_sha256 leaf = cs_merkle_leaf(entry);
            roots[size + 1] = roots[size];
            cs_merkle_append(&roots[size + 1], &leaf);
        }
        check_proofs(h, roots, size);
    }
    assert_int_equal(size, LAST);
    struct cs_ledger_report report;
    struct cs_note note = { "" };
    assert_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note));
    assert_int_equal(report.n_tiles, 5);
    free(roots);
}

static void a_tile_that_was_changed_stops_the_start(void **state)
{
    struct house *h = *state;
    struct cs_note note = { "" };
    append_many(h, 300);
    house_close(h);
    sqlite3 *raw = raw_open(h->path);
    raw_run(raw, "UPDATE tile SET hashes = zeroblob(8192)");
    (void)sqlite3_close(raw);
    assert_result(cs_ledger_open(h->path, &h->l, &note), STORE_CORRUPT);
    assert_non_null(strstr(note.text, "tiles"));
}

static void checkpoints_only_grow(void **state)
{
    struct house *h = *state;
    struct cs_tlog_signer log = signer(1, ORIGIN, CS_TLOG_ED25519);
    struct cs_tlog_signer witness = signer(2, "witness.example/w1", CS_TLOG_COSIGNATURE);
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    CS_AUTO_BUF struct cs_buf text = { 0 };
    CS_AUTO_BUF struct cs_buf line = { 0 };
    uint64_t size = 7, seq;
    struct cs_span note;
    assert_ok(cs_ledger_checkpoint_last(h->l, &arena, &size, &note));
    assert_int_equal(size, 0);
    append_many(h, 3);
    sign(h, &log, &text);
    assert_result(cs_ledger_checkpoint_put(h->l, 3, cs_buf_span(&text)), EXISTS);
    assert_result(cs_ledger_checkpoint_put(h->l, 2, cs_buf_span(&text)), EXISTS);
    assert_result(cs_ledger_checkpoint_put(h->l, 4, cs_buf_span(&text)), ARGUMENT);
    assert_ok(cs_ledger_checkpoint_last(h->l, &arena, &size, &note));
    assert_int_equal(size, 3);
    assert_true(cs_span_eq(note, cs_buf_span(&text)));
    struct cs_tlog_note n;
    assert_ok(cs_tlog_note_parse(note, &n));
    assert_ok(cs_tlog_note_sign(&witness, n.text, 1790000000, &line));
    assert_result(cs_ledger_cosignature_put(h->l, 2, cs_buf_span(&line)), NOT_FOUND);
    assert_ok(cs_ledger_cosignature_put(h->l, 3, cs_buf_span(&line)));
    assert_ok(cs_ledger_checkpoint_cosigned(h->l, &arena, &size, &note));
    assert_ok(cs_tlog_note_parse(note, &n));
    assert_int_equal(n.n_lines, 2);
    assert_int_equal(cs_tlog_note_signed_by(&n, &witness.key, NULL), CS_TLOG_GOOD);
    /* within a turn nothing of it would be durable */
    assert_ok(append_start(h->l, &seq));
    assert_result(cs_ledger_checkpoint_put(h->l, 3, cs_buf_span(&text)), EXISTS);
    assert_result(cs_ledger_cosignature_put(h->l, 3, cs_buf_span(&line)), BUG);
    commit(h->l);
    cs_tlog_signer_done(&log);
    cs_tlog_signer_done(&witness);
}

/* ---- what verify finds ---- */

struct stage {
    struct house *h;
    struct cs_tlog_signer log, witness;
    struct cs_buf file, first, last; /* the whole file; the checkpoints of the first and last size */
    struct cs_ledger_checks checks;
};

static void keep(struct stage *s, const struct cs_buf *text, const char *name)
{
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    assert_ok(cs_tlog_note_parse(cs_buf_span(text), &n));
    assert_ok(cs_tlog_checkpoint_parse(n.text, &c));
    s->checks.known[s->checks.n_known++] = (struct cs_ledger_known){ name, c.size, c.root };
}

/* A ledger with a row of every kind, two checkpoints and a cosignature, closed and read. */
static void stage_make(struct stage *s, struct house *h)
{
    uint64_t seq, a;
    struct cs_note note;
    CS_AUTO_BUF struct cs_buf line = { 0 };
    struct cs_tlog_note n;
    *s = (struct stage){ .h = h,
                         .log = signer(1, ORIGIN, CS_TLOG_ED25519),
                         .witness = signer(2, "witness.example/w1", CS_TLOG_COSIGNATURE) };
    append_many(h, 258);
    sign(h, &s->log, &s->first);
    assert_ok(cs_tlog_note_parse(cs_buf_span(&s->first), &n));
    assert_ok(cs_tlog_note_sign(&s->witness, n.text, 1790000000, &line));
    assert_ok(cs_ledger_cosignature_put(h->l, 258, cs_buf_span(&line)));
    put_evidence(h->l, 1);
    assert_ok(append_deposit(h->l, 1, &seq));
    struct cs_sha256 token = evidence_of(7), bound = evidence_of(8);
    assert_ok(cs_ledger_token_put(h->l, &token, &bound));
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 1, .evidence = true, .subject = SUBJECT }, &a));
    commit(h->l);
    assert_ok(append_outcome(h->l, a, OUTCOME(SIGNED), 1, &seq));
    assert_ok(append_refusal(h->l, &seq));
    commit(h->l);
    sign(h, &s->log, &s->last);
    house_close(h); /* empties the log into the file */
    assert_ok(cs_read_file(h->path, 16 << 20, &s->file, &note));
    s->checks.log = &s->log.key;
    s->checks.witness = &s->witness.key;
    s->checks.n_witnesses = 1;
}

static void stage_done(struct stage *s)
{
    cs_buf_done(&s->file);
    cs_buf_done(&s->first);
    cs_buf_done(&s->last);
    cs_tlog_signer_done(&s->log);
    cs_tlog_signer_done(&s->witness);
}

static cs_result verify_file(const struct stage *s, struct cs_span bytes, struct cs_note *note)
{
    struct cs_ledger_report report;
    note->text[0] = 0;
    struct cs_note ignored;
    assert_ok(cs_write_file(s->h->path, bytes, 0600, &ignored));
    return cs_ledger_verify_against(s->h->path, &s->checks, NULL, NULL, &report, note);
}

/* A digest over every row of every table: what a reader of the ledger can see. */
static bool content_digest(const char *path, struct cs_sha256 *out)
{
    static const char *const all[] = {
        "SELECT * FROM entry ORDER BY seq",
        "SELECT * FROM head ORDER BY n",
        "SELECT * FROM tile ORDER BY i",
        "SELECT * FROM checkpoint ORDER BY n",
        "SELECT * FROM cosignature ORDER BY n",
        "SELECT * FROM evidence ORDER BY put",
        "SELECT * FROM statement ORDER BY put",
        "SELECT * FROM deposit_key ORDER BY put",
        "SELECT * FROM token ORDER BY put",
        "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name",
    };
    CS_AUTO_BUF struct cs_buf b = { 0 };
    sqlite3 *db = NULL;
    bool good = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK;
    for (size_t i = 0; good && i < sizeof all / sizeof *all; i++) {
        sqlite3_stmt *q = NULL;
        int rc = sqlite3_prepare_v2(db, all[i], -1, &q, NULL);
        good = rc == SQLITE_OK;
        while (good && (rc = sqlite3_step(q)) == SQLITE_ROW)
            for (int c = 0; c < sqlite3_column_count(q); c++) {
                int len = sqlite3_column_bytes(q, c);
                cs_buf_put_span(&b, cs_span_of(sqlite3_column_blob(q, c), (size_t)len));
            }
        good = good && rc == SQLITE_DONE;
        (void)sqlite3_finalize(q);
    }
    (void)sqlite3_close(db);
    *out = cs_sha256(cs_buf_span(&b));
    return good && !b.failed;
}

static void print_row(const char *change, unsigned n, unsigned n_found, const char *words)
{
    print_message("  | %-44s | %5u | %5u | %s\n", change, n, n_found, words);
}

/* One bit of every part of the file: found, or no reader can see it (free room within a page, counters
 * of the file's header that SQLite itself ignores). */
static void flip_bits(struct stage *s)
{
    unsigned n = 0, n_found = 0, n_unseen = 0;
    struct cs_note note, example = { "" };
    struct cs_sha256 whole, now;
    assert_ok(verify_file(s, cs_buf_span(&s->file), &note));
    assert_true(content_digest(s->h->path, &whole));
    unsigned n_octets = 0;
    for (size_t at = 0; at < s->file.len; at++) {
        /* every 37th octet that is not zero, and some zeros: most of a small file is empty room */
        if (s->file.at[at] != 0 ? n_octets++ % 37 != 0 : at % 1999 != 0)
            continue;
        uint8_t bit = (uint8_t)(1u << (at % 8));
        s->file.at[at] ^= bit;
        n++;
        cs_result r = verify_file(s, cs_buf_span(&s->file), &note);
        if (!cs_ok(r)) {
            n_found++;
            if (example.text[0] == 0 && strstr(note.text, "tile") != NULL)
                example = note;
        } else if (content_digest(s->h->path, &now) && memcmp(&now, &whole, sizeof now) == 0) {
            n_unseen++;
        } else {
            fail_msg("octet %zu, bit mask %02x: not found", at, bit);
        }
        s->file.at[at] ^= bit;
    }
    print_row("one bit flipped, anywhere in the file", n, n_found, example.text);
    print_row("  of these in room that holds no row", n_unseen, 0, "every row reads as before");
    assert_true(n_found > 600 && n_found > n / 2);
}

struct change {
    const char *what, *sql, *words;
};

static void change_rows(struct stage *s, const struct change *c)
{
    struct cs_note note, ignored;
    assert_ok(cs_write_file(s->h->path, cs_buf_span(&s->file), 0600, &ignored));
    sqlite3 *raw = raw_open(s->h->path);
    raw_run(raw, c->sql);
    (void)sqlite3_close(raw);
    struct cs_ledger_report report;
    note.text[0] = 0;
    cs_result r = cs_ledger_verify_against(s->h->path, &s->checks, NULL, NULL, &report, &note);
    print_row(c->what, 1, !cs_ok(r), note.text);
    if (!cs_is(r, CS_NUM_STORE_CORRUPT) || strstr(note.text, c->words) == NULL)
        fail_msg("%s: %s \"%s\", wanted \"%s\"", c->what, cs_result_name(r), note.text, c->words);
}

/* Another ledger that begins like this one and goes its own way, under the same key. */
static void go_another_way(struct stage *s)
{
    struct cs_note note;
    uint64_t seq;
    CS_AUTO_BUF struct cs_buf other = { 0 };
    struct stage f = *s;
    f.checks = (struct cs_ledger_checks){ .log = &s->log.key };
    /* back to the first checkpoint with a tool that knows no triggers, then on through the front door */
    sqlite3 *raw = raw_open(s->h->path);
    raw_run(raw,
            "DELETE FROM entry WHERE seq > 258; DELETE FROM head WHERE size > 258;"
            "DELETE FROM checkpoint WHERE size > 258; DELETE FROM deposit_seq; DELETE FROM intent_request;"
            "DELETE FROM intent_serial; DELETE FROM intent_order; DELETE FROM intent_subject;"
            "DELETE FROM intent_outcome; DELETE FROM evidence; DELETE FROM statement;"
            "DELETE FROM deposit_key; DELETE FROM token");
    (void)sqlite3_close(raw);
    house_open(s->h);
    house_clock_us += 1000000;
    for (unsigned i = 0; i < 6; i++)
        assert_ok(append_refusal(s->h->l, &seq));
    commit(s->h->l);
    sign(s->h, &s->log, &other);
    house_close(s->h);
    struct cs_ledger_report report;
    assert_ok(cs_ledger_verify_against(s->h->path, &f.checks, NULL, NULL, &report, &note));
    print_row("  forked log, seen alone", 1, 0, "is whole: nothing in the file can tell");
    keep(&f, &s->last, "the checkpoint kept elsewhere");
    cs_result r = cs_ledger_verify_against(s->h->path, &f.checks, NULL, NULL, &report, &note);
    print_row("a forked log, with a checkpoint kept elsewhere", 1, !cs_ok(r), note.text);
    assert_result(r, STORE_CORRUPT);
    assert_non_null(strstr(note.text, "forked"));
}

static void roll_back(struct stage *s)
{
    struct cs_note note;
    struct cs_ledger_report report;
    struct stage f = *s;
    assert_ok(cs_write_file(s->h->path, cs_buf_span(&s->file), 0600, &note));
    sqlite3 *raw = raw_open(s->h->path);
    raw_run(raw,
            "DELETE FROM entry WHERE seq > 258; DELETE FROM head WHERE size > 258;"
            "DELETE FROM checkpoint WHERE size > 258; DELETE FROM deposit_seq; DELETE FROM intent_request;"
            "DELETE FROM intent_serial; DELETE FROM intent_order; DELETE FROM intent_subject;"
            "DELETE FROM intent_outcome; DELETE FROM evidence; DELETE FROM statement;"
            "DELETE FROM deposit_key; DELETE FROM token");
    (void)sqlite3_close(raw);
    assert_ok(cs_ledger_verify_against(s->h->path, &s->checks, NULL, NULL, &report, &note));
    print_row("  rolled-back file, seen alone", 1, 0, "is whole: an older copy always is");
    keep(&f, &s->first, "the older checkpoint");
    assert_ok(cs_ledger_verify_against(s->h->path, &f.checks, NULL, NULL, &report, &note));
    keep(&f, &s->last, "the checkpoint kept elsewhere");
    cs_result r = cs_ledger_verify_against(s->h->path, &f.checks, NULL, NULL, &report, &note);
    print_row("a rolled-back file, with a checkpoint elsewhere", 1, !cs_ok(r), note.text);
    assert_result(r, STORE_CORRUPT);
    assert_non_null(strstr(note.text, "rolled back"));
}

static void append_without_checkpoint(struct stage *s)
{
    struct cs_note note;
    struct cs_ledger_report report;
    uint64_t seq;
    assert_ok(cs_write_file(s->h->path, cs_buf_span(&s->file), 0600, &note));
    house_open(s->h);
    assert_ok(append_start(s->h->l, &seq));
    commit(s->h->l);
    house_close(s->h);
    cs_result r = cs_ledger_verify_against(s->h->path, &s->checks, NULL, NULL, &report, &note);
    print_row("a row appended without checkpoint", 1, !cs_ok(r), note.text);
    assert_result(r, STORE_CORRUPT);
    assert_non_null(strstr(note.text, "appended without checkpoint"));
    s->checks.allow_tail = true;
    assert_ok(cs_ledger_verify_against(s->h->path, &s->checks, NULL, NULL, &report, &note));
    s->checks.allow_tail = false;
}

static void what_verify_finds(void **state)
{
    static const struct change changes[] = {
        { "an entry deleted", "DELETE FROM entry WHERE seq = 100", "entry 100" },
        { "the last entry deleted", "DELETE FROM entry WHERE seq = 262", "" },
        { "two entries reordered",
          "UPDATE entry SET seq = 9999 WHERE seq = 5; UPDATE entry SET seq = 5 WHERE seq = 6;"
          "UPDATE entry SET seq = 6 WHERE seq = 9999",
          "entry 5" },
        { "a tile deleted", "DELETE FROM tile", "tile 0 of level 0" },
        { "a tile added", "INSERT INTO tile VALUES (2, zeroblob(8192))", "tile" },
        { "two hashes of a tile exchanged",
          "UPDATE tile SET hashes = cast(substr(hashes, 33, 32) || substr(hashes, 1, 32) || substr(hashes, "
          "65) AS BLOB)",
          "tile 0 of level 0" },
        { "the first checkpoint deleted", "DELETE FROM checkpoint WHERE n = 1", "checkpoint row 2" },
        { "the last checkpoint deleted", "DELETE FROM checkpoint WHERE n = 2",
          "entry 259: appended without" },
        { "two checkpoints exchanged",
          "UPDATE checkpoint SET n = 9 WHERE n = 1; UPDATE checkpoint SET n = 1 WHERE n = 2;"
          "UPDATE checkpoint SET n = 2 WHERE n = 9",
          "checkpoint" },
        { "a checkpoint of another size", "UPDATE checkpoint SET size = 257 WHERE n = 1", "says 258" },
        { "a checkpoint signed by another key",
          "UPDATE checkpoint SET note = cast(replace(cast(note AS TEXT), 'A', 'B') AS BLOB) WHERE n = 2",
          "checkpoint" },
        { "a cosignature deleted", "DELETE FROM cosignature", "0 cosignatures" },
        { "a cosignature of another size", "UPDATE cosignature SET size = 257", "no checkpoint" },
        { "an outcome row deleted", "DELETE FROM intent_outcome", "outcome" },
        { "an evidence row deleted", "DELETE FROM evidence", "" },
        { "a token row deleted", "DELETE FROM token", "" },
        { "a trigger dropped", "DROP TRIGGER tile_no_update", "tile_no_update" },
        { "a trigger dropped", "DROP TRIGGER checkpoint_no_delete", "checkpoint_no_" },
    };
    struct stage s;
    stage_make(&s, *state);
    print_message("  | %-44s | tried | found | in these words\n", "change");
    flip_bits(&s);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        change_rows(&s, &changes[i]);
    append_without_checkpoint(&s);
    roll_back(&s);
    go_another_way(&s);
    stage_done(&s);
}

int main(void)
{
#define IN_HOUSE(f) cmocka_unit_test_setup_teardown(f, house_set_up, house_tear_down)
    const struct CMUnitTest tests[] = {
        IN_HOUSE(proofs_cross_tiles_restarts_and_abandoned_turns),
        IN_HOUSE(a_tile_that_was_changed_stops_the_start),
        IN_HOUSE(checkpoints_only_grow),
        IN_HOUSE(what_verify_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
