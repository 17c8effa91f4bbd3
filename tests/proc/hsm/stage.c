#include "tests/proc/hsm/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/ipc/process.h"
#include "tests/unit/hsm/tbs_make.h"

#define PSS(hash, salt)                                                \
    "304106092a864886f70d01010a3034a00f300d060960864801650304020" hash \
    "0500a11c301a06092a864886f70d010108300d060960864801650304020" hash "0500a2030201" salt
const char alg_p256[] = "300a06082a8648ce3d040302", alg_p384[] = "300a06082a8648ce3d040303",
           alg_p521[] = "300a06082a8648ce3d040304", alg_rsa256[] = "300d06092a864886f70d01010b0500",
           alg_rsa384[] = "300d06092a864886f70d01010c0500", alg_rsa512[] = "300d06092a864886f70d01010d0500",
           alg_pss256[] = PSS("1", "20"), alg_pss384[] = PSS("2", "30"), alg_pss512[] = PSS("3", "40");

void stage_path(const struct stage *s, const char *name, char out[STAGE_PATH_LEN])
{
    assert_true(snprintf(out, STAGE_PATH_LEN, "%s/%s", s->dir, name) < STAGE_PATH_LEN);
}

void stage_write(const struct stage *s, const char *name, const char *text)
{
    char path[STAGE_PATH_LEN];
    stage_path(s, name, path);
    assert_true(cs_ok(cs_write_file(path, cs_span_str(text), 0600, NULL)));
}

void stage_read(const struct stage *s, const char *name, struct cs_buf *out)
{
    char path[STAGE_PATH_LEN];
    stage_path(s, name, path);
    assert_true(cs_ok(cs_read_file(path, 1 << 20, out, NULL)));
    cs_buf_put_u8(out, 0);
}

void stage_open(struct stage *s)
{
    if (access(CS_SOFTHSM, R_OK) != 0)
        exit(STAGE_SKIP);
    *s = (struct stage){ .dir = "/tmp/cs-hsm-XXXXXX", .module = CS_SOFTHSM };
    assert_non_null(mkdtemp(s->dir));
    char path[STAGE_PATH_LEN], conf[STAGE_PATH_LEN + 64];
    stage_path(s, "tokens", path);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(conf, sizeof conf, "directories.tokendir = %s\nlog.level = ERROR\n", path);
    stage_write(s, "softhsm2.conf", conf);
    stage_path(s, "softhsm2.conf", path);
    assert_int_equal(setenv("SOFTHSM2_CONF", path, 1), 0);
    stage_write(s, "pin", "pin-1234\n");
    stage_write(s, "so-pin", "5678\n");
}

void stage_close(struct stage *s)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/rm", "rm", "-rf", "--", s->dir, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0 && waitpid(pid, NULL, 0) == pid);
}

static int wait_code(pid_t pid)
{
    int status = 0;
    assert_true(waitpid(pid, &status, 0) == pid);
    if (WIFSIGNALED(status))
        print_message("child ended by signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int stage_tool(const struct stage *s, struct cs_buf *out, const char *command, ...)
{
    enum { ARGS_MAX = 32 };
    char pin[STAGE_PATH_LEN];
    union {
        const char *text[ARGS_MAX];
        char *argv[ARGS_MAX];
    } a = { .text = { CS_TOKEN_TOOL, command } };
    size_t n = 2;
    bool has_pin = false, has_module = false;
    va_list args;
    va_start(args, command);
    for (const char *arg; (arg = va_arg(args, const char *)) != NULL;) {
        assert_true(n < ARGS_MAX - 6);
        has_pin = has_pin || strcmp(arg, "--pin-file") == 0;
        has_module = has_module || strcmp(arg, "--module") == 0;
        a.text[n++] = arg;
    }
    va_end(args);
    stage_path(s, "pin", pin);
    if (!has_pin) {
        a.text[n++] = "--pin-file";
        a.text[n++] = pin;
    }
    if (!has_module) {
        a.text[n++] = "--module";
        a.text[n++] = s->module;
    }
    int p[2];
    assert_int_equal(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(p[1], STDOUT_FILENO);
        (void)dup2(p[1], STDERR_FILENO);
        (void)close(p[0]);
        (void)close(p[1]);
        execv(CS_TOKEN_TOOL, a.argv);
        _exit(127);
    }
    assert_true(pid > 0);
    (void)close(p[1]);
    CS_AUTO_BUF struct cs_buf text = { .max = 1 << 20 };
    assert_true(cs_ok(cs_read_fd(p[0], 1 << 20, &text)));
    (void)close(p[0]);
    cs_buf_put_u8(&text, 0);
    int code = wait_code(pid);
    if (out != NULL)
        cs_buf_put(out, text.at, text.len);
    else if (code != 0)
        print_message("%s", (const char *)text.at);
    return code;
}

void stage_token(const struct stage *s, const char *label)
{
    char so_pin[STAGE_PATH_LEN];
    stage_path(s, "so-pin", so_pin);
    assert_int_equal(stage_tool(s, NULL, "init", "--token-label", label, "--so-pin-file", so_pin, NULL), 0);
}

void stage_certificate(const struct stage *s, const char *uri, const char *label, struct cs_buf *out)
{
    char file[STAGE_PATH_LEN], subject[128];
    stage_path(s, "certificate.pem", file);
    (void)snprintf(subject, sizeof subject, "/C=DE/O=Test/CN=%s", label);
    assert_int_equal(stage_tool(s, NULL, "self-signed", "--key", uri, "--subject", subject, "--days", "3650",
                                "--out", file, "--test-ca", NULL),
                     0);
    CS_AUTO_BUF struct cs_buf pem = { .max = 1 << 20 };
    stage_read(s, "certificate.pem", &pem);
    BIO *b = BIO_new_mem_buf(pem.at, (int)pem.len - 1);
    X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);
    assert_non_null(x);
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    cs_buf_put(out, der, (size_t)len);
    OPENSSL_free(der);
    X509_free(x);
    BIO_free(b);
}

void stage_key(const struct stage *s, const char *token, const char *label, const char *id_hex,
               const char *type, struct cs_buf *out_certificate)
{
    char uri[128];
    (void)snprintf(uri, sizeof uri, "pkcs11:token=%s;object=%s", token, label);
    assert_int_equal(stage_tool(s, NULL, "keygen", "--token-label", token, "--key-label", label, "--id",
                                id_hex, "--type", type, NULL),
                     0);
    stage_certificate(s, uri, label, out_certificate);
}

static int memory_file(struct cs_span content)
{
    int fd = memfd_create("cs-test", 0);
    assert_true(fd >= 0 && cs_ok(cs_write_all(fd, content)) && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

void gate_start(struct gate *g, const struct stage *s, const struct cs_keytable *t, const char *pin,
                unsigned flags)
{
    static unsigned n_started;
    char name[32];
    *g = (struct gate){ .chan = { .fd = -1 } };
    (void)snprintf(name, sizeof name, "witness-%u", n_started);
    stage_path(s, name, g->witness);
    (void)snprintf(name, sizeof name, "log-%u", n_started++);
    stage_path(s, name, g->log);
    CS_AUTO_BUF struct cs_buf table = { .max = CS_KEYTABLE_MAX_LEN };
    assert_true(cs_ok(cs_keytable_put(&table, t)) && cs_ok(cs_keytable_digest(t, &g->digest)));
    int lifeline[2], gate[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lifeline), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate), 0);
    int append = flags & GATE_WITNESS_NOT_APPEND ? 0 : O_APPEND;
    const char *witness = flags & GATE_WITNESS_FULL ? "/dev/full" : g->witness;
    int fd[5] = { lifeline[1], gate[1], memory_file(cs_span_str(pin)), memory_file(cs_buf_span(&table)),
                  open(witness, O_WRONLY | O_CREAT | append, 0600) };
    int log = open(g->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd[4] >= 0 && log >= 0);
    g->pid = fork();
    if (g->pid == 0) {
        int moved[5];
        (void)dup2(log, STDERR_FILENO);
        for (int i = 0; i < 5; i++)
            moved[i] = fcntl(fd[i], F_DUPFD, 50);
        for (int i = 0; i < 5; i++)
            (void)dup2(moved[i], CS_FD_LIFELINE + i);
        if (flags & GATE_NO_PIN)
            (void)close(CS_FD_SIGNER_PIN);
        (void)close_range(8, ~0u, 0);
        (void)close(STDIN_FILENO); /* as the parent does */
        (void)close(STDOUT_FILENO);
        execl(CS_SIGNER, "countersign-signer", "0", (char *)NULL);
        _exit(127);
    }
    assert_true(g->pid > 0);
    for (int i = 0; i < 5; i++)
        (void)close(fd[i]);
    (void)close(log);
    g->lifeline_fd = lifeline[0];
    assert_true(cs_ok(cs_chan_init(&g->chan, gate[0], 4 << 20, 64 << 20)));
}

int gate_wait(struct gate *g)
{
    cs_chan_done(&g->chan);
    int code = wait_code(g->pid);
    if (g->lifeline_fd >= 0)
        (void)close(g->lifeline_fd);
    g->lifeline_fd = -1;
    return code;
}

int gate_end(struct gate *g)
{
    (void)close(g->lifeline_fd);
    g->lifeline_fd = -1;
    int code = wait_code(g->pid);
    cs_chan_done(&g->chan);
    return code;
}

void gate_log(const struct gate *g, struct cs_buf *out)
{
    assert_true(cs_ok(cs_read_file(g->log, 1 << 20, out, NULL)));
    cs_buf_put_u8(out, 0);
}

static bool frame_take(struct gate *g, struct reply *r)
{
    struct cs_reader in =
        cs_reader_init(cs_span_of(g->chan.in.at + g->chan.in_at, g->chan.in.len - g->chan.in_at));
    uint32_t type = cs_get_u32(&in), len = cs_get_u32(&in);
    uint64_t id = cs_get_u64(&in);
    struct cs_span body = cs_get_raw(&in, len);
    if (in.failed)
        return false;
    g->chan.in_at += CS_MSG_HDR_LEN + len;
    assert_true(body.len <= sizeof r->body);
    *r = (struct reply){ .type = type, .id = id, .body_len = body.len };
    memcpy(r->body, body.at, body.len);
    body.at = r->body;
    if (type == CS_MSG_SIGNED)
        assert_true(cs_ok(cs_msg_signed_get(body, &r->sig)));
    else if (type != CS_MSG_HELLO)
        assert_true(cs_ok(cs_msg_event_get(body, &r->event)));
    return true;
}

void gate_recv(struct gate *g, struct reply *r)
{
    int64_t end_ms = cs_clock_mono_ms() + 20000;
    while (!frame_take(g, r)) {
        struct pollfd p = { .fd = g->chan.fd, .events = POLLIN };
        (void)cs_ok(cs_chan_flush(&g->chan));
        if (cs_chan_wants_write(&g->chan))
            p.events |= POLLOUT;
        (void)poll(&p, 1, 100);
        if (cs_is(cs_chan_fill(&g->chan), CS_NUM_PEER_GONE)) {
            *r = (struct reply){ .type = 0 };
            return;
        }
        if (cs_clock_mono_ms() > end_ms)
            fail_msg("no answer from the signer");
    }
}

void gate_ready(struct gate *g, const struct stage *s, const struct cs_keytable *t)
{
    gate_start(g, s, t, "pin-1234\n", GATE_ALL_GOOD);
    struct cs_hello h = { CS_IPC_VERSION, g->digest };
    struct reply r;
    assert_true(cs_ok(cs_hello_put(&g->chan, &h)));
    gate_recv(g, &r);
    if (r.type == 0) {
        CS_AUTO_BUF struct cs_buf log = { 0 };
        gate_log(g, &log);
        fail_msg("the signer did not start: %s", (const char *)log.at);
    }
    assert_int_equal(r.type, CS_MSG_HELLO);
    struct cs_hello theirs;
    assert_true(cs_ok(cs_hello_get(cs_span_of(r.body, r.body_len), &theirs)));
    assert_memory_equal(&theirs.subject, &g->digest, sizeof g->digest);
    gate_recv(g, &r);
    assert_int_equal(r.type, CS_MSG_HSM_EVENT);
    assert_int_equal(r.event.code, CS_HSM_READY);
    char byte = 0;
    assert_int_equal(read(g->lifeline_fd, &byte, 1), 1);
    assert_int_equal(byte, CS_LIFELINE_READY);
}

void gate_send(struct gate *g, uint64_t seq, const struct cs_msg_sign *m)
{
    assert_true(cs_ok(cs_msg_sign_put(&g->chan, seq, m)));
}

void gate_sign(struct gate *g, uint64_t seq, const struct cs_msg_sign *m, struct reply *r)
{
    gate_send(g, seq, m);
    gate_recv(g, r);
    assert_int_equal(r->id, seq);
}

static X509 *x509_of(struct cs_span der)
{
    const unsigned char *at = der.at;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    assert_non_null(x);
    return x;
}

void leaf_tbs(struct cs_buf *out, struct cs_span issuer_certificate, struct cs_span algorithm,
              enum cs_sign_kind kind)
{
    X509 *issuer = x509_of(issuer_certificate);
    unsigned char *name = NULL;
    int len = i2d_X509_NAME(X509_get_subject_name(issuer), &name);
    struct tbs_make t = tbs_default();
    t.issuer = cs_span_of(name, (size_t)len);
    t.algorithm = algorithm;
    if (kind == CS_SIGN_PRECERTIFICATE)
        t.extensions = tbs_hex(TBS_BASIC_CONSTRAINTS TBS_KEY_USAGE TBS_SAN TBS_POISON);
    tbs_put(out, &t);
    OPENSSL_free(name);
    X509_free(issuer);
}

static void put_header(struct cs_buf *out, uint8_t tag, size_t len)
{
    cs_buf_put_u8(out, tag);
    cs_buf_put_u8(out, 0x82);
    cs_buf_put_u16(out, (uint16_t)len);
}

bool certificate_holds(struct cs_span tbs, struct cs_span algorithm, struct cs_span signature,
                       struct cs_span issuer_certificate)
{
    CS_AUTO_BUF struct cs_buf der = { 0 };
    put_header(&der, 0x30, tbs.len + algorithm.len + signature.len + 5);
    cs_buf_put(&der, tbs.at, tbs.len);
    cs_buf_put(&der, algorithm.at, algorithm.len);
    put_header(&der, 0x03, signature.len + 1);
    cs_buf_put_u8(&der, 0);
    cs_buf_put(&der, signature.at, signature.len);
    X509 *x = x509_of(cs_buf_span(&der)), *issuer = x509_of(issuer_certificate);
    int rc = X509_verify(x, X509_get0_pubkey(issuer));
    X509_free(x);
    X509_free(issuer);
    return rc == 1;
}
