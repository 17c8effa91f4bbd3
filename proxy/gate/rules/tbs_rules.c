/* Rules on the fields of the TBS, the issuer and the clock. */
#include "proxy/gate/rules/rows.h"

#include "proxy/ipc/messages.h"

enum { NOT_BEFORE_SLACK_S = 48 * 3600, SERIAL_MAX_LEN = 20, SERIAL_MIN_LEN = 9 };

int64_t cs_age_s(int64_t now_unix_s, int64_t then_unix_s)
{
    int64_t age;
    if (__builtin_sub_overflow(now_unix_s, then_unix_s, &age))
        return now_unix_s > then_unix_s ? INT64_MAX : INT64_MIN;
    return age;
}

/* N02 */
bool cs_client_may_use_issuer(struct cs_case *c)
{
    const struct cs_facts *f = c->f;
    if (f->client == NULL)
        return true;
    for (uint32_t i = 0; i < f->policy->n_issuers; i++)
        if (&f->policy->issuer[i] == f->issuer && (f->client->issuers >> i & 1) != 0)
            return true;
    return cs_refuse(c, cs_arena_printf(c->arena, "client:%s", cs_show_text(c->arena, f->client->name)),
                     cs_arena_printf(c->arena, "issuer %s is not on the client's list",
                                     cs_show_text(c->arena, f->issuer->id)),
                     "an issuer of the client's list in the policy");
}

/* T01, as far as the view shows it: strict DER was proven when the view was made. */
bool cs_version_is_3_without_unique_ids(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    bool ok = true;
    if (t->version != 2)
        ok = cs_refuse(c, "tbs.version", cs_arena_printf(c->arena, "v%u", t->version + 1u), "v3");
    if (t->has_issuer_uid)
        ok = cs_refuse(c, "tbs.issuerUniqueID", "present", "no issuerUniqueID");
    if (t->has_subject_uid)
        ok = cs_refuse(c, "tbs.subjectUniqueID", "present", "no subjectUniqueID");
    return ok;
}

/* T02 */
bool cs_issuer_is_the_issuers_subject(struct cs_case *c)
{
    const struct cs_issuer *i = c->f->issuer;
    if (cs_span_eq(c->f->tbs->issuer, cs_span_of("\x30\x00", 2)))
        return cs_refuse(c, "tbs.issuer", "an empty Name", "the subject of issuer %s: %s",
                         cs_show_text(c->arena, i->id), cs_show_hex(c->arena, i->subject));
    if (i->subject.len != 0 && cs_span_eq(c->f->tbs->issuer, i->subject))
        return true;
    return cs_refuse(c, "tbs.issuer", cs_show_hex(c->arena, c->f->tbs->issuer),
                     "the subject of issuer %s: %s", cs_show_text(c->arena, i->id),
                     cs_show_hex(c->arena, i->subject));
}

/* T03 */
bool cs_algorithm_is_the_issuers(struct cs_case *c)
{
    const struct cs_issuer *i = c->f->issuer;
    enum cs_algorithm a = cs_algorithm_of_der(c->f->tbs->signature);
    if (a != CS_ALG_NONE && (i->algorithms >> (unsigned)a & 1) != 0)
        return true;
    CS_AUTO_BUF struct cs_buf list = { 0 };
    for (int n = CS_ALG_NONE + 1; n < CS_ALG_COUNT; n++)
        if ((i->algorithms >> n & 1) != 0)
            cs_buf_printf(&list, "%s%s", list.len != 0 ? ", " : "", cs_algorithm_name((enum cs_algorithm)n));
    return cs_refuse(c, "tbs.signature",
                     a != CS_ALG_NONE ? cs_algorithm_name(a) : cs_show_hex(c->arena, c->f->tbs->signature),
                     "one of issuer %s: %.*s", cs_show_text(c->arena, i->id), (int)list.len,
                     list.len != 0 ? (const char *)list.at : "");
}

/*
 * T04. Content octets are minimal two's complement, so up to 20 of them without the sign bit is below
 * 2^159. Eight octets leave 63 bits beside the sign: a value that fits there shows a generator that
 * fixes the top bit, or one that draws 64 bits and lost one; both cannot be told apart, and generators
 * with room to spare (16 octets and more) never come here. So the value itself has at least 64 bits,
 * which takes 9 octets.
 */
bool cs_serial_is_in_range(struct cs_case *c)
{
    struct cs_span s = c->f->tbs->serial;
    bool negative = s.len != 0 && (s.at[0] & 0x80) != 0;
    const char *found = cs_show_hex(c->arena, s);
    if (negative || s.len == 0 || (s.len == 1 && s.at[0] == 0))
        return cs_refuse(c, "tbs.serialNumber", s.len == 0 ? "empty" : found, "a positive number");
    if (s.len > SERIAL_MAX_LEN)
        return cs_refuse(c, "tbs.serialNumber", found, "at most 2^159-1: 20 octets");
    if (s.len < SERIAL_MIN_LEN)
        return cs_refuse(c, "tbs.serialNumber",
                         cs_arena_printf(c->arena, "%s: %zu octets, at most %zu random bits", found, s.len,
                                         8 * s.len - 1),
                         "a number of at least 64 bits (9 octets), all of them random");
    return true;
}

/* T05 */
bool cs_serial_is_unused_or_paired(struct cs_case *c)
{
    const struct cs_facts *f = c->f;
    const struct cs_use_fact *use = &f->serial_use;
    if (!use->precertificate && !use->certificate)
        return true;
    if (use->certificate)
        return cs_refuse(c, "tbs.serialNumber", "a certificate with this serial number is on record",
                         "a serial number this issuer never used");
    if (f->kind != CS_LEAF_CERTIFICATE)
        return cs_refuse(c, "tbs.serialNumber", "a precertificate with this serial number is on record",
                         "a serial number this issuer never used");
    if (!cs_span_eq(cs_sha256_span(&use->pair_sha256), cs_sha256_span(&f->pair_sha256)))
        return cs_refuse(c, "tbs.serialNumber",
                         "the precertificate with this serial number is another certificate's",
                         "the TBS of that precertificate, with the poison replaced by the SCT list only");
    return true;
}

/* T06 */
bool cs_not_before_is_near_now(struct cs_case *c)
{
    int64_t not_before = c->f->tbs->not_before_unix_s;
    int64_t age = cs_age_s(c->f->now_unix_s, not_before);
    if (age >= -NOT_BEFORE_SLACK_S && age <= NOT_BEFORE_SLACK_S)
        return true;
    return cs_refuse(c, "tbs.validity.notBefore", cs_show_time(c->arena, not_before),
                     "at most 48 h before or after now, %s", cs_show_time(c->arena, c->f->now_unix_s));
}

/* T07: both ends counted, so a period from a second to the same second lasts 1 s. */
bool cs_validity_is_within_limit(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    int64_t difference = cs_age_s(t->not_after_unix_s, t->not_before_unix_s);
    int64_t limit = cs_validity_limit_s(c->f);
    if (difference < 0)
        return cs_refuse(c, "tbs.validity", "notAfter is before notBefore", "notAfter at or after notBefore");
    if (difference < limit) /* difference + 1 <= limit */
        return true;
    return cs_refuse(c, "tbs.validity",
                     cs_arena_printf(c->arena, "notAfter %s: %s and %lld s over the limit, both ends counted",
                                     cs_show_time(c->arena, t->not_after_unix_s),
                                     cs_show_duration(c->arena, limit), (long long)(difference - limit + 1)),
                     "at most %s, both ends counted: notAfter %s or earlier",
                     cs_show_duration(c->arena, limit),
                     cs_show_time(c->arena, t->not_before_unix_s + limit - 1));
}

/* T08 */
bool cs_not_after_is_within_issuer(struct cs_case *c)
{
    int64_t not_after = c->f->tbs->not_after_unix_s;
    if (not_after <= c->f->issuer->not_after_unix_s)
        return true;
    return cs_refuse(c, "tbs.validity.notAfter", cs_show_time(c->arena, not_after),
                     "not after %s, when issuer %s ends",
                     cs_show_time(c->arena, c->f->issuer->not_after_unix_s),
                     cs_show_text(c->arena, c->f->issuer->id));
}

static bool rsa_is_acceptable(struct cs_case *c)
{
    const struct cs_spki_facts *k = &c->f->spki;
    const struct cs_tbs *t = c->f->tbs;
    const char *exponent = cs_show_hex(c->arena, t->rsa_exponent);
    bool ok = true;
    if (k->rsa_bits < 2048 || k->rsa_bits % 8 != 0)
        ok = cs_refuse(c, "key", cs_arena_printf(c->arena, "RSA modulus of %u bits", k->rsa_bits),
                       "at least 2048 bits, a multiple of 8");
    if (!k->rsa_exponent_odd || !k->rsa_exponent_at_least_3)
        ok = cs_refuse(c, "key", cs_arena_printf(c->arena, "RSA exponent 0x%s", exponent),
                       "an odd exponent of at least 3");
    else if (!k->rsa_exponent_at_least_65537)
        ok = cs_refuse(c, "key", cs_arena_printf(c->arena, "RSA exponent 0x%s", exponent),
                       "an exponent from 65537 to 2^256-1");
    if (!k->rsa_modulus_odd)
        ok = cs_refuse(c, "key", "RSA modulus is even", "an odd modulus");
    if (k->rsa_small_factor != 0)
        ok = cs_refuse(c, "key",
                       cs_arena_printf(c->arena, "RSA modulus is divisible by %u", k->rsa_small_factor),
                       "a modulus without factors below 752");
    if (k->rsa_is_power)
        ok = cs_refuse(c, "key", "RSA modulus is a power of a smaller number", "a product of two primes");
    return ok;
}

/* T09. The SHOULDs of BR 6.1.6 are MUSTs here: no honest key maker offends against them. */
bool cs_key_is_acceptable(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    bool ok = true;
    switch (t->key_kind) {
    case CS_KEY_RSA:
        ok = rsa_is_acceptable(c);
        break;
    case CS_KEY_EC_P256:
    case CS_KEY_EC_P384:
    case CS_KEY_EC_P521:
        if (!c->f->spki.ec_point_valid)
            ok = cs_refuse(c, "key", "the octets are no uncompressed point of the curve",
                           "an uncompressed point on the curve, not infinity");
        break;
    case CS_KEY_OTHER:
    default:
        ok = cs_refuse(c, "key",
                       cs_arena_printf(c->arena, "algorithm %s", cs_show_hex(c->arena, t->spki_algorithm)),
                       "rsaEncryption with NULL, or a P-256, P-384 or P-521 key");
        break;
    }
    if (cs_span_eq(t->spki, c->f->issuer->spki))
        ok = cs_refuse(c, "key", "the issuer's own key", "a key of the subscriber");
    return ok;
}

static const struct cs_extension *extension(const struct cs_tbs *t, const char *oid)
{
    return cs_tbs_find(t, cs_span_of(oid, 3)); /* 2.5.29.x */
}

/* T15 */
bool cs_aki_is_the_issuers_ski(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    const struct cs_issuer *i = c->f->issuer;
    const char *subject = "tbs.authorityKeyIdentifier";
    if (!t->has_aki)
        return cs_refuse(c, subject, "absent", "keyIdentifier %s", cs_show_hex(c->arena, i->ski));
    bool ok = true;
    const struct cs_extension *x = extension(t, "\x55\x1d\x23");
    if (x != NULL && x->critical)
        ok = cs_refuse(c, subject, "critical", "not critical");
    if (t->aki_has_issuer_or_serial)
        ok = cs_refuse(c, subject, "authorityCertIssuer or authorityCertSerialNumber", "keyIdentifier only");
    if (i->ski.len == 0 || !cs_span_eq(t->aki_key_id, i->ski))
        ok = cs_refuse(c, subject,
                       t->aki_key_id.len != 0 ? cs_show_hex(c->arena, t->aki_key_id) : "no keyIdentifier",
                       "keyIdentifier %s, as issuer %s has it", cs_show_hex(c->arena, i->ski),
                       cs_show_text(c->arena, i->id));
    return ok;
}

/* K02 */
bool cs_issuer_key_signs_leaves(struct cs_case *c)
{
    const struct cs_issuer *i = c->f->issuer;
    if ((i->purposes & CS_PURPOSE_LEAF) != 0)
        return true;
    return cs_refuse(c, cs_arena_printf(c->arena, "issuer:%s", cs_show_text(c->arena, i->id)),
                     "the policy does not give its key the purpose leaf",
                     "an issuer whose key signs subscriber certificates");
}

/* X02 */
bool cs_decision_can_be_recorded(struct cs_case *c)
{
    if (c->f->ledger_ready && c->f->witnesses_lapsed)
        return cs_refuse(c, "witnesses", "too few have cosigned what the ledger recorded",
                         "the quorum of witnesses, within the time of the policy");
    if (c->f->ledger_ready)
        return true;
    return cs_refuse(c, "ledger", "not ready, or the clock is behind its last entry",
                     "a ledger that takes the entry before the key is used");
}
