#include "proxy/tlog/note.h"

#include "proxy/tlog/text.h"

static const char mark[] = "\xe2\x80\x94 "; /* U+2014 and a space */

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static CS_RESULT line_parse(struct cs_span line, struct cs_tlog_line *out)
{
    struct cs_span rest;
    if (!cs_tlog_after(line, mark, &rest) || rest.len == 0)
        return CS_ERR(FORM);
    const uint8_t *space = memchr(rest.at, ' ', rest.len);
    if (space == NULL)
        return CS_ERR(FORM);
    size_t name_len = (size_t)(space - rest.at);
    struct cs_tlog_line l = { .name = cs_span_of(rest.at, name_len),
                              .signature = cs_span_of(space + 1, rest.len - name_len - 1) };
    if (!cs_tlog_name_valid(l.name))
        return CS_ERR(FORM);
    if (l.signature.len > CS_TLOG_BLOB_MAX_LEN)
        return CS_ERR(LIMIT);
    CS_AUTO_BUF struct cs_buf blob = { .max = CS_TLOG_BLOB_MAX_LEN };
    if (!cs_tlog_base64(l.signature, &blob) || blob.len < 5)
        return CS_ERR(FORM);
    l.id = u32_at(blob.at);
    *out = l;
    return CS_OK;
}

static CS_RESULT lines_parse(struct cs_span rest, struct cs_tlog_note *n)
{
    struct cs_span line;
    n->signatures = rest;
    while (rest.len != 0) {
        if (!cs_tlog_line(&rest, &line))
            return CS_ERR(FORM);
        if (n->n_lines == CS_TLOG_LINES_MAX)
            return CS_ERR(LIMIT);
        CS_TRY(line_parse(line, &n->line[n->n_lines]));
        n->n_lines++;
    }
    return n->n_lines != 0 ? CS_OK : CS_ERR(FORM);
}

CS_RESULT cs_tlog_note_parse(struct cs_span bytes, struct cs_tlog_note *out)
{
    if (bytes.len > CS_TLOG_NOTE_MAX_LEN)
        return CS_ERR(LIMIT);
    if (!cs_tlog_text_valid(bytes))
        return CS_ERR(FORM);
    size_t at = bytes.len - 1; /* of the second of the last two newlines that stand together */
    while (at != 0 && !(bytes.at[at] == '\n' && bytes.at[at - 1] == '\n'))
        at--;
    if (at == 0)
        return CS_ERR(FORM);
    struct cs_tlog_note n = { .text = cs_span_of(bytes.at, at) };
    CS_TRY(lines_parse(cs_span_of(bytes.at + at + 1, bytes.len - at - 1), &n));
    *out = n;
    return CS_OK;
}

CS_RESULT cs_tlog_lines_parse(struct cs_span lines, struct cs_span text, struct cs_tlog_note *out)
{
    if (lines.len > CS_TLOG_NOTE_MAX_LEN)
        return CS_ERR(LIMIT);
    if (!cs_tlog_text_valid(lines))
        return CS_ERR(FORM);
    struct cs_tlog_note n = { .text = text };
    CS_TRY(lines_parse(lines, &n));
    *out = n;
    return CS_OK;
}

/* What a signature of this type covers. */
static CS_RESULT message_of(enum cs_tlog_type type, struct cs_span text, uint64_t unix_s, struct cs_buf *out)
{
    if (type == CS_TLOG_COSIGNATURE)
        cs_buf_printf(out, "cosignature/v1\ntime %llu\n", (unsigned long long)unix_s);
    cs_buf_put(out, text.at, text.len);
    return cs_buf_end(out);
}

static bool blob_verifies(const struct cs_tlog_note *n, const struct cs_tlog_key *key, struct cs_span blob,
                          uint64_t *out_unix_s)
{
    struct cs_reader r = cs_reader_init(blob);
    (void)cs_get_u32(&r);
    uint64_t unix_s = key->type == CS_TLOG_COSIGNATURE ? cs_get_u64(&r) : 0;
    struct cs_span signature = cs_get_raw(&r, CS_ED25519_SIGNATURE_LEN);
    CS_AUTO_BUF struct cs_buf message = { 0 };
    if (!cs_ok(cs_reader_end(&r)) || unix_s > INT64_MAX ||
        !cs_ok(message_of(key->type, n->text, unix_s, &message)) ||
        !cs_tlog_key_verifies(key, cs_buf_span(&message), signature.at))
        return false;
    *out_unix_s = unix_s;
    return true;
}

enum cs_tlog_found cs_tlog_note_signed_by(const struct cs_tlog_note *n, const struct cs_tlog_key *key,
                                          uint64_t *out_unix_s)
{
    enum cs_tlog_found found = CS_TLOG_ABSENT;
    uint64_t newest = 0;
    for (uint32_t i = 0; i < n->n_lines; i++) {
        const struct cs_tlog_line *l = &n->line[i];
        if (l->id != key->id || !cs_span_is(l->name, key->name))
            continue;
        CS_AUTO_BUF struct cs_buf blob = { 0 };
        uint64_t unix_s = 0;
        if (!cs_tlog_base64(l->signature, &blob) || !blob_verifies(n, key, cs_buf_span(&blob), &unix_s))
            return CS_TLOG_BAD;
        found = CS_TLOG_GOOD;
        newest = unix_s > newest ? unix_s : newest;
    }
    if (found == CS_TLOG_GOOD && key->type == CS_TLOG_COSIGNATURE && out_unix_s != NULL)
        *out_unix_s = newest;
    return found;
}

CS_RESULT cs_tlog_note_sign(const struct cs_tlog_signer *s, struct cs_span text, uint64_t unix_s,
                            struct cs_buf *out_line)
{
    if (!cs_tlog_text_valid(text) || unix_s > INT64_MAX)
        return CS_ERR(FORM);
    CS_AUTO_BUF struct cs_buf message = { 0 };
    CS_AUTO_BUF struct cs_buf blob = { 0 };
    uint8_t signature[CS_ED25519_SIGNATURE_LEN];
    CS_TRY(message_of(s->key.type, text, unix_s, &message));
    CS_TRY(cs_tlog_signer_sign(s, cs_buf_span(&message), signature));
    cs_buf_put_u32(&blob, s->key.id);
    if (s->key.type == CS_TLOG_COSIGNATURE)
        cs_buf_put_u64(&blob, unix_s);
    cs_buf_put(&blob, signature, sizeof signature);
    CS_TRY(cs_buf_end(&blob));
    cs_buf_printf(out_line, "%s%s ", mark, s->key.name);
    cs_base64_put(out_line, cs_buf_span(&blob), true);
    cs_buf_put_u8(out_line, '\n');
    return cs_buf_end(out_line);
}
