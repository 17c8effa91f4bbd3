/*
 * TBS view: a TBSCertificate read by our own strict DER reader, before and instead of OpenSSL. The
 * view borrows the TBS bytes: what is judged here is what is signed. Parsing proves the encoding
 * (X.690 DER, RFC 5280 structure); whether the content is allowed is for the rules.
 */
#ifndef CS_GATE_DER_TBS_H
#define CS_GATE_DER_TBS_H

#include "proxy/base/bytes.h"
#include "proxy/base/digest.h"
#include "proxy/gate/der/der.h"

enum {
    CS_TBS_NAMES_MAX = 500,
    CS_TBS_ATTRIBUTES_MAX = 64,
    CS_TBS_EXTENSIONS_MAX = 48,
    CS_TBS_POLICIES_MAX = 64,
};

/* One AttributeTypeAndValue of a Name, in the order of the bytes. */
struct cs_attribute {
    struct cs_span oid;   /* content octets */
    uint8_t tag;          /* of the value: a string type or BIT STRING, e.g. 0x0c UTF8String */
    struct cs_span value; /* content octets */
    uint16_t rdn;         /* index of its RelativeDistinguishedName, from 0 */
};

/* One GeneralName of the subjectAltName, in the order of the bytes. */
struct cs_san {
    uint8_t tag;          /* 0x82 dNSName, 0x87 iPAddress, others as they stand */
    struct cs_span value; /* content octets; a dNSName is 7-bit and may be empty, an iPAddress has 4 or 16 */
};
enum { CS_SAN_DNS = 0x82, CS_SAN_IP = 0x87 };

struct cs_extension {
    struct cs_span oid; /* content octets */
    bool critical;
    struct cs_span value; /* extnValue content */
    struct cs_span der;   /* the whole Extension */
};

enum cs_key_kind { CS_KEY_OTHER = 0, CS_KEY_RSA, CS_KEY_EC_P256, CS_KEY_EC_P384, CS_KEY_EC_P521 };

struct cs_tbs {
    struct cs_span der;       /* all of it */
    uint8_t version;          /* as encoded: 2 is v3; 0 when absent; up to 127 */
    struct cs_span serial;    /* INTEGER content octets, minimal, maybe negative */
    struct cs_span signature; /* whole AlgorithmIdentifier DER */
    struct cs_span issuer;    /* whole Name DER */
    int64_t not_before_unix_s, not_after_unix_s;
    bool not_before_utc, not_after_utc; /* encoded as UTCTime */
    struct cs_span subject;             /* whole Name DER */
    uint32_t n_attributes;              /* of the subject */
    struct cs_attribute attribute[CS_TBS_ATTRIBUTES_MAX];
    struct cs_span spki;           /* whole SubjectPublicKeyInfo DER */
    struct cs_span spki_algorithm; /* whole AlgorithmIdentifier DER */
    struct cs_span spki_key;       /* BIT STRING content behind the zero unused-bits octet */
    enum cs_key_kind key_kind;     /* by the exact algorithm bytes of BR 7.1.3.1 */
    struct cs_span rsa_modulus;    /* RSA: unsigned big-endian, no leading zero octet; else empty */
    struct cs_span rsa_exponent;
    bool has_issuer_uid, has_subject_uid;
    uint32_t n_extensions;
    struct cs_extension extension[CS_TBS_EXTENSIONS_MAX];

    /* Read from known extensions; absent ones leave their fields zero. */
    bool has_san;
    uint32_t n_names;
    struct cs_san name[CS_TBS_NAMES_MAX];
    bool has_aki, aki_has_issuer_or_serial;
    struct cs_span aki_key_id;
    bool has_ski;
    struct cs_span ski;
    bool has_basic_constraints, is_ca, has_path_len;
    uint8_t path_len; /* larger ones are refused */
    bool has_key_usage;
    uint16_t
        key_usage;   /* bit 0x8000 digitalSignature, 0x4000 nonRepudiation ... as named bits from the left */
    bool has_poison; /* RFC 6962: 1.3.6.1.4.1.11129.2.4.3 */
    bool has_sct_list; /* 1.3.6.1.4.1.11129.2.4.2 */
};

/*
 * cs_tbs_parse reads one TBSCertificate and nothing else from der (at most CS_TBS_DER_MAX_LEN).
 *
 * DER, with *fault filled (fault may be NULL), when the bytes are not what cs_der_walk proves, a named
 * bit list has trailing zeros, a DEFAULT is encoded (v1, critical FALSE, cA FALSE, minimum 0), or a time
 * is off RFC 5280 4.1.2.5. TBS_FORM when the structure is off RFC 5280: fields missing, out of order or
 * left over; extensions outside v3 or unique ids in v1; empty Extensions, RDNs or SEQUENCEs of 1..MAX;
 * repeated extensions; an rsaEncryption key that is not two positive INTEGERs; extension values off
 * their syntax. LIMIT past the caps above. *out is unspecified on failure; rows of its tables past their
 * counts are always unspecified.
 *
 * Values are read to their end for the extensions of RFC 5280 4.2 but subjectDirectoryAttributes, and
 * for the poison and the SCT list of RFC 6962 3.1, 3.3; all others stay opaque.
 */
enum { CS_TBS_DER_MAX_LEN = 40000 };
CS_RESULT cs_tbs_parse(struct cs_span der, struct cs_tbs *out, struct cs_der_fault *fault);

/* cs_tbs_find returns the extension with this OID (content octets), or NULL. */
const struct cs_extension *cs_tbs_find(const struct cs_tbs *t, struct cs_span oid);

/* cs_tbs_pair_sha256 digests the TBS as it would be without the poison and SCT list extensions,
 * lengths re-encoded (RFC 6962 3.2): equal for a precertificate and its certificate, and for nothing
 * else. Extensions left empty are left out. */
struct cs_sha256 cs_tbs_pair_sha256(const struct cs_tbs *t);
/* cs_tbs_pair_put appends the bytes so digested: what CT logs sign (RFC 6962 3.2, PreCert). */
void cs_tbs_pair_put(const struct cs_tbs *t, struct cs_buf *out);

/* cs_name_parse views the attributes of a whole Name DER into at most max rows; LIMIT when there are
 * more, else fails as cs_tbs_parse. *n_out is written only on success. */
CS_RESULT cs_name_parse(struct cs_span name_der, struct cs_attribute *out, uint32_t max, uint32_t *n_out,
                        struct cs_der_fault *fault);

/*
 * cs_certificate_parse views the TBS, signatureAlgorithm (whole DER) and signature octets (BIT STRING
 * content behind the zero unused-bits octet) of a whole Certificate of at most
 * CS_CERTIFICATE_DER_MAX_LEN, and nothing behind it. All of it is strict DER and the outer algorithm
 * equals the inner one; for the rest of the TBS ask cs_tbs_parse. The views are written only on success.
 */
enum { CS_CERTIFICATE_DER_MAX_LEN = CS_TBS_DER_MAX_LEN + 8192 };
CS_RESULT cs_certificate_parse(struct cs_span der, struct cs_span *tbs, struct cs_span *algorithm,
                               struct cs_span *signature, struct cs_der_fault *fault);

/* cs_certificate_put appends a whole Certificate made of the three. */
void cs_certificate_put(struct cs_buf *out, struct cs_span tbs, struct cs_span algorithm,
                        struct cs_span signature);

/* cs_oid_text writes dotted decimal, or hex when the octets are no OID or an arc has more than 133 bits
 * (a UUID below 2.25 has 128). Cut to room - 1 characters; room is at least 1. */
void cs_oid_text(struct cs_span oid, char *out, size_t room);

#endif
