/* DSSE in JSON, for files. */
#include "proxy/gate/evidence/evidence.h"

#include <jansson.h>

#include "proto/canonical.h"

enum { JSON_MAX_LEN = 4 * CS_ENVELOPE_MAX_LEN };

static void put_base64(struct cs_buf *out, ProtobufCBinaryData v)
{
    cs_buf_put_str(out, "\"");
    cs_base64_put(out, cs_proto_span(v), true);
    cs_buf_put_str(out, "\"");
}

static CS_RESULT put_text(struct cs_buf *out, const char *text)
{
    json_t *v = json_string(text);
    char *quoted = v != NULL ? json_dumps(v, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
    json_decref(v);
    if (quoted == NULL)
        return CS_ERR(NO_MEMORY);
    cs_buf_put_str(out, quoted);
    free(quoted);
    return CS_OK;
}

CS_RESULT cs_dsse_to_json(struct cs_span envelope, struct cs_buf *out)
{
    if (envelope.len > CS_ENVELOPE_MAX_LEN)
        return CS_ERR(LIMIT);
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    const ProtobufCMessage *m;
    CS_TRY(cs_proto_unpack(&countersign__v1__envelope__descriptor, envelope, &arena, &m));
    const Countersign__V1__Envelope *e = (const Countersign__V1__Envelope *)m;
    CS_AUTO_BUF struct cs_buf json = { 0 };
    cs_buf_put_str(&json, "{\"payload\":");
    put_base64(&json, e->payload);
    cs_buf_put_str(&json, ",\"payloadType\":");
    CS_TRY(put_text(&json, e->payload_type));
    cs_buf_put_str(&json, ",\"signatures\":[");
    for (size_t i = 0; i < e->n_signatures; i++) {
        cs_buf_put_str(&json, i == 0 ? "{\"sig\":" : ",{\"sig\":");
        put_base64(&json, e->signatures[i]->sig);
        cs_buf_put_str(&json, ",\"keyid\":");
        CS_TRY(put_text(&json, e->signatures[i]->keyid));
        cs_buf_put_str(&json, "}");
    }
    cs_buf_put_str(&json, "]}");
    CS_TRY(cs_buf_end(&json));
    cs_buf_put(out, json.at, json.len);
    return cs_buf_end(out);
}

/* Decodes member of object into the arena. */
static CS_RESULT base64_member(const json_t *object, const char *member, const char *path,
                               struct cs_arena *arena, ProtobufCBinaryData *out, struct cs_note *note)
{
    const json_t *v = json_object_get(object, member);
    if (!json_is_string(v)) {
        cs_note_set(note, "%s: %s; needed: a base64 string", path, v == NULL ? "missing" : "not a string");
        return CS_ERR(FORM);
    }
    CS_AUTO_BUF struct cs_buf bytes = { .max = CS_ENVELOPE_MAX_LEN };
    cs_result r = cs_unbase64(cs_span_of(json_string_value(v), json_string_length(v)), &bytes);
    if (!cs_ok(r)) {
        cs_note_set(note, "%s: %s; needed: at most %d octets in base64, standard or URL-safe", path,
                    cs_is(r, CS_NUM_FULL) ? "too long" : "not base64", CS_ENVELOPE_MAX_LEN);
        return r;
    }
    struct cs_span kept = cs_arena_span(arena, cs_buf_span(&bytes));
    if (kept.len != bytes.len)
        return CS_ERR(NO_MEMORY);
    *out = cs_proto_bytes(kept);
    return CS_OK;
}

static CS_RESULT text_member(const json_t *v, const char *path, struct cs_arena *arena, char **out,
                             struct cs_note *note)
{
    if (!json_is_string(v)) {
        cs_note_set(note, "%s: %s; needed: a string", path, v == NULL ? "missing" : "not a string");
        return CS_ERR(FORM);
    }
    *out = cs_arena_copy(arena, cs_span_of(json_string_value(v), json_string_length(v)));
    return *out != NULL ? CS_OK : CS_ERR(NO_MEMORY);
}

static CS_RESULT envelope_of(const json_t *root, struct cs_arena *arena, struct cs_buf *out,
                             struct cs_note *note)
{
    Countersign__V1__Envelope e;
    countersign__v1__envelope__init(&e);
    Countersign__V1__Signature sig[CS_SIGNATURES_MAX], *ptr[CS_SIGNATURES_MAX];
    if (!json_is_object(root)) {
        cs_note_set(note, "not a JSON object; needed: a DSSE envelope");
        return CS_ERR(FORM);
    }
    CS_TRY(base64_member(root, "payload", "payload", arena, &e.payload, note));
    CS_TRY(text_member(json_object_get(root, "payloadType"), "payloadType", arena, &e.payload_type, note));
    const json_t *list = json_object_get(root, "signatures");
    size_t n = json_array_size(list);
    if (n == 0 || n > CS_SIGNATURES_MAX) {
        cs_note_set(note, "signatures: %zu; needed: a list of 1 to %d", n, CS_SIGNATURES_MAX);
        return CS_ERR(FORM);
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i), *keyid = json_object_get(one, "keyid");
        const char *path = cs_arena_printf(arena, "signatures[%zu].sig", i);
        countersign__v1__signature__init(&sig[i]);
        CS_TRY(base64_member(one, "sig", path, arena, &sig[i].sig, note));
        if (keyid != NULL)
            CS_TRY(text_member(keyid, cs_arena_printf(arena, "signatures[%zu].keyid", i), arena,
                               &sig[i].keyid, note));
        ptr[i] = &sig[i];
    }
    e.signatures = ptr;
    e.n_signatures = n;
    struct cs_span packed;
    CS_TRY(cs_proto_pack(&e.base, arena, &packed));
    if (packed.len > CS_ENVELOPE_MAX_LEN) {
        cs_note_set(note, "envelope: %zu octets; needed: at most %d", packed.len, CS_ENVELOPE_MAX_LEN);
        return CS_ERR(LIMIT);
    }
    cs_buf_put(out, packed.at, packed.len);
    return cs_buf_end(out);
}

CS_RESULT cs_dsse_from_json(struct cs_span json, struct cs_buf *out, struct cs_note *note)
{
    if (json.len > JSON_MAX_LEN) {
        cs_note_set(note, "file: %zu octets; needed: at most %d", json.len, JSON_MAX_LEN);
        return CS_ERR(LIMIT);
    }
    json_error_t where;
    json_t *root =
        json_loadb(json.len != 0 ? (const char *)json.at : "", json.len, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL) {
        CS_AUTO_BUF struct cs_buf text = { 0 };
        cs_text_put(&text, cs_span_str(where.text), 200);
        cs_buf_put_u8(&text, 0);
        cs_note_set(note, "line %d: %s; needed: a DSSE envelope in JSON", where.line,
                    cs_ok(cs_buf_end(&text)) ? (const char *)text.at : "not JSON");
        return CS_ERR(FORM);
    }
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    cs_result r = envelope_of(root, &arena, out, note);
    json_decref(root);
    return r;
}
