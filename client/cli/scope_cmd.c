#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>

#include "client/cli/cli.h"
#include "client/cli/scope_query.h"
#include "client/cli/times.h"
#include "client/cli/tree.h"
#include "proxy/base/clock.h"
#include "proxy/scope/index.h"

const struct cs_option cs_options_scope[] = {
    { "ledger", "FILE", "ledger to ask; the gate may run", CS_OPT_REQUIRED },
    { "index", "FOLDER", "folder of the index (default FILE-index)", CS_OPT_VALUE },
    { "no-update", NULL, "leave the index as it is; what it does not cover is read", CS_OPT_SWITCH },
    { "scan", NULL, "use no index, read every entry", CS_OPT_SWITCH },
    CS_SCOPE_OPTIONS,
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { "csv", NULL, "print CSV (RFC 4180), the statement of completeness on standard error", CS_OPT_SWITCH },
    { 0 },
};

struct printing {
    struct cs_cli *cli;
    bool as_json, as_csv;
    uint64_t n;
    int percent; /* shown last */
};

/* ---- one hit in plain terms ---- */

struct row {
    char time[CS_TIME_TEXT_LEN], not_after[CS_TIME_TEXT_LEN];
    const char *kind, *result;
    struct cs_span issuer, account, order, client, api_version, organization;
    char serial[2 * 64 + 1];
    char name[512]; /* the first */
    uint32_t n_names;
    const struct cs_scope_hit *hit;
};

static void name_text(const struct cs_san *n, char *out, size_t room)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    if (n->tag == CS_SAN_IP && (n->value.len == 4 || n->value.len == 16)) {
        if (inet_ntop(n->value.len == 4 ? AF_INET : AF_INET6, n->value.at, out, (socklen_t)room) != NULL)
            return;
    }
    cs_text_put(&b, n->value, 253);
    (void)snprintf(out, room, "%.*s", (int)b.len, b.at != NULL ? (const char *)b.at : "");
}

static const char *kind_of(const Countersign__Ledger__V1__Entry *e)
{
    switch (e->body_case) {
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT:
        return e->intent->kind == COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_PRECERTIFICATE
                   ? "precertificate"
                   : "certificate";
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL:
        return "refusal";
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION:
        return "authorization";
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT:
        return "deposit";
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD:
        return "hold";
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL:
        return "recall";
    default:
        return "other";
    }
}

static struct cs_span span_of(ProtobufCBinaryData b)
{
    return cs_span_of(b.data, b.len);
}

static void put_caller(struct row *row, const Countersign__Ledger__V1__Caller *c)
{
    if (c == NULL)
        return;
    row->client = span_of(c->client);
    row->api_version = span_of(c->api_version);
}

static void row_of(const struct cs_scope_hit *hit, struct row *row)
{
    const Countersign__Ledger__V1__Entry *e = hit->entry;
    *row = (struct row){ .kind = kind_of(e), .result = cs_scope_result_name(hit->result), .hit = hit };
    cs_time_text(e->time_unix_us / 1000000, row->time);
    if (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT) {
        row->issuer = span_of(e->intent->issuer);
        row->account = span_of(e->intent->account);
        row->order = span_of(e->intent->order_id);
        put_caller(row, e->intent->caller);
        if (e->intent->serial.len <= 64)
            cs_hex(span_of(e->intent->serial), row->serial);
    } else if (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL) {
        row->issuer = span_of(e->refusal->issuer);
        row->account = span_of(e->refusal->account);
        row->order = span_of(e->refusal->order_id);
        put_caller(row, e->refusal->caller);
    } else if (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT) {
        row->account = span_of(e->deposit->account);
        put_caller(row, e->deposit->caller);
    }
    if (hit->tbs == NULL)
        return;
    cs_time_text(hit->tbs->not_after_unix_s, row->not_after);
    row->n_names = hit->tbs->n_names;
    if (hit->tbs->n_names != 0)
        name_text(&hit->tbs->name[0], row->name, sizeof row->name);
    for (uint32_t i = 0; i < hit->tbs->n_attributes; i++)
        if (cs_span_eq(hit->tbs->attribute[i].oid, cs_span_of("\x55\x04\x0a", 3)))
            row->organization = hit->tbs->attribute[i].value;
}

/* ---- the three forms ---- */

static void put_cell(FILE *out, struct cs_span s, int width)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    cs_text_put(&b, s, (size_t)width > 2 ? (size_t)width - 2 : 1);
    fprintf(out, "%-*.*s ", width, (int)b.len, b.at != NULL ? (const char *)b.at : "");
}

static void put_table(struct printing *p, const struct row *row)
{
    FILE *out = p->cli->out;
    char name[600];
    if (p->n == 0)
        fprintf(out, "%s%-20s %-34s %-16s %-32s %-20s %-14s %-10s %s%s\n", cs_cli_bold(p->cli), "TIME",
                "SERIAL", "ISSUER", "NAME", "ACCOUNT", "KIND", "RESULT", "ENTRY", cs_cli_plain(p->cli));
    (void)snprintf(name, sizeof name, row->n_names > 1 ? "%s +%" PRIu32 : "%s", row->name, row->n_names - 1);
    fprintf(out, "%-20s %-34s ", row->time, row->serial);
    put_cell(out, row->issuer, 16);
    fprintf(out, "%-32s ", name);
    put_cell(out, row->account, 20);
    fprintf(out, "%-14s %-10s %" PRIu64 "\n", row->kind, row->result, row->hit->entry->seq);
}

static void put_csv_cell(FILE *out, struct cs_span s, bool last)
{
    fputc('"', out);
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '"')
            fputc('"', out);
        fputc(s.at[i], out);
    }
    fputs(last ? "\"\r\n" : "\",", out);
}

static void put_csv_head(FILE *out)
{
    fputs("time,serial,issuer,kind,result,name,names,organization,account,order,client,api_version,not_after,"
          "entry,outcome\r\n",
          out);
}

static void put_csv(struct printing *p, const struct row *row)
{
    FILE *out = p->cli->out;
    char names[16], entry[24], outcome[24];
    (void)snprintf(names, sizeof names, "%" PRIu32, row->n_names);
    (void)snprintf(entry, sizeof entry, "%" PRIu64, row->hit->entry->seq);
    (void)snprintf(outcome, sizeof outcome, "%" PRIu64, row->hit->outcome_seq);
    const struct cs_span cells[] = {
        cs_span_str(row->time),
        cs_span_str(row->serial),
        row->issuer,
        cs_span_str(row->kind),
        cs_span_str(row->result),
        cs_span_str(row->name),
        cs_span_str(names),
        row->organization,
        row->account,
        row->order,
        row->client,
        row->api_version,
        cs_span_str(row->not_after),
        cs_span_str(entry),
        cs_span_str(outcome),
    };
    enum { N = sizeof cells / sizeof *cells };
    for (size_t i = 0; i < N; i++)
        put_csv_cell(out, cells[i], i == N - 1);
}

static void set_text(json_t *o, const char *name, struct cs_span s)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    if (s.len == 0)
        return;
    if (cs_utf8_valid(s) && memchr(s.at, 0, s.len) == NULL) {
        json_object_set_new(o, name, json_stringn((const char *)s.at, s.len));
        return;
    }
    cs_text_put(&b, s, s.len);
    json_object_set_new(o, name, json_stringn((const char *)b.at, b.len));
}

static cs_result put_json(struct printing *p, const struct row *row)
{
    json_t *o = json_object(), *names = json_array();
    const struct cs_tbs *t = row->hit->tbs;
    if (o == NULL || names == NULL) {
        json_decref(o);
        json_decref(names);
        return CS_ERR(NO_MEMORY);
    }
    json_object_set_new(o, "entry", json_integer((json_int_t)row->hit->entry->seq));
    set_text(o, "time", cs_span_str(row->time));
    set_text(o, "kind", cs_span_str(row->kind));
    set_text(o, "result", cs_span_str(row->result));
    if (row->hit->outcome_seq != 0)
        json_object_set_new(o, "outcome_entry", json_integer((json_int_t)row->hit->outcome_seq));
    set_text(o, "serial", cs_span_str(row->serial));
    set_text(o, "issuer", row->issuer);
    set_text(o, "account", row->account);
    set_text(o, "order", row->order);
    set_text(o, "client", row->client);
    set_text(o, "api_version", row->api_version);
    set_text(o, "organization", row->organization);
    for (uint32_t i = 0; t != NULL && i < t->n_names; i++) {
        char name[512];
        name_text(&t->name[i], name, sizeof name);
        json_array_append_new(names, json_string(name));
    }
    json_object_set_new(o, "names", names);
    if (t != NULL) {
        json_object_set_new(o, "not_before", cs_cli_time(t->not_before_unix_s));
        json_object_set_new(o, "not_after", cs_cli_time(t->not_after_unix_s));
        struct cs_sha256 tbs = cs_sha256(t->der);
        json_object_set_new(o, "tbs_sha256", cs_cli_hex(cs_sha256_span(&tbs)));
    }
    fputs(p->n == 0 ? "\n" : ",\n", p->cli->out);
    int written = json_dumpf(o, p->cli->out, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(o);
    return written == 0 ? CS_OK : CS_ERR(IO);
}

static cs_result show(void *ctx, const struct cs_scope_hit *hit)
{
    struct printing *p = ctx;
    struct row row;
    row_of(hit, &row);
    if (p->as_json)
        CS_TRY(put_json(p, &row));
    else if (p->as_csv)
        put_csv(p, &row);
    else
        put_table(p, &row);
    p->n++;
    return ferror(p->cli->out) ? CS_ERR(IO) : CS_OK;
}

/* ---- completeness ---- */

static void say_cover(FILE *out, const struct cs_scope_cover *c)
{
    char root[2 * CS_SHA256_LEN + 1];
    cs_hex(cs_sha256_span(&c->root), root);
    fprintf(out,
            "complete: all %" PRIu64 " entries of the ledger, root %s\n"
            "          %" PRIu64 " by the index, %" PRIu64 " read, in %" PRIu32
            " pieces that together hash to that root\n",
            c->size, root, c->by_runs, c->by_reading, c->n_pieces);
    fprintf(out,
            "          %" PRIu64 " candidates, %" PRIu64 " confirmed from entry and evidence, %" PRIu64
            " rejected\n",
            c->candidates, c->confirmed, c->rejected);
    if (c->unreadable != 0)
        fprintf(out, "          %" PRIu64 " entries could not be read in full and may belong to the answer\n",
                c->unreadable);
    if (c->n_bad != 0)
        fprintf(out, "          %" PRIu32 " pieces of the index were refused, their entries were read\n",
                c->n_bad);
}

static json_t *cover_json(const struct cs_scope_cover *c)
{
    json_t *pieces = json_array();
    for (uint32_t i = 0; i < c->n_pieces; i++) {
        const struct cs_scope_piece *p = &c->piece[i];
        json_t *o = json_pack("{s:I, s:I, s:s}", "from", (json_int_t)p->from, "to", (json_int_t)p->to, "by",
                              p->by_run ? "index" : "reading");
        if (o != NULL && p->by_run)
            json_object_set_new(o, "root_sha256", cs_cli_hex(cs_sha256_span(&p->root)));
        json_array_append_new(pieces, o);
    }
    return json_pack("{s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "entries", (json_int_t)c->size,
                     "root_sha256", cs_cli_hex(cs_sha256_span(&c->root)), "pieces", pieces, "by_index",
                     (json_int_t)c->by_runs, "by_reading", (json_int_t)c->by_reading, "refused_pieces",
                     (json_int_t)c->n_bad, "candidates", (json_int_t)c->candidates, "confirmed",
                     (json_int_t)c->confirmed, "rejected", (json_int_t)c->rejected, "unreadable",
                     (json_int_t)c->unreadable);
}

/* ---- the command ---- */

static void show_progress(void *ctx, uint64_t done, uint64_t total)
{
    enum { WIDTH = 40 };
    static const char full[] = "########################################";
    struct printing *p = ctx;
    int percent = total != 0 ? (int)(done * 100 / total) : 100;
    if (percent == p->percent)
        return;
    p->percent = percent;
    fprintf(p->cli->err, "\r[%-*.*s] %3d %%", WIDTH, percent * WIDTH / 100, full, percent);
    if (done >= total)
        fputs("\r\033[K", p->cli->err);
    fflush(p->cli->err);
}

static int failed(struct cs_cli *cli, const char *path, cs_result r, const struct cs_note *note)
{
    return cs_cli_fail(cli, cs_is(r, CS_NUM_STORE_CORRUPT) ? CS_EXIT_REFUSED : CS_EXIT_UNREACHABLE, "%s: %s",
                       path, note->text[0] != 0 ? note->text : cs_result_text(r));
}

/* A folder that cannot be written, or that another process writes, only makes the answer slower. */
static cs_result update(struct printing *p, const char *ledger, const char *index, struct cs_note *note)
{
    struct cs_scope_index_report report = { 0 };
    p->percent = -1;
    cs_result r =
        cs_scope_index_update(ledger, index, p->cli->progress ? show_progress : NULL, p, &report, note);
    if (cs_is(r, CS_NUM_IO) || cs_is(r, CS_NUM_AGAIN)) {
        fprintf(p->cli->err, "countersign: %s; what it does not cover is read\n", note->text);
        return CS_OK;
    }
    if (cs_ok(r) && (report.n_bad != 0 || report.foreign))
        fprintf(p->cli->err, "countersign: %s: the index %s and was made again\n", ledger,
                report.foreign ? "was of other entries" : "had damaged pieces");
    return r;
}

static int answer(struct printing *p, const char *ledger, const struct cs_scope_query *q,
                  const struct cs_scope_options *o)
{
    struct cs_note note = { "" };
    struct cs_scope_cover cover = { 0 };
    FILE *out = p->cli->out;
    p->percent = -1;
    if (p->as_json)
        fputs("{\"issuances\": [", out);
    if (p->as_csv)
        put_csv_head(out);
    cs_result r = cs_scope_run(ledger, q, o, show, p, &cover, &note);
    if (!cs_ok(r))
        return failed(p->cli, ledger, r, &note);
    if (p->as_json) {
        fprintf(out, "\n], \"count\": %" PRIu64 ", \"completeness\": ", p->n);
        json_t *statement = cover_json(&cover);
        if (statement == NULL || json_dumpf(statement, out, JSON_COMPACT) != 0)
            r = CS_ERR(IO);
        json_decref(statement);
        fputs("}\n", out);
    } else {
        FILE *to = p->as_csv ? p->cli->err : out;
        fprintf(to, "%s%" PRIu64 " found\n", p->as_csv || p->n == 0 ? "" : "\n", p->n);
        say_cover(to, &cover);
    }
    cs_scope_cover_done(&cover);
    return cs_ok(r) && fflush(out) == 0 ? CS_EXIT_DONE : CS_EXIT_UNREACHABLE;
}

int cs_cmd_scope(struct cs_cli *cli, const struct cs_args *args)
{
    const char *ledger = cs_arg_get(args, "ledger"), *index = cs_arg_get(args, "index");
    struct printing p = { .cli = cli,
                          .as_json = cs_arg_has(args, "json"),
                          .as_csv = cs_arg_has(args, "csv") };
    struct cs_scope_options o = { .index = index, .scan = cs_arg_has(args, "scan"), .progress_ctx = &p };
    struct cs_note note = { "" };
    struct cs_scope_arguments *a = calloc(1, sizeof *a);
    if (a == NULL)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "no memory");
    if (p.as_json && p.as_csv)
        cs_note_set(&note, "--json and --csv: one of them");
    o.progress = cli->progress ? show_progress : NULL;
    int code = CS_EXIT_USAGE;
    cs_result r = p.as_json && p.as_csv
                      ? CS_ERR(ARGUMENT)
                      : cs_scope_arguments_read(args, cs_clock_unix_us() / 1000000, a, &note);
    if (!cs_ok(r)) {
        (void)cs_cli_usage(cli, "%s", note.text);
    } else {
        if (!o.scan && !cs_arg_has(args, "no-update"))
            r = update(&p, ledger, index, &note);
        code = cs_ok(r) ? answer(&p, ledger, &a->query, &o) : failed(cli, ledger, r, &note);
    }
    cs_scope_arguments_done(a);
    free(a);
    return code;
}
