/*
 * Names of things that policies, flags and reports write: one table per list, both directions.
 */
#ifndef CS_POLICY_NAMES_H
#define CS_POLICY_NAMES_H

#include "countersign/v1/common.pb-c.h"

#include "proxy/base/digest.h"

/* Signature algorithms an issuer may use. X(id, name, AlgorithmIdentifier hex of BR 7.1.3.2) */
#define CS_ALGORITHMS(X)                                                                                     \
    X(RSA_SHA256, "rsa-sha256", "300d06092a864886f70d01010b0500")                                            \
    X(RSA_SHA384, "rsa-sha384", "300d06092a864886f70d01010c0500")                                            \
    X(RSA_SHA512, "rsa-sha512", "300d06092a864886f70d01010d0500")                                            \
    X(RSA_PSS_SHA256, "rsa-pss-sha256",                                                                      \
      "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06" \
      "096086480165030402010500a203020120")                                                                  \
    X(RSA_PSS_SHA384, "rsa-pss-sha384",                                                                      \
      "304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06" \
      "096086480165030402020500a203020130")                                                                  \
    X(RSA_PSS_SHA512, "rsa-pss-sha512",                                                                      \
      "304106092a864886f70d01010a3034a00f300d06096086480165030402030500a11c301a06092a864886f70d010108300d06" \
      "096086480165030402030500a203020140")                                                                  \
    X(ECDSA_SHA256, "ecdsa-sha256", "300a06082a8648ce3d040302")                                              \
    X(ECDSA_SHA384, "ecdsa-sha384", "300a06082a8648ce3d040303")                                              \
    X(ECDSA_SHA512, "ecdsa-sha512", "300a06082a8648ce3d040304")

enum cs_algorithm {
    CS_ALG_NONE = 0,
#define X(id, name, hex) CS_ALG_##id,
    CS_ALGORITHMS(X)
#undef X
        CS_ALG_COUNT
};

/* Whole AlgorithmIdentifier DER; static. Empty for CS_ALG_NONE. */
struct cs_span cs_algorithm_der(enum cs_algorithm a);
/* CS_ALG_NONE when the bytes are none of the table's. */
enum cs_algorithm cs_algorithm_of_der(struct cs_span der);
const char *cs_algorithm_name(enum cs_algorithm a);
/* The hash the signature is made over; SHA-256 for CS_ALG_NONE. */
enum cs_hash cs_algorithm_hash(enum cs_algorithm a);

enum cs_attester_algorithm { CS_ATTESTER_NONE = 0, CS_ATTESTER_ED25519, CS_ATTESTER_ECDSA_P256_SHA256 };

/* Set of ValidationMethod values (all below 192). */
struct cs_method_set {
    uint64_t bit[3];
};
static inline bool cs_method_set_has(const struct cs_method_set *s, int method)
{
    return method > 0 && method < 192 && (s->bit[method / 64] >> (method % 64) & 1) != 0;
}
void cs_method_set_add(struct cs_method_set *s, int method);

/* Text to value; 0 (the _UNSPECIFIED value, CS_..._NONE) when the text is no name. Value to text; "?"
 * when there is none. Method names are those of the requirements' table (dcv_acme_http_01), roles and
 * profiles are validation-system, ..., domain-validated (also dv, iv, ov, ev), algorithms as above,
 * attester algorithms ed25519 and ecdsa-p256-sha256. */
Countersign__V1__ValidationMethod cs_method_of_name(struct cs_span name);
const char *cs_method_name(int method);
Countersign__V1__Role cs_role_of_name(struct cs_span name);
const char *cs_role_name(int role);
Countersign__V1__Profile cs_profile_of_name(struct cs_span name);
const char *cs_profile_name(int profile);
enum cs_algorithm cs_algorithm_of_name(struct cs_span name);
enum cs_attester_algorithm cs_attester_algorithm_of_name(struct cs_span name);
const char *cs_attester_algorithm_name(enum cs_attester_algorithm a);
uint32_t cs_purpose_of_name(struct cs_span name); /* bit of enum cs_purpose, 0 when none */
const char *cs_purpose_name(uint32_t purpose);

/* Iterating for "one of ..." texts: the n-th name of a list, NULL past the end. */
enum cs_name_list {
    CS_NAMES_METHOD,
    CS_NAMES_ROLE,
    CS_NAMES_PROFILE,
    CS_NAMES_ALGORITHM,
    CS_NAMES_ATTESTER_ALGORITHM,
    CS_NAMES_PURPOSE
};
const char *cs_name_at(enum cs_name_list list, unsigned n);

#endif
