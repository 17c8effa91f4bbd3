/* TLS connections: from accept to the first byte of HTTP/2, and again whenever the material changes. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/base/log.h"
#include "proxy/front/front.h"
#include "proxy/ipc/process.h"

/* ---- the log of refusals, bounded ---- */

enum { LINES_MAX = 20, WINDOW_S = 10 };

static bool may_log(struct cs_tls_refusals *r)
{
    int64_t now_mono_us = cs_clock_mono_us();
    if (now_mono_us - r->window_mono_us >= WINDOW_S * INT64_C(1000000)) {
        if (r->n_unlogged > 0)
            cs_log(CS_LOG_WARNING, "tls_refused", "%u more refusals were not logged", r->n_unlogged);
        *r = (struct cs_tls_refusals){ .window_mono_us = now_mono_us, .n = r->n };
    }
    if (r->n_logged == LINES_MAX) {
        r->n_unlogged++;
        return false;
    }
    r->n_logged++;
    return true;
}

static void log_from(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    char text[INET6_ADDRSTRLEN] = "";
    const char *at = NULL;
    if (getpeername(fd, (struct sockaddr *)&a, &len) != 0)
        return;
    if (a.ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, &a, sizeof in);
        at = inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
        cs_log_int("port", ntohs(in.sin_port));
    } else if (a.ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, &a, sizeof in6);
        at = inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
        cs_log_int("port", ntohs(in6.sin6_port));
    }
    if (at != NULL)
        cs_log_str("from", text);
}

static void refused(struct cs_front *f, const struct cs_listener_facts *facts, int fd, const char *why)
{
    f->tls_refusals.n++;
    if (!may_log(&f->tls_refusals))
        return;
    cs_log_begin(CS_LOG_WARNING, "tls_refused");
    cs_log_str("listener", facts->name);
    cs_log_str("why", why);
    log_from(fd);
    cs_log_end();
}

/* What the handshake failed of: our own reason, or OpenSSL's. */
static const char *fault_of(const struct cs_wire *w)
{
    if (w->shake.why != NULL)
        return w->shake.why;
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason != NULL ? reason : "the peer left during the handshake";
}

void cs_tls_log_peer(const struct cs_conn *c)
{
    if (c->peer.n_names > 0)
        cs_log_span("client", c->peer.name[0]);
    cs_log_str("listener", c->facts->name);
    log_from(c->fd);
}

/* ---- one connection ---- */

CS_RESULT cs_conn_shake_open(struct cs_conn *c)
{
    struct cs_front *f = c->front;
    unsigned listener = (unsigned)(c->facts - f->conf.listener);
    if (!cs_tls_lists_good(f->tls, listener, cs_clock_unix_s())) {
        refused(f, c->facts, c->fd,
                "a revocation list is past its nextUpdate: no TLS until there is a new one");
        return CS_ERR(PEER_GONE);
    }
    const int one = 1;
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* only slower without */
    c->wire.shaking = true;
    return cs_tls_open(f->tls, listener, c->fd, &c->wire.shake, &c->wire.ssl);
}

static CS_RESULT shaken(struct cs_conn *c)
{
    const struct cs_tls_names *names = c->wire.shake.names;
    struct cs_front *f = c->front;
    unsigned listener = (unsigned)(c->facts - f->conf.listener);
    if (names == NULL)
        return CS_ERR(BUG);
    /* the material may have changed since the first byte */
    const char *why =
        cs_tls_made(f->tls, listener, c->wire.ssl) ? NULL : cs_tls_recheck(f->tls, listener, c->wire.ssl);
    if (why != NULL) {
        refused(f, c->facts, c->fd, why);
        return CS_ERR(PEER_GONE);
    }
    c->peer.transport = CS_TRANSPORT_TLS;
    c->peer.spki_sha256 = names->spki_sha256;
    c->peer.n_names = names->n;
    for (uint32_t i = 0; i < names->n; i++)
        c->peer.name[i] = cs_span_of(names->name[i], names->len[i]);
    c->open_mono_us = c->idle_mono_us = c->moved_mono_us = cs_clock_mono_us();
    f->n_tls_accepted++;
    CS_TRY(cs_crowd_join(c)); /* now it is known whose share it takes */
    return cs_session_new(c);
}

void cs_conn_shake(struct cs_conn *c)
{
    switch (cs_wire_shake(&c->wire)) {
    case CS_WIRE_MOVED:
        if (!cs_ok(shaken(c)))
            cs_conn_kill(c, NULL);
        break;
    case CS_WIRE_WAIT:
        break;
    case CS_WIRE_END:
    case CS_WIRE_BROKEN:
        refused(c->front, c->facts, c->fd, fault_of(&c->wire));
        cs_conn_kill(c, NULL);
        break;
    }
    ERR_clear_error();
    cs_conn_touch(c);
}

void cs_conn_shake_tick(struct cs_conn *c, int64_t now_mono_us)
{
    if (now_mono_us - c->open_mono_us < CS_FRONT_SHAKE_MAX_S * INT64_C(1000000))
        return;
    refused(c->front, c->facts, c->fd, "the handshake was not finished in time");
    cs_conn_kill(c, NULL);
}

static void log_dropped(const struct cs_conn *c, const char *why)
{
    cs_log_begin(CS_LOG_WARNING, "tls_dropped");
    cs_log_str("why", why);
    cs_tls_log_peer(c);
    cs_log_end();
}

void cs_conn_expire(struct cs_conn *c)
{
    if (c->goaway || c->wire.shake.names == NULL || cs_clock_unix_s() <= c->wire.shake.names->until_unix_s)
        return;
    log_dropped(c, "the client certificate has expired");
    cs_session_goaway(c); /* running calls began in time */
}

/* ---- new material ---- */

static void recheck_all(struct cs_front *f)
{
    for (size_t i = 0; i < CS_FRONT_SLOTS; i++) {
        struct cs_conn *c = f->conn[i];
        if (c == NULL || c->wire.ssl == NULL || c->wire.shaking || c->dead)
            continue;
        const char *why = cs_tls_recheck(f->tls, (unsigned)(c->facts - f->conf.listener), c->wire.ssl);
        if (why != NULL) {
            log_dropped(c, why);
            cs_conn_kill(c, NULL);
        }
    }
}

void cs_front_take_material(struct cs_front *f, int take_fd)
{
    CS_AUTO_FD int fd = take_fd;
    struct cs_note note = { "" };
    struct cs_tls *fresh = NULL;
    cs_result r = cs_tls_read(fd, &f->conf, &fresh, &note);
    if (!cs_ok(r) || fresh == NULL) {
        cs_log(CS_LOG_ERROR, "tls_reload", "new TLS material not taken, the old stays: %s",
               note.text[0] != '\0' ? note.text : cs_result_text(r));
        return;
    }
    cs_tls_free(f->tls);
    f->tls = fresh;
    cs_log(CS_LOG_INFO, "tls_reload", "new TLS material is in use");
    recheck_all(f);
}

CS_RESULT cs_front_first_material(struct cs_front *f)
{
    CS_AUTO_FD int fd = CS_FD_FRONT_TLS;
    struct cs_note note = { "" };
    /* no configuration file of OpenSSL's may loosen the rules */
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS, NULL) != 1)
        return CS_ERR(CRYPTO);
    cs_result r = cs_tls_read(fd, &f->conf, &f->tls, &note);
    if (!cs_ok(r) && note.text[0] != '\0')
        cs_log(CS_LOG_ERROR, "tls", "%s", note.text);
    return r;
}
