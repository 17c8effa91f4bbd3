/* holds: how many operators let a hold go. */
#include "proxy/policy/parts.h"

enum { QUORUM_DEFAULT = 2, QUORUM_MIN = 2, QUORUM_MAX = 8 };

static bool is_operator(const struct cs_attester *a)
{
    return (a->roles >> COUNTERSIGN__V1__ROLE__ROLE_OPERATOR & 1) != 0;
}

/* Operators that count as different: keys of one named person count once. */
static uint32_t n_operators(const struct cs_policy *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_attesters; i++) {
        const struct cs_attester *a = &p->attester[i];
        bool again = !is_operator(a);
        for (uint32_t k = 0; k < i && a->person.len != 0 && !again; k++)
            again = is_operator(&p->attester[k]) && cs_span_eq(a->person, p->attester[k].person);
        n += !again;
    }
    return n;
}

CS_RESULT cs_policy_read_holds(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    p->holds.lift_quorum = QUORUM_DEFAULT;
    if (n == NULL)
        return CS_OK;
    struct cs_yaml_field f[] = { { .key = "lift_quorum", .required = true } };
    uint64_t quorum;
    CS_TRY(cs_yaml_fields(n, f, 1, note));
    CS_TRY(cs_yaml_u64(f[0].value, QUORUM_MIN, QUORUM_MAX, &quorum, note));
    if (n_operators(p) < quorum)
        return cs_yaml_fail(f[0].value, note,
                            "%u attesters with the role operator held by different people; no hold could be "
                            "lifted",
                            n_operators(p));
    p->holds.lift_quorum = (uint32_t)quorum;
    return CS_OK;
}
