/* countersign witness: a small witness for second sites and CI. */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/keys.h"
#include "client/cli/witness_state.h"
#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/base/secret.h"

enum { HEADERS_MAX_LEN = 8192, IDLE_S = 30, HOST_MAX_LEN = 255 };

const struct cs_option cs_options_witness[] = {
    { "listen", "ADDRESS:PORT", "where to listen: 127.0.0.1:8080, [::1]:8080; port 0: any", CS_OPT_REQUIRED },
    { "key", "FILE", "the witness's key, as witness key makes it", CS_OPT_REQUIRED },
    { "name", "NAME", "its name, as it stands in the key's vkey", CS_OPT_REQUIRED },
    { "log", "VKEY", "public key of a log; repeated", CS_OPT_REPEATED },
    { "state", "DIR", "where it keeps what it has cosigned; of this witness alone", CS_OPT_REQUIRED },
    { "json", NULL, "say where it listens in JSON", CS_OPT_SWITCH },
    { 0 },
};

const struct cs_option cs_options_witness_key[] = {
    { "name", "NAME", "name of the witness, as witness.example/w1", CS_OPT_REQUIRED },
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

static CS_RESULT read_signer(const char *path, const char *name, struct cs_tlog_signer *out,
                             struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf pem = { 0 };
    struct cs_note why = { "" };
    CS_TRY(cs_read_file(path, 4096, &pem, note));
    cs_result r = cs_tlog_signer_read(cs_buf_span(&pem), cs_span_str(name), CS_TLOG_COSIGNATURE, out, &why);
    cs_wipe(pem.at, pem.len);
    if (!cs_ok(r))
        cs_note_set(note, "%.200s: %.200s", path, why.text);
    return r;
}

int cs_cmd_witness_key(struct cs_cli *cli, const struct cs_args *args)
{
    const char *path = cs_arg_at(args, NULL, 0);
    struct cs_note note = { "" };
    struct cs_tlog_signer signer = { 0 };
    CS_AUTO_BUF struct cs_buf vkey = { 0 };
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        CS_AUTO_PKEY EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        if (key == NULL)
            return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "the library could not make a key");
        if (!cs_ok(cs_private_key_write(key, path, false, &note)))
            return cs_cli_usage(cli, "%s", note.text);
    }
    if (!cs_ok(read_signer(path, cs_arg_get(args, "name"), &signer, &note)))
        return cs_cli_usage(cli, "%s", note.text);
    cs_tlog_vkey_put(&vkey, &signer.key);
    cs_tlog_signer_done(&signer);
    if (vkey.failed)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "out of memory");
    if (cs_arg_has(args, "json"))
        return cs_cli_json(cli, json_pack("{s:o}", "vkey", json_stringn((const char *)vkey.at, vkey.len)),
                           CS_EXIT_DONE);
    fprintf(cli->out, "%.*s\n", (int)vkey.len, (const char *)vkey.at);
    return CS_EXIT_DONE;
}

/* ---- HTTP ---- */

struct serving {
    struct cs_cli *cli;
    struct cs_witness_state state;
    struct event_base *base;
    struct evhttp *http;
    struct event *on_term, *on_int;
};

static void reply(struct evhttp_request *q, int status, const char *type, struct cs_span body)
{
    struct evbuffer *b = evbuffer_new();
    if (b == NULL || evhttp_add_header(evhttp_request_get_output_headers(q), "Content-Type", type) != 0 ||
        (body.len != 0 && evbuffer_add(b, body.at, body.len) != 0))
        evhttp_send_error(q, HTTP_INTERNAL, NULL);
    else
        evhttp_send_reply(q, status, NULL, b);
    if (b != NULL)
        evbuffer_free(b);
}

static void on_add(struct serving *s, struct evhttp_request *q)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(q);
    size_t len = evbuffer_get_length(in);
    const struct cs_witness_log *log;
    CS_AUTO_BUF struct cs_buf out = { 0 };
    const unsigned char *at = len != 0 ? evbuffer_pullup(in, -1) : NULL;
    if (len != 0 && at == NULL) {
        evhttp_send_error(q, HTTP_INTERNAL, NULL);
        return;
    }
    unsigned status =
        cs_witness_judge(&s->state, cs_span_of(at, len), (uint64_t)cs_clock_unix_s(), &out, &log);
    fprintf(s->cli->err, "%u ", status);
    cs_cli_text(s->cli->err, cs_span_str(log != NULL ? log->key.name : "unknown log"));
    fprintf(s->cli->err, " %llu\n", log != NULL ? (unsigned long long)log->size : 0);
    reply(q, (int)status, status == 409 ? "text/x.tlog.size" : "text/plain; charset=utf-8",
          cs_buf_span(&out));
}

static void on_request(struct evhttp_request *q, void *ctx)
{
    struct serving *s = ctx;
    const char *path = evhttp_request_get_uri(q);
    const struct cs_span empty = { 0 };
    const char *const plain = "text/plain; charset=utf-8";
    bool posted = evhttp_request_get_command(q) == EVHTTP_REQ_POST;
    if (strcmp(path, "/add-checkpoint") == 0) {
        if (posted)
            on_add(s, q);
        else
            reply(q, HTTP_BADMETHOD, plain, empty);
        return;
    }
    const struct cs_witness_log *log = cs_witness_at_path(&s->state, path);
    if (log == NULL || log->size == 0)
        reply(q, HTTP_NOTFOUND, plain, empty);
    else if (posted)
        reply(q, HTTP_BADMETHOD, plain, empty);
    else
        reply(q, HTTP_OK, plain, cs_buf_span(&log->note));
}

static void on_signal(evutil_socket_t number, short what, void *ctx)
{
    (void)number;
    (void)what;
    (void)event_base_loopbreak(((struct serving *)ctx)->base);
}

/* "127.0.0.1:80" or "[::1]:80". */
static bool split_address(const char *text, char host[HOST_MAX_LEN + 1], uint16_t *out_port)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (colon == NULL || !cs_number_of(colon + 1, UINT16_MAX, &port))
        return false;
    size_t len = (size_t)(colon - text);
    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len == 0 || len > HOST_MAX_LEN)
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    *out_port = (uint16_t)port;
    return true;
}

static uint16_t port_of(struct evhttp_bound_socket *bound)
{
    struct sockaddr_storage at = { 0 };
    socklen_t len = sizeof at;
    if (getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&at, &len) != 0)
        return 0;
    uint16_t port; /* at one place in both families */
    memcpy(&port, (const char *)&at + offsetof(struct sockaddr_in, sin_port), sizeof port);
    return ntohs(port);
}

static int say_listening(struct serving *s, const struct cs_args *args, const char *host, uint16_t port)
{
    CS_AUTO_BUF struct cs_buf vkey = { 0 };
    cs_tlog_vkey_put(&vkey, &s->state.signer.key);
    if (vkey.failed)
        return cs_cli_fail(s->cli, CS_EXIT_UNREACHABLE, "out of memory");
    int code = CS_EXIT_DONE;
    if (cs_arg_has(args, "json"))
        code = cs_cli_json(s->cli,
                           json_pack("{s:s, s:i, s:o}", "address", host, "port", (int)port, "vkey",
                                     json_stringn((const char *)vkey.at, vkey.len)),
                           CS_EXIT_DONE);
    else
        fprintf(s->cli->out, "%.*s listens on %s port %u\n", (int)vkey.len, (const char *)vkey.at, host,
                (unsigned)port);
    return fflush(s->cli->out) == 0 ? code : CS_EXIT_UNREACHABLE;
}

static int listen_and_serve(struct serving *s, const struct cs_args *args)
{
    char host[HOST_MAX_LEN + 1];
    uint16_t port = 0;
    const char *listen = cs_arg_get(args, "listen");
    if (!split_address(listen, host, &port))
        return cs_cli_usage(s->cli, "--listen '%s': needs ADDRESS:PORT", listen);
    s->base = event_base_new();
    s->http = s->base != NULL ? evhttp_new(s->base) : NULL;
    if (s->http == NULL)
        return cs_cli_fail(s->cli, CS_EXIT_UNREACHABLE, "out of memory");
    evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST);
    evhttp_set_max_headers_size(s->http, HEADERS_MAX_LEN);
    evhttp_set_max_body_size(s->http, CS_TLOG_PROOF_FILE_MAX_LEN);
    evhttp_set_timeout(s->http, IDLE_S);
    evhttp_set_gencb(s->http, on_request, s);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(s->http, host, port);
    if (bound == NULL)
        return cs_cli_fail(s->cli, CS_EXIT_UNREACHABLE, "--listen %s: cannot be bound", listen);
    s->on_term = evsignal_new(s->base, SIGTERM, on_signal, s);
    s->on_int = evsignal_new(s->base, SIGINT, on_signal, s);
    if (s->on_term == NULL || s->on_int == NULL || event_add(s->on_term, NULL) != 0 ||
        event_add(s->on_int, NULL) != 0)
        return cs_cli_fail(s->cli, CS_EXIT_UNREACHABLE, "out of memory");
    int code = say_listening(s, args, host, port_of(bound));
    if (code == CS_EXIT_DONE && event_base_dispatch(s->base) < 0)
        code = cs_cli_fail(s->cli, CS_EXIT_UNREACHABLE, "the event loop failed");
    return code;
}

static int serve(struct serving *s, const struct cs_args *args)
{
    struct cs_note note = { "" };
    const char *log, *dir = cs_arg_get(args, "state");
    for (uint32_t i = 0; (log = cs_arg_at(args, "log", i)) != NULL; i++)
        if (!cs_ok(cs_witness_add_log(&s->state, cs_span_str(log), &note)))
            return cs_cli_usage(s->cli, "--log %s", note.text);
    if (s->state.n_logs == 0)
        return cs_cli_usage(s->cli, "--log: needs the public key of at least one log");
    if (!cs_ok(read_signer(cs_arg_get(args, "key"), cs_arg_get(args, "name"), &s->state.signer, &note)))
        return cs_cli_usage(s->cli, "--key %s", note.text);
    if (!cs_ok(cs_witness_open(&s->state, dir, &note)))
        return cs_cli_usage(s->cli, "--state %s", note.text);
    return listen_and_serve(s, args);
}

int cs_cmd_witness(struct cs_cli *cli, const struct cs_args *args)
{
    struct serving *s = calloc(1, sizeof *s);
    if (s == NULL)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "out of memory");
    s->cli = cli;
    s->state.dir_fd = s->state.lock_fd = -1;
    int code = serve(s, args);
    if (s->on_term != NULL)
        event_free(s->on_term);
    if (s->on_int != NULL)
        event_free(s->on_int);
    if (s->http != NULL)
        evhttp_free(s->http);
    if (s->base != NULL)
        event_base_free(s->base);
    cs_witness_done(&s->state);
    free(s);
    return code;
}
