#include <unistd.h>

#include "client/cli/call.h"
#include "client/cli/operator.h"
#include "client/cli/pbjson.h"
#include "client/cli/tree.h"
#include "countersign/v1/hold_service.pb-c.h"
#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/digest.h"

static const struct cs_attest_flag place_flags[] = {
    { "id", "hold_id", CS_ATTEST_TEXT },
    { "certificate-sha256", "selector.certificate_sha256s", CS_ATTEST_TEXT },
    { "serial", "selector.serial_numbers", CS_ATTEST_TEXT },
    { "order-id", "selector.order_ids", CS_ATTEST_TEXT },
    { "account", "selector.accounts", CS_ATTEST_TEXT },
    { "name-suffix", "selector.name_suffixes", CS_ATTEST_TEXT },
    { "organization", "selector.organizations", CS_ATTEST_TEXT },
    { "attester", "selector.attesters", CS_ATTEST_TEXT },
    { "method", "selector.methods", CS_ATTEST_TEXT },
    { "client", "selector.clients", CS_ATTEST_TEXT },
    { "api-version", "selector.api_versions", CS_ATTEST_TEXT },
    { "issuer", "selector.issuers", CS_ATTEST_TEXT },
    { "profile", "selector.profiles", CS_ATTEST_PROFILE },
    { "everything", "selector.everything", CS_ATTEST_TRUE },
    { "reason", "reason", CS_ATTEST_TEXT },
    { 0 },
};
static const struct cs_attest_flag lift_flags[] = { { "id", "hold_id", CS_ATTEST_TEXT },
                                                    { "reason", "reason", CS_ATTEST_TEXT },
                                                    { 0 } };

const struct cs_option cs_options_hold_place[] = {
    { "id", "ID", "id of the hold (default a random one)", CS_OPT_VALUE },
    { "certificate-sha256", "HEX", "certificate on record: what else would be signed of its pair or order",
      CS_OPT_REPEATED },
    { "serial", "HEX", "serial number", CS_OPT_REPEATED },
    { "order-id", "ID", "order", CS_OPT_REPEATED },
    { "account", "ACCOUNT", "account", CS_OPT_REPEATED },
    { "name-suffix", "NAME", "a name and all names below it", CS_OPT_REPEATED },
    { "organization", "TEXT", "subject organizationName", CS_OPT_REPEATED },
    { "attester", "NAME", "who signed evidence relied on, or an approval", CS_OPT_REPEATED },
    { "method", "METHOD", "validation method relied on", CS_OPT_REPEATED },
    { "client", "NAME", "client that asks", CS_OPT_REPEATED },
    { "api-version", "LABEL", "API version that asks", CS_OPT_REPEATED },
    { "issuer", "ID", "issuer of the policy", CS_OPT_REPEATED },
    { "profile", "PROFILE", "dv, iv, ov or ev", CS_OPT_REPEATED },
    { "everything", NULL, "every certificate", CS_OPT_SWITCH },
    { "yes", NULL, "do not ask before --everything", CS_OPT_SWITCH },
    CS_OPERATOR_OPTIONS,
};

const struct cs_option cs_options_hold_lift[] = {
    { "id", "ID", "id of the hold", CS_OPT_VALUE },
    CS_OPERATOR_OPTIONS,
};

const struct cs_option cs_options_hold_list[] = {
    { "all", NULL, "lifted ones too", CS_OPT_SWITCH },
    CS_CALL_OPTIONS,
};

/* A random id when none is given. */
static CS_RESULT complete_place(struct cs_attest *a)
{
    uint8_t octets[6];
    char text[2 * sizeof octets + 1];
    CS_TRY(cs_attest_put(a->body, "action", json_string("place")));
    if (json_object_get(a->body, "hold_id") != NULL)
        return CS_OK;
    CS_TRY(cs_random(octets, sizeof octets));
    cs_hex(cs_span_of(octets, sizeof octets), text);
    return cs_attest_put(a->body, "hold_id", json_sprintf("hold-%s", text));
}

static CS_RESULT complete_lift(struct cs_attest *a)
{
    return cs_attest_put(a->body, "action", json_string("lift"));
}

enum { LIFETIME_S = 7 * 86400 };

static const struct cs_attest_kind place_kind = {
    .member = "hold",
    .role = "operator",
    .lifetime_s = LIFETIME_S,
    .flags = place_flags,
    .complete = complete_place,
};
static const struct cs_attest_kind lift_kind = {
    .member = "hold",
    .role = "operator",
    .lifetime_s = LIFETIME_S,
    .flags = lift_flags,
    .complete = complete_lift,
};

/* Asked on a terminal only: scripts must not hang, and a hold is lifted again when it was too much. */
static bool declined(struct cs_cli *cli, const struct cs_args *args)
{
    if (!cs_arg_has(args, "everything") || cs_arg_has(args, "yes") || !cli->progress ||
        isatty(STDIN_FILENO) != 1)
        return false;
    fputs("This stops every certificate of every issuer until the quorum lifts it. Go on? [y/N] ", cli->err);
    fflush(cli->err);
    int first = getchar();
    for (int c = first; c != '\n' && c != EOF;)
        c = getchar();
    return first != 'y' && first != 'Y';
}

static int print_event(struct cs_cli *cli, const struct cs_args *args, const char *what,
                       ProtobufCBinaryData hold_id, uint64_t entry, bool known, const ProtobufCMessage *m)
{
    if (cs_arg_has(args, "json"))
        return cs_cli_json(cli, cs_pbjson_write(m, true), CS_EXIT_DONE);
    fputs("hold ", cli->out);
    cs_cli_text(cli->out, cs_proto_span(hold_id));
    fprintf(cli->out, " %s: ledger entry %llu%s\n", what, (unsigned long long)entry,
            known ? " (recorded earlier)" : "");
    return CS_EXIT_DONE;
}

int cs_cmd_hold_place(struct cs_cli *cli, const struct cs_args *args)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    Countersign__V1__PlaceHoldRequest request = COUNTERSIGN__V1__PLACE_HOLD_REQUEST__INIT;
    const ProtobufCMessage *answer;
    bool send;
    if (declined(cli, args))
        return cs_cli_fail(cli, CS_EXIT_DECLINED, "nothing was placed");
    int code = cs_operator_statement(cli, args, &place_kind, &arena, &request.statement, &send);
    if (code != CS_EXIT_DONE || !send)
        return code;
    code = cs_call(cli, args, "/countersign.v1.HoldService/PlaceHold", &request.base,
                   &countersign__v1__place_hold_response__descriptor, &arena, &answer);
    if (code != CS_EXIT_DONE)
        return code;
    const Countersign__V1__PlaceHoldResponse *m =
        (const Countersign__V1__PlaceHoldResponse *)(const void *)answer;
    return print_event(cli, args, "placed", m->hold_id, m->ledger_entry, m->already_known, answer);
}

int cs_cmd_hold_lift(struct cs_cli *cli, const struct cs_args *args)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    Countersign__V1__LiftHoldRequest request = COUNTERSIGN__V1__LIFT_HOLD_REQUEST__INIT;
    const ProtobufCMessage *answer;
    bool send;
    int code = cs_operator_statement(cli, args, &lift_kind, &arena, &request.statement, &send);
    if (code != CS_EXIT_DONE || !send)
        return code;
    code = cs_call(cli, args, "/countersign.v1.HoldService/LiftHold", &request.base,
                   &countersign__v1__lift_hold_response__descriptor, &arena, &answer);
    if (code != CS_EXIT_DONE)
        return code;
    const Countersign__V1__LiftHoldResponse *m =
        (const Countersign__V1__LiftHoldResponse *)(const void *)answer;
    return print_event(cli, args, "lifted", m->hold_id, m->ledger_entry, m->already_known, answer);
}

/* All pages in one document. */
static int list_all(struct cs_cli *cli, const struct cs_args *args, struct cs_arena *arena, json_t *holds,
                    uint32_t *n_in_force)
{
    Countersign__V1__ListHoldsRequest request = COUNTERSIGN__V1__LIST_HOLDS_REQUEST__INIT;
    request.include_lifted = cs_arg_has(args, "all");
    for (;;) {
        const ProtobufCMessage *answer;
        cs_arena_reset(arena);
        int code = cs_call(cli, args, "/countersign.v1.HoldService/ListHolds", &request.base,
                           &countersign__v1__list_holds_response__descriptor, arena, &answer);
        if (code != CS_EXIT_DONE)
            return code;
        const Countersign__V1__ListHoldsResponse *m =
            (const Countersign__V1__ListHoldsResponse *)(const void *)answer;
        for (size_t i = 0; i < m->n_holds; i++)
            if (json_array_append_new(holds, cs_pbjson_write(&m->holds[i]->base, false)) != 0)
                return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "out of memory");
        *n_in_force = m->n_in_force;
        if (m->next_after_entry <= request.after_entry)
            return CS_EXIT_DONE;
        request.after_entry = m->next_after_entry;
    }
}

int cs_cmd_hold_list(struct cs_cli *cli, const struct cs_args *args)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    uint32_t n_in_force = 0;
    json_t *holds = json_array();
    int code = list_all(cli, args, &arena, holds, &n_in_force);
    if (code != CS_EXIT_DONE) {
        json_decref(holds);
        return code;
    }
    return cs_cli_data(cli, cs_arg_has(args, "json"),
                       json_pack("{s:I, s:o}", "n_in_force", (json_int_t)n_in_force, "holds", holds),
                       CS_EXIT_DONE);
}
