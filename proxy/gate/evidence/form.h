/*
 * Form of statements: small checks that remember the first field that does not hold, so that the
 * check of a kind reads like its schema. A text is "path: what was needed" and static.
 */
#ifndef CS_GATE_EVIDENCE_FORM_H
#define CS_GATE_EVIDENCE_FORM_H

#include "countersign/v1/statement.pb-c.h"

#include "proxy/base/bytes.h"

enum {
    CS_FORM_SKEW_S = 60, /* how much later than issued_at a fact of the statement may lie */
    CS_NAMES_IN_ORDER_MAX = 500,
    CS_REMOTES_MAX = 64,
    CS_CNAMES_MAX = 16,
    CS_ATTRIBUTES_MAX = 64,
    CS_SOURCES_MAX = 64,
    CS_PEOPLE_MAX = 16,
    CS_FINDINGS_MAX = 500,
    CS_SELECTED_MAX = 256, /* values in one list of a selector */
};

struct cs_form {
    int64_t issued_at_unix_s;
    const char *why; /* first field that does not hold; NULL so far none */
};

static inline void cs_need(struct cs_form *f, bool holds, const char *why)
{
    if (!holds && f->why == NULL)
        f->why = why;
}

static inline bool cs_len_in(ProtobufCBinaryData v, size_t min, size_t max)
{
    return v.len >= min && v.len <= max;
}
static inline bool cs_is_digest(ProtobufCBinaryData v)
{
    return v.len == 32;
}
/* A moment that happened before the statement was issued, or within the skew. */
static inline bool cs_is_past(const struct cs_form *f, int64_t unix_s)
{
    return unix_s > 0 && unix_s - CS_FORM_SKEW_S <= f->issued_at_unix_s;
}
/* 1 to max octets of visible ASCII. */
bool cs_is_word(ProtobufCBinaryData v, size_t max);
/* A name as it is compared: 1 to 253 octets, labels of 1 to 63 octets a-z 0-9 - _, no dot at either
 * end, no wildcard. Whether such a name may be in a certificate is judged elsewhere. */
bool cs_is_name(ProtobufCBinaryData v);
/* As cs_is_name, or "*." before one. */
bool cs_is_name_or_wildcard(ProtobufCBinaryData v);

/* At most max_n values of min_len to max_len octets; distinct: none twice. */
bool cs_is_list(size_t n, const ProtobufCBinaryData *v, size_t max_n, size_t min_len, size_t max_len);
bool cs_is_set(size_t n, const ProtobufCBinaryData *v, size_t max_n, size_t min_len, size_t max_len);
/* Whether v is one of the n values. */
bool cs_is_among(ProtobufCBinaryData v, size_t n, const ProtobufCBinaryData *values);
/* Strictly ascending by octets, a prefix before the longer value. */
bool cs_is_ascending(size_t n, const ProtobufCBinaryData *v);

/* One function per kind of statement; the pointer is never NULL. */
void cs_form_domain_control(struct cs_form *f, const Countersign__V1__DomainControl *m);
void cs_form_caa_check(struct cs_form *f, const Countersign__V1__CaaCheck *m);
void cs_form_organization_identity(struct cs_form *f, const Countersign__V1__OrganizationIdentity *m);
void cs_form_order(struct cs_form *f, const Countersign__V1__Order *m);
void cs_form_lint(struct cs_form *f, const Countersign__V1__Lint *m);
void cs_form_approval(struct cs_form *f, const Countersign__V1__Approval *m);
void cs_form_ceremony(struct cs_form *f, const Countersign__V1__Ceremony *m);
void cs_form_recall(struct cs_form *f, const Countersign__V1__Recall *m);
void cs_form_hold(struct cs_form *f, const Countersign__V1__Hold *m);

#endif
