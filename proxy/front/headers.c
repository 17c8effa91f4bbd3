#include "proxy/front/headers.h"

#include "proxy/front/grpc.h"

enum seen {
    SEEN_METHOD = 1,
    SEEN_SCHEME = 2,
    SEEN_PATH = 4,
    SEEN_AUTHORITY = 8,
    SEEN_CONTENT_TYPE = 16,
    SEEN_TE = 32,
    SEEN_TIMEOUT = 64,
    SEEN_ENCODING = 128,
    SEEN_NEEDED = SEEN_METHOD | SEEN_SCHEME | SEEN_PATH,
};

enum cs_method cs_method_of_path(struct cs_span path)
{
    static const struct {
        const char *path;
        enum cs_method method;
    } rows[] = {
#define X(id, service, name, shape) { "/" service "/" name, CS_METHOD_##id },
        CS_METHODS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].method != CS_METHOD_METRICS && cs_span_is(path, rows[i].path))
            return rows[i].method;
    return CS_METHOD_NONE;
}

bool cs_method_streams(enum cs_method method)
{
    static const uint8_t shapes[CS_METHOD_COUNT] = {
#define X(id, service, name, shape) [CS_METHOD_##id] = shape,
        CS_METHODS(X)
#undef X
    };
    return method < CS_METHOD_COUNT && shapes[method] == CS_STREAMING;
}

static bool path_is_reflection(struct cs_span path)
{
    return cs_span_is(path, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo") ||
           cs_span_is(path, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
}

/* RFC 9110 5.6.2 token; RFC 9113 8.2.1 forbids upper case. */
static bool name_is_lowercase_token(struct cs_span name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        bool digit = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'z';
        if (!digit && !letter && (c == 0 || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return name.len > 0;
}

static bool value_is_clean(struct cs_span value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] == '\r' || value.at[i] == '\n' || value.at[i] == 0)
            return false;
    return true;
}

/* RFC 9113 8.2.2: fields that belong to a connection of HTTP/1. */
static bool name_is_forbidden(struct cs_span name)
{
    static const char *const names[] = { "connection", "transfer-encoding", "upgrade", "proxy-connection",
                                         "keep-alive" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (cs_span_is(name, names[i]))
            return true;
    return false;
}

static void see_once(struct cs_head *h, enum seen bit)
{
    if (h->seen & bit)
        h->malformed = true;
    h->seen |= bit;
}

static void pseudo_field(struct cs_head *h, struct cs_span name, struct cs_span value)
{
    if (h->regular)
        h->malformed = true; /* RFC 9113 8.3: pseudo-headers come first */
    if (cs_span_is(name, ":method")) {
        see_once(h, SEEN_METHOD);
        h->post = cs_span_is(value, "POST");
    } else if (cs_span_is(name, ":scheme")) {
        see_once(h, SEEN_SCHEME);
        if (!cs_span_is(value, "http") && !cs_span_is(value, "https"))
            h->malformed = true;
    } else if (cs_span_is(name, ":path")) {
        see_once(h, SEEN_PATH);
        h->method = cs_method_of_path(value);
        h->reflection = path_is_reflection(value);
    } else if (cs_span_is(name, ":authority")) {
        see_once(h, SEEN_AUTHORITY);
    } else {
        h->malformed = true;
    }
}

static void regular_field(struct cs_head *h, struct cs_span name, struct cs_span value)
{
    h->regular = true;
    if (!name_is_lowercase_token(name) || name_is_forbidden(name)) {
        h->malformed = true;
    } else if (cs_span_is(name, "content-type")) {
        see_once(h, SEEN_CONTENT_TYPE);
        h->grpc = cs_grpc_content_type(value);
    } else if (cs_span_is(name, "te")) {
        see_once(h, SEEN_TE);
        h->te = cs_span_is(value, "trailers");
        if (!h->te)
            h->malformed = true; /* RFC 9113 8.2.2: no other value */
    } else if (cs_span_is(name, "grpc-timeout")) {
        see_once(h, SEEN_TIMEOUT);
        h->bad_timeout = !cs_grpc_timeout(value, &h->timeout_us);
    } else if (cs_span_is(name, "grpc-encoding")) {
        see_once(h, SEEN_ENCODING);
        h->encoded = !cs_span_is(value, "identity");
    } else if (cs_span_is(name, "user-agent") && h->user_agent_len == 0) {
        h->user_agent_len = value.len < sizeof h->user_agent ? value.len : sizeof h->user_agent;
        if (h->user_agent_len > 0)
            memcpy(h->user_agent, value.at, h->user_agent_len);
    }
}

void cs_head_init(struct cs_head *h)
{
    memset(h, 0, sizeof *h);
    h->timeout_us = -1;
}

void cs_head_field(struct cs_head *h, struct cs_span name, struct cs_span value)
{
    if (h->malformed || h->too_large)
        return;
    h->n_fields++;
    size_t left = CS_HEAD_LIST_MAX_LEN - h->list_len;
    if (h->n_fields > CS_HEAD_FIELDS_MAX || name.len > left || value.len > left - name.len ||
        CS_HEAD_FIELD_OVERHEAD_LEN > left - name.len - value.len) {
        h->too_large = true;
        return;
    }
    h->list_len += name.len + value.len + CS_HEAD_FIELD_OVERHEAD_LEN;
    if (!value_is_clean(value))
        h->malformed = true;
    else if (name.len > 0 && name.at[0] == ':')
        pseudo_field(h, name, value);
    else
        regular_field(h, name, value);
}

enum cs_head_fault cs_head_judge(const struct cs_head *h)
{
    if (h->malformed)
        return CS_HEAD_MALFORMED;
    if (h->too_large)
        return CS_HEAD_TOO_LARGE;
    if ((h->seen & SEEN_NEEDED) != SEEN_NEEDED)
        return CS_HEAD_MALFORMED;
    if (!h->post)
        return CS_HEAD_METHOD;
    if (!h->grpc)
        return CS_HEAD_CONTENT_TYPE;
    if (h->encoded)
        return CS_HEAD_ENCODING;
    if (h->bad_timeout)
        return CS_HEAD_TIMEOUT;
    return h->method == CS_METHOD_NONE && !h->reflection ? CS_HEAD_PATH : CS_HEAD_FINE;
}
