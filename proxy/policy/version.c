#include "proxy/policy/version.h"

enum { DIGITS_MAX = 9 };

bool cs_version_parse(struct cs_span text, struct cs_version *out)
{
    struct cs_version v = { { 0 } };
    size_t i = text.len != 0 && text.at[0] == 'v' ? 1 : 0;
    for (unsigned n = 0; n < CS_VERSION_NUMBERS_MAX; n++) {
        size_t start = i;
        for (; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++) {
            if (i - start == DIGITS_MAX)
                return false;
            v.number[n] = v.number[n] * 10 + (uint32_t)(text.at[i] - '0');
        }
        if (i == start)
            return false;
        if (i == text.len) {
            *out = v;
            return true;
        }
        if (text.at[i++] != '.')
            return false;
    }
    return false;
}

int cs_version_cmp(const struct cs_version *a, const struct cs_version *b)
{
    for (unsigned n = 0; n < CS_VERSION_NUMBERS_MAX; n++)
        if (a->number[n] != b->number[n])
            return a->number[n] < b->number[n] ? -1 : 1;
    return 0;
}
