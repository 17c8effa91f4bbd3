/*
 * Secrets: PINs and private seeds. Memory is locked where the limit allows it, never dumped, and
 * wiped when freed. Nothing here prints.
 */
#ifndef CS_BASE_SECRET_H
#define CS_BASE_SECRET_H

#include "proxy/base/bytes.h"

enum { CS_SECRET_MAX_LEN = 4096 - 64 };

struct cs_secret; /* one page of its own */

/* cs_secret_read_fd takes everything up to end of file, without one trailing newline. LIMIT past
 * CS_SECRET_MAX_LEN, FORM when empty. *out is set only on success; free with cs_secret_free. */
CS_RESULT cs_secret_read_fd(int fd, struct cs_secret **out);
/* cs_secret_text is NUL-terminated; valid until free. */
const char *cs_secret_text(const struct cs_secret *s);
size_t cs_secret_len(const struct cs_secret *s);
bool cs_secret_is_locked(const struct cs_secret *s);
void cs_secret_free(struct cs_secret *s); /* NULL-safe */

/* cs_wipe is not optimised away. */
void cs_wipe(void *at, size_t len);

#endif
