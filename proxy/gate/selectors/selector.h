/*
 * Selectors: what a hold stops and what a recall withdraws (countersign/v1/hold.proto). Pure: whoever
 * holds a statement or an issuance, the gate, the command line or a query over the ledger, gets the same
 * answer. Fields that are set must all match; within a field any one value matches.
 *
 * A cs_issuance is a certificate's; CRLs and OCSP responses have none, so that no hold can touch them.
 */
#ifndef CS_GATE_SELECTORS_SELECTOR_H
#define CS_GATE_SELECTORS_SELECTOR_H

#include "countersign/v1/statement.pb-c.h"

#include "proxy/base/bytes.h"
#include "proxy/base/digest.h"

enum { CS_SELECTED_ORGANIZATION_MAX_LEN = 512 };

/* Different values of one certificate. All zero: known to have none. */
struct cs_spans {
    uint32_t n;
    const struct cs_span *at;
};

/* One certificate to be signed, or signed, and what it rests on. Borrows everything. */
struct cs_issuance {
    /* Certificates on record that belong to it: the other one of its pair, its order's. */
    uint32_t n_certificates;
    const struct cs_sha256 *certificate_sha256;
    struct cs_span serial; /* INTEGER content octets */
    struct cs_span order_id, account;
    struct cs_spans names;         /* dNSNames as they stand in the certificate */
    struct cs_spans organizations; /* values of subject organizationName */
    struct cs_spans attesters;     /* policy names of all who signed evidence relied on, approvals too */
    uint32_t n_methods;
    const int *method; /* Countersign__V1__ValidationMethod of the evidence relied on, inner ones too */
    struct cs_span client, api_version;
    struct cs_span issuer; /* id of the policy */
    int profile;           /* Countersign__V1__Profile */
};

/*
 * cs_issuance_matches: an empty selector matches nothing. Serials are compared as numbers (leading zero
 * octets do not count). A name suffix stops the name itself and every name below it, label by label,
 * without regard to the case of ASCII letters; a wildcard name is stopped also by the suffix of any one
 * name it stands for. Organisations: octets, without regard to the case of ASCII letters.
 */
bool cs_issuance_matches(const Countersign__V1__IssuanceSelector *s, const struct cs_issuance *i);

/* One statement that may be relied on. */
struct cs_attested {
    const Countersign__V1__Statement *statement;
    struct cs_sha256 payload_sha256;
    struct cs_spans attesters; /* of all its signatures, as far as known; header.attester counts anyway */
};

/*
 * cs_evidence_matches: an empty selector matches nothing. The version range holds versions of numbers
 * only; an attester's version that is no such version lies in every range of its software, as nobody can
 * say that it does not. The observation of a statement is the time of the work: control seen, CAA looked
 * up, linter run, record's oldest datum, each retrieval and the confirmation of the request; of all other
 * statements the time they were issued. Methods are those of DomainControl.
 */
bool cs_evidence_matches(const Countersign__V1__EvidenceSelector *s, const struct cs_attested *a);

/* cs_can_only_subtract is true of what stops certificates and covers nothing: an approval that rejects or
 * withdraws, a CAA check that forbids, a lint with errors. A recall does not lift them. */
bool cs_can_only_subtract(const Countersign__V1__Statement *s);

/* cs_recall_is_bounded is true when the selector names statements, digests, attesters, a last version of
 * the software, a version of a record, or an end of the interval: else it would bar for ever what it does
 * not mean, since no recall is ever taken back. */
bool cs_recall_is_bounded(const Countersign__V1__EvidenceSelector *s);

/* ---- parts, shared with the sets ---- */

struct cs_span cs_serial_number(struct cs_span serial); /* without leading zero octets */
/* The name without "*."; *out_wildcard says whether there was one. */
struct cs_span cs_name_base(struct cs_span name, bool *out_wildcard);

#endif
