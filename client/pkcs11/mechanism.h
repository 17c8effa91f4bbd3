/*
 * Mechanisms: what is offered, which signature algorithm each stands for, and what its input must look
 * like. Pure functions.
 */
#ifndef CS_CLIENT_PKCS11_MECHANISM_H
#define CS_CLIENT_PKCS11_MECHANISM_H

#include <p11-kit/pkcs11.h>

#include "proxy/base/bytes.h"

enum cs_p11_scheme { CS_P11_PKCS1 = 1, CS_P11_PSS, CS_P11_ECDSA, CS_P11_DIGEST };

enum { CS_P11_DIGEST_MAX_LEN = 64, CS_P11_N_ALGORITHMS = 9, CS_P11_DIGEST_INFO_MAX_LEN = 83 };

/* One signature algorithm of certificates (BR 7.1.3.2): the DER is the whole AlgorithmIdentifier. */
struct cs_p11_algorithm {
    const char *name;
    enum cs_p11_scheme scheme;
    size_t digest_len;
    struct cs_span der;
};
extern const struct cs_p11_algorithm cs_p11_algorithms[CS_P11_N_ALGORITHMS];

/* cs_p11_algorithm_bit is 1 << its row for an algorithm of the table, 0 for all others. */
uint32_t cs_p11_algorithm_bit(struct cs_span der);

struct cs_p11_mechanism {
    CK_MECHANISM_TYPE type;
    enum cs_p11_scheme scheme; /* CS_P11_DIGEST: only listed, for Java's RSASSA-PSS */
    size_t digest_len;         /* 0: the input is a digest, and tells by itself or by the parameter */
    CK_MECHANISM_INFO info;
};

/* cs_p11_mechanism_at is the n-th that is offered, NULL past the last; raw: those on digests too. */
const struct cs_p11_mechanism *cs_p11_mechanism_at(size_t n, bool raw);
const struct cs_p11_mechanism *cs_p11_mechanism_of(CK_MECHANISM_TYPE type, bool raw);
static inline bool cs_p11_mechanism_is_raw(const struct cs_p11_mechanism *m)
{
    return m->digest_len == 0;
}
/* cs_p11_mechanism_fits tells whether one of these algorithms (bits) can be made with it. */
bool cs_p11_mechanism_fits(const struct cs_p11_mechanism *m, uint32_t algorithms);

/*
 * cs_p11_parameter_check returns CKR_OK, and in *out_digest_len what a PSS parameter names (else the
 * mechanism's own digest length). CKR_MECHANISM_PARAM_INVALID unless hash, mask and salt are those of
 * one algorithm of the table, and for other mechanisms unless there is none.
 */
CK_RV cs_p11_parameter_check(const struct cs_p11_mechanism *m, const CK_MECHANISM *given,
                             size_t *out_digest_len);

/* cs_p11_digest_of views the digest in the input of a raw mechanism, whose length was digest_len in the
 * parameter (0: none). CKR_DATA_LEN_RANGE or CKR_DATA_INVALID. */
CK_RV cs_p11_digest_of(const struct cs_p11_mechanism *m, size_t digest_len, struct cs_span input,
                       struct cs_span *out);

/* cs_p11_algorithm_for finds the row of a scheme and digest length among bits; NULL if it is not there. */
const struct cs_p11_algorithm *cs_p11_algorithm_for(enum cs_p11_scheme scheme, size_t digest_len,
                                                    uint32_t algorithms);

/* cs_p11_ecdsa_plain writes DER Ecdsa-Sig-Value as r and s of n octets each; false when it is no strict
 * DER of two positive numbers that fit. out holds 2 * n. */
bool cs_p11_ecdsa_plain(struct cs_span der, size_t n, uint8_t *out);

#endif
