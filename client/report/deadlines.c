#include "client/report/deadlines.h"

#include <stddef.h>
#include <string.h>

enum { DAY_S = 86400 };

const struct cs_deadline cs_deadlines[CS_DEADLINES_MAX + 1] = {
    { "no-reason", "the subscriber asked in writing, without a reason", DAY_S, 0 },
    { "not-authorized", "the request was not authorised and is not authorised afterwards", DAY_S, 9 },
    { "key-compromise", "the private key was compromised", DAY_S, 1 },
    { "weak-key", "the private key can be computed from the public one", DAY_S, 1 },
    { "validation", "domain or IP validation, or the CAA check, cannot be relied on", DAY_S, 4 },
    { "key-form", "the key does not have the required size or parameters", 5 * DAY_S, 4 },
    { "misuse", "the certificate was misused", 5 * DAY_S, 9 },
    { "agreement", "the subscriber breached the agreement", 5 * DAY_S, 9 },
    { "name-use", "use of a name is no longer permitted", 5 * DAY_S, 5 },
    { "wildcard-fraud", "a wildcard served a fraudulently misleading name below it", 5 * DAY_S, 9 },
    { "material-change", "the information changed materially", 5 * DAY_S, 9 },
    { "not-compliant", "not issued in accordance with BR, CP or CPS", 5 * DAY_S, 4 },
    { "inaccurate", "information in the certificate is inaccurate", 5 * DAY_S, 9 },
    { "right-lost", "the CA loses the right to issue", 5 * DAY_S, 0 },
    { "cps", "the CPS requires it for another reason", 5 * DAY_S, 0 },
    { "key-generation", "the method of generating the key is flawed or exposes it", 5 * DAY_S, 1 },
    { 0 },
};

const struct cs_deadline *cs_deadline_of(const char *name)
{
    for (const struct cs_deadline *d = cs_deadlines; d->name != NULL; d++)
        if (strcmp(d->name, name) == 0)
            return d;
    return NULL;
}

const char *cs_crl_reason_name(uint8_t reason)
{
    switch (reason) {
    case 0:
        return "unspecified (0)";
    case 1:
        return "keyCompromise (1)";
    case 4:
        return "superseded (4)";
    case 5:
        return "cessationOfOperation (5)";
    default:
        return "privilegeWithdrawn (9)";
    }
}
