#include "client/cli/scope_print.h"

#include <arpa/inet.h>
#include <inttypes.h>

#include "client/cli/scope_query.h"
#include "client/cli/times.h"
#include "client/cli/tree.h"
#include "proto/canonical.h"
#include "proxy/base/clock.h"

typedef Countersign__V1__IssuanceRecord record_t;

/* ---- one record in plain terms ---- */

struct row {
    char time[CS_TIME_TEXT_LEN], not_after[CS_TIME_TEXT_LEN];
    const char *kind, *result;
    struct cs_span organization;
    char serial[2 * 64 + 1];
    char name[512]; /* the first */
    size_t n_names;
    const record_t *m;
};

static void name_text(const Countersign__V1__CertificateName *n, char *out, size_t room)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    bool dns = n->name_case == COUNTERSIGN__V1__CERTIFICATE_NAME__NAME_DNS_NAME;
    struct cs_span value = cs_proto_span(dns ? n->dns_name : n->ip_address);
    if (!dns && (value.len == 4 || value.len == 16) &&
        inet_ntop(value.len == 4 ? AF_INET : AF_INET6, value.at, out, (socklen_t)room) != NULL)
        return;
    cs_text_put(&b, value, 253);
    (void)snprintf(out, room, "%.*s", (int)b.len, b.at != NULL ? (const char *)b.at : "");
}

static const char *kind_of(Countersign__V1__EntryType type)
{
    static const char *const names[] = { "other",   "intent",        "precertificate", "certificate",
                                         "refusal", "authorization", "deposit",        "hold",
                                         "recall",  "other" };
    return (size_t)type < sizeof names / sizeof *names ? names[type] : "other";
}

static void row_of(const record_t *m, struct row *row)
{
    *row = (struct row){ .kind = kind_of(m->entry_type),
                         .result = cs_scope_result_name(
                             (enum cs_scope_result)(1u << (((unsigned)m->result - 1) % 32))),
                         .m = m };
    cs_time_text(m->time_unix_us / 1000000, row->time);
    if (m->serial_number.len <= 64)
        cs_hex(cs_proto_span(m->serial_number), row->serial);
    const Countersign__V1__CertificateSummary *c = m->certificate;
    if (c == NULL)
        return;
    cs_time_text(c->not_after_unix_s, row->not_after);
    row->n_names = c->n_names;
    if (c->n_names != 0)
        name_text(c->names[0], row->name, sizeof row->name);
    if (c->n_organizations != 0)
        row->organization = cs_proto_span(c->organizations[c->n_organizations - 1]);
}

/* ---- the three forms ---- */

static void put_cell(FILE *out, struct cs_span s, int width)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    cs_text_put(&b, s, (size_t)width > 2 ? (size_t)width - 2 : 1);
    fprintf(out, "%-*.*s ", width, (int)b.len, b.at != NULL ? (const char *)b.at : "");
}

static void put_table(struct cs_scope_printing *p, const struct row *row)
{
    FILE *out = p->cli->out;
    char name[600];
    if (p->n == 0)
        fprintf(out, "%s%-20s %-34s %-16s %-32s %-20s %-14s %-10s %s%s\n", cs_cli_bold(p->cli), "TIME",
                "SERIAL", "ISSUER", "NAME", "ACCOUNT", "KIND", "RESULT", "ENTRY", cs_cli_plain(p->cli));
    (void)snprintf(name, sizeof name, row->n_names > 1 ? "%s +%zu" : "%s", row->name, row->n_names - 1);
    fprintf(out, "%-20s %-34s ", row->time, row->serial);
    put_cell(out, cs_proto_span(row->m->issuer), 16);
    fprintf(out, "%-32s ", name);
    put_cell(out, cs_proto_span(row->m->account), 20);
    fprintf(out, "%-14s %-10s %" PRIu64 "\n", row->kind, row->result, row->m->ledger_entry);
}

static bool is_text(struct cs_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < 0x20 || s.at[i] == 0x7f)
            return false;
    return cs_utf8_valid(s);
}

/* Octets that are no text are shown as a table shows them; formulas do not start a cell. */
static void put_csv_cell(FILE *out, struct cs_span s, bool last)
{
    CS_AUTO_BUF struct cs_buf shown = { 0 };
    if (!is_text(s)) {
        cs_text_put(&shown, s, s.len);
        s = cs_buf_span(&shown);
    }
    fputc('"', out);
    if (s.len != 0 && memchr("=+-@", s.at[0], 4) != NULL)
        fputc('\'', out);
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

static void put_csv(struct cs_scope_printing *p, const struct row *row)
{
    FILE *out = p->cli->out;
    char names[16], entry[24], outcome[24];
    (void)snprintf(names, sizeof names, "%zu", row->n_names);
    (void)snprintf(entry, sizeof entry, "%" PRIu64, row->m->ledger_entry);
    (void)snprintf(outcome, sizeof outcome, "%" PRIu64, row->m->outcome_entry);
    const struct cs_span cells[] = {
        cs_span_str(row->time),
        cs_span_str(row->serial),
        cs_proto_span(row->m->issuer),
        cs_span_str(row->kind),
        cs_span_str(row->result),
        cs_span_str(row->name),
        cs_span_str(names),
        row->organization,
        cs_proto_span(row->m->account),
        cs_proto_span(row->m->order_id),
        cs_proto_span(row->m->client),
        cs_proto_span(row->m->api_version),
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

static cs_result put_json(struct cs_scope_printing *p, const struct row *row)
{
    json_t *o = json_object(), *names = json_array();
    const Countersign__V1__CertificateSummary *t = row->m->certificate;
    if (o == NULL || names == NULL) {
        json_decref(o);
        json_decref(names);
        return CS_ERR(NO_MEMORY);
    }
    json_object_set_new(o, "entry", json_integer((json_int_t)row->m->ledger_entry));
    set_text(o, "time", cs_span_str(row->time));
    set_text(o, "kind", cs_span_str(row->kind));
    set_text(o, "result", cs_span_str(row->result));
    if (row->m->outcome_entry != 0)
        json_object_set_new(o, "outcome_entry", json_integer((json_int_t)row->m->outcome_entry));
    set_text(o, "serial", cs_span_str(row->serial));
    set_text(o, "issuer", cs_proto_span(row->m->issuer));
    set_text(o, "account", cs_proto_span(row->m->account));
    set_text(o, "order", cs_proto_span(row->m->order_id));
    set_text(o, "client", cs_proto_span(row->m->client));
    set_text(o, "api_version", cs_proto_span(row->m->api_version));
    set_text(o, "organization", row->organization);
    for (size_t i = 0; t != NULL && i < t->n_names; i++) {
        char name[512];
        name_text(t->names[i], name, sizeof name);
        json_array_append_new(names, json_string(name));
    }
    json_object_set_new(o, "names", names);
    if (t != NULL) {
        json_object_set_new(o, "not_before", cs_cli_time(t->not_before_unix_s));
        json_object_set_new(o, "not_after", cs_cli_time(t->not_after_unix_s));
        json_object_set_new(o, "tbs_sha256", cs_cli_hex(cs_proto_span(t->tbs_sha256)));
        json_object_set_new(o, "spki_sha256", cs_cli_hex(cs_proto_span(t->spki_sha256)));
    }
    fputs(p->n == 0 ? "\n" : ",\n", p->cli->out);
    int written = json_dumpf(o, p->cli->out, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(o);
    return written == 0 ? CS_OK : CS_ERR(IO);
}

static void begin(struct cs_scope_printing *p)
{
    if (p->begun)
        return;
    p->begun = true;
    if (p->as_json)
        fputs("{\"issuances\": [", p->cli->out);
    if (p->as_csv)
        put_csv_head(p->cli->out);
}

CS_RESULT cs_scope_print_record(struct cs_scope_printing *p, const record_t *m)
{
    struct row row;
    row_of(m, &row);
    begin(p);
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

static void say_checkpoint(FILE *out, const Countersign__V1__Completeness *m,
                           const struct cs_scope_signed *by)
{
    const char *checked = by->checked ? "its signature verified" : "its signature not checked (--log-key)";
    if (by->size == 0)
        fputs("          no checkpoint is signed: nobody else can tell whether these are all\n", out);
    else if (by->size >= m->tree_size)
        fprintf(out, "          within the checkpoint of %" PRIu64 " entries, %s\n", by->size, checked);
    else
        fprintf(out,
                "          newest checkpoint of %" PRIu64 " entries, %s; %" PRIu64 " entries lie behind it\n",
                by->size, checked, m->tree_size - by->size);
}

static void say_cover(FILE *out, const Countersign__V1__Completeness *c, const struct cs_scope_signed *by)
{
    char root[2 * CS_SHA256_LEN + 1] = "";
    if (c->root_sha256.len == CS_SHA256_LEN)
        cs_hex(cs_proto_span(c->root_sha256), root);
    fprintf(out,
            "complete: all %" PRIu64 " entries of the ledger, root %s\n"
            "          %" PRIu64 " by the index, %" PRIu64
            " read, in %zu pieces that together hash to that root\n",
            c->tree_size, root, c->n_by_index, c->n_by_reading, c->n_pieces);
    if (c->only_client.len != 0) {
        fputs("          of them those of client ", out);
        cs_cli_text(out, cs_proto_span(c->only_client));
        fputs(" only, whose answer this is\n", out);
    }
    say_checkpoint(out, c, by);
    fprintf(out,
            "          %" PRIu64 " candidates, %" PRIu64 " confirmed from entry and evidence, %" PRIu64
            " rejected\n",
            c->n_candidates, c->n_confirmed, c->n_rejected);
    if (c->n_unreadable != 0)
        fprintf(out, "          %" PRIu64 " entries could not be read in full and may belong to the answer\n",
                c->n_unreadable);
    if (c->n_refused_pieces != 0)
        fprintf(out, "          %" PRIu32 " pieces of the index were refused, their entries were read\n",
                c->n_refused_pieces);
}

static json_t *cover_json(const Countersign__V1__Completeness *c, const struct cs_scope_signed *by)
{
    json_t *pieces = json_array();
    for (size_t i = 0; i < c->n_pieces; i++) {
        const Countersign__V1__CoveredPiece *p = c->pieces[i];
        json_array_append_new(pieces, json_pack("{s:I, s:I, s:s, s:o}", "from", (json_int_t)p->from, "to",
                                                (json_int_t)p->to, "by", p->by_index ? "index" : "reading",
                                                "root_sha256", cs_cli_hex(cs_proto_span(p->root_sha256))));
    }
    json_t *o = json_pack("{s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "entries",
                          (json_int_t)c->tree_size, "root_sha256", cs_cli_hex(cs_proto_span(c->root_sha256)),
                          "pieces", pieces, "by_index", (json_int_t)c->n_by_index, "by_reading",
                          (json_int_t)c->n_by_reading, "refused_pieces", (json_int_t)c->n_refused_pieces,
                          "candidates", (json_int_t)c->n_candidates, "confirmed", (json_int_t)c->n_confirmed,
                          "rejected", (json_int_t)c->n_rejected, "unreadable", (json_int_t)c->n_unreadable);
    if (o == NULL)
        return NULL;
    json_object_set_new(o, "checkpoint_entries",
                        by->size != 0 ? json_integer((json_int_t)by->size) : json_null());
    json_object_set_new(o, "checkpoint_signature_checked", json_boolean(by->checked));
    json_object_set_new(o, "behind_checkpoint",
                        json_integer(by->size < c->tree_size ? (json_int_t)(c->tree_size - by->size) : 0));
    if (c->only_client.len != 0)
        set_text(o, "only_client", cs_proto_span(c->only_client));
    return o;
}

int cs_scope_print_end(struct cs_scope_printing *p, const Countersign__V1__Completeness *m,
                       const struct cs_scope_signed *by)
{
    FILE *out = p->cli->out;
    bool printed = true;
    begin(p);
    if (p->as_json) {
        fprintf(out, "\n], \"count\": %" PRIu64 ", \"completeness\": ", p->n);
        json_t *statement = cover_json(m, by);
        printed = statement != NULL && json_dumpf(statement, out, JSON_COMPACT) == 0;
        json_decref(statement);
        fputs("}\n", out);
    } else {
        FILE *to = p->as_csv ? p->cli->err : out;
        fprintf(to, "%s%" PRIu64 " found\n", p->as_csv || p->n == 0 ? "" : "\n", p->n);
        say_cover(to, m, by);
    }
    return printed && fflush(out) == 0 ? CS_EXIT_DONE : CS_EXIT_UNREACHABLE;
}
