/*
 * Parts of a TBS that occur in several places. Private to this folder. All of them read elements that
 * cs_der_walk has proven; they return false after a failure, which the input remembers.
 */
#ifndef CS_GATE_DER_PARTS_H
#define CS_GATE_DER_PARTS_H

#include "proxy/gate/der/tbs.h"

/* cs_name_read views a Name at r; out may be NULL when max rows are only to be counted. */
bool cs_name_read(struct cs_der *r, struct cs_attribute *out, uint32_t max, uint32_t *n_out);

/* cs_rdn_read reads the content of one RelativeDistinguishedName, as cs_name_read; *n goes on. */
bool cs_rdn_read(struct cs_der *rdn, struct cs_attribute *out, uint32_t max, uint32_t *n, uint16_t index);

/* Where a GeneralName stands decides how long an iPAddress is: 4 or 16 octets, or twice that. */
enum cs_general_name_use { CS_NAME_IS_NAME, CS_NAME_IS_SUBTREE };

/* cs_general_name_read reads one GeneralName (RFC 5280 4.2.1.6); out may be NULL. */
bool cs_general_name_read(struct cs_der *r, enum cs_general_name_use use, struct cs_san *out);

/* cs_general_names_read reads the content of GeneralNames, of which there is at least one. */
bool cs_general_names_read(struct cs_der *names, struct cs_san *out, uint32_t max, uint32_t *n_out);

/* cs_algorithm_read views a whole AlgorithmIdentifier. */
bool cs_algorithm_read(struct cs_der *r, struct cs_span *out_der);

/* cs_items_read reads a SEQUENCE of at least one item with read. */
bool cs_items_read(struct cs_der *r, const char *what, bool (*read)(struct cs_der *items));

/* cs_count_read reads an INTEGER (0..MAX), of this tag when IMPLICIT; *out is UINT32_MAX for all larger. */
bool cs_count_read(struct cs_der *r, uint8_t tag, uint32_t *out);

/* cs_named_bits_read reads a BIT STRING with named bits, of this tag when IMPLICIT, not longer than two
 * octets and not empty: bit 0 is 0x8000 of *out. */
bool cs_named_bits_read(struct cs_der *r, uint8_t tag, uint16_t *out);

/* Readers of whole extension values, for the table in extensions.c. */
bool cs_certificate_policies_read(struct cs_der *r);
bool cs_policy_mappings_read(struct cs_der *r);
bool cs_policy_constraints_read(struct cs_der *r);
bool cs_inhibit_any_policy_read(struct cs_der *r);
bool cs_distribution_points_read(struct cs_der *r);
bool cs_access_descriptions_read(struct cs_der *r);
bool cs_name_constraints_read(struct cs_der *r);
bool cs_sct_list_read(struct cs_der *r);

/* cs_extension_value_read reads e->value into *t when the extension is known, to its end. */
bool cs_extension_value_read(struct cs_der_input *in, const struct cs_extension *e, struct cs_tbs *t);

#endif
