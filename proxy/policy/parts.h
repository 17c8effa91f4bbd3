/*
 * The parts of the policy reader; private to this folder. Each reads one top-level key into *p,
 * which is still being built: its arena exists, and the parts read before it are complete. Order:
 * ct_logs, issuers, attesters, clients, limits, then lists, lint, perspectives, agencies, holds.
 */
#ifndef CS_POLICY_PARTS_H
#define CS_POLICY_PARTS_H

#include "proxy/policy/policy.h"
#include "proxy/policy/yaml.h"

CS_RESULT cs_policy_read_issuers(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note);
CS_RESULT cs_policy_read_attesters(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note);
CS_RESULT cs_policy_read_clients(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note);
/* Optional; behind issuers and attesters, whose keys it must not share. */
CS_RESULT cs_policy_read_client_authorities(struct cs_policy *p, const struct cs_yaml_node *n,
                                            struct cs_note *note);
/* n may be NULL. */
CS_RESULT cs_policy_read_ledger(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note);
/* n may be NULL when no issuer signs leaves; root carries the fault when it is and one does. */
CS_RESULT cs_policy_read_lists(struct cs_policy *p, const struct cs_yaml_node *root,
                               const struct cs_yaml_node *n, struct cs_note *note);

/* issuers[].caa_identities: at least one name, none twice. */
CS_RESULT cs_policy_read_caa_identities(struct cs_issuer *out, const struct cs_yaml_node *n,
                                        struct cs_note *note);

/* For an issuer whose profiles were read. */
CS_RESULT cs_policy_read_pins(struct cs_policy *p, struct cs_issuer *issuer, const struct cs_yaml_node *n,
                              struct cs_note *note);
/* n may be NULL: refused, at root, when an issuer signs leaves. */
CS_RESULT cs_policy_read_lint(struct cs_policy *p, const struct cs_yaml_node *root,
                              const struct cs_yaml_node *n, struct cs_note *note);

/* Optional keys: n may be NULL. */
CS_RESULT cs_policy_read_holds(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note);
/* Behind ledger, whose log they witness. */
CS_RESULT cs_policy_read_witnesses(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note);
CS_RESULT cs_policy_read_ct_logs(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note);
CS_RESULT cs_policy_read_issuer_ct(const struct cs_policy *p, struct cs_issuer *out,
                                   const struct cs_yaml_node *n, struct cs_note *note);
/* Missing agencies refuse, at root, when an issuer has the profile extended-validation. */
CS_RESULT cs_policy_read_agencies(struct cs_policy *p, const struct cs_yaml_node *root,
                                  const struct cs_yaml_node *n, struct cs_note *note);

/* Limits that may only tighten: of the whole policy and of one client. n NULL: *out_s is left as it is. */
CS_RESULT cs_policy_read_max_validity(const struct cs_yaml_node *n, uint32_t *out_s, struct cs_note *note);
CS_RESULT cs_policy_read_max_domain_age(const struct cs_yaml_node *n, uint32_t *out_s, struct cs_note *note);
CS_RESULT cs_policy_read_max_identity_age(const struct cs_yaml_node *n, uint32_t *out_s,
                                          struct cs_note *note);

/* How a client proves itself; the values may be NULL. row carries the fault when none or the wrong ones
 * are given. */
struct cs_client_identity_nodes {
    const struct cs_yaml_node *row, *uid, *gid, *socket, *dns;
};
CS_RESULT cs_policy_read_client_identity(const struct cs_policy *p, struct cs_client *out,
                                         const struct cs_client_identity_nodes *n, struct cs_note *note);
/* A DNS name as it is compared: lower case, labels of a-z 0-9 -, no dot at either end, at most 253 octets. */
bool cs_policy_is_dns_name(struct cs_span name);

/* cs_policy_read_bits reads a sequence of different names into bits. of_name answers a name's number
 * (0: not a name); bit b stands for number b. what is the noun for the text, list the names to offer. */
CS_RESULT cs_policy_read_bits(const struct cs_yaml_node *n, int (*of_name)(struct cs_span name),
                              enum cs_name_list list, const char *what, uint32_t *out, struct cs_note *note);

/* cs_policy_fail_name says that n is no such name and lists those that are. */
CS_RESULT cs_policy_fail_name(const struct cs_yaml_node *n, const char *what, enum cs_name_list list,
                              struct cs_note *note);

#endif
