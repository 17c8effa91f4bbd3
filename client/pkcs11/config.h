/*
 * What the module's configuration file says: lines "key = value", each key once, # begins a comment
 * line. Unknown keys, empty values and repeated keys refuse, naming file and line.
 */
#ifndef CS_CLIENT_PKCS11_CONFIG_H
#define CS_CLIENT_PKCS11_CONFIG_H

#include "proxy/base/bytes.h"

enum {
    CS_P11_CONFIG_MAX_LEN = 64 * 1024,
    CS_P11_ISSUERS_MAX = 256, /* named in the file */
    CS_P11_LABEL_MAX_LEN = 32,
    CS_P11_TIMEOUT_DEFAULT_S = 30,
};

#define CS_P11_CONFIG_VARIABLE "COUNTERSIGN_PKCS11_CONF"
#define CS_P11_CONFIG_DEFAULT  "/etc/countersign/pkcs11.conf"

/* Texts are owned; NULL where the file says nothing. The zero state is empty. */
struct cs_p11_config {
    char *connect, *tls_ca, *tls_certificate, *tls_key, *tls_name;
    char *log;   /* path, "stderr" or "none"; NULL: stderr */
    char *label; /* of the token */
    uint32_t timeout_ms;
    bool raw;      /* mechanisms on digests are offered */
    char *issuers; /* as it stands, comma-separated */
};

/* cs_p11_config_parse reads text; CONFIG or NO_MEMORY with a note, *out then empty. name is for the
 * note. */
CS_RESULT cs_p11_config_parse(const char *name, struct cs_span text, struct cs_p11_config *out,
                              struct cs_note *note);
/* cs_p11_config_load reads the file of the environment variable, which programs with raised rights
 * ignore, or the default one. */
CS_RESULT cs_p11_config_load(struct cs_p11_config *out, struct cs_note *note);
void cs_p11_config_done(struct cs_p11_config *c);

/* cs_p11_config_shows tells whether the file lets this issuer be seen. */
bool cs_p11_config_shows(const struct cs_p11_config *c, struct cs_span issuer_id);

#endif
