#include "client/report/report.h"

#include <stdlib.h>

#include "client/report/gather.h"
#include "proxy/policy/names.h"

static void count(const struct cs_report_ask *ask, struct cs_report *r)
{
    for (uint32_t i = 0; i < r->n_rows; i++) {
        const struct cs_report_row *row = &r->row[i];
        unsigned type = (unsigned)cs_profile_of_name(cs_span_str(row->profile));
        r->by_type[type < CS_REPORT_TYPES ? type : 0]++;
        r->n_valid += cs_report_is_valid(ask, row);
        r->n_short_lived += row->short_lived;
        r->n_unknown += row->unknown;
        r->n_pre_only += row->certificate_seq == 0;
        r->n_final_only += row->precertificate_seq == 0;
        if (r->first_unix_s == 0 || row->issued_unix_s < r->first_unix_s)
            r->first_unix_s = row->issued_unix_s;
        if (row->issued_unix_s > r->last_unix_s)
            r->last_unix_s = row->issued_unix_s;
    }
}

static int by_issued(const void *a, const void *b)
{
    const struct cs_report_row *x = a, *y = b;
    if (x->issued_unix_s != y->issued_unix_s)
        return x->issued_unix_s < y->issued_unix_s ? -1 : 1;
    return strcmp(x->serial, y->serial);
}

static CS_RESULT gather(struct cs_gathering *g)
{
    struct cs_report *r = g->report;
    CS_TRY(cs_ledger_reader_open(g->ask->ledger, &g->reader, g->note));
    CS_TRY(cs_scope_run(g->ask->ledger, g->ask->query, &g->ask->options, cs_rows_put, g, &r->cover, g->note));
    CS_TRY(cs_rows_complete(g));
    CS_TRY(cs_revocations_read(g));
    return cs_span_read(g);
}

CS_RESULT cs_report_gather(const struct cs_report_ask *ask, struct cs_report *out, struct cs_note *note)
{
    struct cs_gathering g = { .ask = ask, .report = out, .note = note };
    out->deployment = "";
    cs_result r = gather(&g);
    if (cs_ok(r)) {
        if (out->n_rows != 0)
            qsort(out->row, out->n_rows, sizeof *out->row, by_issued);
        count(ask, out);
    }
    cs_evidence_done(&g);
    cs_keymap_done(&g.pairs);
    cs_keymap_done(&g.accounts);
    cs_arena_done(&g.scratch);
    cs_ledger_reader_close(g.reader);
    return r;
}

void cs_report_done(struct cs_report *r)
{
    free(r->row);
    free(r->day);
    free(r->event);
    cs_scope_cover_done(&r->cover);
    cs_arena_done(&r->arena);
    *r = (struct cs_report){ 0 };
}

int64_t cs_report_revoke_by(const struct cs_report_ask *ask, const struct cs_report_row *row)
{
    int64_t soonest = 0;
    if (ask->aware_unix_s == 0 || row->short_lived)
        return 0;
    for (uint32_t i = 0; i < ask->n_reasons; i++)
        if (soonest == 0 || ask->aware_unix_s + ask->reason[i]->within_s < soonest)
            soonest = ask->aware_unix_s + ask->reason[i]->within_s;
    return soonest;
}

const char *cs_report_type_name(unsigned type)
{
    static const char *const names[CS_REPORT_TYPES] = {
        [0] = "another policy OID",
        [COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED] = "DV TLS server (2.23.140.1.2.1)",
        [COUNTERSIGN__V1__PROFILE__PROFILE_INDIVIDUAL_VALIDATED] = "IV TLS server (2.23.140.1.2.3)",
        [COUNTERSIGN__V1__PROFILE__PROFILE_ORGANIZATION_VALIDATED] = "OV TLS server (2.23.140.1.2.2)",
        [COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION] = "EV TLS server (2.23.140.1.1)",
    };
    return names[type < CS_REPORT_TYPES ? type : 0];
}

bool cs_report_is_valid(const struct cs_report_ask *ask, const struct cs_report_row *row)
{
    return row->not_after_unix_s >= ask->now_unix_s && strcmp(row->revocation.status, "Yes") != 0;
}
