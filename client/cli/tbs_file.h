/*
 * The TBSCertificate a command is about: --tbs FILE (DER, or PEM of any label), or --tbs-of
 * FILE (a certificate, PEM or DER, whose TBSCertificate is taken as it stands).
 */
#ifndef CS_CLIENT_CLI_TBS_FILE_H
#define CS_CLIENT_CLI_TBS_FILE_H

#include "client/cli/options.h"
#include "proxy/base/bytes.h"

/* cs_tbs_read appends the DER; ARGUMENT or FORM with a note that names flag and file. */
CS_RESULT cs_tbs_read(const struct cs_args *args, struct cs_buf *out, struct cs_note *note);

/* cs_tbs_of_certificate appends the TBSCertificate of a certificate file. */
CS_RESULT cs_tbs_of_certificate(const char *path, struct cs_buf *out, struct cs_note *note);

#endif
