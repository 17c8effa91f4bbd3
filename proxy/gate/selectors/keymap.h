/*
 * Keymap: from the hash of a value to the numbers of the items that name it. It only proposes: two values
 * may share a hash, so that whoever asks looks at every item proposed.
 */
#ifndef CS_GATE_SELECTORS_KEYMAP_H
#define CS_GATE_SELECTORS_KEYMAP_H

#include "proxy/base/bytes.h"

struct cs_keymap_entry {
    uint64_t hash;
    uint32_t item, next;
};

/* The zero state is empty. */
struct cs_keymap {
    uint32_t n, room, mask; /* room entries and mask + 1 buckets, or no buckets yet */
    struct cs_keymap_entry *entry;
    uint32_t *bucket;
};

/* FNV-1a over the octets from the last to the first, letters in lower case; kind is the seed. From the
 * right, so that all suffixes of a name cost one walk. */
uint64_t cs_keymap_start(unsigned kind);
uint64_t cs_keymap_step(uint64_t h, uint8_t octet);
uint64_t cs_keymap_hash(unsigned kind, struct cs_span value);

/* cs_keymap_reserve makes room for n more entries, so that as many puts cannot fail. */
CS_RESULT cs_keymap_reserve(struct cs_keymap *m, uint32_t n);
void cs_keymap_put(struct cs_keymap *m, uint64_t hash, uint32_t item);
void cs_keymap_clear(struct cs_keymap *m); /* keeps the memory */
void cs_keymap_done(struct cs_keymap *m);

/* cs_keymap_next walks the entries of one hash: *at starts as UINT32_MAX; false at the end. */
bool cs_keymap_next(const struct cs_keymap *m, uint64_t hash, uint32_t *at, uint32_t *out_item);

#endif
