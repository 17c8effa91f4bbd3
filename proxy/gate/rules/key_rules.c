/* T10, T11: keys that anybody, or too many, could have (BR 6.1.1.3). */
#include "proxy/gate/rules/rows.h"

/* Larger keys are beyond what the list must cover (BR 6.1.1.3(5)). */
enum { DEBIAN_RSA_MAX_BITS = 8192 };

static bool is_debian_weak(struct cs_case *c)
{
    const struct cs_facts *f = c->f;
    switch (f->debian_weak) {
    case CS_LIST_ABSENT:
        return false;
    case CS_LIST_PRESENT:
        (void)cs_refuse(c, "key", "in the list of keys that Debian's OpenSSL made (CVE-2008-0166)",
                        "a key made with a working random generator");
        return true;
    case CS_LIST_UNCOVERED:
        if (f->tbs->key_kind == CS_KEY_RSA && f->spki.rsa_bits > DEBIAN_RSA_MAX_BITS)
            return false;
        if (f->policy->lists.debian_weak_keys.accept_missing != NULL)
            return false;
        (void)cs_refuse(c, "key",
                        f->tbs->key_kind == CS_KEY_RSA
                            ? cs_arena_printf(c->arena, "RSA key of %u bits: no list of weak keys covers it",
                                              f->spki.rsa_bits)
                            : "no list of weak keys covers its curve",
                        "a key of a kind and size that lists.debian_weak_keys of the policy covers");
        return true;
    case CS_LIST_UNKNOWN:
    default:
        (void)cs_refuse(c, "key", "not looked up among the known weak keys",
                        "a look-up in the policy's lists");
        return true;
    }
}

/* T10 */
bool cs_key_is_not_weak(struct cs_case *c)
{
    const struct cs_facts *f = c->f;
    if (f->tbs->key_kind == CS_KEY_OTHER)
        return true; /* T09 refuses it */
    bool ok = !is_debian_weak(c);
    if (f->modulus_flaws.roca)
        ok = cs_refuse(c, "key", "RSA modulus with the fingerprint of ROCA (CVE-2017-15361)",
                       "a key not made by the faulty library");
    if (f->modulus_flaws.fermat)
        ok = cs_refuse(c, "key",
                       cs_arena_printf(c->arena, "RSA modulus that Fermat's method factors within %d rounds",
                                       CS_FERMAT_ROUNDS),
                       "a product of primes drawn independently");
    return ok;
}

/* T11. A key of the CA's own is in hands other than the subscriber's. */
bool cs_key_is_not_compromised(struct cs_case *c)
{
    const struct cs_facts *f = c->f;
    bool ok = true;
    if (f->lists == NULL)
        return cs_refuse(c, "key", "not looked up among the compromised keys",
                         "a look-up in the policy's lists");
    switch (cs_lists_compromised(f->lists, &f->spki_sha256)) {
    case CS_LIST_ABSENT:
        break;
    case CS_LIST_UNCOVERED:
        if (f->policy->lists.compromised_keys.accept_missing == NULL)
            ok = cs_refuse(c, "key", "there is no list of compromised keys", "the policy's compromised_keys");
        break;
    case CS_LIST_PRESENT:
    case CS_LIST_UNKNOWN:
    default:
        ok = cs_refuse(c, "key",
                       cs_arena_printf(c->arena, "SPKI SHA-256 %s is in the list of compromised keys",
                                       cs_show_hex(c->arena, cs_sha256_span(&f->spki_sha256))),
                       "a key that nobody else has");
        break;
    }
    for (uint32_t i = 0; i < f->policy->n_issuers; i++)
        if (cs_span_eq(f->policy->issuer[i].spki, f->tbs->spki))
            ok = cs_refuse(c, "key",
                           cs_arena_printf(c->arena, "the key of issuer %s",
                                           cs_show_text(c->arena, f->policy->issuer[i].id)),
                           "a key of the subscriber");
    for (uint32_t i = 0; i < f->policy->n_attesters; i++)
        if (cs_span_eq(cs_sha256_span(&f->policy->attester[i].spki_sha256), cs_sha256_span(&f->spki_sha256)))
            ok = cs_refuse(c, "key",
                           cs_arena_printf(c->arena, "the key of attester %s",
                                           cs_show_text(c->arena, f->policy->attester[i].name)),
                           "a key of the subscriber");
    return ok;
}
