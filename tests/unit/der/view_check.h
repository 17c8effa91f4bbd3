/*
 * Whether a view may be believed: all its spans lie inside its input, counts inside their tables. For
 * tests and the fuzz target.
 */
#ifndef CS_TESTS_VIEW_CHECK_H
#define CS_TESTS_VIEW_CHECK_H

#include "proxy/gate/der/tbs.h"

static inline bool span_is_inside(struct cs_span whole, struct cs_span part)
{
    return part.len == 0 || (part.at >= whole.at && part.len <= whole.len &&
                             (size_t)(part.at - whole.at) <= whole.len - part.len);
}

static inline bool view_is_inside(const struct cs_tbs *t, struct cs_span in)
{
    const struct cs_span spans[] = { t->der,         t->serial,       t->signature,      t->issuer,
                                     t->subject,     t->spki,         t->spki_algorithm, t->spki_key,
                                     t->rsa_modulus, t->rsa_exponent, t->aki_key_id,     t->ski };
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
        if (!span_is_inside(in, spans[i]))
            return false;
    if (t->n_attributes > CS_TBS_ATTRIBUTES_MAX || t->n_extensions > CS_TBS_EXTENSIONS_MAX ||
        t->n_names > CS_TBS_NAMES_MAX || t->serial.len == 0 || !cs_span_eq(t->der, in))
        return false;
    for (uint32_t i = 0; i < t->n_attributes; i++)
        if (!span_is_inside(t->subject, t->attribute[i].oid) ||
            !span_is_inside(t->subject, t->attribute[i].value))
            return false;
    for (uint32_t i = 0; i < t->n_extensions; i++)
        if (!span_is_inside(in, t->extension[i].der) ||
            !span_is_inside(t->extension[i].der, t->extension[i].oid) ||
            !span_is_inside(t->extension[i].der, t->extension[i].value))
            return false;
    for (uint32_t i = 0; i < t->n_names; i++)
        if (!span_is_inside(in, t->name[i].value))
            return false;
    return t->key_kind != CS_KEY_RSA || (t->rsa_modulus.len > 0 && t->rsa_exponent.len > 0);
}

#endif
