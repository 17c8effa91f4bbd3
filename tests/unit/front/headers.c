/* Header checks: one good head, then one change a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/front/headers.h"

struct field {
    const char *name, *value;
    size_t value_len; /* 0: as long as the text */
};

enum { FIELDS_MAX = 80 };
static const struct field good[] = {
    { ":method", "POST", 0 },
    { ":scheme", "http", 0 },
    { ":path", "/grpc.health.v1.Health/Check", 0 },
    { ":authority", "localhost", 0 },
    { "te", "trailers", 0 },
    { "content-type", "application/grpc", 0 },
    { "user-agent", "grpc-python/1.51.1", 0 },
    { "grpc-timeout", "2010m", 0 },
};

static void feed(struct cs_head *h, const struct field *f)
{
    size_t len = f->value_len != 0 ? f->value_len : strlen(f->value);
    cs_head_field(h, cs_span_str(f->name), cs_span_of(f->value, len));
}

static void one_change_a_row(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        const char *drop;   /* field left out */
        struct field first; /* put before all, if named */
        struct field last;  /* put behind all, if named */
        enum cs_head_fault fault;
    } rows[] = {
        { "as clients send it", NULL, { 0 }, { 0 }, CS_HEAD_FINE },
        { "no authority", ":authority", { 0 }, { 0 }, CS_HEAD_FINE },
        { "authority is a path", ":authority", { ":authority", "unix:///run/x%2F", 0 }, { 0 }, CS_HEAD_FINE },
        { "authority is empty", ":authority", { ":authority", "", 0 }, { 0 }, CS_HEAD_FINE },
        { "no te", "te", { 0 }, { 0 }, CS_HEAD_FINE },
        { "no timeout", "grpc-timeout", { 0 }, { 0 }, CS_HEAD_FINE },
        { "https", ":scheme", { ":scheme", "https", 0 }, { 0 }, CS_HEAD_FINE },
        { "identity", NULL, { 0 }, { "grpc-encoding", "identity", 0 }, CS_HEAD_FINE },
        { "metadata", NULL, { 0 }, { "x-trace-bin", "AAEC,Aw==", 0 }, CS_HEAD_FINE },
        { "odd but legal name", NULL, { 0 }, { "a!#$%&'*+-.^_`|~9", "", 0 }, CS_HEAD_FINE },

        { "no method", ":method", { 0 }, { 0 }, CS_HEAD_MALFORMED },
        { "no scheme", ":scheme", { 0 }, { 0 }, CS_HEAD_MALFORMED },
        { "no path", ":path", { 0 }, { 0 }, CS_HEAD_MALFORMED },
        { "two methods", NULL, { ":method", "POST", 0 }, { 0 }, CS_HEAD_MALFORMED },
        { "two schemes", NULL, { ":scheme", "http", 0 }, { 0 }, CS_HEAD_MALFORMED },
        { "two paths", NULL, { ":path", "/a/b", 0 }, { 0 }, CS_HEAD_MALFORMED },
        { "two authorities", NULL, { ":authority", "a", 0 }, { 0 }, CS_HEAD_MALFORMED },
        { "unknown pseudo", NULL, { ":protocol", "websocket", 0 }, { 0 }, CS_HEAD_MALFORMED },
        { "response pseudo", NULL, { ":status", "200", 0 }, { 0 }, CS_HEAD_MALFORMED },
        { "pseudo last", ":path", { 0 }, { ":path", "/grpc.health.v1.Health/Check", 0 }, CS_HEAD_MALFORMED },
        { "regular first", NULL, { "x", "y", 0 }, { 0 }, CS_HEAD_MALFORMED },
        { "scheme ftp", ":scheme", { ":scheme", "ftp", 0 }, { 0 }, CS_HEAD_MALFORMED },
        { "upper case", NULL, { 0 }, { "X-Trace", "1", 0 }, CS_HEAD_MALFORMED },
        { "space in name", NULL, { 0 }, { "x trace", "1", 0 }, CS_HEAD_MALFORMED },
        { "empty name", NULL, { 0 }, { "", "1", 0 }, CS_HEAD_MALFORMED },
        { "connection", NULL, { 0 }, { "connection", "close", 0 }, CS_HEAD_MALFORMED },
        { "transfer-encoding", NULL, { 0 }, { "transfer-encoding", "chunked", 0 }, CS_HEAD_MALFORMED },
        { "upgrade", NULL, { 0 }, { "upgrade", "h2c", 0 }, CS_HEAD_MALFORMED },
        { "proxy-connection", NULL, { 0 }, { "proxy-connection", "close", 0 }, CS_HEAD_MALFORMED },
        { "keep-alive", NULL, { 0 }, { "keep-alive", "1", 0 }, CS_HEAD_MALFORMED },
        { "te gzip", "te", { 0 }, { "te", "gzip", 0 }, CS_HEAD_MALFORMED },
        { "CR in value", NULL, { 0 }, { "x", "a\rb", 0 }, CS_HEAD_MALFORMED },
        { "LF in value", NULL, { 0 }, { "x", "a\nb", 0 }, CS_HEAD_MALFORMED },
        { "NUL in value", NULL, { 0 }, { "x", "a\0b", 3 }, CS_HEAD_MALFORMED },
        { "two content types", NULL, { 0 }, { "content-type", "application/grpc", 0 }, CS_HEAD_MALFORMED },
        { "two timeouts", NULL, { 0 }, { "grpc-timeout", "1S", 0 }, CS_HEAD_MALFORMED },

        { "GET", ":method", { ":method", "GET", 0 }, { 0 }, CS_HEAD_METHOD },
        { "lower case post", ":method", { ":method", "post", 0 }, { 0 }, CS_HEAD_METHOD },
        { "no content type", "content-type", { 0 }, { 0 }, CS_HEAD_CONTENT_TYPE },
        { "grpc-web",
          "content-type",
          { 0 },
          { "content-type", "application/grpc-web", 0 },
          CS_HEAD_CONTENT_TYPE },
        { "gzip", NULL, { 0 }, { "grpc-encoding", "gzip", 0 }, CS_HEAD_ENCODING },
        { "empty encoding", NULL, { 0 }, { "grpc-encoding", "", 0 }, CS_HEAD_ENCODING },
        { "bad timeout", "grpc-timeout", { 0 }, { "grpc-timeout", "1s", 0 }, CS_HEAD_TIMEOUT },
        { "unknown path", ":path", { ":path", "/grpc.health.v1.Health/Look", 0 }, { 0 }, CS_HEAD_PATH },
        { "path of the front's own question", ":path", { ":path", "//", 0 }, { 0 }, CS_HEAD_PATH },
        { "reflection",
          ":path",
          { ":path", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", 0 },
          { 0 },
          CS_HEAD_FINE },
        { "reflection, older",
          ":path",
          { ":path", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", 0 },
          { 0 },
          CS_HEAD_FINE },
        { "reflection, unknown",
          ":path",
          { ":path", "/grpc.reflection.v2.ServerReflection/ServerReflectionInfo", 0 },
          { 0 },
          CS_HEAD_PATH },
        { "path in other case",
          ":path",
          { ":path", "/grpc.health.v1.health/Check", 0 },
          { 0 },
          CS_HEAD_PATH },
        { "longer path", ":path", { ":path", "/grpc.health.v1.Health/Check/", 0 }, { 0 }, CS_HEAD_PATH },
        { "empty path", ":path", { ":path", "", 0 }, { 0 }, CS_HEAD_PATH },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_head h;
        cs_head_init(&h);
        if (rows[i].first.name != NULL)
            feed(&h, &rows[i].first);
        for (size_t j = 0; j < sizeof good / sizeof *good; j++)
            if (rows[i].drop == NULL || strcmp(rows[i].drop, good[j].name) != 0)
                feed(&h, &good[j]);
        if (rows[i].last.name != NULL)
            feed(&h, &rows[i].last);
        if (cs_head_judge(&h) != rows[i].fault)
            fail_msg("row: %s gave %d", rows[i].row, cs_head_judge(&h));
    }
}

static void facts_are_kept(void **state)
{
    (void)state;
    struct cs_head h;
    cs_head_init(&h);
    assert_int_equal(h.timeout_us, -1);
    for (size_t j = 0; j < sizeof good / sizeof *good; j++)
        feed(&h, &good[j]);
    assert_int_equal(h.timeout_us, 2010000);
    assert_int_equal(h.method, CS_METHOD_HEALTH_CHECK);
    assert_true(h.te);
    assert_true(cs_span_is(cs_span_of(h.user_agent, h.user_agent_len), "grpc-python/1.51.1"));

    static char longest[CS_USER_AGENT_MAX_LEN + 10];
    memset(longest, 'a', sizeof longest - 1);
    cs_head_init(&h);
    feed(&h, &(struct field){ "user-agent", longest, 0 });
    assert_int_equal(h.user_agent_len, CS_USER_AGENT_MAX_LEN);
}

static void every_method_has_its_path(void **state)
{
    (void)state;
    static const char *const paths[] = {
#define X(id, service, method, shape) "/" service "/" method,
        CS_METHODS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(cs_method_of_path(cs_span_str(paths[i])),
                         i + 1 == CS_METHOD_METRICS ? CS_METHOD_NONE : i + 1);
    assert_true(cs_method_streams(CS_METHOD_HEALTH_WATCH));
    assert_true(!cs_method_streams(CS_METHOD_HEALTH_CHECK) && !cs_method_streams(CS_METHOD_NONE));
}

static enum cs_head_fault with_filler(unsigned n_fields, size_t value_len)
{
    static char value[CS_HEAD_LIST_MAX_LEN + 1];
    memset(value, 'v', sizeof value);
    struct cs_head h;
    cs_head_init(&h);
    for (size_t j = 0; j < sizeof good / sizeof *good; j++)
        feed(&h, &good[j]);
    for (unsigned i = 0; i < n_fields; i++)
        cs_head_field(&h, cs_span_str("x"), cs_span_of(value, value_len));
    return cs_head_judge(&h);
}

static void list_is_bounded(void **state)
{
    (void)state;
    size_t had = 0, n_good = sizeof good / sizeof *good;
    for (size_t j = 0; j < n_good; j++)
        had += strlen(good[j].name) + strlen(good[j].value) + CS_HEAD_FIELD_OVERHEAD_LEN;
    size_t fits = CS_HEAD_LIST_MAX_LEN - had - 1 - CS_HEAD_FIELD_OVERHEAD_LEN;
    assert_int_equal(with_filler(1, fits), CS_HEAD_FINE);
    assert_int_equal(with_filler(1, fits + 1), CS_HEAD_TOO_LARGE);
    assert_int_equal(with_filler(1, CS_HEAD_LIST_MAX_LEN + 1), CS_HEAD_TOO_LARGE);
    assert_int_equal(with_filler(CS_HEAD_FIELDS_MAX - (unsigned)n_good, 1), CS_HEAD_FINE);
    assert_int_equal(with_filler(CS_HEAD_FIELDS_MAX - (unsigned)n_good + 1, 1), CS_HEAD_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_change_a_row),
        cmocka_unit_test(facts_are_kept),
        cmocka_unit_test(every_method_has_its_path),
        cmocka_unit_test(list_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
