#include "proxy/tlog/proof_file.h"

#include "proxy/tlog/text.h"

static const char first_line[] = "c2sp.org/tlog-proof@v1";

/* Hash lines up to the empty line; what follows is the checkpoint. */
static CS_RESULT hashes_parse(struct cs_span *rest, struct cs_tlog_proof *out, struct cs_span *out_checkpoint)
{
    for (;;) {
        struct cs_span line;
        if (!cs_tlog_line(rest, &line))
            return CS_ERR(FORM);
        if (line.len == 0)
            break;
        if (out->n == CS_TLOG_PROOF_MAX)
            return CS_ERR(LIMIT);
        if (!cs_tlog_hash(line, &out->hash[out->n]))
            return CS_ERR(FORM);
        out->n++;
    }
    *out_checkpoint = *rest;
    return rest->len != 0 ? CS_OK : CS_ERR(FORM);
}

static void hashes_put(struct cs_buf *out, const struct cs_tlog_proof *proof, struct cs_span checkpoint)
{
    for (uint32_t i = 0; i < proof->n; i++)
        cs_tlog_hash_put(out, &proof->hash[i]);
    cs_buf_put_u8(out, '\n');
    cs_buf_put(out, checkpoint.at, checkpoint.len);
}

CS_RESULT cs_tlog_proof_file_parse(struct cs_span bytes, struct cs_tlog_proof_file *out)
{
    struct cs_tlog_proof_file f = { 0 };
    struct cs_span rest = bytes, line, value;
    if (bytes.len > CS_TLOG_PROOF_FILE_MAX_LEN)
        return CS_ERR(LIMIT);
    if (!cs_tlog_line(&rest, &line) || !cs_span_is(line, first_line) || !cs_tlog_line(&rest, &line))
        return CS_ERR(FORM);
    if (cs_tlog_after(line, "extra ", &value)) {
        CS_AUTO_BUF struct cs_buf decoded = { .max = CS_TLOG_EXTRA_MAX_LEN };
        if (!cs_tlog_base64(value, &decoded) || !cs_tlog_line(&rest, &line))
            return CS_ERR(FORM);
        f.extra = value;
    }
    if (!cs_tlog_after(line, "index ", &value) || !cs_tlog_number(value, &f.index))
        return CS_ERR(FORM);
    CS_TRY(hashes_parse(&rest, &f.proof, &f.checkpoint));
    *out = f;
    return CS_OK;
}

void cs_tlog_proof_file_put(struct cs_buf *out, uint64_t index, const struct cs_tlog_proof *proof,
                            struct cs_span checkpoint)
{
    cs_buf_printf(out, "%s\nindex %llu\n", first_line, (unsigned long long)index);
    hashes_put(out, proof, checkpoint);
}

CS_RESULT cs_tlog_add_parse(struct cs_span body, struct cs_tlog_add *out)
{
    struct cs_tlog_add a = { 0 };
    struct cs_span rest = body, line, value;
    if (body.len > CS_TLOG_PROOF_FILE_MAX_LEN)
        return CS_ERR(LIMIT);
    if (!cs_tlog_line(&rest, &line) || !cs_tlog_after(line, "old ", &value) ||
        !cs_tlog_number(value, &a.old_size))
        return CS_ERR(FORM);
    CS_TRY(hashes_parse(&rest, &a.proof, &a.checkpoint));
    *out = a;
    return CS_OK;
}

void cs_tlog_add_put(struct cs_buf *out, uint64_t old_size, const struct cs_tlog_proof *proof,
                     struct cs_span checkpoint)
{
    cs_buf_printf(out, "old %llu\n", (unsigned long long)old_size);
    hashes_put(out, proof, checkpoint);
}
