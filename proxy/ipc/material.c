#include "proxy/ipc/material.h"

enum { WORD_LEN = 4 };

static bool all_within(const struct cs_span *s, uint32_t n, size_t max)
{
    for (uint32_t i = 0; i < n; i++)
        if (s[i].len == 0 || s[i].len > max)
            return false;
    return true;
}

static bool listener_fine(const struct cs_material_listener *l)
{
    return l->index < CS_FRONT_LISTEN_MAX && l->n_chain > 0 && l->n_chain <= CS_MATERIAL_CHAIN_MAX &&
           l->n_revocations <= CS_MATERIAL_REVOCATIONS_MAX && l->key.len > 0 &&
           l->key.len <= CS_MATERIAL_KEY_MAX_LEN &&
           all_within(l->chain, l->n_chain, CS_MATERIAL_CERT_MAX_LEN) &&
           all_within(l->revocation, l->n_revocations, CS_MATERIAL_REVOCATION_MAX_LEN);
}

static bool fine(const struct cs_material *m)
{
    if (m->n_authorities == 0 || m->n_authorities > CS_MATERIAL_AUTHORITIES_MAX || m->n_listeners == 0 ||
        m->n_listeners > CS_FRONT_LISTEN_MAX ||
        !all_within(m->authority, m->n_authorities, CS_MATERIAL_CERT_MAX_LEN))
        return false;
    for (uint32_t i = 0; i < m->n_listeners; i++)
        if (!listener_fine(&m->listener[i]) || (i > 0 && m->listener[i].index <= m->listener[i - 1].index))
            return false;
    return true;
}

static size_t spans_len(const struct cs_span *s, uint32_t n)
{
    size_t len = WORD_LEN;
    for (uint32_t i = 0; i < n; i++)
        len += WORD_LEN + s[i].len;
    return len;
}

size_t cs_material_put_len(const struct cs_material *m)
{
    size_t len = spans_len(m->authority, m->n_authorities) + WORD_LEN;
    for (uint32_t i = 0; i < m->n_listeners; i++) {
        const struct cs_material_listener *l = &m->listener[i];
        len += WORD_LEN + spans_len(l->chain, l->n_chain) + WORD_LEN + l->key.len +
               spans_len(l->revocation, l->n_revocations);
    }
    return len;
}

static void put_spans(struct cs_buf *out, const struct cs_span *s, uint32_t n)
{
    cs_buf_put_u32(out, n);
    for (uint32_t i = 0; i < n; i++)
        cs_buf_put_span(out, s[i]);
}

CS_RESULT cs_material_put(struct cs_buf *out, const struct cs_material *m)
{
    if (!fine(m))
        return CS_ERR(ARGUMENT);
    put_spans(out, m->authority, m->n_authorities);
    cs_buf_put_u32(out, m->n_listeners);
    for (uint32_t i = 0; i < m->n_listeners; i++) {
        const struct cs_material_listener *l = &m->listener[i];
        cs_buf_put_u32(out, l->index);
        put_spans(out, l->chain, l->n_chain);
        cs_buf_put_span(out, l->key);
        put_spans(out, l->revocation, l->n_revocations);
    }
    return cs_buf_end(out);
}

static void get_spans(struct cs_reader *r, struct cs_span *s, uint32_t *n, uint32_t n_max, size_t max)
{
    *n = cs_get_u32(r);
    if (*n > n_max)
        r->failed = true;
    for (uint32_t i = 0; i < *n && !r->failed; i++)
        s[i] = cs_get_span(r, max);
}

CS_RESULT cs_material_get(struct cs_span in, struct cs_material *out)
{
    struct cs_reader r = cs_reader_init(in);
    struct cs_material m = { 0 };
    get_spans(&r, m.authority, &m.n_authorities, CS_MATERIAL_AUTHORITIES_MAX, CS_MATERIAL_CERT_MAX_LEN);
    m.n_listeners = cs_get_u32(&r);
    if (m.n_listeners > CS_FRONT_LISTEN_MAX)
        r.failed = true;
    for (uint32_t i = 0; i < m.n_listeners && !r.failed; i++) {
        struct cs_material_listener *l = &m.listener[i];
        l->index = cs_get_u32(&r);
        get_spans(&r, l->chain, &l->n_chain, CS_MATERIAL_CHAIN_MAX, CS_MATERIAL_CERT_MAX_LEN);
        l->key = cs_get_span(&r, CS_MATERIAL_KEY_MAX_LEN);
        get_spans(&r, l->revocation, &l->n_revocations, CS_MATERIAL_REVOCATIONS_MAX,
                  CS_MATERIAL_REVOCATION_MAX_LEN);
    }
    CS_TRY(cs_reader_end(&r));
    if (!fine(&m))
        return CS_ERR(FORM);
    *out = m;
    return CS_OK;
}
