#include "client/cli/cert_file.h"

#include <openssl/pem.h>

CS_RESULT cs_certificate_pem(struct cs_span der, struct cs_buf *out)
{
    BIO *pem = BIO_new(BIO_s_mem());
    char *at = NULL;
    cs_result r = CS_ERR(NO_MEMORY);
    if (pem != NULL && PEM_write_bio(pem, PEM_STRING_X509, "", der.at, (long)der.len) > 0) {
        long len = BIO_get_mem_data(pem, &at);
        cs_buf_put(out, at, (size_t)len);
        r = cs_buf_end(out);
    }
    BIO_free(pem);
    return r;
}

static bool ends_in_pem(const char *path)
{
    size_t len = strlen(path);
    return len >= 4 && strcmp(path + len - 4, ".pem") == 0;
}

int cs_certificate_write(struct cs_cli *cli, const struct cs_args *args, struct cs_span der)
{
    const char *path = cs_arg_get(args, "out");
    CS_AUTO_BUF struct cs_buf pem = { 0 };
    if (path != NULL && !ends_in_pem(path))
        return cs_cli_write(cli, args, der);
    if (!cs_ok(cs_certificate_pem(der, &pem)))
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "out of memory");
    return cs_cli_write(cli, args, cs_buf_span(&pem));
}
