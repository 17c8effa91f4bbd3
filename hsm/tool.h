/*
 * Tool: the commands of countersign-token. Each returns an exit code: 0 done, 1 could not, 2 usage,
 * 3 refused (exists already, key not as it must be, test certificate without --test-ca).
 */
#ifndef CS_HSM_TOOL_H
#define CS_HSM_TOOL_H

#include "hsm/module.h"
#include "proxy/base/secret.h"

enum { CS_EXIT_DONE = 0, CS_EXIT_FAILED = 1, CS_EXIT_USAGE = 2, CS_EXIT_REFUSED = 3 };

struct cs_tool {
    const char *module, *token_label, *pin_file, *so_pin_file;
    const char *key_label, *id, *type;   /* keygen */
    const char *key_uri, *subject, *out; /* self-signed */
    int days;
    bool test_ca;

    struct cs_module m; /* mapped and initialised by cs_tool_begin */
    bool initialised;
    struct cs_secret *pin, *so_pin;
};

/* cs_tool_begin maps and initialises the module and reads the PIN files that are set. */
CS_RESULT cs_tool_begin(struct cs_tool *t, struct cs_why *why);
void cs_tool_end(struct cs_tool *t);

/* cs_tool_session opens a read/write session on the token u names and logs the user in. */
CS_RESULT cs_tool_session(struct cs_tool *t, const struct cs_uri *u, CK_SESSION_HANDLE *out,
                          CK_TOKEN_INFO *out_info, struct cs_why *why);

int cs_tool_init(struct cs_tool *t, struct cs_why *why);
int cs_tool_keygen(struct cs_tool *t, struct cs_why *why);
int cs_tool_list(struct cs_tool *t, struct cs_why *why);
int cs_tool_self_signed(struct cs_tool *t, struct cs_why *why);

#endif
