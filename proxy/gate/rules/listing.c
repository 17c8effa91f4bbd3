#include "proxy/gate/rules/listing.h"

#include "proxy/gate/rules/rows.h"

/* Rules without a row of their own, or judged before any row is. */
static const struct {
    enum cs_rule rule;
    struct cs_rule_place place;
} elsewhere[] = {
    { CS_RULE_N01, { "for each call", "proxy/gate/caller.c", CS_IN_CLIENT | CS_IN_POLICY } },
    { CS_RULE_N03, { "for each call", "proxy/gate/asking.c, deposit.c", 0 } },
    { CS_RULE_N04, { "for each call", "proxy/gate/signing.c, authorize.c", CS_IN_TBS | CS_IN_LEDGER } },
    { CS_RULE_N05,
      { "for each SignAuthorized", "proxy/gate/sign_authorized.c",
        CS_IN_TBS | CS_IN_CLIENT | CS_IN_CLOCK | CS_IN_LEDGER } },
    { CS_RULE_N06, { "for each call", "proxy/gate/caller.c", CS_IN_CLIENT | CS_IN_CLOCK | CS_IN_POLICY } },
    { CS_RULE_E01, { "for each envelope", "proxy/gate/evidence", CS_IN_EVIDENCE } },
    { CS_RULE_E02, { "for each envelope", "proxy/gate/evidence", CS_IN_EVIDENCE | CS_IN_POLICY } },
    { CS_RULE_E03, { "for each envelope", "proxy/gate/evidence", CS_IN_EVIDENCE | CS_IN_POLICY } },
    { CS_RULE_E04, { "for each envelope", "proxy/gate/evidence", CS_IN_EVIDENCE | CS_IN_POLICY } },
    { CS_RULE_E05,
      { "for each envelope", "proxy/gate/evidence", CS_IN_EVIDENCE | CS_IN_CLOCK | CS_IN_POLICY } },
    { CS_RULE_E06, { "for each envelope", "proxy/gate/gather.c", CS_IN_EVIDENCE | CS_IN_LEDGER } },
    { CS_RULE_E07, { "for each envelope", "proxy/gate/evidence", CS_IN_EVIDENCE } },
    { CS_RULE_O02,
      { "for the order's account, with O01", "proxy/gate/rules",
        CS_IN_EVIDENCE | CS_IN_CLOCK | CS_IN_POLICY | CS_IN_CLIENT } },
    { CS_RULE_X01, { "last", "proxy/gate/rules", CS_IN_EVIDENCE } },
};

static const char *show_stage(enum cs_stage stage)
{
    return stage == CS_STAGE_REQUEST ? "for the request"
           : stage == CS_STAGE_ORDER ? "for each order that could be meant"
           : stage == CS_STAGE_END   ? "when order and covers are known"
                                     : "for the order's account";
}

struct cs_rule_place cs_rule_place(enum cs_rule r)
{
    struct cs_rule_place out = { 0 };
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (elsewhere[i].rule == r)
            out = elsewhere[i].place;
    size_t n;
    const struct cs_control_row *controls = cs_control_rows(&n);
    for (size_t i = 0; i < n; i++) {
        if (controls[i].rule != r)
            continue;
        if (out.judged == NULL)
            out = (struct cs_rule_place){ "for each statement of control", "proxy/gate/rules", 0 };
        out.inputs |= controls[i].inputs;
    }
    const struct cs_caa_row *checks = cs_caa_rows(&n);
    for (size_t i = 0; i < n; i++) {
        if (checks[i].rule != r)
            continue;
        if (out.judged == NULL)
            out = (struct cs_rule_place){ "for each CAA check of a name", "proxy/gate/rules", 0 };
        out.inputs |= checks[i].inputs;
    }
    const struct cs_rule_row *rows = cs_rule_rows(&n);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].rule != r)
            continue;
        const char *judged = show_stage(rows[i].stage);
        if (out.judged == NULL)
            out = (struct cs_rule_place){ judged, "proxy/gate/rules", 0 };
        out.inputs |= rows[i].inputs;
    }
    return out;
}

const char *cs_input_name(unsigned bit)
{
    switch (bit) {
    case CS_IN_TBS:
        return "TBS";
    case CS_IN_CLOCK:
        return "clock";
    case CS_IN_ISSUER:
        return "issuer";
    case CS_IN_POLICY:
        return "policy";
    case CS_IN_CLIENT:
        return "client";
    case CS_IN_EVIDENCE:
        return "evidence";
    case CS_IN_LEDGER:
        return "ledger";
    case CS_IN_LISTS:
        return "lists";
    default:
        return NULL;
    }
}
