#include "proxy/ipc/frontconf.h"

enum { TLS = 1, REFLECTION = 2, METRICS = 4, KNOWN = TLS | REFLECTION | METRICS };

static bool fine(const struct cs_listener_facts *l)
{
    return l->max_age_s <= CS_LISTENER_MAX_AGE_MAX_S &&
           !(l->metrics && (l->tls || l->reflection || l->max_age_s != 0));
}

CS_RESULT cs_frontconf_put(struct cs_buf *out, const struct cs_frontconf *c)
{
    if (c->n_listeners == 0 || c->n_listeners > CS_FRONT_LISTEN_MAX)
        return CS_ERR(ARGUMENT);
    cs_buf_put_u32(out, c->n_listeners);
    for (uint32_t i = 0; i < c->n_listeners; i++) {
        const struct cs_listener_facts *l = &c->listener[i];
        size_t name_len = strnlen(l->name, sizeof l->name);
        if (name_len == sizeof l->name || !fine(l))
            return CS_ERR(ARGUMENT);
        cs_buf_put_span(out, cs_span_of(l->name, name_len));
        cs_buf_put_u8(out, (uint8_t)((l->tls ? TLS : 0) | (l->reflection ? REFLECTION : 0) |
                                     (l->metrics ? METRICS : 0)));
        cs_buf_put_u32(out, l->max_age_s);
    }
    return cs_buf_end(out);
}

CS_RESULT cs_frontconf_get(struct cs_span in, struct cs_frontconf *out)
{
    struct cs_reader r = cs_reader_init(in);
    struct cs_frontconf c = { .n_listeners = cs_get_u32(&r) };
    if (r.failed)
        return CS_ERR(TRUNCATED);
    if (c.n_listeners == 0 || c.n_listeners > CS_FRONT_LISTEN_MAX)
        return CS_ERR(FORM);
    for (uint32_t i = 0; i < c.n_listeners; i++) {
        struct cs_listener_facts *l = &c.listener[i];
        struct cs_span name = cs_get_span(&r, CS_LISTENER_NAME_MAX_LEN);
        uint8_t bits = cs_get_u8(&r);
        l->max_age_s = cs_get_u32(&r);
        if (r.failed)
            return CS_ERR(TRUNCATED);
        l->tls = bits & TLS;
        l->reflection = bits & REFLECTION;
        l->metrics = bits & METRICS;
        if ((bits & ~KNOWN) != 0 || !fine(l) || (name.len != 0 && memchr(name.at, '\0', name.len) != NULL))
            return CS_ERR(FORM);
        if (name.len != 0)
            memcpy(l->name, name.at, name.len);
    }
    CS_TRY(cs_reader_end(&r));
    *out = c;
    return CS_OK;
}
