/*
 * Listing: what each rule reads, where and when it is judged, and its rows by date; for people, tools
 * and the snapshot of the rules. Nothing here decides.
 */
#ifndef CS_GATE_RULES_LISTING_H
#define CS_GATE_RULES_LISTING_H

#include "proxy/gate/verdict/verdict.h"

struct cs_rule_place {
    const char *judged; /* "for the request", "for each envelope" ...; NULL: this version does not judge it */
    const char *source; /* folder or file */
    unsigned inputs;    /* CS_IN_* of rows.h, of all its rows */
};
struct cs_rule_place cs_rule_place(enum cs_rule r);

/* The name of one CS_IN_* bit; NULL for a bit without one. */
const char *cs_input_name(unsigned bit);

/* One row of a rule's tables by date: in force from the first to before the second. */
struct cs_dated_row {
    int64_t from_unix_s, until_unix_s; /* INT64_MIN, INT64_MAX: open */
    char text[160];
};
typedef void cs_dated_fn(void *ctx, const struct cs_dated_row *row);
/* cs_dated_each tells the rows of a rule, table by table, in their order; none for most rules. */
void cs_dated_each(enum cs_rule r, cs_dated_fn *tell, void *ctx);

#endif
