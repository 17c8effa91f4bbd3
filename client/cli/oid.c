#include "client/cli/oid.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/cli/options.h"

/* Subject attribute types of BR 7.1.4.2 and 7.1.2.7.2 to .5, EVG 7.1.4.2. */
static const struct cs_attribute_type types[] = {
    { "CN", "2.5.4.3", false },
    { "SN", "2.5.4.4", false },
    { "serialNumber", "2.5.4.5", true },
    { "C", "2.5.4.6", true },
    { "L", "2.5.4.7", false },
    { "ST", "2.5.4.8", false },
    { "street", "2.5.4.9", false },
    { "O", "2.5.4.10", false },
    { "OU", "2.5.4.11", false },
    { "businessCategory", "2.5.4.15", false },
    { "postalCode", "2.5.4.17", false },
    { "GN", "2.5.4.42", false },
    { "organizationIdentifier", "2.5.4.97", false },
    { "DC", "0.9.2342.19200300.100.1.25", false },
    { "jurisdictionL", "1.3.6.1.4.1.311.60.2.1.1", false },
    { "jurisdictionST", "1.3.6.1.4.1.311.60.2.1.2", false },
    { "jurisdictionC", "1.3.6.1.4.1.311.60.2.1.3", true },
};

const struct cs_attribute_type *cs_attribute_type_at(unsigned n)
{
    return n < sizeof types / sizeof *types ? &types[n] : NULL;
}

const struct cs_attribute_type *cs_attribute_type_of(const char *text)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].short_name, text) == 0 || strcmp(types[i].dotted, text) == 0)
            return &types[i];
    return NULL;
}

const struct cs_attribute_type *cs_attribute_type_of_oid(struct cs_span oid)
{
    char dotted[256];
    return cs_oid_dotted(oid, dotted, sizeof dotted) ? cs_attribute_type_of(dotted) : NULL;
}

/* One arc, base 128, most significant first. */
static bool put_arc(uint64_t arc, uint8_t *out, size_t *at)
{
    unsigned n = 1;
    while (n < 10 && arc >> (7 * n) != 0)
        n++;
    if (n > CS_OID_MAX_LEN - *at)
        return false;
    while (n-- > 0)
        out[(*at)++] = (uint8_t)((arc >> (7 * n) & 0x7f) | (n != 0 ? 0x80 : 0));
    return true;
}

bool cs_oid_of_dotted(const char *text, uint8_t out[CS_OID_MAX_LEN], size_t *out_len)
{
    uint64_t first = 0;
    size_t len = 0;
    unsigned n = 0;
    for (const char *at = text;; n++) {
        char number[21];
        size_t digits = strcspn(at, ".");
        uint64_t arc;
        if (digits >= sizeof number)
            return false;
        memcpy(number, at, digits);
        number[digits] = '\0';
        if (!cs_number_of(number, (uint64_t)1 << 62, &arc))
            return false;
        if (n == 0) {
            if (arc > 2)
                return false;
            first = arc;
        } else {
            if (n == 1 && first < 2 && arc > 39)
                return false;
            if (!put_arc(n == 1 ? first * 40 + arc : arc, out, &len))
                return false;
        }
        if (at[digits] == '\0')
            break;
        at += digits + 1;
    }
    if (n == 0)
        return false;
    *out_len = len;
    return true;
}

bool cs_oid_dotted(struct cs_span oid, char *out, size_t room)
{
    size_t used = 0;
    uint64_t arc = 0;
    bool first = true, open = false;
    if (oid.len == 0)
        return false;
    for (size_t i = 0; i < oid.len; i++) {
        if (!open && oid.at[i] == 0x80) /* padded arc */
            return false;
        if (arc >> 56 != 0)
            return false;
        arc = arc << 7 | (oid.at[i] & 0x7f);
        open = (oid.at[i] & 0x80) != 0;
        if (open)
            continue;
        uint64_t top = arc < 80 ? arc / 40 : 2;
        int n = first ? snprintf(out + used, room - used, "%" PRIu64 ".%" PRIu64, top, arc - top * 40)
                      : snprintf(out + used, room - used, ".%" PRIu64, arc);
        if (n < 0 || (size_t)n >= room - used)
            return false;
        used += (size_t)n;
        first = false;
        arc = 0;
    }
    return !open;
}
