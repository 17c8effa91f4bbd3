/*
 * Configuration of countersignd: which files, sockets and programs one proxy is made of. YAML, read
 * as strictly as the policy (proxy/policy/yaml.h). What may be signed stands in the policy alone.
 */
#ifndef CS_DAEMON_CONFIG_H
#define CS_DAEMON_CONFIG_H

#include <sys/socket.h>

#include "proxy/base/arena.h"
#include "proxy/base/bytes.h"
#include "proxy/ipc/frontconf.h"

enum {
    CS_CONFIG_MAX_LEN = 64 * 1024,
    CS_LISTEN_MAX = 8, /* and one for metrics */
    CS_REVOCATION_FILES_MAX = 8,
    CS_SIGNERS_MAX = 16,
    CS_TOKEN_ENVIRONMENT_MAX = 16,
};

/* One socket: exactly one of path, tcp and systemd is there. */
struct cs_listen {
    const char *path; /* Unix socket */
    unsigned mode;    /* of it */
    const char *tcp;  /* as written; the address is what it says */
    struct sockaddr_storage address;
    socklen_t address_len;
    const char *systemd; /* name of a descriptor the service manager passes */
    const char *name;    /* for policy, ledger and log; may be empty */
    bool tls;            /* always with tcp, but for metrics */
    const char *certificate, *key;
    uint32_t n_revocation;
    const char *revocation[CS_REVOCATION_FILES_MAX];
    bool reflection, metrics;
    uint32_t max_age_s; /* of a connection; 0: no limit */
};

/* Paths are absolute; relative ones in the file count from the file's directory. */
struct cs_config {
    const char *policy;
    const char *ledger;
    const char *ledger_key;            /* either this, */
    const char *ledger_key_credential; /* or this: name in $CREDENTIALS_DIRECTORY; or none */
    const char *witness_dir;
    const char *libexec; /* directory of countersign-front, -gate, -signer; NULL: look for it */
    uint32_t n_listen;
    struct cs_listen listen[CS_LISTEN_MAX + 1]; /* metrics, if any, is the last */
    uint32_t n_signers;
    const char *module;
    const char *pin_file;                                        /* either this */
    const char *credential;                                      /* or this: name in $CREDENTIALS_DIRECTORY */
    const char *token_environment[CS_TOKEN_ENVIRONMENT_MAX + 1]; /* "NAME=value", NULL behind the last */
    const char *front_user, *gate_user, *signer_user, *courier_user; /* NULL: as the parent */
    struct cs_arena arena;                                           /* owned; all text lives in it */
};

/* cs_config_load reads the file. CONFIG with a note that starts with the path and names the line; IO
 * when the file cannot be read. *out is written only on success; free with cs_config_done. */
CS_RESULT cs_config_load(const char *path, struct cs_config *out, struct cs_note *note);
void cs_config_done(struct cs_config *c); /* safe on a zeroed one */

#endif
