#include "proxy/gate/der/der.h"

struct cs_der cs_der_open(struct cs_der_input *in, struct cs_span der, struct cs_der_fault *fault)
{
    *in = (struct cs_der_input){ .start = der.at, .where = "", .result = CS_OK, .fault = fault };
    return cs_der_inside(in, der);
}

bool cs_der_fail(struct cs_der_input *in, cs_result r, const uint8_t *at, const char *what)
{
    if (!cs_ok(in->result))
        return false;
    in->result = r;
    if (in->fault != NULL)
        *in->fault = (struct cs_der_fault){
            .offset = at == NULL ? 0 : (size_t)(at - in->start),
            .what = what,
            .where = in->where,
        };
    return false;
}

struct header {
    uint8_t tag;
    size_t len; /* of the header */
    size_t content_len;
};

/* Reads a header and proves that the content fits; a text when not. */
static inline const char *header_read(const uint8_t *at, size_t left, struct header *out)
{
    if (left < 2)
        return left == 0 ? "no element where one was needed" : "element ends behind its tag";
    if ((at[0] & 0x1f) == 0x1f)
        return "tag of several octets, one was needed";
    size_t len = 2, content_len = at[1];
    if (content_len >= 0x80) {
        size_t n = content_len & 0x7f;
        if (n == 0)
            return "indefinite length";
        if (n > 4)
            return "length of more than four octets";
        if (n > left - 2)
            return "element ends inside its length";
        content_len = 0;
        for (size_t i = 0; i < n; i++)
            content_len = content_len << 8 | at[2 + i];
        if (at[2] == 0 || content_len < 0x80)
            return "length not in its shortest form";
        len += n;
    }
    if (content_len > left - len)
        return "content goes past the end of what holds it";
    *out = (struct header){ at[0], len, content_len };
    return NULL;
}

bool cs_der_get(struct cs_der *r, struct cs_der_tlv *out)
{
    if (!cs_ok(r->in->result))
        return false;
    struct header h;
    const char *what = header_read(r->at, r->left, &h);
    if (what != NULL)
        return cs_der_fail(r->in, CS_ERR(DER), r->at, what);
    *out = (struct cs_der_tlv){
        .tag = h.tag,
        .value = cs_span_of(r->at + h.len, h.content_len),
        .der = cs_span_of(r->at, h.len + h.content_len),
    };
    r->at += out->der.len;
    r->left -= out->der.len;
    return true;
}

bool cs_der_get_tag(struct cs_der *r, uint8_t tag, const char *what, struct cs_der_tlv *out)
{
    if (!cs_der_next_is(r, tag))
        return cs_der_fail(r->in, CS_ERR(TBS_FORM), r->at, what);
    return cs_der_get(r, out);
}

bool cs_der_enter(struct cs_der *r, uint8_t tag, const char *what, struct cs_der *inner)
{
    struct cs_der_tlv v;
    *inner = (struct cs_der){ r->in, r->at, 0 };
    if (!cs_der_get_tag(r, tag, what, &v))
        return false;
    *inner = cs_der_inside(r->in, v.value);
    return true;
}

bool cs_der_end(struct cs_der *r)
{
    if (r->left > 0)
        return cs_der_fail(r->in, CS_ERR(TBS_FORM), r->at, "element behind the last one that belongs here");
    return cs_ok(r->in->result);
}

bool cs_der_walk(struct cs_der_input *in, struct cs_span der)
{
    struct {
        const uint8_t *end;
        bool is_set;
        struct cs_span before; /* the element before, in a SET */
    } level[CS_DER_DEPTH_MAX + 1];
    if (!cs_ok(in->result))
        return false;
    if (der.len == 0)
        return cs_der_fail(in, CS_ERR(DER), der.at, "no element where one was needed");

    const uint8_t *at = der.at;
    size_t depth = 0;
    level[0].end = at + der.len;
    level[0].is_set = false;
    do {
        struct header h;
        const char *what = header_read(at, (size_t)(level[depth].end - at), &h);
        if (what != NULL)
            return cs_der_fail(in, CS_ERR(DER), at, what);
        if (level[depth].is_set) {
            struct cs_span now = cs_span_of(at, h.len + h.content_len);
            if (cs_span_cmp(level[depth].before, now) > 0)
                return cs_der_fail(in, CS_ERR(DER), at, "elements of a SET out of order");
            level[depth].before = now;
        }
        const uint8_t *content = at + h.len;
        bool universal = (h.tag & 0xc0) == 0;
        if ((h.tag & 0x20) != 0) {
            if (universal && h.tag != CS_DER_SEQUENCE && h.tag != CS_DER_SET)
                return cs_der_fail(in, CS_ERR(DER), at,
                                   "constructed form of a type that is primitive in DER");
            if (depth == CS_DER_DEPTH_MAX)
                return cs_der_fail(in, CS_ERR(DER), at, "constructed elements nested more than 32 deep");
            depth++;
            level[depth].end = content + h.content_len;
            level[depth].is_set = h.tag == CS_DER_SET;
            level[depth].before = cs_span_of(content, 0);
            at = content;
        } else {
            if (universal && (what = cs_der_flaw(h.tag, cs_span_of(content, h.content_len))) != NULL)
                return cs_der_fail(in, CS_ERR(DER), at, what);
            at = content + h.content_len;
        }
        while (depth > 0 && at == level[depth].end)
            depth--;
    } while (depth > 0);
    if (at != level[0].end)
        return cs_der_fail(in, CS_ERR(DER), at, "bytes behind the end of the element");
    return true;
}

size_t cs_der_put_header(uint8_t tag, size_t content_len, uint8_t out[CS_DER_HEADER_MAX_LEN])
{
    out[0] = tag;
    if (content_len < 0x80) {
        out[1] = (uint8_t)content_len;
        return 2;
    }
    size_t n = content_len > 0xffffff ? 4 : content_len > 0xffff ? 3 : content_len > 0xff ? 2 : 1;
    out[1] = (uint8_t)(0x80 | n);
    for (size_t i = 0; i < n; i++)
        out[2 + i] = (uint8_t)(content_len >> (8 * (n - 1 - i)));
    return 2 + n;
}
