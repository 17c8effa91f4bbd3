#include "proxy/ipc/keytable.h"

static void put_keys(struct cs_buf *out, const struct cs_keytable *t)
{
    cs_buf_put_u32(out, t->n_keys);
    for (uint32_t i = 0; i < t->n_keys; i++) {
        const struct cs_keytable_key *k = &t->key[i];
        cs_buf_put_span(out, k->id);
        cs_buf_put_span(out, k->uri);
        cs_buf_put_u32(out, k->purposes);
        cs_buf_put_span(out, k->certificate);
        cs_buf_put_u32(out, k->n_algorithms);
        for (uint32_t a = 0; a < k->n_algorithms; a++)
            cs_buf_put_span(out, k->algorithm[a]);
    }
}

CS_RESULT cs_keytable_put(struct cs_buf *out, const struct cs_keytable *t)
{
    cs_buf_put_span(out, t->module);
    put_keys(out, t);
    return cs_buf_end(out);
}

CS_RESULT cs_keytable_get(struct cs_span in, struct cs_keytable *out)
{
    struct cs_reader r = cs_reader_init(in);
    struct cs_span module = cs_get_span(&r, CS_MODULE_PATH_MAX_LEN);
    uint32_t n_keys = cs_get_u32(&r);
    if (n_keys > CS_KEYS_MAX)
        return CS_ERR(LIMIT);
    *out = (struct cs_keytable){ .module = module };
    for (uint32_t i = 0; i < n_keys && !r.failed; i++) {
        struct cs_keytable_key *k = &out->key[i];
        k->id = cs_get_span(&r, CS_KEY_URI_MAX_LEN);
        k->uri = cs_get_span(&r, CS_KEY_URI_MAX_LEN);
        k->purposes = cs_get_u32(&r);
        k->certificate = cs_get_span(&r, CS_ISSUER_CERT_MAX_LEN);
        k->n_algorithms = cs_get_u32(&r);
        if (k->n_algorithms > CS_KEY_ALGORITHMS_MAX)
            r.failed = true;
        for (uint32_t a = 0; a < k->n_algorithms && !r.failed; a++)
            k->algorithm[a] = cs_get_span(&r, 128);
    }
    cs_result end = cs_reader_end(&r);
    if (!cs_ok(end)) {
        *out = (struct cs_keytable){ 0 };
        return end;
    }
    out->n_keys = n_keys;
    return CS_OK;
}

CS_RESULT cs_keytable_digest(const struct cs_keytable *t, struct cs_sha256 *out)
{
    CS_AUTO_BUF struct cs_buf b = { .max = CS_KEYTABLE_MAX_LEN };
    put_keys(&b, t);
    CS_TRY(cs_buf_end(&b));
    *out = cs_sha256(cs_buf_span(&b));
    return CS_OK;
}
