/*
 * TLS files: the parent reads certificates, keys and revocation lists, since the front may open nothing,
 * looks whether they fit each other, and passes them on in sealed memory (proxy/ipc/material.h). Octets
 * of keys are wiped behind it.
 */
#ifndef CS_DAEMON_TLS_FILES_H
#define CS_DAEMON_TLS_FILES_H

#include <sys/stat.h>

#include "proxy/daemon/config.h"
#include "proxy/policy/policy.h"

/* At the start a revocation list past its nextUpdate is a warning in the log: the front refuses TLS until
 * there is a new one, others are served. While running it is a failure, so that the list in use stays. */
enum cs_tls_files_when { CS_TLS_FILES_START, CS_TLS_FILES_RELOAD };

/* cs_tls_files_open reads the files of all listeners with tls. *out_fd is the caller's; empty memory when
 * no listener has tls. CONFIG, IO or LIMIT with a note that names listener, file and what is wrong. */
CS_RESULT cs_tls_files_open(const struct cs_config *c, const struct cs_policy *p, enum cs_tls_files_when when,
                            int *out_fd, struct cs_note *note);

/* What the revocation lists looked like from outside, to see when one was replaced. */
struct cs_tls_stamps {
    struct {
        dev_t device;
        ino_t inode;
        off_t size;
        struct timespec changed;
    } file[CS_LISTEN_MAX][CS_REVOCATION_FILES_MAX];
};
void cs_tls_files_stamp(const struct cs_config *c, struct cs_tls_stamps *out);
/* cs_tls_files_any: whether there is anything to watch or to read again. */
bool cs_tls_files_any(const struct cs_config *c);

#endif
