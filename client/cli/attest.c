#include "client/cli/attest.h"

#include "client/cli/envelope_file.h"
#include "client/cli/keys.h"
#include "client/cli/pbjson.h"
#include "client/cli/times.h"
#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/gate/evidence/evidence.h"

static CS_RESULT read_times(struct cs_attest *a, int64_t lifetime_s)
{
    const char *issued = cs_arg_get(a->args, "issued-at"), *expires = cs_arg_get(a->args, "expires-at");
    a->now_unix_s = cs_clock_unix_s();
    a->issued_at_unix_s = a->now_unix_s;
    if (issued != NULL && !cs_time_of(issued, a->now_unix_s, a->now_unix_s, &a->issued_at_unix_s)) {
        cs_note_set(&a->note, "--issued-at '%s': needs " CS_TIME_NEEDED, issued);
        return CS_ERR(ARGUMENT);
    }
    a->expires_at_unix_s = a->issued_at_unix_s + lifetime_s;
    if (expires != NULL && !cs_time_of(expires, a->now_unix_s, a->issued_at_unix_s, &a->expires_at_unix_s)) {
        cs_note_set(&a->note, "--expires-at '%s': needs " CS_TIME_NEEDED, expires);
        return CS_ERR(ARGUMENT);
    }
    if (a->expires_at_unix_s <= a->issued_at_unix_s) {
        cs_note_set(&a->note, "--expires-at: not after issued-at");
        return CS_ERR(ARGUMENT);
    }
    return CS_OK;
}

static CS_RESULT read_from(struct cs_attest *a)
{
    const char *from = cs_arg_get(a->args, "from");
    CS_AUTO_BUF struct cs_buf text = { 0 };
    struct cs_note note = { 0 };
    if (from == NULL) {
        a->body = json_object();
        return a->body != NULL ? CS_OK : CS_ERR(NO_MEMORY);
    }
    cs_result r = cs_read_file(from, CS_FILE_MAX_LEN, &text, &note);
    if (!cs_ok(r)) {
        cs_note_set(&a->note, "--from %s", note.text);
        return r;
    }
    r = cs_pbjson_load(cs_buf_span(&text), &a->body, &note);
    if (!cs_ok(r))
        cs_note_set(&a->note, "--from %s: %s", from, note.text);
    return r;
}

/* statement_id as hex: the flag's text, checked later with all else, or 32 random octets. */
static CS_RESULT statement_id(const struct cs_args *args, json_t **out)
{
    const char *given = cs_arg_get(args, "statement-id");
    uint8_t octets[CS_STATEMENT_ID_MAX_LEN];
    if (given == NULL)
        CS_TRY(cs_random(octets, sizeof octets));
    *out = given != NULL ? json_string(given) : cs_cli_hex(cs_span_of(octets, sizeof octets));
    return *out != NULL ? CS_OK : CS_ERR(NO_MEMORY);
}

static bool by_operator(const struct cs_attest_kind *kind)
{
    return strcmp(kind->role, "operator") == 0;
}

static CS_RESULT make_document(struct cs_attest *a, const struct cs_attest_kind *kind, json_t **out)
{
    const char *software = by_operator(kind) ? NULL : cs_arg_get(a->args, "software"),
               *ruleset = cs_arg_get(a->args, "ruleset");
    if (software == NULL)
        software = "countersign-cli/" CS_CLI_VERSION;
    const char *slash = strrchr(software, '/');
    if (slash == NULL || slash == software || slash[1] == '\0') {
        cs_note_set(&a->note, "--software '%s': needs NAME/VERSION", software);
        return CS_ERR(ARGUMENT);
    }
    json_t *id;
    CS_TRY(statement_id(a->args, &id));
    json_t *document =
        json_pack("{s:{s:i, s:o, s:s, s:s, s:{s:s%, s:s}, s:s, s:I, s:I, s:s, s:s}, s:O}", "header", "schema",
                  1, "statement_id", id, "attester",
                  cs_arg_get(a->args, by_operator(kind) ? "operator" : "attester"), "role", kind->role,
                  "software", "name", software, (size_t)(slash - software), "version", slash + 1, "audience",
                  cs_arg_get(a->args, "audience"), "issued_at_unix_s", (json_int_t)a->issued_at_unix_s,
                  "expires_at_unix_s", (json_int_t)a->expires_at_unix_s, "account",
                  by_operator(kind) ? "" : cs_arg_get(a->args, "account"), "ruleset",
                  ruleset != NULL ? ruleset : CS_ATTEST_RULESET, kind->member, a->body);
    if (document == NULL) {
        cs_note_set(&a->note, "a flag's value is not valid UTF-8");
        return CS_ERR(ARGUMENT);
    }
    if (by_operator(kind))
        json_object_del(json_object_get(document, "header"), "account");
    *out = document;
    return CS_OK;
}

/* Names the flag behind a faulty member, or the member. */
static void name_fault(struct cs_attest *a, const struct cs_attest_kind *kind,
                       const struct cs_pbjson_fault *fault)
{
    size_t prefix = strlen(kind->member);
    if (strcmp(fault->path, "header.statement_id") == 0) {
        cs_note_set(&a->note, "--statement-id: %s", fault->note.text);
        return;
    }
    for (const struct cs_attest_flag *f = kind->flags; f->name != NULL; f++) {
        size_t len = strlen(f->member);
        if (len != 0 && cs_arg_has(a->args, f->name) && strncmp(fault->path, kind->member, prefix) == 0 &&
            fault->path[prefix] == '.' && strncmp(fault->path + prefix + 1, f->member, len) == 0 &&
            strchr(".[", fault->path[prefix + 1 + len]) != NULL) {
            cs_note_set(&a->note, "--%s: %s", f->name, fault->note.text);
            return;
        }
    }
    a->note = fault->note;
}

static CS_RESULT make_statement(struct cs_attest *a, const struct cs_attest_kind *kind,
                                cs_attest_judge *judge, struct cs_arena *arena, struct cs_span *out_payload)
{
    json_t *document;
    struct cs_pbjson_fault fault;
    ProtobufCMessage *m = NULL;
    CS_TRY(make_document(a, kind, &document));
    cs_result r = cs_pbjson_read(&countersign__v1__statement__descriptor, document, arena, &m, &fault);
    json_decref(document);
    if (cs_is(r, CS_NUM_FORM))
        name_fault(a, kind, &fault);
    CS_TRY(r);
    Countersign__V1__Statement *s = (Countersign__V1__Statement *)(void *)m;
    if (kind->normalize != NULL)
        kind->normalize(s);
    const char *why = "";
    if (!cs_statement_check(s, &why)) {
        cs_note_set(&a->note, "the statement is not acceptable: %s", why);
        return CS_ERR(FORM);
    }
    if (judge != NULL)
        CS_TRY(judge(a, s));
    CS_TRY(cs_proto_pack(m, arena, out_payload));
    if (out_payload->len > CS_PAYLOAD_MAX_LEN) {
        cs_note_set(&a->note, "the statement has %zu bytes, at most %d are allowed", out_payload->len,
                    CS_PAYLOAD_MAX_LEN);
        return CS_ERR(LIMIT);
    }
    return CS_OK;
}

static CS_RESULT make_envelope(struct cs_attest *a, const struct cs_attest_kind *kind, cs_attest_judge *judge,
                               struct cs_buf *out)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    CS_AUTO_PKEY EVP_PKEY *key = NULL;
    struct cs_note note = { 0 };
    struct cs_span payload;
    CS_TRY(read_times(a, kind->lifetime_s));
    CS_TRY(read_from(a));
    CS_TRY(cs_attest_flags(a, kind->flags));
    if (kind->complete != NULL)
        CS_TRY(kind->complete(a));
    CS_TRY(make_statement(a, kind, judge, &arena, &payload));
    cs_result r = cs_key_read(cs_arg_at(a->args, "key", 0), &key, &note);
    if (!cs_ok(r)) {
        cs_note_set(&a->note, "--key %s", note.text);
        return r;
    }
    return cs_dsse_sign(key, payload, out);
}

static int make_judged(struct cs_cli *cli, const struct cs_args *args, const struct cs_attest_kind *kind,
                       cs_attest_judge *judge, const void *context, struct cs_buf *out)
{
    struct cs_attest a = { .cli = cli, .args = args, .context = context };
    cs_result r = make_envelope(&a, kind, judge, out);
    json_decref(a.body);
    if (cs_ok(r))
        return CS_EXIT_DONE;
    return cs_cli_fail(cli, a.refused ? CS_EXIT_REFUSED : CS_EXIT_USAGE, "%s",
                       a.note.text[0] != '\0' ? a.note.text : cs_result_text(r));
}

int cs_attest_make(struct cs_cli *cli, const struct cs_args *args, const struct cs_attest_kind *kind,
                   struct cs_buf *out)
{
    return make_judged(cli, args, kind, NULL, NULL, out);
}

int cs_attest_run(struct cs_cli *cli, const struct cs_args *args, const struct cs_attest_kind *kind)
{
    return cs_attest_run_judged(cli, args, kind, NULL, NULL);
}

int cs_attest_run_judged(struct cs_cli *cli, const struct cs_args *args, const struct cs_attest_kind *kind,
                         cs_attest_judge *judge, const void *context)
{
    CS_AUTO_BUF struct cs_buf envelope = { 0 };
    int code = cs_envelope_format_check(cli, args);
    if (code == CS_EXIT_DONE)
        code = make_judged(cli, args, kind, judge, context, &envelope);
    if (code != CS_EXIT_DONE)
        return code;
    return cs_envelope_write(cli, args, cs_buf_span(&envelope));
}
