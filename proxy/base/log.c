#include "proxy/base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "proxy/base/clock.h"

enum { FIELD_MAX = 1024 };

static struct {
    char process[32];
    enum cs_log_level min;
    struct cs_buf line;
    bool open;
} state = { .process = "countersign", .min = CS_LOG_INFO, .line = { .max = 64 * 1024 } };

static void put_json_text(struct cs_span s)
{
    size_t n = s.len > FIELD_MAX ? FIELD_MAX : s.len;
    bool utf8 = cs_utf8_valid(cs_span_of(s.at, n));
    for (size_t i = 0; i < n; i++) {
        uint8_t c = s.at[i];
        if (c == '"' || c == '\\')
            cs_buf_printf(&state.line, "\\%c", c);
        else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
            cs_buf_printf(&state.line, "\\u%04x", c);
        else
            cs_buf_put_u8(&state.line, c);
    }
    if (s.len > FIELD_MAX)
        cs_buf_put_str(&state.line, "...");
}

static void put_field(const char *field, struct cs_span value)
{
    if (!state.open)
        return;
    cs_buf_printf(&state.line, ",\"%s\":\"", field);
    put_json_text(value);
    cs_buf_put_u8(&state.line, '"');
}

void cs_log_init(const char *process, enum cs_log_level min)
{
    (void)snprintf(state.process, sizeof state.process, "%s", process);
    state.min = min;
}

void cs_log_begin(enum cs_log_level level, const char *event)
{
    static const char *const names[] = { "debug", "info", "warning", "error" };
    state.open = level >= state.min;
    if (!state.open)
        return;
    int64_t now_us = cs_clock_unix_us();
    char text[CS_TIME_TEXT_LEN];
    cs_time_text(now_us / 1000000, text);
    text[19] = '\0'; /* cut the Z: the fraction goes before it */
    cs_buf_reset(&state.line);
    cs_buf_printf(&state.line, "{\"ts\":\"%s.%06d000Z\",\"level\":\"%s\",\"process\":\"%s\",\"event\":\"%s\"",
                  text, (int)(now_us % 1000000), names[level], state.process, event);
}

void cs_log_str(const char *field, const char *value)
{
    put_field(field, cs_span_str(value));
}

void cs_log_span(const char *field, struct cs_span value)
{
    put_field(field, value);
}

void cs_log_hex(const char *field, struct cs_span value)
{
    char hex[2 * 128 + 1];
    size_t n = value.len > 128 ? 128 : value.len;
    cs_hex(cs_span_of(value.at, n), hex);
    put_field(field, cs_span_str(hex));
}

void cs_log_int(const char *field, int64_t value)
{
    if (state.open)
        cs_buf_printf(&state.line, ",\"%s\":%" PRId64, field, value);
}

void cs_log_result(cs_result r)
{
    cs_log_str("result", cs_result_name(r));
    cs_log_str("result_text", cs_result_text(r));
}

void cs_log_end(void)
{
    if (!state.open)
        return;
    state.open = false;
    cs_buf_put_str(&state.line, "}\n");
    size_t done = 0;
    while (done < state.line.len) {
        ssize_t n = write(STDERR_FILENO, state.line.at + done, state.line.len - done);
        if (n <= 0)
            return; /* nobody to tell */
        done += (size_t)n;
    }
}

void cs_log(enum cs_log_level level, const char *event, const char *format, ...)
{
    char text[FIELD_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cs_log_begin(level, event);
    cs_log_str("msg", text);
    cs_log_end();
}
