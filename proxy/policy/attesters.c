#include <openssl/err.h>
#include <openssl/x509.h>

#include "proxy/policy/parts.h"

enum { PUBLIC_KEY_MAX_LEN = 1024 };

static int role_number(struct cs_span name)
{
    return (int)cs_role_of_name(name);
}

static CS_RESULT read_algorithm(const struct cs_yaml_node *n, enum cs_attester_algorithm *out,
                                struct cs_note *note)
{
    struct cs_span name;
    CS_TRY(cs_yaml_string(n, CS_POLICY_ID_MAX_LEN, &name, note));
    *out = cs_attester_algorithm_of_name(name);
    if (*out == CS_ATTESTER_NONE)
        return cs_policy_fail_name(n, "an attester's algorithm", CS_NAMES_ATTESTER_ALGORITHM, note);
    return CS_OK;
}

/* The only two forms a key may have, so that one key has one digest: OpenSSL also reads compressed
 * points, explicit curves and lengths in too many octets. */
static enum cs_attester_algorithm algorithm_of_spki(struct cs_span der)
{
    static const uint8_t ed25519[] = {
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00
    };
    static const uint8_t p256[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04 };
    if (der.len == sizeof ed25519 + 32 && memcmp(der.at, ed25519, sizeof ed25519) == 0)
        return CS_ATTESTER_ED25519;
    if (der.len == sizeof p256 + 64 && memcmp(der.at, p256, sizeof p256) == 0)
        return CS_ATTESTER_ECDSA_P256_SHA256;
    return CS_ATTESTER_NONE;
}

static CS_RESULT read_key(struct cs_policy *p, struct cs_attester *out, const struct cs_yaml_node *n,
                          struct cs_note *note)
{
    struct cs_span der;
    CS_TRY(cs_yaml_pem(n, "PUBLIC KEY", PUBLIC_KEY_MAX_LEN, p->arena, &der, note));
    enum cs_attester_algorithm fits = algorithm_of_spki(der);
    if (fits == CS_ATTESTER_NONE)
        return cs_yaml_fail(n, note, "the key is neither Ed25519 nor P-256 (uncompressed point) in DER");
    if (fits != out->algorithm)
        return cs_yaml_fail(n, note, "the key is for %s, the algorithm is %s",
                            cs_attester_algorithm_name(fits), cs_attester_algorithm_name(out->algorithm));
    const unsigned char *at = der.at;
    out->key = d2i_PUBKEY(NULL, &at, (long)der.len);
    ERR_clear_error();
    if (out->key == NULL)
        return cs_yaml_fail(n, note, "the key is no point of the curve");
    for (uint32_t i = 0; i < p->n_issuers; i++)
        if (cs_span_eq(p->issuer[i].spki, der))
            return cs_yaml_fail(n, note, "issuers[%u] has the same public key", i);
    out->spki_sha256 = cs_sha256(der);
    return CS_OK;
}

static CS_RESULT read_methods(struct cs_attester *out, const struct cs_yaml_node *n, struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, 64, note));
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next) {
        struct cs_span name;
        CS_TRY(cs_yaml_string(c, CS_POLICY_ID_MAX_LEN, &name, note));
        int method = (int)cs_method_of_name(name);
        if (method == 0)
            return cs_policy_fail_name(c, "a validation method", CS_NAMES_METHOD, note);
        if (strncmp(cs_method_name(method), "retired_", 8) == 0)
            return cs_yaml_fail(c, note, "'%s' is retired; no evidence by it counts", cs_method_name(method));
        if (cs_method_set_has(&out->methods, method))
            return cs_yaml_fail(c, note, "'%s' stands there twice", cs_method_name(method));
        cs_method_set_add(&out->methods, method);
    }
    return CS_OK;
}

static CS_RESULT read_attester(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    enum { NAME, KEY, ALGORITHM, ROLES, METHODS, NOT_BEFORE, NOT_AFTER, PERSON, THIRD_PARTY, N };
    struct cs_yaml_field f[N] = {
        [NAME] = { .key = "name", .required = true },
        [KEY] = { .key = "public_key", .required = true },
        [ALGORITHM] = { .key = "algorithm", .required = true },
        [ROLES] = { .key = "roles", .required = true },
        [METHODS] = { .key = "methods" },
        [NOT_BEFORE] = { .key = "not_before", .required = true },
        [NOT_AFTER] = { .key = "not_after", .required = true },
        [PERSON] = { .key = "person" },
        [THIRD_PARTY] = { .key = "third_party" },
    };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    struct cs_attester *out = &p->attester[p->n_attesters];
    CS_TRY(cs_yaml_id(f[NAME].value, CS_POLICY_ID_MAX_LEN, &out->name, note));
    CS_TRY(read_algorithm(f[ALGORITHM].value, &out->algorithm, note));
    CS_TRY(read_key(p, out, f[KEY].value, note));
    CS_TRY(cs_policy_read_bits(f[ROLES].value, role_number, CS_NAMES_ROLE, "a role", &out->roles, note));
    bool validates = (out->roles >> COUNTERSIGN__V1__ROLE__ROLE_VALIDATION_SYSTEM & 1) != 0;
    if (validates && f[METHODS].value == NULL)
        return cs_yaml_fail(n, note, "the key 'methods' is missing; role validation-system needs it");
    if (!validates && f[METHODS].value != NULL)
        return cs_yaml_fail(f[METHODS].value, note, "methods are for role validation-system only");
    if (validates)
        CS_TRY(read_methods(out, f[METHODS].value, note));
    CS_TRY(cs_yaml_time(f[NOT_BEFORE].value, &out->not_before_unix_s, note));
    CS_TRY(cs_yaml_time(f[NOT_AFTER].value, &out->not_after_unix_s, note));
    if (out->not_before_unix_s >= out->not_after_unix_s)
        return cs_yaml_fail(f[NOT_AFTER].value, note, "not later than not_before");
    if (f[PERSON].value != NULL)
        CS_TRY(cs_yaml_id(f[PERSON].value, CS_POLICY_ID_MAX_LEN, &out->person, note));
    if (f[THIRD_PARTY].value != NULL)
        CS_TRY(cs_yaml_bool(f[THIRD_PARTY].value, &out->third_party, note));
    if (out->third_party && validates)
        return cs_yaml_fail(f[THIRD_PARTY].value, note,
                            "a delegated third party may not hold the role validation-system (BR 1.3.2)");
    for (uint32_t i = 0; i < p->n_attesters; i++) {
        if (cs_span_eq(p->attester[i].name, out->name))
            return cs_yaml_fail(f[NAME].value, note, "attesters[%u] has this name", i);
        if (memcmp(&p->attester[i].spki_sha256, &out->spki_sha256, sizeof out->spki_sha256) == 0)
            return cs_yaml_fail(f[KEY].value, note, "attesters[%u] has the same public key", i);
    }
    p->n_attesters++;
    return CS_OK;
}

CS_RESULT cs_policy_read_attesters(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, CS_POLICY_ATTESTERS_MAX, note));
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next)
        CS_TRY(read_attester(p, c, note));
    return CS_OK;
}
