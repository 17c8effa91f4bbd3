/* Reads envelopes in hex, one a line, and says what the gate makes of each with the house's policy:
 * "admitted", or the ids of the rules that refuse. First line of output: the second it judges at. */
#include "tests/unit/evidence/house.h"

#include <stdio.h>

int main(void)
{
    static char line[2 * CS_ENVELOPE_MAX_LEN + 16];
    static uint8_t raw[CS_ENVELOPE_MAX_LEN + 8];
    struct house h;
    house_open(&h);
    printf("%d\n", HOUSE_NOW);
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t len = 0;
        line[strcspn(line, "\n")] = '\0';
        if (!cs_ok(cs_unhex(cs_span_str(line), raw, sizeof raw, &len)))
            return 1;
        struct cs_evidence_context ctx = { .policy = h.policy, .now_unix_s = HOUSE_NOW };
        struct cs_verdict v = { .arena = &h.arena };
        struct cs_evidence e;
        bool admitted = false;
        if (!cs_ok(cs_evidence_admit(&ctx, cs_span_of(raw, len), "line", &h.arena, &v, &admitted, &e)))
            return 1;
        printf("%s", admitted ? "admitted" : "");
        for (uint32_t i = 0; i < v.n_reasons; i++)
            printf("%s%s %s", i == 0 ? "" : "; ", cs_rule_text(v.reason[i].rule)->id, v.reason[i].needed);
        printf("\n");
        cs_arena_reset(&h.arena);
    }
    house_close(&h);
    return 0;
}
