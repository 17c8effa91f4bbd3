#include "proxy/daemon/daemon.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/io.h"
#include "proxy/base/log.h"

static const char help[] =
    "usage: countersignd --config FILE [--check]\n"
    "       countersignd --help\n"
    "\n"
    "Starts the processes of one countersign proxy and ends them together.\n"
    "\n"
    "  --config FILE  what to start: sockets, ledger, token, policy (YAML)\n"
    "  --check        read configuration and policy, look at the files they name, start nothing\n"
    "\n"
    "Signals: TERM and INT finish running calls and end; HUP reads the TLS files again; a new\n"
    "policy needs a restart.\n"
    "Exit: 0 ended as asked, or --check found nothing; 2 arguments, configuration or policy;\n"
    "3 could not start, or a process ended unasked.\n";

struct daemon {
    struct cs_config config;
    struct cs_buf document; /* of the policy */
    struct cs_policy *policy;
    char libexec[PATH_MAX];
};

static bool has_programs(const char *dir, const struct cs_policy *p)
{
    static const char *const names[] = { "countersign-front", "countersign-gate", "countersign-signer",
                                         "countersign-courier" };
    for (size_t i = 0; i < (p->witnesses.n != 0 ? 4 : 3); i++) {
        char path[PATH_MAX + 64];
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (access(path, X_OK) != 0)
            return false;
    }
    return true;
}

/* Where the programs are: as configured, as installed, or beside this one (a build tree, a tarball). */
static CS_RESULT find_programs(struct daemon *d, struct cs_note *note)
{
    const char *installed = d->config.libexec != NULL ? d->config.libexec : CS_LIBEXEC_DIR;
    if (has_programs(installed, d->policy)) {
        (void)snprintf(d->libexec, sizeof d->libexec, "%s", installed);
        return CS_OK;
    }
    ssize_t n =
        d->config.libexec == NULL ? readlink("/proc/self/exe", d->libexec, sizeof d->libexec - 1) : -1;
    if (n > 0) {
        d->libexec[n] = '\0';
        *strrchr(d->libexec, '/') = '\0'; /* the kernel's path is absolute */
        if (has_programs(d->libexec, d->policy))
            return CS_OK;
    }
    cs_note_set(note, "%s: countersign-front, countersign-gate and countersign-signer are not all there%s",
                installed, d->policy->witnesses.n != 0 ? ", with countersign-courier" : "");
    return CS_ERR(CONFIG);
}

static CS_RESULT check_users(const struct cs_config *c, struct cs_note *note)
{
    if (c->front_user == NULL || geteuid() == 0)
        return CS_OK;
    cs_note_set(note, "users: only root can change to other users");
    return CS_ERR(CONFIG);
}

/* Only the service manager passes credentials; by hand there is none to look at. */
static bool credential_out_of_sight(const struct cs_config *c)
{
    return (c->credential != NULL || c->ledger_key_credential != NULL) &&
           getenv("CREDENTIALS_DIRECTORY") == NULL;
}

static CS_RESULT check_files(const struct cs_config *c, const struct cs_policy *p, bool pin_comes_later,
                             struct cs_note *note)
{
    struct stat st;
    if (access(c->module, R_OK) != 0) {
        cs_note_set(note, "token.module: %s: %s", c->module, strerror(errno));
        return CS_ERR(CONFIG);
    }
    if (stat(c->witness_dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        cs_note_set(note, "witness_dir: %s: not a directory", c->witness_dir);
        return CS_ERR(CONFIG);
    }
    CS_AUTO_FD int tls = -1;
    CS_TRY(cs_tls_files_open(c, p, CS_TLS_FILES_START, &tls, note));
    if (pin_comes_later)
        return CS_OK;
    CS_AUTO_FD int pin = -1;
    CS_AUTO_FD int ledger_key = -1;
    CS_TRY(cs_house_open_ledger_key(c, &ledger_key, note));
    return cs_house_open_pin(c, &pin, note);
}

static CS_RESULT load(struct daemon *d, const char *path, bool check, struct cs_note *note)
{
    CS_TRY(cs_config_load(path, &d->config, note));
    CS_TRY(cs_read_file(d->config.policy, CS_POLICY_MAX_LEN, &d->document, note));
    struct cs_note inner = { "" };
    cs_result r = cs_policy_load(cs_buf_span(&d->document), &d->policy, &inner);
    if (!cs_ok(r)) {
        cs_note_set(note, "%.200s: %.300s", d->config.policy, inner.text);
        return r;
    }
    bool has_key = d->config.ledger_key != NULL || d->config.ledger_key_credential != NULL;
    if (has_key && d->policy->ledger_origin.len == 0) {
        cs_note_set(note, "ledger_key: %.300s has no ledger: {origin: ...}, the name the key signs under",
                    d->config.policy);
        return CS_ERR(CONFIG);
    }
    if (d->policy->witnesses.n != 0 && !has_key) {
        cs_note_set(note, "%.200s: it names witnesses; needed: ledger_key, which signs what they cosign",
                    d->config.policy);
        return CS_ERR(CONFIG);
    }
    if (d->policy->witnesses.n != 0 && d->config.front_user != NULL && d->config.courier_user == NULL) {
        cs_note_set(note, "users: needed: courier, since %.200s names witnesses", d->config.policy);
        return CS_ERR(CONFIG);
    }
    CS_TRY(find_programs(d, note));
    CS_TRY(check_users(&d->config, note));
    return check_files(&d->config, d->policy, check && credential_out_of_sight(&d->config), note);
}

static void say_checked(const struct daemon *d)
{
    char digest[2 * CS_SHA256_LEN + 1];
    cs_hex(cs_sha256_span(&d->policy->digest), digest);
    (void)printf("policy version %llu, deployment %.*s: %u issuers, %u attesters, %u clients\nsha256 %s\n",
                 (unsigned long long)d->policy->version, (int)d->policy->deployment.len,
                 (const char *)d->policy->deployment.at, d->policy->n_issuers, d->policy->n_attesters,
                 d->policy->n_clients, digest);
    if (credential_out_of_sight(&d->config))
        (void)printf("token.credential: not looked at; only the service manager passes it\n");
}

static int run(struct daemon *d, const char *path, bool check, const struct cs_patience *patience)
{
    struct cs_note note = { "" };
    cs_result r = load(d, path, check, &note);
    if (!cs_ok(r)) {
        const char *text = note.text[0] != '\0' ? note.text : cs_result_text(r);
        if (check)
            (void)fprintf(stderr, "countersignd: %s\n", text);
        else
            cs_log(CS_LOG_ERROR, "config", "%s", text);
        return CS_EXIT_CONFIG;
    }
    if (check) {
        say_checked(d);
        return fflush(stdout) == 0 ? CS_EXIT_DONE : CS_EXIT_FAILED;
    }
    struct cs_house *h = calloc(1, sizeof *h);
    if (h == NULL)
        return CS_EXIT_FAILED;
    h->config = &d->config;
    h->policy = d->policy;
    h->document = cs_buf_span(&d->document);
    h->libexec = d->libexec;
    h->patience = patience;
    int code = cs_house_run(h);
    free(h);
    return code;
}

int cs_daemon_main(int argc, char **argv, const struct cs_patience *patience)
{
    static const struct option options[] = { { "config", required_argument, NULL, 'c' },
                                             { "check", no_argument, NULL, 'k' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    const char *path = NULL;
    bool check = false;
    cs_log_init("parent", CS_LOG_INFO);
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'h')
            return fputs(help, stdout) >= 0 ? CS_EXIT_DONE : CS_EXIT_FAILED;
        if (o == 'c')
            path = optarg;
        else if (o == 'k')
            check = true;
        else
            return CS_EXIT_CONFIG; /* getopt said why */
    }
    if (path == NULL || optind != argc) {
        (void)fputs(help, stderr);
        return CS_EXIT_CONFIG;
    }
    struct daemon d = { .document = { .max = CS_POLICY_MAX_LEN } };
    int code = run(&d, path, check, patience);
    cs_policy_free(d.policy);
    cs_buf_done(&d.document);
    cs_config_done(&d.config);
    return code;
}
