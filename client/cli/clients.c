/* countersign clients: who uses the proxy, and what came of it. */
#include <inttypes.h>

#include "client/cli/call.h"
#include "client/cli/clients_ledger.h"
#include "client/cli/pbjson.h"
#include "proto/canonical.h"
#include "proxy/base/clock.h"

const struct cs_option cs_options_clients[] = {
    { "ledger", "FILE", "count the entries of a ledger file instead, for all time", CS_OPT_VALUE },
    { "socket", "PATH", "Unix socket of the proxy", CS_OPT_VALUE },
    { "timeout", "SECONDS", "1 to 3600 (default 30)", CS_OPT_VALUE },
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

static void put_time(FILE *out, int64_t unix_s)
{
    char text[CS_TIME_TEXT_LEN] = "-";
    if (unix_s != 0)
        cs_time_text(unix_s, text);
    fprintf(out, "%-20s", text);
}

/* Pads what stands between spaces; longer text pushes the rest. */
static void put_cell(struct cs_cli *cli, ProtobufCBinaryData b, int width)
{
    cs_cli_text(cli->out, cs_proto_span(b));
    fprintf(cli->out, "%*s ", b.len < (size_t)width ? width - (int)b.len : 0, "");
}

static void print_client(struct cs_cli *cli, const Countersign__V1__ClientStatus *c)
{
    put_cell(cli, c->name, 20);
    put_cell(cli, c->api_version, 8);
    put_time(cli->out, c->last_seen_unix_s);
    fprintf(cli->out, " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "  ", c->n_calls, c->n_signed, c->n_limited);
    for (size_t i = 0; i < c->n_refusals; i++) {
        fputs(i != 0 ? " " : "", cli->out);
        cs_cli_text(cli->out, cs_proto_span(c->refusals[i]->rule));
        fprintf(cli->out, ":%" PRIu64, c->refusals[i]->n);
    }
    fputs(c->n_refusals == 0 ? "-" : "", cli->out);
    fputs("\n    ", cli->out);
    cs_cli_text(cli->out, cs_proto_span(c->identity));
    if (c->retired_unix_s != 0) {
        char last[CS_TIME_TEXT_LEN];
        cs_time_text(c->retired_unix_s - 86400, last);
        fprintf(cli->out, ", works until %.10s", last);
    }
    if (c->n_in_flight != 0)
        fprintf(cli->out, ", %u in flight", c->n_in_flight);
    fputs("\n", cli->out);
}

static void print_table(struct cs_cli *cli, const Countersign__V1__ListClientsResponse *m, bool of_ledger)
{
    char since[CS_TIME_TEXT_LEN] = "-";
    if (m->since_unix_s != 0)
        cs_time_text(m->since_unix_s, since);
    fprintf(cli->out, "%s since %s\n", of_ledger ? "recorded in the ledger" : "calls", since);
    fprintf(cli->out, "%s%-20s %-8s %-20s %8s %8s %8s  %s%s\n", cs_cli_bold(cli), "client", "version",
            "last seen", of_ledger ? "entries" : "calls", "signed", "limited", "refused by rule",
            cs_cli_plain(cli));
    for (size_t i = 0; i < m->n_clients; i++)
        print_client(cli, m->clients[i]);
    fprintf(cli->out, "%" PRIu64 " calls of unknown peers\n", m->n_unknown_calls);
    for (size_t i = 0; i < m->n_unknown_peers; i++) {
        const Countersign__V1__UnknownPeer *p = m->unknown_peers[i];
        fputs("    ", cli->out);
        cs_cli_text(cli->out, cs_proto_span(p->identity));
        fprintf(cli->out, ": %" PRIu64 ", last ", p->n_calls);
        put_time(cli->out, p->last_seen_unix_s);
        fputs("\n", cli->out);
    }
}

static int show(struct cs_cli *cli, const struct cs_args *args, const Countersign__V1__ListClientsResponse *m)
{
    if (cs_arg_has(args, "json"))
        return cs_cli_json(cli, cs_pbjson_write(&m->base, true), CS_EXIT_DONE);
    print_table(cli, m, cs_arg_has(args, "ledger"));
    return CS_EXIT_DONE;
}

int cs_cmd_clients(struct cs_cli *cli, const struct cs_args *args)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    const char *path = cs_arg_get(args, "ledger");
    if ((path != NULL) == (cs_arg_get(args, "socket") != NULL))
        return cs_cli_usage(cli, "clients: either --socket or --ledger");
    if (path != NULL) {
        struct cs_note note = { 0 };
        const Countersign__V1__ListClientsResponse *counted;
        cs_result r = cs_clients_of_ledger(path, &arena, &counted, &note);
        if (!cs_ok(r))
            return cs_cli_fail(cli, cs_is(r, CS_NUM_STORE_CORRUPT) ? CS_EXIT_REFUSED : CS_EXIT_UNREACHABLE,
                               "%s: %s", path, note.text[0] != '\0' ? note.text : cs_result_text(r));
        return show(cli, args, counted);
    }
    const ProtobufCMessage *answer;
    Countersign__V1__ListClientsRequest request;
    countersign__v1__list_clients_request__init(&request);
    int code = cs_call(cli, args, "/countersign.v1.StatusService/ListClients", &request.base,
                       &countersign__v1__list_clients_response__descriptor, &arena, &answer);
    return code != CS_EXIT_DONE
               ? code
               : show(cli, args, (const Countersign__V1__ListClientsResponse *)(const void *)answer);
}
