/*
 * Weak keys: the compact file of keys that Debian's OpenSSL could make (CVE-2008-0166).
 * deploy/tools/build-weak-keys writes it. Numbers are big-endian.
 *
 *   8    "CSWEAK01": magic and version
 *   4    number of sections, 1 to 4096
 *   12   for each section, in rising order of (kind, bits), none twice:
 *          1  kind: 1 RSA, 2 EC
 *          3  bits of the modulus or the curve
 *          8  number of tails, at least 1
 *   10   for each tail, section after section, in rising order within one, none twice
 *   32   SHA-256 of all octets before
 *
 * A tail is the last 10 octets of
 *   RSA  SHA-1 of "Modulus=" <modulus in upper-case hexadecimal> LF, as openssl-blacklist has it
 *   EC   SHA-256 of the SubjectPublicKeyInfo
 */
#ifndef CS_GATE_LISTS_WEAK_H
#define CS_GATE_LISTS_WEAK_H

#include "proxy/base/bytes.h"

enum cs_weak_kind { CS_WEAK_RSA = 1, CS_WEAK_EC = 2 };
enum { CS_WEAK_TAIL_LEN = 10, CS_WEAK_SECTIONS_MAX = 4096, CS_WEAK_MAX_LEN = 256 * 1024 * 1024 };

struct cs_weak_section {
    uint8_t kind;
    uint32_t bits;
    uint64_t n_tails;
    const uint8_t *tails; /* CS_WEAK_TAIL_LEN octets each, rising */
};

struct cs_weak_list {
    uint32_t n_sections;
    struct cs_weak_section *section; /* owned */
    uint64_t n_tails;
};

/* cs_weak_parse checks the whole file, to the last octet, and views it: file must outlive *out. CONFIG
 * with a note; *out is written only on success and freed with cs_weak_done. */
CS_RESULT cs_weak_parse(struct cs_span file, struct cs_weak_list *out, struct cs_note *note);
void cs_weak_done(struct cs_weak_list *w);

/* NULL when the list does not cover keys of this kind and size. */
const struct cs_weak_section *cs_weak_section_of(const struct cs_weak_list *w, enum cs_weak_kind kind,
                                                 uint32_t bits);
bool cs_weak_has(const struct cs_weak_section *s, const uint8_t tail[CS_WEAK_TAIL_LEN]);

#endif
