#include "proxy/gate/selectors/keymap.h"

#include <stdlib.h>

enum { NONE = UINT32_MAX, FIRST_ROOM = 64, ROOM_MAX = 1 << 28 };

uint64_t cs_keymap_start(unsigned kind)
{
    return UINT64_C(0xcbf29ce484222325) ^ kind * UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t cs_keymap_step(uint64_t h, uint8_t octet)
{
    if (octet >= 'A' && octet <= 'Z')
        octet |= 0x20;
    return (h ^ octet) * UINT64_C(0x100000001b3);
}

uint64_t cs_keymap_hash(unsigned kind, struct cs_span value)
{
    uint64_t h = cs_keymap_start(kind);
    for (size_t i = value.len; i-- > 0;)
        h = cs_keymap_step(h, value.at[i]);
    return h;
}

static uint32_t bucket_of(const struct cs_keymap *m, uint64_t hash)
{
    return (uint32_t)(hash ^ hash >> 32) & m->mask;
}

static void link_entry(struct cs_keymap *m, uint32_t i)
{
    uint32_t *head = &m->bucket[bucket_of(m, m->entry[i].hash)];
    m->entry[i].next = *head;
    *head = i;
}

CS_RESULT cs_keymap_reserve(struct cs_keymap *m, uint32_t n)
{
    if (n > ROOM_MAX - m->n)
        return CS_ERR(LIMIT);
    if (m->n + n <= m->room)
        return CS_OK;
    uint32_t room = m->room != 0 ? m->room : FIRST_ROOM;
    while (room < m->n + n)
        room *= 2;
    struct cs_keymap_entry *entry = malloc(room * sizeof *entry);
    uint32_t *bucket = malloc(room * sizeof *bucket);
    if (entry == NULL || bucket == NULL) {
        free(entry);
        free(bucket);
        return CS_ERR(NO_MEMORY);
    }
    if (m->n != 0)
        memcpy(entry, m->entry, m->n * sizeof *entry);
    memset(bucket, 0xff, room * sizeof *bucket);
    free(m->entry);
    free(m->bucket);
    m->entry = entry;
    m->bucket = bucket;
    m->room = room;
    m->mask = room - 1;
    for (uint32_t i = 0; i < m->n; i++)
        link_entry(m, i);
    return CS_OK;
}

void cs_keymap_put(struct cs_keymap *m, uint64_t hash, uint32_t item)
{
    m->entry[m->n] = (struct cs_keymap_entry){ .hash = hash, .item = item };
    link_entry(m, m->n++);
}

void cs_keymap_clear(struct cs_keymap *m)
{
    m->n = 0;
    if (m->bucket != NULL)
        memset(m->bucket, 0xff, m->room * sizeof *m->bucket);
}

void cs_keymap_done(struct cs_keymap *m)
{
    free(m->entry);
    free(m->bucket);
    *m = (struct cs_keymap){ 0 };
}

bool cs_keymap_next(const struct cs_keymap *m, uint64_t hash, uint32_t *at, uint32_t *out_item)
{
    if (m->n == 0)
        return false;
    uint32_t i = *at == NONE ? m->bucket[bucket_of(m, hash)] : m->entry[*at].next;
    while (i != NONE && m->entry[i].hash != hash)
        i = m->entry[i].next;
    if (i == NONE)
        return false;
    *at = i;
    *out_item = m->entry[i].item;
    return true;
}
