#include "hsm/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

const char *cs_sign_kind_name(uint8_t kind)
{
    return kind == CS_SIGN_PRECERTIFICATE ? "precertificate"
           : kind == CS_SIGN_CERTIFICATE  ? "certificate"
                                          : "unknown";
}

CS_RESULT cs_witness_init(struct cs_witness *w, int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || !(flags & O_APPEND) || (flags & O_ACCMODE) == O_RDONLY)
        return CS_ERR(CONFIG);
    *w = (struct cs_witness){ .fd = fd };
    return CS_OK;
}

CS_RESULT cs_witness_put(struct cs_witness *w, const struct cs_witness_line *line)
{
    if (w->failed)
        return CS_ERR(IO);
    char tbs[2 * CS_SHA256_LEN + 1], signature[2 * CS_SHA256_LEN + 1];
    cs_hex(cs_sha256_span(&line->tbs), tbs);
    cs_hex(cs_sha256_span(&line->signature), signature);
    CS_AUTO_BUF struct cs_buf text = { .max = 1024 };
    cs_buf_printf(&text, "%" PRIu64 " %.*s %s %s %s %" PRId64 "\n", line->seq, (int)line->issuer.len,
                  (const char *)line->issuer.at, cs_sign_kind_name((uint8_t)line->kind), tbs, signature,
                  line->unix_us);
    CS_TRY(cs_buf_end(&text));
    ssize_t n;
    do
        n = write(w->fd, text.at, text.len);
    while (n < 0 && errno == EINTR);
    w->dirty = true;
    w->failed = n != (ssize_t)text.len;
    return w->failed ? CS_ERR(IO) : CS_OK;
}

CS_RESULT cs_witness_sync(struct cs_witness *w)
{
    if (!w->dirty)
        return CS_OK;
    w->dirty = false;
    /* EINVAL: a pipe or socket, which has no disk (log collectors read it). */
    if (fdatasync(w->fd) == 0 || errno == EINVAL)
        return CS_OK;
    w->failed = true; /* trying again may succeed without the data: Linux reports a lost write once */
    return CS_ERR(IO);
}
