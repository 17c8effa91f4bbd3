/*
 * Lists: data files that rules look into. Public suffixes and top-level domains (PSL, root zone), keys
 * known to be weak or compromised; the special-purpose address blocks are compiled in. Everything is
 * read once, before the sandbox is entered; look-ups read memory only and cannot fail.
 *
 * Names are octets of a dNSName without "*.": letters of either case, digits, hyphens, underscores and
 * dots. Anything else, and anything longer than 253 octets, has no suffix, no base domain and no known
 * top-level domain.
 */
#ifndef CS_GATE_LISTS_LISTS_H
#define CS_GATE_LISTS_LISTS_H

#include "proxy/base/bytes.h"
#include "proxy/base/digest.h"
#include "proxy/policy/policy.h"

struct cs_lists;

enum cs_list_kind {
    CS_LIST_PUBLIC_SUFFIX,
    CS_LIST_TLD,
    CS_LIST_WEAK_KEYS,
    CS_LIST_COMPROMISED_KEYS,
    CS_LIST_COUNT
};

/* What was read, for log and ledger. Texts live as long as the lists and the policy. */
struct cs_list_state {
    const char *name;        /* key of the policy's lists section */
    const char *path;        /* NULL: no such list */
    struct cs_sha256 sha256; /* of the file; zero without one */
    int64_t dated_unix_s;    /* of its own header, else the file's modification; 0 where age is not asked */
    uint64_t n_entries;
    const char *accepted; /* sentence of the policy that was needed, or NULL */
};

/*
 * cs_lists_open reads all files of config. CONFIG with a note when a file is malformed, dated in the
 * future, or older than its max_age_s without accept_stale; IO when it cannot be read. *out is written
 * only on success and owned by the caller.
 */
CS_RESULT cs_lists_open(const struct cs_lists_config *config, int64_t now_unix_s, struct cs_lists **out,
                        struct cs_note *note);
void cs_lists_close(struct cs_lists *l); /* NULL-safe */
/* One state for each kind, by enum cs_list_kind. */
const struct cs_list_state *cs_lists_states(const struct cs_lists *l);

/* ---- names (BR 1.6.1, 3.2.2.6, 4.2.2) ---- */

/* The last label is a top-level domain of the root zone: of the tld list, else of the PSL's ICANN rules. */
bool cs_lists_tld_known(const struct cs_lists *l, struct cs_span name);
/* ICANN section only; a single label always is one. */
bool cs_lists_is_public_suffix(const struct cs_lists *l, struct cs_span name);
/* The longest public suffix of name; a view of it, empty for what is no name. */
struct cs_span cs_lists_public_suffix(const struct cs_lists *l, struct cs_span name);
/* Public suffix and one label; a view of name, empty when the name is itself a public suffix. */
struct cs_span cs_lists_base_domain(const struct cs_lists *l, struct cs_span name);

/* tor-spec rend-spec-v3: the label before .onion is base32 of key, checksum and version 3, and the
 * checksum is right. */
bool cs_onion_label_is_v3(struct cs_span label);

/* ---- addresses ---- */

/* cs_ip_special names the entry of the IANA special-purpose registries (or of what nobody can hold
 * besides: multicast) that the address lies in, "10.0.0.0/8 Private-Use (RFC 1918)", or NULL. Any entry
 * counts (BR 1.6.1, Reserved IP Address). octets: 4 or 16 of them; NULL for other lengths. */
const char *cs_ip_special(struct cs_span octets);

/* ---- keys ---- */

enum cs_list_answer {
    CS_LIST_UNKNOWN = 0, /* not looked up */
    CS_LIST_ABSENT,      /* covered by the list, and not in it */
    CS_LIST_PRESENT,
    CS_LIST_UNCOVERED, /* no list, or none for keys of this kind and size */
};

/* CVE-2008-0166, by format of weak.h. modulus: unsigned, big-endian, without leading zeros. */
enum cs_list_answer cs_lists_weak_rsa(const struct cs_lists *l, struct cs_span modulus);
/* spki: whole SubjectPublicKeyInfo; bits: of the curve (256, 384, 521). */
enum cs_list_answer cs_lists_weak_ec(const struct cs_lists *l, struct cs_span spki, uint32_t bits);
/* By SHA-256 of the SubjectPublicKeyInfo. UNCOVERED when there is no list. */
enum cs_list_answer cs_lists_compromised(const struct cs_lists *l, const struct cs_sha256 *spki_sha256);

#endif
