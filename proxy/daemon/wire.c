#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/io.h"
#include "proxy/daemon/house.h"
#include "proxy/daemon/sealed.h"
#include "proxy/daemon/spawn.h"
#include "proxy/ipc/errand.h"
#include "proxy/ipc/frontconf.h"
#include "proxy/ipc/process.h"

/* What a child may inherit. Numbers from 3 on, in the order of its row: proxy/ipc/process.h. */
enum heirloom {
    NOTHING,
    LIFELINE,
    GATE,
    FRONT,
    SIGNERS,
    FACTS,
    TLS,
    LISTEN,
    POLICY,
    LEDGER_KEY,
    PIN,
    KEYS,
    WITNESS,
    COURIER,
    ROUTES
};

enum node { NODE_SIGNER, NODE_GATE, NODE_FRONT, NODE_COURIER };

static const struct {
    const char *program;
    enum heirloom inherits[6];
} nodes[] = {
    /* program               inherits (fds 3, 4, 5, ...) */
    [NODE_FRONT] = { "countersign-front", { LIFELINE, GATE, FACTS, TLS, LISTEN } },
    [NODE_GATE] = { "countersign-gate", { LIFELINE, FRONT, POLICY, LEDGER_KEY, SIGNERS, COURIER } },
    [NODE_SIGNER] = { "countersign-signer", { LIFELINE, GATE, PIN, KEYS, WITNESS } },
    [NODE_COURIER] = { "countersign-courier", { LIFELINE, GATE, ROUTES } },
};

static_assert((int)CS_FD_LIFELINE == (int)CS_SPAWN_FIRST_FD, "the first column");
static_assert(CS_FD_FRONT_GATE == 4 && CS_FD_GATE_FRONT == 4 && CS_FD_SIGNER_GATE == 4 &&
                  CS_FD_COURIER_GATE == 4,
              "the second column");
static_assert(CS_FD_FRONT_CONF == 5 && CS_FD_GATE_POLICY == 5 && CS_FD_SIGNER_PIN == 5 &&
                  CS_FD_COURIER_ROUTES == 5,
              "the third column");
static_assert(CS_FD_FRONT_TLS == 6 && CS_FD_FRONT_LISTEN == 7 && CS_FD_GATE_LEDGER_KEY == 6 &&
                  CS_FD_GATE_SIGNER == 7 && CS_FD_SIGNER_KEYS == 6 && CS_FD_SIGNER_WITNESS == 7,
              "the others");

static void shut(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static CS_RESULT fail_errno(struct cs_note *note, const char *what)
{
    cs_note_set(note, "%s: %s", what, strerror(errno));
    return CS_ERR(IO);
}

static CS_RESULT open_keys(const struct cs_house *h, int *out, struct cs_note *note)
{
    struct cs_keytable table;
    cs_policy_keytable(h->policy, cs_span_str(h->config->module), &table);
    CS_AUTO_BUF struct cs_buf bytes = { .max = CS_KEYTABLE_MAX_LEN };
    CS_TRY(cs_keytable_put(&bytes, &table));
    return cs_sealed_copy("key-table", cs_buf_span(&bytes), out, note);
}

static CS_RESULT open_conf(const struct cs_house *h, int *out, struct cs_note *note)
{
    struct cs_frontconf conf = { .n_listeners = h->config->n_listen };
    for (uint32_t i = 0; i < conf.n_listeners; i++) {
        const struct cs_listen *from = &h->config->listen[i];
        struct cs_listener_facts *to = &conf.listener[i];
        (void)snprintf(to->name, sizeof to->name, "%s", from->name); /* the configuration checked it */
        to->tls = from->tls;
        to->reflection = from->reflection;
        to->metrics = from->metrics;
        to->max_age_s = from->max_age_s;
    }
    CS_AUTO_BUF struct cs_buf bytes = { .max = CS_FRONTCONF_MAX_LEN };
    CS_TRY(cs_frontconf_put(&bytes, &conf));
    return cs_sealed_copy("front-configuration", cs_buf_span(&bytes), out, note);
}

/* add-checkpoint, and where a witness shows what it has cosigned of this log (C2SP tlog-witness). */
static CS_RESULT open_routes(const struct cs_house *h, int *out, struct cs_note *note)
{
    static char add[CS_WITNESSES_MAX][CS_ROUTE_URL_MAX_LEN], read[CS_WITNESSES_MAX][CS_ROUTE_URL_MAX_LEN];
    struct cs_routes routes = { .n = h->policy->witnesses.n };
    struct cs_sha256 origin = cs_sha256(h->policy->ledger_origin);
    char hex[2 * CS_SHA256_LEN + 1];
    cs_hex(cs_sha256_span(&origin), hex);
    for (uint32_t i = 0; i < routes.n; i++) {
        struct cs_span url = h->policy->witnesses.witness[i].url; /* the policy bounds its length */
        (void)snprintf(add[i], sizeof add[i], "%.*s/add-checkpoint", (int)url.len, (const char *)url.at);
        (void)snprintf(read[i], sizeof read[i], "%.*s/%s/checkpoint", (int)url.len, (const char *)url.at,
                       hex);
        routes.route[i] = (struct cs_route){ cs_span_str(add[i]), cs_span_str(read[i]) };
    }
    CS_AUTO_BUF struct cs_buf bytes = { .max = CS_ROUTES_MAX_LEN };
    CS_TRY(cs_routes_put(&bytes, &routes));
    return cs_sealed_copy("routes", cs_buf_span(&bytes), out, note);
}

static CS_RESULT open_witness(const struct cs_house *h, uint32_t signer, int *out, struct cs_note *note)
{
    char path[CS_MODULE_PATH_MAX_LEN + 32];
    (void)snprintf(path, sizeof path, "%s/signer-%u.witness", h->config->witness_dir, signer);
    *out = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *out >= 0 ? CS_OK : fail_errno(note, path);
}

/* A secret stands in a file of its owner's alone, or comes as a credential of the service manager's; what
 * names the key of the configuration. */
static CS_RESULT open_secret(const char *file, const char *credential, const char *what, int *out,
                             struct cs_note *note)
{
    char path[CS_MODULE_PATH_MAX_LEN + 128];
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    if (file == NULL && dir == NULL) {
        cs_note_set(note, "%s: no CREDENTIALS_DIRECTORY is set; the service manager passes it", what);
        return CS_ERR(CONFIG);
    }
    int n = file != NULL ? snprintf(path, sizeof path, "%s", file)
                         : snprintf(path, sizeof path, "%s/%s", dir, credential);
    if (n < 0 || n >= (int)sizeof path)
        return CS_ERR(LIMIT);
    CS_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return fail_errno(note, path);
    if (!S_ISREG(st.st_mode)) {
        cs_note_set(note, "%s: not a regular file", path);
        return CS_ERR(CONFIG);
    }
    if (file != NULL && (st.st_mode & 077) != 0) { /* credentials carry an ACL that shows as group bits */
        cs_note_set(note, "%s: mode %04o lets others than its owner in; needed: 0400 or 0600", path,
                    (unsigned)(st.st_mode & 07777));
        return CS_ERR(CONFIG);
    }
    *out = fd;
    fd = -1;
    return CS_OK;
}

CS_RESULT cs_house_open_pin(const struct cs_config *c, int *out, struct cs_note *note)
{
    return open_secret(c->pin_file, c->credential, "token.credential", out, note);
}

CS_RESULT cs_house_open_ledger_key(const struct cs_config *c, int *out, struct cs_note *note)
{
    struct stat st;
    if (c->ledger_key == NULL && c->ledger_key_credential == NULL)
        return cs_sealed_copy("no-ledger-key", cs_span_of(NULL, 0), out, note);
    CS_AUTO_FD int fd = -1;
    CS_TRY(open_secret(c->ledger_key, c->ledger_key_credential, "ledger_key_credential", &fd, note));
    if (fstat(fd, &st) != 0 || st.st_size == 0) { /* the gate takes an empty one for none */
        cs_note_set(note, "ledger_key: the file is empty");
        return CS_ERR(CONFIG);
    }
    *out = fd;
    fd = -1;
    return CS_OK;
}

CS_RESULT cs_house_open(struct cs_house *h, struct cs_note *note)
{
    const int kind = SOCK_STREAM | SOCK_CLOEXEC;
    if (socketpair(AF_UNIX, kind, 0, h->front_gate) != 0)
        return fail_errno(note, "channel");
    for (uint32_t i = 0; i < h->config->n_signers; i++)
        if (socketpair(AF_UNIX, kind, 0, h->gate_signer[i]) != 0)
            return fail_errno(note, "channel");
    if (h->policy->witnesses.n != 0 && socketpair(AF_UNIX, kind, 0, h->gate_courier) != 0)
        return fail_errno(note, "channel");
    struct cs_activation passed;
    cs_result r = cs_activation_init(&passed, note);
    for (uint32_t i = 0; i < h->config->n_listen && cs_ok(r); i++)
        r = cs_listener_open(&h->config->listen[i], &passed, &h->listener[i], note);
    if (cs_ok(r))
        r = cs_activation_end(&passed, note);
    cs_activation_done(&passed);
    return r;
}

void cs_house_close(struct cs_house *h)
{
    for (uint32_t i = 0; i < h->n_children; i++)
        shut(&h->child[i].lifeline);
    for (int end = 0; end < 2; end++) {
        shut(&h->front_gate[end]);
        shut(&h->gate_courier[end]);
        for (uint32_t i = 0; i < CS_SIGNERS_MAX; i++)
            shut(&h->gate_signer[i][end]);
    }
    for (uint32_t i = 0; i <= CS_LISTEN_MAX; i++)
        cs_listener_close(&h->listener[i]);
    shut(&h->signal_fd);
}

static enum node node_of(const struct cs_house *h, uint32_t i)
{
    static const enum node late[] = { NODE_GATE, NODE_FRONT, NODE_COURIER };
    return i < h->config->n_signers ? NODE_SIGNER : late[i - h->config->n_signers];
}

/* Descriptors made for one child only; the parent keeps none of them. */
struct made {
    int lifeline, conf, tls, policy, ledger_key, pin, keys, witness, routes;
};
static void made_done(struct made *m)
{
    shut(&m->lifeline);
    shut(&m->conf);
    shut(&m->tls);
    shut(&m->policy);
    shut(&m->ledger_key);
    shut(&m->pin);
    shut(&m->keys);
    shut(&m->witness);
    shut(&m->routes);
}

/* One heirloom of child i onto the list. */
static CS_RESULT add(struct cs_house *h, uint32_t i, enum heirloom what, struct made *m, struct cs_spawn *s,
                     struct cs_note *note)
{
    switch (what) {
    case NOTHING:
        return CS_OK;
    case LIFELINE:
        s->fd[s->n_fds++] = m->lifeline;
        return CS_OK;
    case GATE:
        s->fd[s->n_fds++] = node_of(h, i) == NODE_FRONT     ? h->front_gate[0]
                            : node_of(h, i) == NODE_COURIER ? h->gate_courier[1]
                                                            : h->gate_signer[i][1];
        return CS_OK;
    case FRONT:
        s->fd[s->n_fds++] = h->front_gate[1];
        return CS_OK;
    case SIGNERS:
        for (uint32_t k = 0; k < h->config->n_signers; k++)
            s->fd[s->n_fds++] = h->gate_signer[k][0];
        return CS_OK;
    case FACTS:
        CS_TRY(open_conf(h, &m->conf, note));
        s->fd[s->n_fds++] = m->conf;
        return CS_OK;
    case TLS:
        CS_TRY(cs_tls_files_open(h->config, h->policy, CS_TLS_FILES_START, &m->tls, note));
        cs_tls_files_stamp(h->config, &h->stamps);
        s->fd[s->n_fds++] = m->tls;
        return CS_OK;
    case LISTEN:
        for (uint32_t k = 0; k < h->config->n_listen; k++)
            s->fd[s->n_fds++] = h->listener[k].fd;
        return CS_OK;
    case POLICY:
        CS_TRY(cs_sealed_copy("policy", h->document, &m->policy, note));
        s->fd[s->n_fds++] = m->policy;
        return CS_OK;
    case LEDGER_KEY:
        CS_TRY(cs_house_open_ledger_key(h->config, &m->ledger_key, note));
        s->fd[s->n_fds++] = m->ledger_key;
        return CS_OK;
    case PIN: /* opened for each signer: each reads it from its start */
        CS_TRY(cs_house_open_pin(h->config, &m->pin, note));
        s->fd[s->n_fds++] = m->pin;
        return CS_OK;
    case KEYS:
        CS_TRY(open_keys(h, &m->keys, note));
        s->fd[s->n_fds++] = m->keys;
        return CS_OK;
    case WITNESS:
        CS_TRY(open_witness(h, i, &m->witness, note));
        s->fd[s->n_fds++] = m->witness;
        return CS_OK;
    case COURIER:
        if (h->policy->witnesses.n != 0)
            s->fd[s->n_fds++] = h->gate_courier[0];
        return CS_OK;
    case ROUTES:
        CS_TRY(open_routes(h, &m->routes, note));
        s->fd[s->n_fds++] = m->routes;
        return CS_OK;
    }
    return CS_ERR(BUG);
}

/* hand_over closes our copies of what child i now holds, so that its end is seen by its peers. */
static void hand_over(struct cs_house *h, uint32_t i)
{
    switch (node_of(h, i)) {
    case NODE_SIGNER:
        shut(&h->gate_signer[i][1]);
        break;
    case NODE_GATE:
        shut(&h->front_gate[1]);
        for (uint32_t k = 0; k < h->config->n_signers; k++)
            shut(&h->gate_signer[k][0]);
        shut(&h->gate_courier[0]);
        break;
    case NODE_COURIER:
        shut(&h->gate_courier[1]);
        break;
    case NODE_FRONT:
        shut(&h->front_gate[0]);
        for (uint32_t k = 0; k < h->config->n_listen; k++)
            shut(&h->listener[k].fd);
        break;
    }
}

static CS_RESULT set_user(const struct cs_house *h, enum node node, struct cs_spawn *s, struct cs_note *note)
{
    const char *const names[] = { [NODE_SIGNER] = h->config->signer_user,
                                  [NODE_GATE] = h->config->gate_user,
                                  [NODE_FRONT] = h->config->front_user,
                                  [NODE_COURIER] = h->config->courier_user };
    if (names[node] == NULL)
        return CS_OK;
    const struct passwd *user = getpwnam(names[node]);
    if (user == NULL || user->pw_uid == 0) {
        cs_note_set(note, "users: '%s' is %s", names[node], user == NULL ? "no user of this system" : "root");
        return CS_ERR(CONFIG);
    }
    s->change_user = true;
    s->uid = user->pw_uid;
    s->gid = user->pw_gid;
    return CS_OK;
}

static CS_RESULT spawn(struct cs_house *h, uint32_t i, struct made *m, int *out_lifeline,
                       struct cs_note *note)
{
    enum node node = node_of(h, i);
    char program[CS_MODULE_PATH_MAX_LEN + 64], signers[16], number[16];
    (void)snprintf(program, sizeof program, "%s/%s", h->libexec, nodes[node].program);
    (void)snprintf(signers, sizeof signers, "%u", h->config->n_signers);
    (void)snprintf(number, sizeof number, "%u", i);
    struct cs_spawn s = { .program = program, .argv = { nodes[node].program } };
    switch (node) {
    case NODE_FRONT:
    case NODE_COURIER:
        break;
    case NODE_GATE:
        s.argv[1] = h->config->ledger;
        s.argv[2] = signers;
        break;
    case NODE_SIGNER:
        s.argv[1] = number;
        s.environment = h->config->token_environment;
        break;
    }
    CS_TRY(set_user(h, node, &s, note));
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return fail_errno(note, "lifeline");
    m->lifeline = pair[1];
    *out_lifeline = pair[0];
    for (size_t k = 0; k < sizeof nodes[node].inherits / sizeof *nodes[node].inherits; k++)
        CS_TRY(add(h, i, nodes[node].inherits[k], m, &s, note));
    return cs_spawn(&s, &h->child[i].pid, note);
}

CS_RESULT cs_house_spawn(struct cs_house *h, uint32_t i, struct cs_note *note)
{
    struct made m = { -1, -1, -1, -1, -1, -1, -1, -1, -1 };
    int lifeline = -1;
    cs_result r = spawn(h, i, &m, &lifeline, note);
    made_done(&m);
    if (!cs_ok(r)) {
        shut(&lifeline);
        return r;
    }
    hand_over(h, i);
    h->child[i].lifeline = lifeline;
    return CS_OK;
}
