/*
 * Certificates that a command writes: PEM on standard output or to an --out that ends in .pem, else DER.
 */
#ifndef CS_CLIENT_CLI_CERT_FILE_H
#define CS_CLIENT_CLI_CERT_FILE_H

#include "client/cli/cli.h"

/* cs_certificate_pem appends the certificate in PEM. */
CS_RESULT cs_certificate_pem(struct cs_span der, struct cs_buf *out);
/* cs_certificate_write writes where --out says; returns an exit code. */
int cs_certificate_write(struct cs_cli *cli, const struct cs_args *args, struct cs_span der);

#endif
