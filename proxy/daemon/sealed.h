/*
 * Sealed memory: bytes that a child reads through a descriptor and nobody can change.
 */
#ifndef CS_DAEMON_SEALED_H
#define CS_DAEMON_SEALED_H

#include "proxy/base/bytes.h"

/* cs_sealed_copy makes a descriptor (the caller's) positioned at the start. IO with a note. */
CS_RESULT cs_sealed_copy(const char *name, struct cs_span bytes, int *out_fd, struct cs_note *note);

#endif
