/*
 * P-EVIDENCE and P-APPROVAL, exhaustively for a certificate that needs every kind of statement: each
 * subset of the needed statements with each combination of approvals. Then at random: taking evidence
 * away never admits what was refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "tests/unit/rules/fixture.h"

static struct house *H;

enum { ORDER, WWW, APEX, WILD, ADDRESS, IDENTITY, LINT, N_NEEDED, WHOLE = (1 << N_NEEDED) - 1 };

/* Approvals: combinations of these five bits. */
enum { ONE = 1, TWO = 2, REJECTED = 4, WITHDRAWN = 8, ELSEWHERE = 16, ALL_APPROVALS = 32 };

static void build(unsigned needed, unsigned approvals)
{
    house_init(H);
    house_profile(H, PROFILE(ORGANIZATION_VALIDATED));
    house_name(H, "www.example.com");
    house_name(H, "example.net");
    house_name(H, "*.example.org");
    house_ip(H, "\xc6\x34\x00\x01", 4);
    house_attribute(H, CS_OID_C, 0x13, "NL");
    house_attribute(H, HOUSE_OID_L, 0x0c, "Delft");
    house_attribute(H, HOUSE_OID_O, 0x0c, "Acme B.V.");
    if ((needed >> ORDER & 1) != 0)
        house_order(H)->profile = PROFILE(ORGANIZATION_VALIDATED);
    if ((needed >> WWW & 1) != 0)
        house_control(H, "www.example.com", METHOD(DCV_ACME_HTTP_01), SCOPE(EXACT));
    if ((needed >> APEX & 1) != 0)
        house_control(H, "example.net", METHOD(DCV_CONSTRUCTED_EMAIL), SCOPE(EXACT));
    if ((needed >> WILD & 1) != 0)
        house_control(H, "example.org", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
    if ((needed >> ADDRESS & 1) != 0)
        house_control_ip(H, "\xc6\x34\x00\x01", 4, METHOD(IPCV_ACME_HTTP_01));
    if ((needed >> IDENTITY & 1) != 0)
        house_identity(H);
    H->own_lint = true;
    if ((needed >> LINT & 1) != 0)
        house_lint(H);
    if ((approvals & ONE) != 0)
        house_approval(H, DECISION(APPROVE));
    if ((approvals & TWO) != 0)
        house_approval(H, DECISION(APPROVE))->person = house_bytes(H, "bert");
    if ((approvals & REJECTED) != 0)
        house_approval(H, DECISION(REJECT));
    if ((approvals & WITHDRAWN) != 0)
        house_approval(H, DECISION(WITHDRAW));
    if ((approvals & ELSEWHERE) != 0)
        house_approval(H, DECISION(APPROVE))->order_id = house_bytes(H, "another");
}

static void approvals_only_subtract(void **state)
{
    (void)state;
    for (unsigned needed = 0; needed <= WHOLE; needed++) {
        build(needed, 0);
        bool bare = house_judge(H);
        assert_int_equal(bare, needed == WHOLE); /* P-EVIDENCE: nothing less will do */
        for (unsigned approvals = 1; approvals < ALL_APPROVALS; approvals++) {
            build(needed, approvals);
            bool admitted = house_judge(H);
            bool stopped = (approvals & (REJECTED | WITHDRAWN)) != 0;
            if (admitted != (bare && !stopped))
                fail_msg("needed %x approvals %x: %s", needed, approvals, admitted ? "admitted" : "refused");
            if (!bare)
                assert_true(house_has(H, CS_RULE_X01, NULL));
            if (stopped && (needed >> ORDER & 1) != 0)
                assert_true(house_has(H, CS_RULE_A01, "order:o-1"));
        }
    }
}

/* Each missing statement is missed by its own rule, about its own subject. */
static void what_is_missing_is_named(void **state)
{
    (void)state;
    static const struct {
        enum cs_rule rule;
        const char *subject;
    } missed[N_NEEDED] = {
        [ORDER] = { CS_RULE_B01, "order" },
        [WWW] = { CS_RULE_V01, "dns:www.example.com" },
        [APEX] = { CS_RULE_V01, "dns:example.net" },
        [WILD] = { CS_RULE_V01, "dns:*.example.org" },
        [ADDRESS] = { CS_RULE_V01, "ip:198.52.0.1" },
        [IDENTITY] = { CS_RULE_O01, "subject:O" },
        [LINT] = { CS_RULE_L01, "tbs" },
    };
    for (unsigned needed = 0; needed <= WHOLE; needed++) {
        build(needed, 0);
        (void)house_judge(H);
        for (unsigned k = 0; k < N_NEEDED; k++)
            assert_int_equal(house_has(H, missed[k].rule, missed[k].subject), (needed >> k & 1) == 0);
    }
}

/* ---- random facts ---- */

static uint64_t seed = 20261121;
static unsigned dice(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % n;
}

static void random_house(void)
{
    static const char *const names[] = { "example.com", "www.example.com", "*.example.com",
                                         "a.b.example.com" };
    static const char *const domains[] = { "example.com", "b.example.com", "www.example.com", "example.net" };
    static const int methods[] = { METHOD(DCV_DNS_CHANGE), METHOD(DCV_ACME_HTTP_01),
                                   METHOD(DCV_DNS_PERSIST_01), METHOD(RETIRED_DCV_8_IP_ADDRESS) };
    static const char *const accounts[] = { "acme", "acme", "acme", "acme", "acme", "acme", "acme", "other" };
    house_init(H);
    unsigned chosen = 1 + dice(15);
    for (unsigned i = 0; i < 4; i++)
        if ((chosen >> i & 1) != 0)
            house_name(H, names[i]);
    bool organisation = dice(3) == 0;
    if (organisation) {
        house_profile(H, PROFILE(ORGANIZATION_VALIDATED));
        house_attribute(H, CS_OID_C, 0x13, "NL");
        house_attribute(H, HOUSE_OID_L, 0x0c, "Delft");
        house_attribute(H, HOUSE_OID_O, 0x0c, "Acme B.V.");
    }
    for (unsigned n = 2 + dice(7), i = 0; i < n; i++) {
        switch (i == 0 ? 0 : organisation && i == 1 ? 1 : dice(5)) {
        case 0: {
            order_t *o = house_order(H);
            o->profile = organisation ? PROFILE(ORGANIZATION_VALIDATED) : PROFILE(DOMAIN_VALIDATED);
            o->possession_proven = dice(8) != 0;
            if (dice(8) == 0)
                o->spki_sha256.data[0] ^= 1;
            break;
        }
        case 1:
            if (organisation)
                house_identity(H)->record_version = 1; /* a newer version would subtract */
            else
                house_approval(H, DECISION(APPROVE));
            break;
        default: {
            control_t *d = house_control(H, domains[dice(4)], methods[dice(4)],
                                         dice(3) == 0 ? SCOPE(EXACT) : SCOPE(NAMESPACE));
            house_age(d, HOUSE_NOW - (int64_t)dice(220) * 86400);
            break;
        }
        }
        house_last(H)->statement->header->account = house_bytes(H, accounts[dice(8)]);
    }
}

static void less_evidence_never_admits_more(void **state)
{
    (void)state;
    static struct cs_evidence all[CS_FACTS_EVIDENCE_MAX];
    unsigned n_admitted = 0, n_refused = 0;
    for (int round = 0; round < 2000; round++) {
        random_house();
        uint32_t n = H->facts.n_evidence;
        bool whole = house_judge(H);
        n_admitted += whole;
        n_refused += !whole;
        if (whole)
            continue;
        memcpy(all, H->evidence, n * sizeof *all);
        for (unsigned kept = 0; kept < (1u << n); kept++) {
            H->facts.n_evidence = 0;
            for (uint32_t i = 0; i < n; i++)
                if ((kept >> i & 1) != 0)
                    H->evidence[H->facts.n_evidence++] = all[i];
            if (house_judge(H))
                fail_msg("round %d: %u of %u statements admit what all refuse", round, kept, n);
        }
    }
    print_message("%u admitted, %u refused\n", n_admitted, n_refused);
    assert_true(n_admitted > 100 && n_refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(approvals_only_subtract),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(less_evidence_never_admits_more),
    };
    H = calloc(1, sizeof *H);
    int failed = H != NULL ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    if (H != NULL)
        house_done(H);
    free(H);
    return failed;
}
