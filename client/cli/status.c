/* countersign status: how the proxy is, on one screen. */
#include <inttypes.h>

#include "client/cli/call.h"
#include "client/cli/pbjson.h"
#include "countersign/v1/status_service.pb-c.h"
#include "proto/canonical.h"
#include "proxy/base/clock.h"

const struct cs_option cs_options_status[] = { CS_CALL_OPTIONS };

/* "2026-11-21T22:08:23Z, 3 min ago" */
static void put_when(FILE *out, int64_t unix_s, int64_t now_unix_s)
{
    char text[CS_TIME_TEXT_LEN];
    int64_t ago_s = now_unix_s - unix_s;
    if (unix_s == 0) {
        fputs("never", out);
        return;
    }
    cs_time_text(unix_s, text);
    fputs(text, out);
    if (ago_s < 0)
        return;
    const char *unit = ago_s < 120 ? "s" : ago_s < 7200 ? "min" : ago_s < 172800 ? "h" : "days";
    int64_t one = ago_s < 120 ? 1 : ago_s < 7200 ? 60 : ago_s < 172800 ? 3600 : 86400;
    fprintf(out, ", %" PRId64 " %s ago", ago_s / one, unit);
}

static void row(struct cs_cli *cli, const char *name)
{
    fprintf(cli->out, "%s%-12s%s", cs_cli_bold(cli), name, cs_cli_plain(cli));
}

static void put_bytes(struct cs_cli *cli, ProtobufCBinaryData b)
{
    cs_cli_text(cli->out, cs_proto_span(b));
}

static void put_state(struct cs_cli *cli, bool good, const char *yes, const char *no)
{
    fprintf(cli->out, "%s%s%s", good ? cs_cli_green(cli) : cs_cli_red(cli), good ? yes : no,
            cs_cli_plain(cli));
}

static void put_digest(struct cs_cli *cli, ProtobufCBinaryData b)
{
    for (size_t i = 0; i < b.len; i++)
        fprintf(cli->out, "%02x", b.data[i]);
}

static void print_keys(struct cs_cli *cli, const Countersign__V1__GetStatusResponse *m)
{
    row(cli, "signers");
    for (size_t i = 0; i < m->n_signers; i++) {
        const Countersign__V1__SignerStatus *s = m->signers[i];
        fprintf(cli->out, "%s%u ", i != 0 ? ", " : "", s->number);
        put_state(cli, s->ready, "ready", "lost");
        if (s->n_lost != 0)
            fprintf(cli->out, " (lost %" PRIu64 " times)", s->n_lost);
        for (size_t k = 0; k < s->n_faulty_issuers; k++) {
            fputs(k == 0 ? " faulty: " : " ", cli->out);
            put_bytes(cli, s->faulty_issuers[k]);
        }
    }
    fputs("\n", cli->out);
    row(cli, "issuers");
    for (size_t i = 0; i < m->n_issuers; i++) {
        fputs(i != 0 ? ", " : "", cli->out);
        put_bytes(cli, m->issuers[i]->id);
        fputs(" ", cli->out);
        put_state(cli, m->issuers[i]->ready, "ready", "not ready");
    }
    fputs("\n", cli->out);
}

static void print_ledger(struct cs_cli *cli, const Countersign__V1__GetStatusResponse *m)
{
    const Countersign__V1__LedgerStatus *l = m->ledger;
    if (l == NULL)
        return;
    row(cli, "ledger");
    put_state(cli, !l->failed, "writable", "NOT WRITABLE");
    fprintf(cli->out, ", %" PRIu64 " entries, last commit ", l->size);
    put_when(cli->out, l->last_commit_unix_s, m->now_unix_s);
    fputs("\n", cli->out);
    row(cli, "  root");
    put_digest(cli, l->root_sha256);
    fputs("\n", cli->out);
    row(cli, "checkpoint");
    if (l->checkpoint_size == 0) {
        fputs("none signed\n", cli->out);
        return;
    }
    fprintf(cli->out, "%" PRIu64 " entries, signed ", l->checkpoint_size);
    if (l->checkpoint_unix_s == 0)
        fputs("before the start", cli->out);
    else
        put_when(cli->out, l->checkpoint_unix_s, m->now_unix_s);
    fputs("\n", cli->out);
}

static void print_stops(struct cs_cli *cli, const Countersign__V1__GetStatusResponse *m)
{
    row(cli, "holds");
    if (m->n_holds == 0)
        fputs("none in force", cli->out);
    else
        fprintf(cli->out, "%s%u in force%s", cs_cli_red(cli), m->n_holds, cs_cli_plain(cli));
    fprintf(cli->out, ", %u recalls of evidence\n", m->n_recalls);
}

static void print_lists(struct cs_cli *cli, const Countersign__V1__GetStatusResponse *m)
{
    for (size_t i = 0; i < m->n_lists; i++) {
        const Countersign__V1__DataListStatus *l = m->lists[i];
        row(cli, i == 0 ? "lists" : "");
        put_bytes(cli, l->name);
        if (l->dated_unix_s != 0) {
            fputs(" of ", cli->out);
            put_when(cli->out, l->dated_unix_s, m->now_unix_s);
        } else if (l->sha256.len == 0) {
            fputs(" none", cli->out);
        }
        if (l->accepted.len != 0) {
            fputs(", accepted: ", cli->out);
            put_bytes(cli, l->accepted);
        }
        fputs("\n", cli->out);
    }
}

static void print_screen(struct cs_cli *cli, const Countersign__V1__GetStatusResponse *m)
{
    row(cli, "proxy");
    put_state(cli, !m->draining, "serving", "draining");
    fputs(", version ", cli->out);
    put_bytes(cli, m->software_version);
    fputs(", started ", cli->out);
    put_when(cli->out, m->started_at_unix_s, m->now_unix_s);
    fputs("\n", cli->out);
    row(cli, "policy");
    put_bytes(cli, m->deployment);
    fprintf(cli->out, " version %" PRIu64 "\n", m->policy_version);
    row(cli, "  sha256");
    put_digest(cli, m->policy_sha256);
    fputs("\n", cli->out);
    print_ledger(cli, m);
    print_keys(cli, m);
    print_stops(cli, m);
    row(cli, "clients");
    fprintf(cli->out, "%u of %u seen, %" PRIu64 " calls of unknown peers, %" PRIu64 " calls open\n",
            m->n_clients_seen, m->n_clients, m->n_unknown_calls, m->n_calls_open);
    row(cli, "since start");
    fprintf(cli->out, "%" PRIu64 " signed, %" PRIu64 " envelopes deposited\n", m->n_signed, m->n_deposits);
    print_lists(cli, m);
}

/* Whether it would sign now: what a script wants of the exit code. */
static bool is_well(const Countersign__V1__GetStatusResponse *m)
{
    bool ready = false;
    for (size_t i = 0; i < m->n_signers; i++)
        ready = ready || m->signers[i]->ready;
    return ready && !m->draining && m->ledger != NULL && !m->ledger->failed;
}

int cs_cmd_status(struct cs_cli *cli, const struct cs_args *args)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    const ProtobufCMessage *answer;
    Countersign__V1__GetStatusRequest request;
    countersign__v1__get_status_request__init(&request);
    int code = cs_call(cli, args, "/countersign.v1.StatusService/GetStatus", &request.base,
                       &countersign__v1__get_status_response__descriptor, &arena, &answer);
    if (code != CS_EXIT_DONE)
        return code;
    const Countersign__V1__GetStatusResponse *m =
        (const Countersign__V1__GetStatusResponse *)(const void *)answer;
    code = is_well(m) ? CS_EXIT_DONE : CS_EXIT_UNREACHABLE;
    if (cs_arg_has(args, "json"))
        return cs_cli_json(cli, cs_pbjson_write(answer, true), code);
    print_screen(cli, m);
    return code;
}
