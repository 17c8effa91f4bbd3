#include "proxy/tlog/checkpoint.h"

#include "proxy/tlog/merkle.h"
#include "proxy/tlog/text.h"

CS_RESULT cs_tlog_checkpoint_parse(struct cs_span text, struct cs_tlog_checkpoint *out)
{
    struct cs_tlog_checkpoint c = { 0 };
    struct cs_span rest = text, size, root, line;
    if (!cs_tlog_text_valid(text) || !cs_tlog_line(&rest, &c.origin) || c.origin.len == 0 ||
        !cs_tlog_line(&rest, &size) || !cs_tlog_number(size, &c.size) || !cs_tlog_line(&rest, &root) ||
        !cs_tlog_hash(root, &c.root))
        return CS_ERR(FORM);
    c.extensions = rest;
    while (rest.len != 0)
        if (!cs_tlog_line(&rest, &line) || line.len == 0)
            return CS_ERR(FORM);
    struct cs_merkle empty = { 0 };
    struct cs_sha256 of_empty = cs_merkle_root(&empty);
    if (c.size == 0 && !cs_span_eq(cs_sha256_span(&c.root), cs_sha256_span(&of_empty)))
        return CS_ERR(FORM);
    *out = c;
    return CS_OK;
}

void cs_tlog_checkpoint_put(struct cs_buf *out, const char *origin, uint64_t size,
                            const struct cs_sha256 *root)
{
    cs_buf_printf(out, "%s\n%llu\n", origin, (unsigned long long)size);
    cs_tlog_hash_put(out, root);
}

CS_RESULT cs_tlog_checkpoint_sign(const struct cs_tlog_signer *s, uint64_t size, const struct cs_sha256 *root,
                                  struct cs_buf *out_note)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    cs_tlog_checkpoint_put(&text, s->key.name, size, root);
    CS_TRY(cs_buf_end(&text));
    cs_buf_put(out_note, text.at, text.len);
    cs_buf_put_u8(out_note, '\n');
    return cs_tlog_note_sign(s, cs_buf_span(&text), 0, out_note);
}

static CS_RESULT fail(struct cs_note *note, const char *why)
{
    cs_note_set(note, "checkpoint: %s", why);
    return CS_ERR(FORM);
}

CS_RESULT cs_tlog_checkpoint_open(struct cs_span bytes, const struct cs_tlog_key *log,
                                  struct cs_tlog_note *out_note, struct cs_tlog_checkpoint *out,
                                  struct cs_note *note)
{
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    if (!cs_ok(cs_tlog_note_parse(bytes, &n)))
        return fail(note, "not a signed note");
    if (!cs_ok(cs_tlog_checkpoint_parse(n.text, &c)))
        return fail(note, "the text of the note is no checkpoint");
    if (!cs_span_is(c.origin, log->name)) {
        cs_note_set(note, "checkpoint: of another log: its origin is not '%s'", log->name);
        return CS_ERR(FORM);
    }
    switch (cs_tlog_note_signed_by(&n, log, NULL)) {
    case CS_TLOG_GOOD:
        break;
    case CS_TLOG_BAD:
        return fail(note, "the signature of the log does not verify");
    default:
        return fail(note, "not signed by this key of the log");
    }
    *out_note = n;
    *out = c;
    return CS_OK;
}
