/* Serial numbers of a day: plausible or not (BR 7.1: at least 64 bits from a CSPRNG). */
#include "client/cli/audit_day.h"

enum { ENOUGH = 32 /* serials; a fair bit is the same in all of them once in 2^31 */ };

void cs_audit_serials_add(struct cs_audit_serials *s, struct cs_span serial)
{
    if (serial.len == 0)
        return;
    s->n++;
    s->n_octets[serial.len < 21 ? serial.len : 20]++;
    /* positive: the first bit of the shortest form is not random, so eight octets are 63 bits at most */
    s->n_short += serial.len <= 8;
    for (unsigned i = 0; i < 8; i++)
        s->n_top[i] += (serial.at[0] >> (7 - i)) & 1;
    for (unsigned i = 0; i < 64; i++) {
        size_t back = (63 - i) / 8; /* octets from the end */
        if (back < serial.len)
            s->n_ones[i] += (serial.at[serial.len - 1 - back] >> ((63 - i) % 8)) & 1;
    }
}

static json_t *counts_of(const uint64_t *n, size_t len)
{
    json_t *all = json_array();
    for (size_t i = 0; i < len; i++)
        json_array_append_new(all, json_integer((json_int_t)n[i]));
    return all;
}

json_t *cs_audit_serials_json(const struct cs_audit_serials *s)
{
    json_t *lengths = json_object();
    char key[8];
    for (int i = 1; i < 21; i++)
        if (s->n_octets[i] != 0) {
            snprintf(key, sizeof key, "%d", i);
            json_object_set_new(lengths, key, json_integer((json_int_t)s->n_octets[i]));
        }
    unsigned n_constant = 0;
    for (unsigned i = 0; i < 64; i++)
        n_constant += s->n_ones[i] == 0 || s->n_ones[i] == s->n;
    bool enough = s->n >= ENOUGH;
    const char *finding = s->n == 0                   ? "no serial numbers"
                          : s->n_short != 0           ? "serial numbers too short for 64 random bits"
                          : enough && n_constant != 0 ? "bits among the last 64 that never change"
                          : enough                    ? "plausible"
                                                      : "too few serial numbers to compare bits";
    return json_pack("{s:I, s:I, s:o, s:o, s:o, s:i, s:s}", "n", (json_int_t)s->n, "below_64_bits",
                     (json_int_t)s->n_short, "octets", lengths, "ones_in_first_octet", counts_of(s->n_top, 8),
                     "ones_in_last_64_bits", counts_of(s->n_ones, 64), "constant_of_last_64_bits",
                     enough ? (int)n_constant : 0, "finding", finding);
}
