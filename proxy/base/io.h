/*
 * Files and descriptors: whole reads with a cap, whole writes, atomic replacement.
 */
#ifndef CS_BASE_IO_H
#define CS_BASE_IO_H

#include "proxy/base/bytes.h"

/* cs_read_fd appends everything up to end of file; LIMIT if more than max bytes come, IO on error. */
CS_RESULT cs_read_fd(int fd, size_t max, struct cs_buf *out);
/* cs_read_file is cs_read_fd on a path; the note names path and reason. "-" reads standard input. */
CS_RESULT cs_read_file(const char *path, size_t max, struct cs_buf *out, struct cs_note *note);
/* cs_write_all writes every byte, resuming after signals. */
CS_RESULT cs_write_all(int fd, struct cs_span in);
/* cs_write_file replaces path atomically: temporary file beside it, fsync, rename. mode as chmod. */
CS_RESULT cs_write_file(const char *path, struct cs_span in, unsigned mode, struct cs_note *note);

CS_RESULT cs_set_nonblocking(int fd);
CS_RESULT cs_set_cloexec(int fd, bool on);
/* cs_standard_fds_fill opens /dev/null for those of 0, 1 and 2 that are closed: the next file or
 * connection would take the number, and a stray print would go there. */
CS_RESULT cs_standard_fds_fill(void);

/* Cleanup at the declaration: CS_AUTO_FD int fd = -1; */
void cs_auto_fd(int *fd);
#define CS_AUTO_FD __attribute__((cleanup(cs_auto_fd)))

#endif
