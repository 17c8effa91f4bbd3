#include "proxy/gate/der/tbs.h"

static bool is_left_out(const struct cs_extension *e)
{
    static const uint8_t ct_arc[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04 };
    return e->oid.len == sizeof ct_arc + 1 && memcmp(e->oid.at, ct_arc, sizeof ct_arc) == 0 &&
           (e->oid.at[sizeof ct_arc] == 2 || e->oid.at[sizeof ct_arc] == 3);
}

/* The runs of bytes that the TBS is made of without the two extensions, and the headers between them. */
struct runs {
    uint8_t whole[CS_DER_HEADER_MAX_LEN], explicit[CS_DER_HEADER_MAX_LEN], list[CS_DER_HEADER_MAX_LEN];
    struct cs_span part[4 + 3]; /* two extensions left out leave three runs */
    size_t n;
};

static void runs_of(const struct cs_tbs *t, struct runs *r)
{
    if (!t->has_poison && !t->has_sct_list) {
        r->part[0] = t->der; /* strict DER has one form only */
        r->n = 1;
        return;
    }
    /* The Extensions are the last field: what is before them is found by stepping back over the two
     * headers, which strict DER makes as long as ours. */
    size_t n = 4, kept_len = 0, all_len = 0;
    for (uint32_t i = 0; i < t->n_extensions; i++) {
        struct cs_span e = t->extension[i].der;
        all_len += e.len;
        if (is_left_out(&t->extension[i]))
            continue;
        kept_len += e.len;
        if (n > 4 && r->part[n - 1].at + r->part[n - 1].len == e.at)
            r->part[n - 1].len += e.len;
        else
            r->part[n++] = e;
    }
    size_t list_len = cs_der_put_header(CS_DER_SEQUENCE, all_len, r->list);
    size_t explicit_len = cs_der_put_header(CS_DER_CONTEXT_CONS + 3, list_len + all_len, r->explicit);
    size_t tail_len = explicit_len + list_len + all_len;
    size_t whole_len = t->der.at[1] < 0x80 ? 2 : 2 + (size_t)(t->der.at[1] & 0x7f);
    struct cs_span before = cs_span_of(t->der.at + whole_len, t->der.len - whole_len - tail_len);

    list_len = explicit_len = 0;
    if (kept_len > 0) {
        list_len = cs_der_put_header(CS_DER_SEQUENCE, kept_len, r->list);
        explicit_len = cs_der_put_header(CS_DER_CONTEXT_CONS + 3, list_len + kept_len, r->explicit);
    }
    whole_len = cs_der_put_header(CS_DER_SEQUENCE, before.len + explicit_len + list_len + kept_len, r->whole);
    r->part[0] = cs_span_of(r->whole, whole_len);
    r->part[1] = before;
    r->part[2] = cs_span_of(r->explicit, explicit_len);
    r->part[3] = cs_span_of(r->list, list_len);
    r->n = n;
}

struct cs_sha256 cs_tbs_pair_sha256(const struct cs_tbs *t)
{
    struct runs r;
    runs_of(t, &r);
    return cs_sha256_parts(r.part, r.n);
}

void cs_tbs_pair_put(const struct cs_tbs *t, struct cs_buf *out)
{
    struct runs r;
    runs_of(t, &r);
    for (size_t i = 0; i < r.n; i++)
        cs_buf_put(out, r.part[i].at, r.part[i].len);
}
