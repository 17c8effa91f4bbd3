/*
 * Signed statements in files: DSSE in protobuf or in JSON; which one is seen from the first octet.
 */
#ifndef CS_CLIENT_CLI_ENVELOPE_FILE_H
#define CS_CLIENT_CLI_ENVELOPE_FILE_H

#include "client/cli/cli.h"
#include "countersign/v1/envelope.pb-c.h"
#include "proxy/base/arena.h"

/* cs_envelope_read appends the canonical protobuf bytes of the envelope in a file. The note names
 * the file. */
CS_RESULT cs_envelope_read(const char *path, struct cs_buf *out, struct cs_note *note);

/* cs_envelope_view decodes canonical envelope bytes; *out lives in the arena. */
CS_RESULT cs_envelope_view(struct cs_span envelope, struct cs_arena *arena,
                           const Countersign__V1__Envelope **out);

/* cs_envelope_format_check refuses a --format other than protobuf and json, and protobuf to a
 * terminal; returns an exit code. Called before anything is signed. */
int cs_envelope_format_check(struct cs_cli *cli, const struct cs_args *args);

/* cs_envelope_write puts an envelope where --out and --format say; with --out the statement's digest
 * goes to standard output. Returns an exit code. */
int cs_envelope_write(struct cs_cli *cli, const struct cs_args *args, struct cs_span envelope);

#endif
