/*
 * Multi-perspective corroboration, recounted from the raw perspectives (BR 3.2.2.9). Pure arithmetic:
 * no policy, no clock. Whoever ran the checks does not decide whether they suffice.
 */
#ifndef CS_GATE_RULES_MPIC_H
#define CS_GATE_RULES_MPIC_H

#include "countersign/v1/common.pb-c.h"

#include "proxy/base/bytes.h"

enum {
    CS_MPIC_APART_KM = 500,
    /* How long one attempt may take. The requirements say that corroborations of different attempts are
     * not added up, and leave open how an attempt is told from the next: observations further apart than
     * this are taken for two. */
    CS_MPIC_ATTEMPT_S = 3600,
};

/* What an attempt made at or after from_unix_s must show. */
struct cs_mpic_row {
    int64_t from_unix_s;
    uint32_t min_remotes; /* 0: no corroboration was asked for */
    bool quorum;          /* the limit on remotes that do not corroborate binds */
    uint32_t min_regions; /* RIR service regions of the remotes that corroborate */
};
const struct cs_mpic_row *cs_mpic_at(int64_t attempt_unix_s);
const struct cs_mpic_row *cs_mpic_rows(size_t *n); /* ascending; the first has no beginning */

/* How many of n remotes may fail to corroborate. */
uint32_t cs_mpic_failures_max(uint32_t n_remotes);

/* Great-circle distance on a sphere of mean radius. */
double cs_distance_km(int32_t lat_a_microdegrees, int32_t lon_a_microdegrees, int32_t lat_b_microdegrees,
                      int32_t lon_b_microdegrees);

enum cs_mpic_flaw {
    CS_MPIC_HOLDS = 0,
    CS_MPIC_NO_ATTEMPT,  /* no primary, or no attempt number */
    CS_MPIC_TIMES,       /* a falls outside the attempt */
    CS_MPIC_ID_TWICE,    /* a and b have one id */
    CS_MPIC_TOO_NEAR,    /* a and b are less than 500 km apart */
    CS_MPIC_TOO_FEW,     /* remotes */
    CS_MPIC_TOO_FAILING, /* too many remotes do not corroborate */
    CS_MPIC_REGIONS,     /* the corroborating remotes stand in too few regions */
};

struct cs_mpic_count {
    enum cs_mpic_flaw flaw; /* the first that was found */
    const struct cs_mpic_row *row;
    uint32_t n_remotes, n_passed, n_regions; /* n_regions: of those that passed */
    const Countersign__V1__Perspective *a, *b;
    double apart_km;
};

/* cs_mpic_recount counts one attempt. from and to are the statement's own times: no observation may lie
 * more than CS_MPIC_ATTEMPT_S outside them, nor away from the primary's. The row is that of the
 * primary's observation. Whether the primary's own check passed is the caller's business. */
void cs_mpic_recount(const Countersign__V1__Perspectives *p, int64_t from_unix_s, int64_t to_unix_s,
                     struct cs_mpic_count *out);

#endif
