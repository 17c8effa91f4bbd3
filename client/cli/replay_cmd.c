/* replay: what another policy, or another day, would have made of the requests in a ledger. */
#include <inttypes.h>

#include "client/cli/cli.h"
#include "client/cli/ledger_progress.h"
#include "client/cli/pbjson.h"
#include "client/cli/times.h"
#include "client/replay/replay.h"
#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/gate/der/tbs.h"

const struct cs_option cs_options_replay[] = {
    { "ledger", "FILE", "ledger with the requests; the gate may run", CS_OPT_REQUIRED },
    { "policy", "FILE", "policy to judge them under, with the lists that it names", CS_OPT_REQUIRED },
    { "at", "TIME", "as if each came at this time (default: at its own)", CS_OPT_VALUE },
    { "from", "N|TIME", "first entry, or requests at or after a time", CS_OPT_VALUE },
    { "to", "N|TIME", "last entry, or requests before a time", CS_OPT_VALUE },
    { "check", NULL, "judge only what this policy judged; every decision must come out again",
      CS_OPT_SWITCH },
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

enum { ROWS_MAX = 10000 /* shown one by one; beyond, requests are only counted */ };

struct replaying {
    struct cs_cli *cli;
    json_t *rows;
    uint64_t n_left_off;
    uint64_t n_by_rule[CS_RULE_COUNT];      /* newly refused requests, each rule once a request */
    uint64_t n_by_rule_then[CS_RULE_COUNT]; /* newly allowed ones */
};

static json_t *text(ProtobufCBinaryData b)
{
    return cs_bytes_write(CS_BYTES_TEXT, cs_proto_span(b));
}

static json_t *names_of(const struct cs_tbs *t)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    json_t *names = json_array();
    for (uint32_t i = 0; t != NULL && i < t->n_names; i++)
        json_array_append_new(names, json_string(t->name[i].tag == CS_SAN_IP
                                                     ? cs_show_ip(&arena, t->name[i].value)
                                                     : cs_show_text(&arena, t->name[i].value)));
    return names;
}

static json_t *reasons_now(const struct cs_verdict *v)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < v->n_reasons; i++)
        json_array_append_new(all,
                              json_pack("{s:s, s:s, s:s, s:s}", "rule", cs_rule_text(v->reason[i].rule)->id,
                                        "subject", v->reason[i].subject, "found", v->reason[i].found,
                                        "needed", v->reason[i].needed));
    return all;
}

static json_t *rules_then(const Countersign__Ledger__V1__Refusal *m)
{
    json_t *all = json_array();
    for (size_t i = 0; m != NULL && i < m->n_reasons; i++)
        json_array_append_new(all, text(m->reasons[i]->rule));
    return all;
}

static void count_rules(struct replaying *s, const struct cs_replay_case *c)
{
    bool seen[CS_RULE_COUNT] = { false };
    if (c->result == CS_REPLAYED_NEWLY_REFUSED)
        for (uint32_t i = 0; i < c->verdict->n_reasons; i++) {
            enum cs_rule r = c->verdict->reason[i].rule;
            s->n_by_rule[r] += !seen[r];
            seen[r] = true;
        }
    if (c->result == CS_REPLAYED_NEWLY_ALLOWED)
        for (size_t i = 0; i < c->entry->refusal->n_reasons; i++)
            for (int r = 0; r < CS_RULE_COUNT; r++)
                if (cs_span_is(cs_proto_span(c->entry->refusal->reasons[i]->rule),
                               cs_rule_text((enum cs_rule)r)->id)) {
                    s->n_by_rule_then[r] += !seen[r];
                    seen[r] = true;
                }
}

static cs_result on_case(void *ctx, const struct cs_replay_case *c)
{
    struct replaying *s = ctx;
    if (!cs_replayed_changed(c->result))
        return CS_OK;
    count_rules(s, c);
    if (json_array_size(s->rows) == ROWS_MAX) {
        s->n_left_off++;
        return CS_OK;
    }
    const Countersign__Ledger__V1__Entry *e = c->entry;
    const Countersign__Ledger__V1__Intent *i =
        e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT ? e->intent : NULL;
    const Countersign__Ledger__V1__Refusal *r = i == NULL ? e->refusal : NULL;
    const Countersign__Ledger__V1__Caller *caller = i != NULL ? i->caller : r->caller;
    json_t *row =
        json_pack("{s:I, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "entry", (json_int_t)e->seq,
                  "at", cs_cli_time(e->time_unix_us / 1000000), "judged_at", cs_cli_time(c->judged_at_unix_s),
                  "result", cs_replayed_word(c->result), "client", text(caller->client), "api_version",
                  text(caller->api_version), "issuer", text(i != NULL ? i->issuer : r->issuer), "account",
                  text(i != NULL ? i->account : r->account), "order_id",
                  text(i != NULL ? i->order_id : r->order_id), "names", names_of(c->tbs), "reasons",
                  reasons_now(c->verdict), "rules_then", rules_then(r));
    return row != NULL && json_array_append_new(s->rows, row) == 0 ? CS_OK : CS_ERR(NO_MEMORY);
}

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
    cs_cli_progress(((struct replaying *)ctx)->cli, done, total);
}

/* ---- what to replay ---- */

static CS_RESULT read_bound(const struct cs_args *args, const char *name, uint64_t *seq, int64_t *unix_us,
                            struct cs_note *note)
{
    const char *given = cs_arg_get(args, name);
    int64_t now_unix_s = cs_clock_unix_s(), unix_s;
    if (given == NULL || (cs_number_of(given, INT64_MAX, seq) && *seq != 0))
        return CS_OK;
    if (cs_time_of(given, now_unix_s, now_unix_s, &unix_s) && unix_s > 0) {
        *unix_us = unix_s * 1000000;
        return CS_OK;
    }
    cs_note_set(note, "--%s %.100s: needed a number of an entry, or " CS_TIME_NEEDED, name, given);
    return CS_ERR(ARGUMENT);
}

static CS_RESULT read_args(const struct cs_args *args, struct cs_replay *r, struct cs_note *note)
{
    const char *at = cs_arg_get(args, "at");
    int64_t now_unix_s = cs_clock_unix_s();
    CS_TRY(read_bound(args, "from", &r->from_seq, &r->from_unix_us, note));
    CS_TRY(read_bound(args, "to", &r->to_seq, &r->to_unix_us, note));
    r->ledger = cs_arg_get(args, "ledger");
    r->check = cs_arg_has(args, "check");
    r->has_at = at != NULL;
    if (at != NULL && !cs_time_of(at, now_unix_s, now_unix_s, &r->at_unix_s)) {
        cs_note_set(note, "--at %.100s: needed " CS_TIME_NEEDED, at);
        return CS_ERR(ARGUMENT);
    }
    if (at != NULL && r->check) {
        cs_note_set(note, "--check: each request at its own time; --at cannot be given with it");
        return CS_ERR(ARGUMENT);
    }
    return CS_OK;
}

static CS_RESULT open_policy(const char *path, struct cs_policy **policy, struct cs_lists **lists,
                             struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf document = { 0 };
    CS_TRY(cs_read_file(path, CS_POLICY_MAX_LEN, &document, note));
    CS_TRY(cs_policy_load(cs_buf_span(&document), policy, note));
    if ((*policy)->lists.public_suffix.path == NULL)
        return CS_OK; /* no issuer signs leaves */
    return cs_lists_open(&(*policy)->lists, cs_clock_unix_s(), lists, note);
}

/* ---- what came of it ---- */

static json_t *rules_of(const uint64_t n[CS_RULE_COUNT])
{
    json_t *all = json_array();
    for (int i = 0; i < CS_RULE_COUNT; i++) {
        const struct cs_rule_text *t = cs_rule_text((enum cs_rule)i);
        if (n[i] != 0)
            json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:I}", "rule", t->id, "title", t->title,
                                                 "clause", t->clause, "requests", (json_int_t)n[i]));
    }
    return all;
}

static json_t *document_of(const struct replaying *s, const struct cs_replay *r,
                           const struct cs_replay_report *report)
{
    json_t *counts = json_object();
    for (int i = 0; i < CS_REPLAYED_COUNT; i++)
        json_object_set_new(counts, cs_replayed_word((enum cs_replayed)i),
                            json_integer((json_int_t)report->n[i]));
    return json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:O, s:I}", "policy_sha256",
                     cs_cli_hex(cs_sha256_span(&r->policy->digest)), "at",
                     r->has_at ? cs_cli_time(r->at_unix_s) : json_null(), "entries",
                     (json_int_t)report->n_entries, "requests", counts, "newly_refused_by",
                     rules_of(s->n_by_rule), "newly_allowed_after", rules_of(s->n_by_rule_then), "changed",
                     s->rows, "changed_left_off", (json_int_t)s->n_left_off);
}

static void print_item(struct cs_cli *cli, const json_t *row, const char *rule)
{
    const json_t *reasons = json_object_get(row, "reasons");
    for (size_t i = 0; i < json_array_size(reasons); i++) {
        const json_t *r = json_array_get(reasons, i);
        if (strcmp(json_string_value(json_object_get(r, "rule")), rule) != 0)
            continue;
        fprintf(cli->out, "  entry %" JSON_INTEGER_FORMAT "  %s  ",
                json_integer_value(json_object_get(row, "entry")),
                json_string_value(json_object_get(row, "at")));
        cs_cli_text(cli->out, cs_span_str(json_string_value(json_object_get(r, "subject"))));
        fputs(": there is ", cli->out);
        cs_cli_text(cli->out, cs_span_str(json_string_value(json_object_get(r, "found"))));
        fputs("; needed ", cli->out);
        cs_cli_text(cli->out, cs_span_str(json_string_value(json_object_get(r, "needed"))));
        fputs("\n", cli->out);
    }
}

static bool is_result(const json_t *row, enum cs_replayed r)
{
    return strcmp(json_string_value(json_object_get(row, "result")), cs_replayed_word(r)) == 0;
}

static void print_refused(const struct replaying *s)
{
    struct cs_cli *cli = s->cli;
    for (int i = 0; i < CS_RULE_COUNT; i++) {
        const struct cs_rule_text *t = cs_rule_text((enum cs_rule)i);
        if (s->n_by_rule[i] == 0)
            continue;
        fprintf(cli->out, "\n%snewly refused by %s%s, %" PRIu64 ": %s (%s)\n", cs_cli_bold(cli), t->id,
                cs_cli_plain(cli), s->n_by_rule[i], t->title, t->clause);
        for (size_t k = 0; k < json_array_size(s->rows); k++)
            if (is_result(json_array_get(s->rows, k), CS_REPLAYED_NEWLY_REFUSED))
                print_item(cli, json_array_get(s->rows, k), t->id);
    }
}

static void print_rules(FILE *out, const json_t *rules, bool objects)
{
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *r = json_array_get(rules, i);
        const char *id = json_string_value(objects ? json_object_get(r, "rule") : r);
        fputs(i != 0 ? " " : "", out);
        cs_cli_text(out, cs_span_str(id != NULL ? id : "?"));
    }
}

static void print_others(const struct replaying *s, enum cs_replayed which)
{
    struct cs_cli *cli = s->cli;
    bool first = true;
    for (size_t i = 0; i < json_array_size(s->rows); i++) {
        const json_t *row = json_array_get(s->rows, i);
        if (!is_result(row, which))
            continue;
        if (first)
            fprintf(cli->out, "\n%s%s%s\n", cs_cli_bold(cli), cs_replayed_text(which), cs_cli_plain(cli));
        first = false;
        fprintf(cli->out, "  entry %" JSON_INTEGER_FORMAT "  %s  was refused by ",
                json_integer_value(json_object_get(row, "entry")),
                json_string_value(json_object_get(row, "at")));
        print_rules(cli->out, json_object_get(row, "rules_then"), false);
        if (which == CS_REPLAYED_OTHER_RULES) {
            fputs(", now by ", cli->out);
            print_rules(cli->out, json_object_get(row, "reasons"), true);
        }
        fputs("\n", cli->out);
    }
}

static void print_report(const struct replaying *s, const struct cs_replay_report *report)
{
    FILE *out = s->cli->out;
    uint64_t n = 0, n_not = 0;
    for (int i = 0; i < CS_REPLAYED_COUNT; i++)
        *(cs_replayed_not((enum cs_replayed)i) ? &n_not : &n) += report->n[i];
    fprintf(out, "%" PRIu64 " requests judged again, of a ledger of %" PRIu64 " entries\n", n,
            report->n_entries);
    for (int i = 0; i < CS_REPLAYED_COUNT; i++) {
        if (i == CS_REPLAYED_NO_TBS && n_not != 0)
            fprintf(out, "%" PRIu64 " could not be judged again\n", n_not);
        if (report->n[i] != 0 || i <= CS_REPLAYED_NEWLY_ALLOWED)
            fprintf(out, "  %8" PRIu64 "  %s\n", report->n[i], cs_replayed_text((enum cs_replayed)i));
    }
    print_refused(s);
    print_others(s, CS_REPLAYED_NEWLY_ALLOWED);
    print_others(s, CS_REPLAYED_OTHER_RULES);
    if (s->n_left_off != 0)
        fprintf(out, "\n%" PRIu64 " more changed and are only counted; narrow --from and --to to see them\n",
                s->n_left_off);
}

static int finish(struct replaying *s, const struct cs_replay *r, const struct cs_replay_report *report,
                  bool as_json)
{
    bool changed = false;
    for (int i = 0; i < CS_REPLAYED_COUNT; i++)
        changed = changed || (cs_replayed_changed((enum cs_replayed)i) && report->n[i] != 0 &&
                              (r->check || i != CS_REPLAYED_OTHER_RULES));
    int code = changed ? CS_EXIT_REFUSED : CS_EXIT_DONE;
    if (as_json)
        return cs_cli_json(s->cli, document_of(s, r, report), code);
    print_report(s, report);
    return code;
}

int cs_cmd_replay(struct cs_cli *cli, const struct cs_args *args)
{
    struct replaying s = { .cli = cli, .rows = json_array() };
    struct cs_replay r = { .visit = on_case, .progress = on_progress, .ctx = &s };
    struct cs_replay_report report = { 0 };
    struct cs_policy *policy = NULL;
    struct cs_lists *lists = NULL;
    struct cs_note note = { "" };
    int code = CS_EXIT_USAGE;
    cs_result result = s.rows == NULL ? CS_ERR(NO_MEMORY) : read_args(args, &r, &note);
    if (cs_ok(result))
        result = open_policy(cs_arg_get(args, "policy"), &policy, &lists, &note);
    if (!cs_ok(result)) {
        code = cs_cli_usage(cli, "replay: %s", note.text[0] != '\0' ? note.text : cs_result_text(result));
    } else {
        r.policy = policy;
        r.lists = lists;
        result = cs_replay_run(&r, &report, &note);
        code = cs_ok(result)
                   ? finish(&s, &r, &report, cs_arg_has(args, "json"))
                   : cs_cli_fail(cli,
                                 cs_is(result, CS_NUM_STORE_CORRUPT) ? CS_EXIT_REFUSED : CS_EXIT_UNREACHABLE,
                                 "replay: %s", note.text[0] != '\0' ? note.text : cs_result_text(result));
    }
    json_decref(s.rows);
    cs_lists_close(lists);
    cs_policy_free(policy);
    return code;
}
