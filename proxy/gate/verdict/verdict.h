/*
 * Verdict: what the gate decided, with every reason against and a map of what covers what. A verdict
 * without reasons admits. One table owns the rules: id, what each states, its clause, its remedy.
 *
 * Ids T, V, O, X are those of the requirements' reference; E (envelopes), B (order binding), A
 * (approvals) and N (clients) are ours. The id is stable; section numbers move and are only text.
 */
#ifndef CS_GATE_VERDICT_VERDICT_H
#define CS_GATE_VERDICT_VERDICT_H

#include "proxy/base/arena.h"
#include "proxy/base/digest.h"

/* X(id, what holds when the rule is satisfied, clause, what would satisfy it) */
#define CS_RULES(X)                                                                                          \
    X(N01, "the client may call this RPC", "policy", "have the policy's operators allow it")                 \
    X(N02, "the client may use this issuer, profile and account", "policy",                                  \
      "have the policy's operators allow it")                                                                \
    X(N03, "the request is one canonical message within its limits", "countersign.v1",                       \
      "send the fields as the interface describes them")                                                     \
    X(N04, "the request id is new, or repeats the same issuer and TBS", "countersign.v1",                    \
      "use a new request id for a new TBS")                                                                  \
    X(N05, "the digest stands for a TBS that was authorised for this client", "countersign.v1",              \
      "have the TBS authorised with its evidence, and ask once, in time, with its algorithm")                \
    X(N06, "the client stays within its limits and its retirement date", "policy",                           \
      "call less often, or move to a client that is not retired")                                            \
    X(E01, "evidence is a well-formed, canonical statement", "DSSE 1.0.2",                                   \
      "have the attester sign a new statement with a current tool")                                          \
    X(E02, "every signature on the evidence verifies with a key of the policy", "DSSE 1.0.2",                \
      "have the attester sign the statement with the key the policy names")                                  \
    X(E03, "the attester is authorised for this role, method and time", "BR 1.3.2, 5.3.3",                   \
      "have an attester whose key holds the role sign it")                                                   \
    X(E04, "the evidence is meant for this deployment", "policy", "use evidence made for this deployment")   \
    X(E05, "the evidence is live: issued, not expired", "policy", "have the attester issue a new statement") \
    X(E06, "the statement id stands for one statement only", "policy",                                       \
      "have the attester issue a statement with a new id")                                                   \
    X(E07, "the statement names a known version of the requirements", "BR 2.2.6, 3.2.2.4",                   \
      "have the attester name the version of the requirements it followed")                                  \
    X(T01, "the TBS is a strict DER v3 TBSCertificate", "BR 7.1.1, 7.1.2.7; RFC 5280",                       \
      "encode the tbsCertificate in DER as RFC 5280 has it")                                                 \
    X(T02, "the issuer equals the issuing CA's subject byte for byte", "BR 7.1.2.7",                         \
      "copy the subject of the issuer certificate")                                                          \
    X(T03, "the signature algorithm is one the issuer's key may use", "BR 7.1.3.2",                          \
      "use an algorithm of the issuer's entry in the policy")                                                \
    X(T04, "the serial number is 1 .. 2^159-1 and can hold 64 random bits", "BR 7.1.2.7",                    \
      "draw a serial with at least 64 bits from a CSPRNG")                                                   \
    X(T05, "the serial number is unused, or used by the matching precertificate only",                       \
      "RFC 5280 4.1.2.2; BR 7.1.2.9", "draw a new serial number")                                            \
    X(T06, "notBefore lies within 48 hours of now", "BR 7.1.2.7", "set notBefore to now")                    \
    X(T07, "the validity period is within the limit of the day", "BR 6.3.2", "shorten the validity period")  \
    X(T08, "notAfter is not after the issuer's notAfter", "chain sanity", "shorten the validity period")     \
    X(T09, "the subject public key is of an allowed kind, size and form", "BR 6.1.5, 6.1.6, 7.1.3.1",        \
      "have the applicant make a new key pair")                                                              \
    X(T10, "the subject public key is none of the known weak keys", "BR 6.1.1.3(5)",                         \
      "have the applicant make a new key pair with current software")                                        \
    X(T11, "the subject public key is not known to be compromised", "BR 6.1.1.3(4)",                         \
      "have the applicant make a new key pair")                                                              \
    X(T12, "exactly one reserved policy OID gives the profile, and the subject fits it",                     \
      "BR 7.1.2.7, 7.1.4", "use the subject attributes of the profile")                                      \
    X(T13, "commonName is absent or copies one SAN entry", "BR 7.1.4.3",                                     \
      "leave commonName out, or copy one SAN entry into it")                                                 \
    X(T14, "the extensions are those of a subscriber certificate", "BR 7.1.2.7.6",                           \
      "remove what makes it a CA certificate")                                                               \
    X(T15, "authorityKeyIdentifier is the issuer's key identifier only", "BR 7.1.2.11.1",                    \
      "copy the issuer's subjectKeyIdentifier")                                                              \
    X(T16, "extKeyUsage is that of a TLS server", "BR 7.1.2.7.10; Chrome 1.3.2", "use serverAuth")           \
    X(T17, "each SAN entry is a well-formed name or address of the Internet", "BR 4.2.2, 7.1.2.7.12",        \
      "remove or correct the entry")                                                                         \
    X(T18, "no wildcard stands directly under a public suffix", "BR 3.2.2.6", "name a host below it")        \
    X(T19, "an EV certificate has the names and attributes of EVG", "EVG 7.1",                               \
      "use another profile, or correct the subject and the names")                                           \
    X(T20, "the TBS equals the issuer's pinned profile", "BR 5.4.1; MRSP 5.2",                               \
      "build the TBS by the pinned profile, or have a new profile version approved")                         \
    X(P01, "a precertificate has the exact poison and no SCT list", "BR 7.1.2.9; RFC 6962 3.1",              \
      "use the poison extension as RFC 6962 has it")                                                         \
    X(P02, "a final certificate corresponds to a recorded precertificate", "BR 7.1.2.9; RFC 6962 3.2",       \
      "have the precertificate signed first, and change nothing but poison and SCT list")                    \
    X(P03, "enough SCTs of known logs verify for this precertificate", "Chrome CT policy; BR 7.1.2.11.3",    \
      "submit the precertificate to more logs of the policy")                                                \
    X(P04, "a precertificate has at most one final certificate", "BR 7.1.2.9",                               \
      "use a new serial number and a new precertificate")                                                    \
    X(P05, "the final certificate can be signed in time before the limits change", "BR 6.3.2, 7.1.2.9",      \
      "shorten the validity period to the coming limit")                                                     \
    X(B01, "a live order binds the account to this request", "BR 4.1.2; countersign order",                  \
      "have the order authority sign an order for this key and these names")                                 \
    X(B02, "the order is for this public key", "countersign order", "have an order signed for this key")     \
    X(B03, "the order names exactly the names of the certificate", "countersign order",                      \
      "have an order signed for exactly these names")                                                        \
    X(B04, "the order is not spent", "countersign order", "have a new order signed")                         \
    X(B05, "notAfter is within what the order allows", "countersign order", "shorten the validity period")   \
    X(B06, "the order and the issuer allow this profile", "countersign order",                               \
      "have an order signed for this profile, at an issuer that has it")                                     \
    X(B07, "possession of the private key was proven for the order", "BR 3.2.1",                             \
      "check the proof of possession and have a new order signed")                                           \
    X(A01, "no approval rejects the order or was withdrawn", "countersign order",                            \
      "have a new order signed after the objection is resolved")                                             \
    X(V01, "every name is covered by live evidence of control", "BR 3.2.2.4, 3.2.2.5",                       \
      "validate control of the name and attest it for the order's account")                                  \
    X(V02, "the validation method is allowed today", "BR 3.2.2.4, 3.2.2.5",                                  \
      "validate again with a method that is allowed")                                                        \
    X(V03, "the evidence is not older than the reuse period of the day", "BR 4.2.1",                         \
      "validate control of the name again")                                                                  \
    X(V04, "the random value or token was fresh and was not used before", "BR 1.6.1, 3.2.2.4",               \
      "validate again with a new random value")                                                              \
    X(V05, "the ADN follows from the name by the method's rules", "BR 3.2.2.4",                              \
      "validate this name, or use a method that covers it")                                                  \
    X(V06, "the evidence is of the order's account", "BR 3.2.2.4, 4.2.1",                                    \
      "validate control for the account that ordered")                                                       \
    X(V07, "enough remote perspectives corroborate, by our own count", "BR 3.2.2.9",                         \
      "validate again from enough perspectives in enough regions")                                           \
    X(V08, "perspectives are given wherever the method needs them", "BR 3.2.2.9",                            \
      "validate again with multi-perspective corroboration")                                                 \
    X(V09, "DNSSEC was validated at the primary perspective and not bogus", "BR 3.2.2.4, 4.2.2.2",           \
      "have the zone's DNSSEC repaired, or validate with DNSSEC")                                            \
    X(V10, "the attester of domain, IP and CAA checks is the CA itself", "BR 1.3.2",                         \
      "validate with the CA's own system")                                                                   \
    X(C01, "every dNSName has a live CAA check that permits issuance", "BR 4.2.2.1; RFC 8659",               \
      "check CAA for the name again")                                                                        \
    X(C02, "the CAA check evaluated the right property, by the failure rule", "BR 4.2.2.1",                  \
      "check CAA with issue or issuewild as the name needs")                                                 \
    X(C03, "remote perspectives corroborate the CAA check", "BR 3.2.2.9",                                    \
      "check CAA again from enough perspectives")                                                            \
    X(C04, "accounturi and validationmethods agree with the validation", "BR 4.2.2.1.2; RFC 8657",           \
      "check CAA for the account and method of the validation")                                              \
    X(O01, "every subject attribute equals the attested organisation record", "BR 3.2.2.1, 7.1.4.2",         \
      "have the vetting specialists attest exactly these attributes")                                        \
    X(O02, "the identity data are not older than the limit of the day", "BR 4.2.1",                          \
      "have the vetting specialists verify the organisation again")                                          \
    X(O03, "the authenticity of the request was confirmed", "BR 3.2.5",                                      \
      "confirm the request through a reliable method of communication")                                      \
    X(O04, "collecting, reviewing and approving were done by different people", "EVG 3.2.2.13, 5.2.4",       \
      "have somebody else review and approve")                                                               \
    X(O05, "a change of the organisation is attested afresh by two people",                                  \
      "countersign: organisation guard",                                                                     \
      "have two specialists attest the change, naming the previous version")                                 \
    X(O06, "the EV jurisdiction is one the agency list knows", "EVG 3.2.2.1.3",                              \
      "use an agency of the current disclosure list")                                                        \
    X(O07, "an agreement and a requester are on record", "BR 4.1.2", "name both in the order")               \
    X(L01, "these exact bytes were linted without an error", "BR 4.3.1.2",                                   \
      "lint the TBS and attest the result")                                                                  \
    X(L02, "the linter is one the policy allows, in a version it allows", "BR 6.6.1",                        \
      "lint with a current version")                                                                         \
    X(H01, "no hold stops this certificate", "MRSP 2.4; BR 4.9.1, 4.9.5",                                    \
      "have the operators lift the hold when its cause is gone")                                             \
    X(H02, "no evidence relied on was recalled", "BR 4.2.1, 4.9.1.1",                                        \
      "do the work again and attest it anew")                                                                \
    X(K02, "the issuer's key may sign subscriber certificates", "BR 6.1.7",                                  \
      "use an issuer with that purpose")                                                                     \
    X(X01, "a human approval is never taken for evidence", "BR 3.2.2.4",                                     \
      "an approval adds nothing: supply the missing evidence")                                               \
    X(X02, "the decision can be recorded before the key is used", "BR 5.4.1",                                \
      "bring the ledger and its clock back into order")

enum cs_rule {
#define X(id, text, clause, remedy) CS_RULE_##id,
    CS_RULES(X)
#undef X
        CS_RULE_COUNT
};

struct cs_rule_text {
    const char *id, *title, *clause, *remedy;
};
const struct cs_rule_text *cs_rule_text(enum cs_rule r);

struct cs_reason {
    enum cs_rule rule;
    const char *subject; /* "dns:www.example.com", "ip:192.0.2.1", "subject:O", "evidence[3]", "tbs" ... */
    const char *found;   /* printable: untrusted bytes were escaped */
    const char *needed;
};

struct cs_cover {
    const char *subject;
    uint8_t part;      /* Countersign__Ledger__V1__CoverPart */
    uint32_t index;    /* name index in the SAN, 0 otherwise */
    uint32_t evidence; /* index into cs_facts.evidence */
    int method;        /* 0 when none */
    int64_t age_s;
    int64_t good_until_unix_s;
};

/* Zero state plus an arena is an empty verdict. Texts are copied into the arena. */
struct cs_verdict {
    struct cs_arena *arena;
    uint32_t n_reasons, room_reasons;
    struct cs_reason *reason;
    uint32_t n_covers, room_covers;
    struct cs_cover *cover;
    bool overflow; /* memory ran out while adding: refuses whatever else it holds */
};

static inline bool cs_verdict_admits(const struct cs_verdict *v)
{
    return v->n_reasons == 0 && !v->overflow;
}
bool cs_verdict_has(const struct cs_verdict *v, enum cs_rule r);

/* cs_verdict_add adds one reason; subject, found and needed are copied, needed is a format. The same
 * (rule, subject, found, needed) twice counts once. */
void cs_verdict_add(struct cs_verdict *v, enum cs_rule r, const char *subject, const char *found,
                    const char *needed_format, ...) __attribute__((format(printf, 5, 6)));
void cs_verdict_cover(struct cs_verdict *v, const struct cs_cover *c);

/* Printable forms for subjects and found texts, in the arena. */
const char *cs_show_text(struct cs_arena *a, struct cs_span s);   /* escaped, cut at 200 octets */
const char *cs_show_hex(struct cs_arena *a, struct cs_span s);    /* cut at 64 octets */
const char *cs_show_dns(struct cs_arena *a, struct cs_span name); /* "dns:" + escaped */
const char *cs_show_ip(struct cs_arena *a,
                       struct cs_span ip); /* "ip:192.0.2.1", "ip:2001:db8::1" (RFC 5952) */
const char *cs_show_time(struct cs_arena *a, int64_t unix_s);
const char *cs_show_duration(struct cs_arena *a, int64_t seconds); /* "200 d 3 h" */

#endif
