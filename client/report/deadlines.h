/*
 * Deadlines of revocation: BR 4.9.1.1 as a table, from the moment the CA was made aware.
 */
#ifndef CS_REPORT_DEADLINES_H
#define CS_REPORT_DEADLINES_H

#include <stdbool.h>
#include <stdint.h>

enum { CS_DEADLINES_MAX = 16 };

struct cs_deadline {
    const char *name; /* of --reason */
    const char *text;
    int64_t within_s;
    uint8_t crl_reason; /* RFC 5280 5.3.1 */
};

/* Ends with a row without name; the strictest come first. */
extern const struct cs_deadline cs_deadlines[CS_DEADLINES_MAX + 1];

/* NULL when there is none. */
const struct cs_deadline *cs_deadline_of(const char *name);
const char *cs_crl_reason_name(uint8_t reason);

#endif
