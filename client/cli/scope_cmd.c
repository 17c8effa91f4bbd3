#include <inttypes.h>
#include <stdlib.h>

#include "client/cli/call.h"
#include "client/cli/scope_print.h"
#include "client/cli/scope_query.h"
#include "countersign/v1/ledger_service.pb-c.h"
#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/scope/index.h"
#include "proxy/tlog/checkpoint.h"

const struct cs_option cs_options_scope[] = {
    { "ledger", "FILE", "ledger to ask, also beside a running gate; else the proxy is asked", CS_OPT_VALUE },
    { "index", "FOLDER", "folder of the index (default FILE-index)", CS_OPT_VALUE },
    { "no-update", NULL, "leave the index as it is; what it does not cover is read", CS_OPT_SWITCH },
    { "scan", NULL, "use no index, read every entry", CS_OPT_SWITCH },
    { "log-key", "VKEY", "public key of the log: the checkpoint behind the answer must verify",
      CS_OPT_VALUE },
    CS_SCOPE_OPTIONS,
    { "csv", NULL, "print CSV (RFC 4180), the statement of completeness on standard error", CS_OPT_SWITCH },
    CS_CALL_OPTIONS,
};

struct asking {
    struct cs_scope_printing print;
    struct cs_tlog_key key;
    bool has_key;
    int percent; /* shown last */
    struct cs_arena arena;
    /* of a proxy's answer */
    bool ended;
    int code;
    struct cs_note wrong;
};

/* ---- a ledger ---- */

static void show_progress(void *ctx, uint64_t done, uint64_t total)
{
    enum { WIDTH = 40 };
    static const char full[] = "########################################";
    struct asking *p = ctx;
    int percent = total != 0 ? (int)(done * 100 / total) : 100;
    if (percent == p->percent)
        return;
    p->percent = percent;
    fprintf(p->print.cli->err, "\r[%-*.*s] %3d %%", WIDTH, percent * WIDTH / 100, full, percent);
    if (done >= total)
        fputs("\r\033[K", p->print.cli->err);
    fflush(p->print.cli->err);
}

static int failed(struct cs_cli *cli, const char *path, cs_result r, const struct cs_note *note)
{
    return cs_cli_fail(cli, cs_is(r, CS_NUM_STORE_CORRUPT) ? CS_EXIT_REFUSED : CS_EXIT_UNREACHABLE, "%s: %s",
                       path, note->text[0] != 0 ? note->text : cs_result_text(r));
}

/* A folder that cannot be written, or that another process writes, only makes the answer slower. */
static cs_result update(struct asking *p, const char *ledger, const char *index, struct cs_note *note)
{
    struct cs_scope_index_report report = { 0 };
    p->percent = -1;
    cs_result r =
        cs_scope_index_update(ledger, index, p->print.cli->progress ? show_progress : NULL, p, &report, note);
    if (cs_is(r, CS_NUM_IO) || cs_is(r, CS_NUM_AGAIN)) {
        fprintf(p->print.cli->err, "countersign: %s; what it does not cover is read\n", note->text);
        return CS_OK;
    }
    if (cs_ok(r) && (report.n_bad != 0 || report.foreign))
        fprintf(p->print.cli->err, "countersign: %s: the index %s and was made again\n", ledger,
                report.foreign ? "was of other entries" : "had damaged pieces");
    return r;
}

static cs_result show(void *ctx, const struct cs_scope_hit *hit)
{
    struct asking *p = ctx;
    Countersign__V1__IssuanceRecord *m;
    cs_arena_reset(&p->arena);
    CS_TRY(cs_scope_record(hit, &p->arena, &m));
    return cs_scope_print_record(&p->print, m);
}

/* That the checkpoint is of these entries, cs_scope_run has seen. */
static bool signature_holds(const struct asking *p, const struct cs_scope_cover *cover, struct cs_note *note)
{
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    if (!p->has_key)
        return true;
    if (cover->checkpoint_size != 0)
        return cs_ok(cs_tlog_checkpoint_open(cs_buf_span(&cover->checkpoint), &p->key, &n, &c, note));
    cs_note_set(note, "it has no signed checkpoint, and --log-key needs one");
    return false;
}

static int end_answer(struct asking *p, const char *ledger, const struct cs_scope_cover *cover)
{
    Countersign__V1__Completeness *m;
    struct cs_note note = { "" };
    cs_arena_reset(&p->arena);
    if (!signature_holds(p, cover, &note))
        return cs_cli_fail(p->print.cli, CS_EXIT_REFUSED, "%s: %s", ledger, note.text);
    if (!cs_ok(cs_scope_completeness(cover, &p->arena, &m)))
        return cs_cli_fail(p->print.cli, CS_EXIT_UNREACHABLE, "no memory");
    const struct cs_scope_signed by = { cover->checkpoint_size, p->has_key };
    return cs_scope_print_end(&p->print, m, &by);
}

static int ask_ledger(struct asking *p, const char *ledger, const struct cs_args *args,
                      const struct cs_scope_query *q)
{
    struct cs_note note = { "" };
    struct cs_scope_cover cover = { 0 };
    struct cs_scope_options o = { .index = cs_arg_get(args, "index"),
                                  .scan = cs_arg_has(args, "scan"),
                                  .progress = p->print.cli->progress ? show_progress : NULL,
                                  .progress_ctx = p };
    cs_result r = CS_OK;
    if (!o.scan && !cs_arg_has(args, "no-update"))
        r = update(p, ledger, o.index, &note);
    p->percent = -1;
    if (cs_ok(r))
        r = cs_scope_run(ledger, q, &o, show, p, &cover, &note);
    if (!cs_ok(r))
        return failed(p->print.cli, ledger, r, &note);
    int code = end_answer(p, ledger, &cover);
    cs_scope_cover_done(&cover);
    return code;
}

/* ---- a proxy ---- */

static CS_RESULT end_stream(struct asking *p, const Countersign__V1__Completeness *m)
{
    struct cs_scope_signed by = { 0 };
    p->ended = true;
    CS_TRY(cs_scope_completeness_check(m, p->has_key ? &p->key : NULL, &by.size, &p->wrong));
    if (m->n_confirmed != p->print.n) {
        cs_note_set(&p->wrong, "it confirmed %" PRIu64 " entries and sent %" PRIu64, m->n_confirmed,
                    p->print.n);
        return CS_ERR(STORE_CORRUPT);
    }
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    by.checked = p->has_key;
    if (!by.checked && cs_ok(cs_tlog_note_parse(cs_proto_span(m->checkpoint), &n)) &&
        cs_ok(cs_tlog_checkpoint_parse(n.text, &c)))
        by.size = c.size;
    p->code = cs_scope_print_end(&p->print, m, &by);
    return CS_OK;
}

static CS_RESULT read_part(struct asking *p, struct cs_span bytes)
{
    const ProtobufCMessage *m;
    cs_arena_reset(&p->arena);
    cs_result r =
        cs_proto_unpack(&countersign__v1__query_issuance_response__descriptor, bytes, &p->arena, &m);
    const Countersign__V1__QueryIssuanceResponse *part =
        cs_ok(r) ? (const Countersign__V1__QueryIssuanceResponse *)(const void *)m : NULL;
    if (part == NULL || p->ended ||
        part->part_case == COUNTERSIGN__V1__QUERY_ISSUANCE_RESPONSE__PART__NOT_SET) {
        cs_note_set(&p->wrong, "it answered what is no QueryIssuanceResponse, or more after the end");
        return CS_ERR(PROTO);
    }
    return part->part_case == COUNTERSIGN__V1__QUERY_ISSUANCE_RESPONSE__PART_RECORD
               ? cs_scope_print_record(&p->print, part->record)
               : end_stream(p, part->completeness);
}

static int take_part(void *ctx, struct cs_span bytes)
{
    struct asking *p = ctx;
    cs_result r = read_part(p, bytes);
    if (cs_ok(r))
        return 0;
    p->code =
        cs_cli_fail(p->print.cli, cs_is(r, CS_NUM_STORE_CORRUPT) ? CS_EXIT_REFUSED : CS_EXIT_UNREACHABLE,
                    "the proxy's answer: %s", p->wrong.text[0] != '\0' ? p->wrong.text : cs_result_text(r));
    return 1;
}

static int ask_proxy(struct asking *p, const struct cs_args *args, const struct cs_scope_query *q)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    Countersign__V1__QueryIssuanceRequest request = COUNTERSIGN__V1__QUERY_ISSUANCE_REQUEST__INIT;
    static const char *const of_files[] = { "index", "no-update", "scan" };
    for (size_t i = 0; i < sizeof of_files / sizeof *of_files; i++)
        if (cs_arg_has(args, of_files[i]))
            return cs_cli_usage(p->print.cli, "--%s: needs --ledger", of_files[i]);
    if (!cs_ok(cs_scope_query_message(q, &arena, &request.query)))
        return cs_cli_fail(p->print.cli, CS_EXIT_UNREACHABLE, "no memory");
    int code = cs_call_stream(p->print.cli, args, "/countersign.v1.LedgerService/QueryIssuance",
                              &request.base, take_part, p);
    if (p->code != CS_EXIT_DONE || code != CS_EXIT_DONE)
        return p->code != CS_EXIT_DONE ? p->code : code;
    if (!p->ended)
        return cs_cli_fail(p->print.cli, CS_EXIT_REFUSED,
                           "the proxy's answer has no statement of completeness: it is not whole");
    return CS_EXIT_DONE;
}

/* ---- the command ---- */

static CS_RESULT read_arguments(struct asking *p, const struct cs_args *args, struct cs_scope_arguments *a,
                                struct cs_note *note)
{
    const char *key = cs_arg_get(args, "log-key");
    struct cs_note why = { "" };
    if (p->print.as_json && p->print.as_csv) {
        cs_note_set(note, "--json and --csv: one of them");
        return CS_ERR(ARGUMENT);
    }
    if (cs_arg_has(args, "ledger") && (cs_arg_has(args, "socket") || cs_arg_has(args, "connect"))) {
        cs_note_set(note, "--ledger and --socket or --connect: one of them");
        return CS_ERR(ARGUMENT);
    }
    p->has_key = key != NULL;
    if (key != NULL && !cs_ok(cs_tlog_vkey_parse(cs_span_str(key), &p->key, &why))) {
        cs_note_set(note, "--log-key: %.400s", why.text);
        return CS_ERR(ARGUMENT);
    }
    return cs_scope_arguments_read(args, cs_clock_unix_us() / 1000000, a, note);
}

int cs_cmd_scope(struct cs_cli *cli, const struct cs_args *args)
{
    const char *ledger = cs_arg_get(args, "ledger");
    struct asking p = {
        .print = { .cli = cli, .as_json = cs_arg_has(args, "json"), .as_csv = cs_arg_has(args, "csv") }
    };
    struct cs_note note = { "" };
    int code;
    struct cs_scope_arguments *a = calloc(1, sizeof *a);
    if (a == NULL)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "no memory");
    if (!cs_ok(read_arguments(&p, args, a, &note)))
        code = cs_cli_usage(cli, "%s", note.text);
    else if (ledger != NULL)
        code = ask_ledger(&p, ledger, args, &a->query);
    else
        code = ask_proxy(&p, args, &a->query);
    cs_arena_done(&p.arena);
    cs_scope_arguments_done(a);
    free(a);
    return code;
}
