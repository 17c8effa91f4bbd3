/*
 * judge_probe: which rules that need no evidence refuse certificates of the corpus.
 *
 * Standard input: one file a line, "cert PATH" or "tbs PATH" for a bare TBSCertificate, optionally
 * followed by a tab and the clock in seconds; without one the clock stands at the TBS's own notBefore.
 * Standard output: one JSON object a line, {"file", "flaw", "reasons": [[rule, subject, found, needed]]};
 * flaw is null when the reader took the bytes.
 *
 * The issuer is made up of what the TBS says of it, so T02, T08, T15 (but for its form), K02, B06 and N02
 * hold; T03 accepts every algorithm some issuer could have; no serial number is on record (T05), and the
 * ledger is ready (X02). The order, evidence and account rows are not judged.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/gate/rules/rows.h"
#include "proxy/ipc/messages.h"

static struct cs_policy policy;
static struct cs_tbs tbs;
static struct cs_lists *lists;

/* Debian's own public suffix list, whatever its age; no key lists, so T10 is ROCA and Fermat here and
 * T11 holds for every key. */
static void open_lists(void)
{
    static const char said[] = "The corpus is judged without a list of known keys.";
    struct cs_note note = { "" };
    policy.lists.public_suffix = (struct cs_list_source){
        .path = "/usr/share/publicsuffix/public_suffix_list.dat",
        .max_age_s = UINT32_MAX,
        .accept_stale = said,
    };
    policy.lists.debian_weak_keys.accept_missing = said;
    policy.lists.compromised_keys.accept_missing = said;
    if (!cs_ok(cs_lists_open(&policy.lists, cs_clock_unix_s(), &lists, &note))) {
        fprintf(stderr, "judge_probe: %s\n", note.text);
        exit(2);
    }
}

static json_t *judge(struct cs_arena *arena, int64_t now_unix_s)
{
    struct cs_facts facts = {
        .policy = &policy, .issuer = &policy.issuer[0], .ledger_ready = true, .lists = lists
    };
    struct cs_issuer *issuer = &policy.issuer[0];
    json_t *reasons = json_array();
    if (!cs_ok(cs_facts_of_tbs(&facts, &tbs))) {
        json_array_append_new(reasons, json_pack("[s, s, s, s]", "T09", "key", "cannot be inspected", ""));
        return reasons;
    }
    facts.now_unix_s = now_unix_s;
    *issuer = (struct cs_issuer){
        .id = cs_span_str("corpus"),
        .subject = tbs.issuer,
        .ski = tbs.aki_key_id,
        .not_after_unix_s = INT64_MAX,
        .purposes = CS_PURPOSE_LEAF,
        .algorithms = UINT32_MAX,
        .profiles = UINT32_MAX,
    };
    struct cs_verdict v = { .arena = arena };
    struct cs_case c = { .f = &facts, .arena = arena, .v = &v };
    cs_policies_read(&c);
    size_t n;
    const struct cs_rule_row *rows = cs_rule_rows(&n);
    for (size_t i = 0; i < n; i++) {
        uint32_t before = v.n_reasons;
        c.rule = rows[i].rule;
        if ((rows[i].inputs & (CS_IN_EVIDENCE | CS_IN_LEDGER)) != 0 || rows[i].rule == CS_RULE_O06)
            continue; /* rests on statements, on what was signed before, or on a policy's agencies */
        if (rows[i].stage == CS_STAGE_REQUEST && !rows[i].holds(&c) && v.n_reasons == before)
            (void)cs_refuse(&c, "request", "the rule does not hold", "%s", "");
    }
    for (uint32_t i = 0; i < v.n_reasons; i++) {
        const struct cs_reason *r = &v.reason[i];
        json_array_append_new(reasons, json_pack("[s, s, s, s]", cs_rule_text(r->rule)->id, r->subject,
                                                 r->found, r->needed));
    }
    return reasons;
}

static void probe(const char *kind, const char *path, const char *now)
{
    CS_AUTO_BUF struct cs_buf file = { 0 };
    struct cs_der_fault fault = { 0, NULL, "" };
    struct cs_note note = { "" };
    if (!cs_ok(cs_read_file(path, 1 << 20, &file, &note))) {
        fprintf(stderr, "%s\n", note.text);
        exit(2);
    }
    struct cs_span der = cs_buf_span(&file), algorithm, signature;
    cs_result r = CS_OK;
    if (strcmp(kind, "cert") == 0)
        r = cs_certificate_parse(der, &der, &algorithm, &signature, &fault);
    if (cs_ok(r))
        r = cs_tbs_parse(der, &tbs, &fault);
    json_t *flaw = cs_ok(r) ? json_null()
                            : json_sprintf("%s: %s: %s", cs_result_name(r), fault.where,
                                           fault.what != NULL ? fault.what : "");
    struct cs_arena arena = { 0 };
    json_t *reasons =
        cs_ok(r) ? judge(&arena, now != NULL ? strtoll(now, NULL, 10) : tbs.not_before_unix_s) : json_array();
    json_t *line = json_pack("{s:s, s:o, s:o}", "file", path, "flaw", flaw, "reasons", reasons);
    if (line == NULL || json_dumpf(line, stdout, JSON_COMPACT) != 0)
        exit(2);
    (void)putchar('\n');
    json_decref(line);
    cs_arena_done(&arena);
}

int main(void)
{
    char line[4096];
    open_lists();
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *rest = NULL;
        const char *kind = strtok_r(line, " ", &rest), *path = strtok_r(NULL, "\t", &rest);
        const char *now = strtok_r(NULL, "\t", &rest);
        if (kind == NULL || path == NULL || (strcmp(kind, "cert") != 0 && strcmp(kind, "tbs") != 0)) {
            fprintf(stderr, "judge_probe: needed: cert PATH or tbs PATH\n");
            return 2;
        }
        probe(kind, path, now);
    }
    return fflush(stdout) == 0 ? 0 : 2;
}
