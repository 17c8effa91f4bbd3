/* Compromised keys: a text file, one SHA-256 of a SubjectPublicKeyInfo per line in 64 hexadecimal
 * digits, then nothing or white space and a remark; '#' begins a line of remarks. */
#include <stdlib.h>

#include "proxy/gate/lists/parts.h"

enum { DIGITS = 2 * CS_SHA256_LEN };

static int digest_cmp(const void *a, const void *b)
{
    return memcmp(a, b, CS_SHA256_LEN);
}

static const char *read_line(struct cs_span line, struct cs_sha256 *out, bool *out_is_key)
{
    size_t len;
    *out_is_key = false;
    if (line.len == 0 || line.at[0] == '#')
        return NULL;
    if (line.len < DIGITS || !cs_ok(cs_unhex(cs_span_of(line.at, DIGITS), out->byte, CS_SHA256_LEN, &len)))
        return "needed: SHA-256 of a SubjectPublicKeyInfo, 64 hexadecimal digits";
    if (line.len > DIGITS && line.at[DIGITS] != ' ' && line.at[DIGITS] != '\t')
        return "white space separates the digest from a remark";
    *out_is_key = true;
    return NULL;
}

CS_RESULT cs_compromised_parse(struct cs_lists *l, struct cs_span file, struct cs_note *note)
{
    struct cs_span line;
    uint32_t number = 0;
    l->compromised = malloc((file.len / DIGITS + 1) * sizeof *l->compromised);
    if (l->compromised == NULL)
        return CS_ERR(NO_MEMORY);
    while (cs_line_next(&file, &line, &number)) {
        bool is_key;
        const char *flaw = read_line(line, &l->compromised[l->n_compromised], &is_key);
        if (flaw != NULL) {
            cs_note_set(note, "line %u: %s", number, flaw);
            return CS_ERR(CONFIG);
        }
        l->n_compromised += is_key;
    }
    if (l->n_compromised != 0)
        qsort(l->compromised, l->n_compromised, sizeof *l->compromised, digest_cmp);
    l->has_compromised = true;
    l->state[CS_LIST_COMPROMISED_KEYS].n_entries = l->n_compromised;
    return CS_OK;
}

enum cs_list_answer cs_lists_compromised(const struct cs_lists *l, const struct cs_sha256 *spki_sha256)
{
    if (!l->has_compromised)
        return CS_LIST_UNCOVERED;
    if (l->n_compromised == 0)
        return CS_LIST_ABSENT;
    return bsearch(spki_sha256, l->compromised, l->n_compromised, sizeof *l->compromised, digest_cmp) != NULL
               ? CS_LIST_PRESENT
               : CS_LIST_ABSENT;
}
