#include "proxy/front/http.h"

/* The next line without its CR LF; false when there is none that ends so. */
static bool next_line(struct cs_span *rest, struct cs_span *out)
{
    for (size_t i = 0; i + 1 < rest->len; i++) {
        if (rest->at[i] == '\n' || rest->at[i] == 0)
            return false;
        if (rest->at[i] != '\r')
            continue;
        if (rest->at[i + 1] != '\n')
            return false;
        *out = cs_span_of(rest->at, i);
        *rest = cs_span_of(rest->at + i + 2, rest->len - i - 2);
        return true;
    }
    return false;
}

static bool head_is_whole(struct cs_span in)
{
    for (size_t i = 3; i < in.len; i++)
        if (memcmp(in.at + i - 3, "\r\n\r\n", 4) == 0)
            return true;
    return false;
}

/* Bytes that no client of HTTP sends in its first bytes: answered at once. */
static bool starts_well(struct cs_span in)
{
    for (size_t i = 0; i < in.len && in.at[i] != '\r'; i++)
        if (in.at[i] < 0x20 || in.at[i] > 0x7e)
            return false;
    return true;
}

static bool is_token(struct cs_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == 0 || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return s.len > 0;
}

/* RFC 9110: field names in any case; `name` is lower case. */
static bool is_named(struct cs_span s, const char *name)
{
    size_t n = strlen(name);
    if (s.len != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = s.at[i];
        if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != name[i])
            return false;
    }
    return true;
}

static bool cut_at(struct cs_span in, uint8_t byte, struct cs_span *before, struct cs_span *after)
{
    const uint8_t *at = in.len == 0 ? NULL : memchr(in.at, byte, in.len);
    if (at == NULL)
        return false;
    size_t n = (size_t)(at - in.at);
    *before = cs_span_of(in.at, n);
    *after = cs_span_of(at + 1, in.len - n - 1);
    return true;
}

static enum cs_http_ask judge_fields(struct cs_span rest, bool host_needed)
{
    bool host = false;
    struct cs_span line, name, value;
    for (unsigned n = 0;; n++) {
        if (!next_line(&rest, &line))
            return CS_HTTP_BAD;
        if (line.len == 0)
            return host || !host_needed ? CS_HTTP_FINE : CS_HTTP_BAD;
        if (n == CS_HTTP_FIELDS_MAX)
            return CS_HTTP_TOO_LARGE;
        if (!cut_at(line, ':', &name, &value) || !is_token(name))
            return CS_HTTP_BAD;
        if (is_named(name, "content-length") || is_named(name, "transfer-encoding"))
            return CS_HTTP_BAD; /* a GET of metrics has no body */
        if (is_named(name, "host")) {
            if (host)
                return CS_HTTP_BAD;
            host = true;
        }
    }
}

enum cs_http_ask cs_http_judge(struct cs_span in)
{
    struct cs_span line, method, target, version, rest = in, ignored;
    if (!starts_well(in))
        return CS_HTTP_BAD;
    if (!head_is_whole(in))
        return in.len >= CS_HTTP_HEAD_MAX_LEN ? CS_HTTP_TOO_LARGE : CS_HTTP_MORE;
    if (in.len > CS_HTTP_HEAD_MAX_LEN)
        return CS_HTTP_TOO_LARGE;
    if (!next_line(&rest, &line) || !cut_at(line, ' ', &method, &line) || !is_token(method) ||
        !cut_at(line, ' ', &target, &version) || target.len == 0)
        return CS_HTTP_BAD;
    bool v11 = cs_span_is(version, "HTTP/1.1");
    if (!v11 && !cs_span_is(version, "HTTP/1.0"))
        return CS_HTTP_BAD;
    enum cs_http_ask fields = judge_fields(rest, v11);
    if (fields != CS_HTTP_FINE)
        return fields;
    (void)cut_at(target, '?', &target, &ignored);
    if (!cs_span_is(target, "/metrics"))
        return CS_HTTP_PATH;
    return cs_span_is(method, "GET") ? CS_HTTP_FINE : CS_HTTP_METHOD;
}

void cs_http_answer(struct cs_buf *out, enum cs_http_ask ask, bool gate_answered, struct cs_span body)
{
    const char *status = gate_answered ? "200 OK" : "503 Service Unavailable";
    const char *more = "";
    if (ask == CS_HTTP_METHOD) {
        status = "405 Method Not Allowed";
        more = "Allow: GET\r\n";
    } else if (ask == CS_HTTP_PATH) {
        status = "404 Not Found";
    } else if (ask == CS_HTTP_TOO_LARGE) {
        status = "431 Request Header Fields Too Large";
    } else if (ask != CS_HTTP_FINE) {
        status = "400 Bad Request";
    }
    if (ask == CS_HTTP_FINE)
        more = "Content-Type: text/plain; version=0.0.4\r\n";
    else
        body = (struct cs_span){ NULL, 0 };
    cs_buf_printf(out, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n", status, more,
                  body.len);
    cs_buf_put(out, body.at, body.len);
}
