/*
 * Synthetic content for benches over large ledgers: a TBSCertificate of an organisation's name, and the
 * statements behind it. Nothing is signed; the ledger keeps what it is given.
 */
#ifndef CS_TESTS_BENCH_BIG_TBS_H
#define CS_TESTS_BENCH_BIG_TBS_H

#include "proxy/base/digest.h"

struct big_plan {
    uint64_t n;         /* number of the issuance */
    const char *domain; /* www. of it stands beside */
    const char *organization;
    uint8_t serial[16]; /* first octet 01..7f */
    int64_t not_before_unix_s;
};

/* big_tbs_put appends the DER. */
void big_tbs_put(const struct big_plan *p, struct cs_buf *out);

/* Envelopes, as cs_ledger_evidence_put wants them; ids are made of n. */
void big_domain_control_put(uint64_t n, const char *account, const char *domain, int method,
                            int64_t at_unix_s, struct cs_buf *out);
void big_organization_put(uint64_t n, const char *account, const char *organization, int64_t at_unix_s,
                          struct cs_buf *out);
void big_order_put(uint64_t n, const char *account, const char *domain, int64_t at_unix_s,
                   struct cs_buf *out);

uint64_t big_mixed(uint64_t n);

#endif
