/*
 * An answer of an Open MPIC service, read for what it says about single perspectives. Its own verdict is
 * not looked at: with a quorum_count of 0 it is always good.
 */
#ifndef CS_CLIENT_CLI_MPIC_ANSWER_H
#define CS_CLIENT_CLI_MPIC_ANSWER_H

#include <jansson.h>

#include "proxy/policy/perspectives.h"

enum { CS_MPIC_REMOTES_MAX = 64 };

struct cs_mpic_remote {
    const struct cs_site *site;
    bool passed;   /* completed and passed */
    bool has_time; /* always, when passed */
    int64_t observed_unix_s;
};

struct cs_mpic_answer {
    bool caa;                  /* otherwise domain or IP control */
    const char *target;        /* borrowed from the document, as all pointers here */
    bool wildcard, ip;         /* of the target */
    int method;                /* Countersign__V1__ValidationMethod; 0 for CAA */
    const json_t *caa_domains; /* for CAA: the issuer domains that were asked for, at least one */
    uint32_t attempt;          /* from 1 */
    uint32_t n_remotes;
    struct cs_mpic_remote remote[CS_MPIC_REMOTES_MAX];
};

/*
 * cs_mpic_answer_read reads one answer. FORM with a note that says what the answer lacks: not completed,
 * no perspectives, a code that the table does not have or that comes twice, a method that no machine
 * name stands for today, members of a wrong type. Members of a perspective may stand in it or in its
 * check_response, not in both; everything else of the service (is_valid, earlier attempts, details) is left
 * alone.
 */
CS_RESULT cs_mpic_answer_read(const json_t *root, const struct cs_sites *sites, struct cs_mpic_answer *out,
                              struct cs_note *note);

#endif
