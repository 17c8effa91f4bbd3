/*
 * countersign-signer <n>: the only process that holds the PIN and talks PKCS#11. Started by the
 * parent with the descriptors of proxy/ipc/process.h; n only names it in the log. Exit codes: 0 the
 * parent or the gate ended it, 1 it could not start or had to stop (the log says why), 2 usage.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hsm/signer.h"
#include "hsm/watchdog.h"
#include "proxy/base/io.h"
#include "proxy/base/log.h"
#include "proxy/base/sandbox.h"
#include "proxy/ipc/process.h"

static cs_result reason(cs_result r, struct cs_why *why, const char *text)
{
    if (!cs_ok(r))
        cs_why_set(why, CKR_OK, "%s: %s", text, cs_result_text(r));
    return r;
}

static cs_result take_table(struct cs_signer *s, struct cs_buf *bytes, char *path, struct cs_why *why)
{
    bytes->max = CS_KEYTABLE_MAX_LEN;
    CS_TRY(reason(cs_read_fd(CS_FD_SIGNER_KEYS, CS_KEYTABLE_MAX_LEN, bytes), why, "key table"));
    (void)close(CS_FD_SIGNER_KEYS);
    CS_TRY(reason(cs_keytable_get(cs_buf_span(bytes), &s->table), why, "key table"));
    CS_TRY(reason(cs_keytable_digest(&s->table, &s->digest), why, "key table"));
    if (s->table.n_keys == 0)
        return reason(CS_ERR(CONFIG), why, "key table has no key");
    if (memchr(s->table.module.at, 0, s->table.module.len) != NULL)
        return reason(CS_ERR(CONFIG), why, "path of the PKCS#11 module holds a NUL");
    memcpy(path, s->table.module.at, s->table.module.len);
    path[s->table.module.len] = '\0';
    s->token.path = path;
    for (uint32_t i = 0; i < s->table.n_keys; i++) {
        struct cs_note note = { "" };
        cs_result r = cs_key_init(&s->key[i], &s->table.key[i], &note);
        for (uint32_t j = 0; cs_ok(r) && j < i; j++)
            if (cs_span_eq(s->table.key[j].id, s->table.key[i].id)) {
                r = CS_ERR(CONFIG);
                cs_note_set(&note, "issuer id is used twice");
            }
        if (!cs_ok(r)) {
            cs_why_set(why, CKR_OK, "key table, key %u: %s", i, note.text);
            return r;
        }
    }
    return CS_OK;
}

static cs_result run(struct cs_signer *s, struct cs_buf *table, char *path, struct cs_why *why)
{
    CS_TRY(reason(cs_secret_read_fd(CS_FD_SIGNER_PIN, &s->pin), why, "PIN"));
    (void)close(CS_FD_SIGNER_PIN);
    if (!cs_secret_is_locked(s->pin))
        cs_log(CS_LOG_WARNING, "pin-not-locked", "RLIMIT_MEMLOCK does not allow to keep the PIN out of swap");
    CS_TRY(take_table(s, table, path, why));
    CS_TRY(reason(cs_witness_init(&s->witness, CS_FD_SIGNER_WITNESS), why,
                  "witness file is not open for appending"));
    CS_TRY(reason(cs_chan_init(&s->gate, CS_FD_SIGNER_GATE, CS_SIGNER_IN_MAX, CS_SIGNER_OUT_MAX), why,
                  "channel to the gate"));
    s->lifeline_fd = CS_FD_LIFELINE;
    cs_watchdog_arm(CS_WATCHDOG_CONNECT_S);
    cs_result connected = cs_token_connect(&s->token, s->pin, s->key, s->table.n_keys, why);
    cs_watchdog_disarm();
    CS_TRY(connected);
    cs_log(CS_LOG_INFO, "hsm-connected", "%u keys on %zu tokens, canaries verified", s->table.n_keys,
           s->token.n_seats);
    /* Where a module keeps its files is its own matter: reading and writing stay open. A module that
     * is loaded again after a reconnect needs both, and executable pages. */
    static const char *const all[] = { "/", NULL };
    cs_sandbox_enter(CS_SANDBOX_SIGNER, &(struct cs_sandbox_files){ .read = all });
    return cs_signer_run(s, why);
}

int main(int argc, char **argv)
{
    char *end = NULL;
    unsigned long n = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
    if (argc != 2 || argv[1][0] < '0' || argv[1][0] > '9' || *end != '\0' || n > 999) {
        (void)fprintf(stderr, "usage: countersign-signer <n>   (started by countersignd)\n");
        return 2;
    }
    char name[32];
    (void)snprintf(name, sizeof name, "signer-%lu", n);
    cs_log_init(name, CS_LOG_INFO);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file-size limit is a witness line that fails, not the end */
    /* No core with the PIN, no tracing by the same uid. */
    if (!cs_ok(cs_sandbox_basic()) || !cs_ok(cs_standard_fds_fill())) {
        cs_log(CS_LOG_ERROR, "start-failed", "no_new_privs or /dev/null is not to be had");
        return 1;
    }
    for (int fd = CS_FD_LIFELINE; fd <= CS_FD_SIGNER_WITNESS; fd++)
        if (!cs_ok(cs_set_cloexec(fd, true))) {
            cs_log(CS_LOG_ERROR, "start-failed", "descriptor %d is not open", fd);
            return 1;
        }

    static struct cs_signer s;
    static char path[CS_MODULE_PATH_MAX_LEN + 1];
    s.gate.fd = -1;
    struct cs_buf table = { 0 };
    struct cs_why why = { .rv = CKR_OK };
    cs_result r = run(&s, &table, path, &why);
    if (!cs_ok(r)) {
        cs_log_begin(CS_LOG_ERROR, "stopped");
        cs_log_result(r);
        if (why.rv != CKR_OK)
            cs_log_str("ck_rv", cs_ckr_name(why.rv));
        cs_log_str("message", why.note.text);
        cs_log_end();
    }
    cs_watchdog_arm(CS_WATCHDOG_CONNECT_S); /* C_Finalize may wait for a token that is gone */
    cs_token_disconnect(&s.token, s.key, s.table.n_keys);
    cs_secret_free(s.pin);
    for (uint32_t i = 0; i < s.table.n_keys; i++)
        cs_key_done(&s.key[i]);
    cs_chan_done(&s.gate);
    cs_buf_done(&table);
    if (cs_ok(r))
        cs_log(CS_LOG_INFO, "ended", "the gate or the parent closed");
    /* Modules register exit handlers that crash once OpenSSL has cleaned up (SoftHSM issue 780). */
    _exit(cs_ok(r) ? 0 : 1);
}
