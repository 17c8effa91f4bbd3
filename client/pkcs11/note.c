#include "client/pkcs11/note.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "proxy/base/clock.h"

enum { TEXT_MAX_LEN = 1024, LINE_MAX_LEN = 64 * 1024 };

CS_RESULT cs_p11_log_open(struct cs_p11_log *l, const char *where, struct cs_note *note)
{
    *l = (struct cs_p11_log){ .fd = -1 };
    if (where == NULL || strcmp(where, "stderr") == 0) {
        *l = (struct cs_p11_log){ .fd = STDERR_FILENO, .warnings_only = true };
    } else if (strcmp(where, "none") != 0) {
        l->fd = open(where, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
        l->owned = l->fd >= 0;
        if (l->fd < 0) {
            cs_note_set(note, "log %s: cannot be opened: %s", where, strerror(errno));
            return CS_ERR(CONFIG);
        }
    }
    return CS_OK;
}

void cs_p11_log_close(struct cs_p11_log *l)
{
    if (l->owned)
        (void)close(l->fd);
    *l = (struct cs_p11_log){ .fd = -1 };
}

/* A JSON string; what is not UTF-8 or too long is cut down to printable ASCII first. */
static void put_text(struct cs_buf *b, struct cs_span text)
{
    CS_AUTO_BUF struct cs_buf plain = { 0 };
    if (text.len > TEXT_MAX_LEN || !cs_utf8_valid(text)) {
        cs_text_put(&plain, text, TEXT_MAX_LEN);
        text = cs_buf_span(&plain);
    }
    cs_buf_put_u8(b, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c == '"' || c == '\\')
            cs_buf_put_u8(b, '\\');
        if (c < 0x20 || c == 0x7f)
            cs_buf_printf(b, "\\u%04x", c);
        else
            cs_buf_put_u8(b, c);
    }
    cs_buf_put_u8(b, '"');
}

static void put_member(struct cs_buf *b, const char *name, struct cs_span text)
{
    if (text.len == 0)
        return;
    cs_buf_printf(b, ",\"%s\":", name);
    put_text(b, text);
}

static void put_reasons(struct cs_buf *b, const struct countersign_answer *a)
{
    cs_buf_put_str(b, ",\"reasons\":[");
    for (size_t i = 0; i < a->n_reasons; i++) {
        const struct countersign_reason *r = &a->reasons[i];
        cs_buf_put_str(b, i > 0 ? ",{\"rule\":" : "{\"rule\":");
        put_text(b, cs_span_str(r->rule));
        put_member(b, "subject", cs_span_str(r->subject));
        put_member(b, "found", cs_span_str(r->found));
        put_member(b, "needed", cs_span_str(r->needed));
        cs_buf_put_u8(b, '}');
    }
    cs_buf_put_u8(b, ']');
    if (a->total_reasons > a->n_reasons)
        cs_buf_printf(b, ",\"total_reasons\":%" PRIu32, a->total_reasons);
}

/* write(2), with a SIGPIPE that it may cause taken back before anybody sees it. */
static void write_quietly(int fd, struct cs_span line)
{
    sigset_t pipe_only, before, pending;
    (void)sigemptyset(&pipe_only);
    (void)sigaddset(&pipe_only, SIGPIPE);
    (void)sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    if (pthread_sigmask(SIG_BLOCK, &pipe_only, &before) != 0)
        return;
    ssize_t n = write(fd, line.at, line.len); /* a log that cannot be written must not stop a signature */
    if (n < 0 && errno == EPIPE && !was_pending) {
        const struct timespec now = { 0 };
        (void)sigtimedwait(&pipe_only, NULL, &now);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void cs_p11_log_put(const struct cs_p11_log *l, const struct cs_p11_line *line)
{
    if (l->fd < 0 || (l->warnings_only && !line->warning))
        return;
    CS_AUTO_BUF struct cs_buf b = { .max = LINE_MAX_LEN };
    char time[CS_TIME_TEXT_LEN], hex[2 * 64 + 1] = "";
    int64_t now_us = cs_clock_unix_us();
    cs_time_text(now_us / 1000000, time);
    time[19] = '\0'; /* the fraction comes before the Z */
    cs_buf_printf(&b, "{\"ts\":\"%s.%06" PRId64 "000Z\",\"level\":\"%s\",\"event\":\"pkcs11.%s\",\"pid\":%ld",
                  time, now_us % 1000000, line->warning ? "warning" : "info", line->event, (long)getpid());
    put_member(&b, "key_id", line->key_id);
    if (line->request_id.len > 0 && line->request_id.len <= 64)
        cs_hex(line->request_id, hex);
    put_member(&b, "request_id", cs_span_str(hex));
    if (line->answer != NULL && line->answer->ledger_entry != 0)
        cs_buf_printf(&b, ",\"audit_id\":%" PRIu64, line->answer->ledger_entry);
    if (line->outcome != NULL)
        put_member(&b, "outcome", cs_span_str(line->outcome));
    if (line->text != NULL)
        put_member(&b, "msg", cs_span_str(line->text));
    if (line->answer != NULL && line->answer->n_reasons > 0)
        put_reasons(&b, line->answer);
    cs_buf_put_str(&b, "}\n");
    if (cs_ok(cs_buf_end(&b)))
        write_quietly(l->fd, cs_buf_span(&b));
}
