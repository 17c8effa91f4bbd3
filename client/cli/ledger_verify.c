/* ledger verify: a ledger file, a folder of tiles or a proof, with nothing but a public key. */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "client/cli/ledger_progress.h"
#include "client/cli/tile_dir.h"
#include "client/cli/tree.h"
#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/tlog/proof_file.h"

const struct cs_option cs_options_ledger_verify[] = {
    { "key", "VKEY", "public key of the log; a ledger without it is checked for itself only", CS_OPT_VALUE },
    { "witness", "VKEY", "a witness that must have cosigned", CS_OPT_REPEATED },
    { "checkpoint", "FILE", "a checkpoint kept elsewhere: finds roll-backs and forks", CS_OPT_REPEATED },
    { "allow-tail", NULL, "entries behind the last checkpoint are no fault", CS_OPT_SWITCH },
    { "entry", "FILE", "the entry that a proof is of", CS_OPT_VALUE },
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

struct verifying {
    struct cs_cli *cli;
    const char *path;
    bool as_json;
    struct cs_tlog_key log, witness[CS_COSIGNERS_MAX];
    struct cs_ledger_checks checks;
    struct cs_note note;
};

void cs_cli_progress(void *ctx, uint64_t done, uint64_t total)
{
    enum { WIDTH = 40 };
    static const char full[] = "########################################";
    struct cs_cli *cli = ctx;
    if (!cli->progress)
        return;
    int filled = total != 0 ? (int)(done * WIDTH / total) : WIDTH;
    fprintf(cli->err, "\r[%-*.*s] %" PRIu64 " of %" PRIu64, WIDTH, filled, full, done, total);
    if (done >= total)
        fputs("\n", cli->err);
    fflush(cli->err);
}

/* ---- what the reader brings along ---- */

static CS_RESULT read_known(struct verifying *v, const char *path)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    struct cs_note why = { "" };
    if (v->checks.n_known == CS_KNOWN_MAX) {
        cs_note_set(&v->note, "--checkpoint: at most %d", CS_KNOWN_MAX);
        return CS_ERR(ARGUMENT);
    }
    CS_TRY(cs_read_file(path, CS_TLOG_NOTE_MAX_LEN, &text, &v->note));
    if (!cs_ok(cs_tlog_checkpoint_open(cs_buf_span(&text), &v->log, &n, &c, &why))) {
        cs_note_set(&v->note, "--checkpoint %.200s: %.250s", path, why.text);
        return CS_ERR(STORE_CORRUPT);
    }
    v->checks.known[v->checks.n_known++] = (struct cs_ledger_known){ path, c.size, c.root };
    return CS_OK;
}

/* Two of one size with different roots contradict each other, whatever the ledger says. */
static CS_RESULT known_agree(struct verifying *v)
{
    for (uint32_t i = 0; i < v->checks.n_known; i++)
        for (uint32_t k = 0; k < i; k++) {
            const struct cs_ledger_known *a = &v->checks.known[k], *b = &v->checks.known[i];
            if (a->size != b->size || cs_span_eq(cs_sha256_span(&a->root), cs_sha256_span(&b->root)))
                continue;
            cs_note_set(&v->note, "forked: %.150s and %.150s state different roots for %" PRIu64 " entries",
                        a->name, b->name, a->size);
            return CS_ERR(STORE_CORRUPT);
        }
    return CS_OK;
}

static CS_RESULT read_options(struct verifying *v, const struct cs_args *args)
{
    const char *key = cs_arg_get(args, "key"), *value;
    struct cs_note why = { "" };
    if (key != NULL && !cs_ok(cs_tlog_vkey_parse(cs_span_str(key), &v->log, &why))) {
        cs_note_set(&v->note, "--key: %.400s", why.text);
        return CS_ERR(ARGUMENT);
    }
    v->checks.log = key != NULL ? &v->log : NULL;
    v->checks.witness = v->witness;
    v->checks.allow_tail = cs_arg_has(args, "allow-tail");
    if (key == NULL && (cs_arg_has(args, "witness") || cs_arg_has(args, "checkpoint"))) {
        cs_note_set(&v->note, "--witness and --checkpoint need --key");
        return CS_ERR(ARGUMENT);
    }
    for (uint32_t i = 0; (value = cs_arg_at(args, "witness", i)) != NULL; i++) {
        if (i == CS_COSIGNERS_MAX || !cs_ok(cs_tlog_vkey_parse(cs_span_str(value), &v->witness[i], &why)) ||
            v->witness[i].type != CS_TLOG_COSIGNATURE) {
            cs_note_set(&v->note, "--witness '%.200s': needs a verifier key of type 04, at most %d", value,
                        CS_COSIGNERS_MAX);
            return CS_ERR(ARGUMENT);
        }
        v->checks.n_witnesses++;
    }
    for (uint32_t i = 0; (value = cs_arg_at(args, "checkpoint", i)) != NULL; i++)
        CS_TRY(read_known(v, value));
    return known_agree(v);
}

/* ---- a ledger ---- */

static json_t *report_of(const struct cs_ledger_report *r)
{
    json_t *out =
        json_pack("{s:b, s:I, s:o, s:I}", "consistent", 1, "entries", (json_int_t)r->n_entries, "root_sha256",
                  cs_cli_hex(cs_sha256_span(&r->root)), "heads", (json_int_t)r->n_heads);
    const struct {
        const char *name;
        uint64_t n;
    } counts[] = { { "intents", r->n_intents },   { "signed", r->n_signed },
                   { "unknown", r->n_unknown },   { "not_signed", r->n_not_signed },
                   { "open", r->n_open },         { "refusals", r->n_refusals },
                   { "deposits", r->n_deposits }, { "authorizations", r->n_authorizations } };
    for (size_t i = 0; out != NULL && i < sizeof counts / sizeof *counts; i++)
        json_object_set_new(out, counts[i].name, json_integer((json_int_t)counts[i].n));
    if (out != NULL && r->n_entries != 0) {
        json_object_set_new(out, "first_at", cs_cli_time(r->first_unix_us / 1000000));
        json_object_set_new(out, "last_at", cs_cli_time(r->last_unix_us / 1000000));
    }
    return out;
}

static CS_RESULT verify_ledger(struct verifying *v, json_t **out)
{
    struct cs_ledger_report report = { 0 };
    CS_TRY(cs_ledger_verify_against(v->path, &v->checks, cs_cli_progress, v->cli, &report, &v->note));
    json_t *o = report_of(&report);
    if (o != NULL) {
        json_object_set_new(o, "tiles", json_integer((json_int_t)report.n_tiles));
        json_object_set_new(o, "checkpoints", json_integer((json_int_t)report.n_checkpoints));
        json_object_set_new(o, "cosignatures", json_integer((json_int_t)report.n_cosignatures));
        json_object_set_new(o, "behind_last_checkpoint",
                            json_integer((json_int_t)(report.n_entries - report.last_checkpoint)));
        json_object_set_new(o, "signatures_checked", json_boolean(v->checks.log != NULL));
    }
    *out = o;
    return CS_OK;
}

/* ---- a folder of tiles ---- */

static CS_RESULT verify_dir(struct verifying *v, json_t **out)
{
    struct cs_tile_dir_report report = { 0 };
    if (v->checks.log == NULL) {
        cs_note_set(&v->note, "a folder of tiles needs --key");
        return CS_ERR(ARGUMENT);
    }
    CS_TRY(cs_tile_dir_verify(v->path, &v->checks, cs_cli_progress, v->cli, &report, &v->note));
    *out = json_pack("{s:b, s:I, s:o, s:s}", "consistent", 1, "entries", (json_int_t)report.size,
                     "root_sha256", cs_cli_hex(cs_sha256_span(&report.root)), "checked",
                     report.has_entries   ? "checkpoint, tiles and every entry"
                     : report.has_records ? "checkpoint and tiles; the records name their leaves, what they"
                                            " say of an entry cannot be checked without it"
                                          : "checkpoint and tiles; there are no entries here");
    return CS_OK;
}

/* ---- a proof ---- */

static CS_RESULT refuse(struct verifying *v, const char *why)
{
    cs_note_set(&v->note, "%s", why);
    return CS_ERR(STORE_CORRUPT);
}

static CS_RESULT proof_holds(struct verifying *v, const struct cs_tlog_proof_file *f,
                             const struct cs_sha256 *leaf, struct cs_tlog_checkpoint *c)
{
    struct cs_tlog_note n;
    struct cs_note why = { "" };
    if (!cs_ok(cs_tlog_checkpoint_open(f->checkpoint, &v->log, &n, c, &why)))
        return refuse(v, why.text);
    for (uint32_t i = 0; i < v->checks.n_witnesses; i++)
        if (cs_tlog_note_signed_by(&n, &v->witness[i], NULL) != CS_TLOG_GOOD) {
            cs_note_set(&v->note, "no good cosignature of %s", v->witness[i].name);
            return CS_ERR(STORE_CORRUPT);
        }
    if (!cs_tlog_inclusion_holds(&f->proof, f->index, c->size, leaf, &c->root))
        return refuse(v, "the entry is not the one that the proof is of");
    for (uint32_t i = 0; i < v->checks.n_known; i++) {
        const struct cs_ledger_known *k = &v->checks.known[i];
        if (k->size == c->size && !cs_span_eq(cs_sha256_span(&k->root), cs_sha256_span(&c->root)))
            return refuse(v, "forked: the checkpoint of the proof and one kept elsewhere differ");
        if (k->size != c->size)
            return refuse(v, "--checkpoint is of another size: a proof alone cannot be compared with it");
    }
    return CS_OK;
}

static CS_RESULT verify_proof(struct verifying *v, const char *entry_path, json_t **out)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    CS_AUTO_BUF struct cs_buf entry = { 0 };
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_tlog_proof_file f;
    struct cs_tlog_checkpoint c;
    const ProtobufCMessage *m;
    if (v->checks.log == NULL || entry_path == NULL) {
        cs_note_set(&v->note, "a proof needs --key and --entry");
        return CS_ERR(ARGUMENT);
    }
    CS_TRY(cs_read_file(v->path, CS_TLOG_PROOF_FILE_MAX_LEN, &text, &v->note));
    CS_TRY(cs_read_file(entry_path, CS_LEDGER_ENTRY_MAX_LEN, &entry, &v->note));
    if (!cs_ok(cs_tlog_proof_file_parse(cs_buf_span(&text), &f)))
        return refuse(v, "not a proof in the form of c2sp.org/tlog-proof@v1");
    struct cs_sha256 leaf = cs_merkle_leaf(cs_buf_span(&entry));
    CS_TRY(proof_holds(v, &f, &leaf, &c));
    if (!cs_ok(cs_proto_unpack(&countersign__ledger__v1__entry__descriptor, cs_buf_span(&entry), &arena, &m)))
        return refuse(v, "the entry is in the log, and is none that this version knows");
    const Countersign__Ledger__V1__Entry *e = (const Countersign__Ledger__V1__Entry *)(const void *)m;
    if (e->seq != f.index + 1)
        return refuse(v, "the entry says another number than its place in the log");
    *out = json_pack("{s:b, s:I, s:o, s:I, s:o}", "consistent", 1, "ledger_entry", (json_int_t)e->seq, "at",
                     cs_cli_time(e->time_unix_us / 1000000), "entries", (json_int_t)c.size, "root_sha256",
                     cs_cli_hex(cs_sha256_span(&c.root)));
    return CS_OK;
}

/* ---- the command ---- */

static bool is_proof(const char *path)
{
    static const char first[] = "c2sp.org/tlog-proof@";
    char there[sizeof first] = "";
    FILE *f = fopen(path, "rb");
    size_t n = f != NULL ? fread(there, 1, sizeof first - 1, f) : 0;
    if (f != NULL)
        (void)fclose(f);
    return n == sizeof first - 1 && memcmp(there, first, n) == 0;
}

/* What an unreadable file means differs from what a contradiction in a readable one means. */
static int fail(struct verifying *v, cs_result r)
{
    bool corrupt = cs_is(r, CS_NUM_STORE_CORRUPT);
    const char *why = v->note.text[0] != '\0' ? v->note.text : cs_result_text(r);
    enum cs_exit code = corrupt                          ? CS_EXIT_REFUSED
                        : cs_class(r) == CS_CLASS_CALLER ? CS_EXIT_USAGE
                                                         : CS_EXIT_UNREACHABLE;
    if (v->as_json && corrupt)
        (void)cs_cli_json(v->cli, json_pack("{s:b, s:s}", "consistent", 0, "fault", why), (int)code);
    return cs_cli_fail(v->cli, code, "%s: %s", v->path, why);
}

int cs_cmd_ledger_verify(struct cs_cli *cli, const struct cs_args *args)
{
    struct verifying v = { .cli = cli,
                           .path = cs_arg_at(args, NULL, 0),
                           .as_json = cs_arg_has(args, "json") };
    struct stat st;
    json_t *out = NULL;
    cs_result r = read_options(&v, args);
    if (cs_ok(r) && stat(v.path, &st) == 0 && S_ISDIR(st.st_mode))
        r = verify_dir(&v, &out);
    else if (cs_ok(r) && is_proof(v.path))
        r = verify_proof(&v, cs_arg_get(args, "entry"), &out);
    else if (cs_ok(r))
        r = verify_ledger(&v, &out);
    if (!cs_ok(r))
        return fail(&v, r);
    return cs_cli_data(cli, v.as_json, out, CS_EXIT_DONE);
}
