/*
 * Leaf: builds the TBSCertificate of a subscriber certificate as BR 7.1.2.7 profiles it.
 */
#ifndef CS_CLIENT_CLI_LEAF_H
#define CS_CLIENT_CLI_LEAF_H

#include "client/cli/derput.h"

enum { CS_LEAF_NAMES_MAX = 500, CS_LEAF_ATTRIBUTES_MAX = 32 };

struct cs_leaf_name {
    bool is_ip;
    struct cs_span value; /* text of a dNSName, or 4 or 16 octets */
};

struct cs_leaf_attribute {
    const char *dotted;
    uint8_t tag;
    struct cs_span value;
};

struct cs_leaf {
    struct cs_span serial;     /* unsigned, big-endian */
    struct cs_span algorithm;  /* whole AlgorithmIdentifier DER */
    struct cs_span issuer;     /* whole Name DER */
    struct cs_span issuer_ski; /* key identifier of the issuer */
    int64_t not_before_unix_s, not_after_unix_s;
    uint32_t n_attributes;
    struct cs_leaf_attribute attribute[CS_LEAF_ATTRIBUTES_MAX];
    struct cs_span spki; /* whole SubjectPublicKeyInfo DER */
    uint32_t n_names;
    struct cs_leaf_name name[CS_LEAF_NAMES_MAX];
    const char *policy;   /* dotted OID of the profile */
    const char *ocsp_url; /* the URLs may be NULL: then the entry or extension is left out */
    const char *issuer_url;
    const char *crl_url;
    struct cs_span sct_list; /* SignedCertificateTimestampList; empty: no extension */
    bool poison;             /* RFC 6962 3.1 */
};

/* cs_leaf_put appends the TBSCertificate; FORM when a field cannot be encoded. */
CS_RESULT cs_leaf_put(const struct cs_leaf *leaf, struct cs_buf *out);

/* The reserved policy OID of a profile (BR 7.1.6.1): dv, iv, ov, ev; NULL for another name. */
const char *cs_leaf_policy(const char *profile);

#endif
