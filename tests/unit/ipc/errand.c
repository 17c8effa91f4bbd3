/* Routes and errands: what fits, what does not, and every truncation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "proxy/ipc/errand.h"

static struct cs_span text(const char *s)
{
    return cs_span_str(s);
}

static void routes(void **state)
{
    (void)state;
    struct cs_routes two = { .n = 2,
                             .route = { { text("http://w/add"), text("http://w/read") },
                                        { text("https://v/add"), text("https://v/read") } } },
                     got;
    CS_AUTO_BUF struct cs_buf b = { .max = CS_ROUTES_MAX_LEN };
    assert_true(cs_ok(cs_routes_put(&b, &two)));
    assert_true(cs_ok(cs_routes_get(cs_buf_span(&b), &got)));
    assert_int_equal(got.n, 2);
    assert_true(cs_span_is(got.route[1].read_url, "https://v/read"));
    for (size_t len = 0; len < b.len; len++)
        assert_false(cs_ok(cs_routes_get(cs_span_of(b.at, len), &got)));
    cs_buf_put_u8(&b, 0);
    assert_true(cs_is(cs_routes_get(cs_buf_span(&b), &got), CS_NUM_TRAILING));
}

static void routes_refuse(void **state)
{
    (void)state;
    static char longer[CS_ROUTE_URL_MAX_LEN + 2];
    memset(longer, 'u', sizeof longer - 1);
    const char *const bad[] = { "", "a b", "a\n", "\x7f", longer };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cs_routes r = { .n = 1, .route = { { text("http://w"), text(bad[i]) } } }, got;
        CS_AUTO_BUF struct cs_buf b = { 0 }, raw = { 0 };
        assert_true(cs_is(cs_routes_put(&b, &r), CS_NUM_ARGUMENT));
        cs_buf_put_u32(&raw, 1);
        cs_buf_put_span(&raw, text("http://w"));
        cs_buf_put_span(&raw, text(bad[i]));
        if (cs_ok(cs_routes_get(cs_buf_span(&raw), &got)))
            fail_msg("row %zu", i);
    }
    for (uint32_t n = 0; n <= CS_WITNESSES_MAX + 1; n += CS_WITNESSES_MAX + 1) {
        struct cs_routes none = { .n = n };
        CS_AUTO_BUF struct cs_buf b = { 0 };
        assert_true(cs_is(cs_routes_put(&b, &none), CS_NUM_ARGUMENT));
    }
}

static struct cs_msg sent(struct cs_chan c[2])
{
    assert_true(cs_ok(cs_chan_flush(&c[0])));
    assert_true(cs_ok(cs_chan_fill(&c[1])));
    size_t left = c[1].in.len - c[1].in_at;
    assert_true(left >= CS_MSG_HDR_LEN);
    struct cs_reader r = cs_reader_init(cs_span_of(c[1].in.at + c[1].in_at, left));
    struct cs_msg m = { .type = cs_get_u32(&r) };
    uint32_t len = cs_get_u32(&r);
    m.id = cs_get_u64(&r);
    m.body = cs_get_raw(&r, len);
    assert_int_equal(r.left, 0);
    c[1].in_at = c[1].in.len;
    return m;
}

static void channel(struct cs_chan c[2])
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    for (int i = 0; i < 2; i++)
        assert_true(cs_ok(cs_chan_init(&c[i], pair[i], 1024 * 1024, 1024 * 1024)));
}

static void errands(void **state)
{
    (void)state;
    static uint8_t body[CS_ERRAND_BODY_MAX_LEN + 1];
    const struct {
        struct cs_errand m;
        bool sent, taken;
    } rows[] = {
        { { CS_ERRAND_ADD, 0, { body, 1 } }, true, true },
        { { CS_ERRAND_ADD, CS_WITNESSES_MAX - 1, { body, CS_ERRAND_BODY_MAX_LEN } }, true, true },
        { { CS_ERRAND_READ, 3, { NULL, 0 } }, true, true },
        { { CS_ERRAND_READ, 3, { body, 1 } }, true, false },
        { { CS_ERRAND_ADD, 0, { NULL, 0 } }, true, false },
        { { CS_ERRAND_ADD, CS_WITNESSES_MAX, { body, 1 } }, true, false },
        { { 0, 0, { body, 1 } }, true, false },
        { { CS_ERRAND_ADD, 0, { body, sizeof body } }, false, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_chan c[2];
        struct cs_errand got;
        channel(c);
        assert_int_equal(cs_ok(cs_errand_put(&c[0], 7, &rows[i].m)), rows[i].sent);
        if (rows[i].sent) {
            struct cs_msg m = sent(c);
            assert_true(m.type == CS_MSG_ERRAND && m.id == 7 && m.body.len <= CS_MSG_ERRAND_MAX_LEN);
            assert_int_equal(cs_ok(cs_errand_get(m.body, &got)), rows[i].taken);
            for (size_t len = 0; len < m.body.len && len < 64; len++)
                assert_false(cs_ok(cs_errand_get(cs_span_of(m.body.at, len), &got)));
        }
        cs_chan_done(&c[0]);
        cs_chan_done(&c[1]);
    }
}

static void answers(void **state)
{
    (void)state;
    static uint8_t body[CS_ERRAND_ANSWER_MAX_LEN + 1];
    const struct {
        struct cs_errand_done m;
        bool sent, taken;
    } rows[] = {
        { { 200, false, { body, 10 }, { NULL, 0 } }, true, true },
        { { 409, true, { body, 2 }, { NULL, 0 } }, true, true },
        { { 0, false, { NULL, 0 }, { body, CS_ERRAND_TROUBLE_MAX_LEN } }, true, true },
        { { 999, false, { body, CS_ERRAND_ANSWER_MAX_LEN }, { NULL, 0 } }, true, true },
        { { 1000, false, { NULL, 0 }, { NULL, 0 } }, true, false },
        { { 200, false, { body, sizeof body }, { NULL, 0 } }, false, false },
        { { 0, false, { NULL, 0 }, { body, CS_ERRAND_TROUBLE_MAX_LEN + 1 } }, false, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_chan c[2];
        struct cs_errand_done got;
        channel(c);
        assert_int_equal(cs_ok(cs_errand_done_put(&c[0], 9, &rows[i].m)), rows[i].sent);
        if (rows[i].sent) {
            struct cs_msg m = sent(c);
            assert_true(m.type == CS_MSG_ERRAND_DONE && m.id == 9);
            assert_int_equal(cs_ok(cs_errand_done_get(m.body, &got)), rows[i].taken);
            if (rows[i].taken)
                assert_true(got.status == rows[i].m.status && got.is_size == rows[i].m.is_size &&
                            got.body.len == rows[i].m.body.len);
            for (size_t len = 0; len < m.body.len && len < 64; len++)
                assert_false(cs_ok(cs_errand_done_get(cs_span_of(m.body.at, len), &got)));
        }
        cs_chan_done(&c[0]);
        cs_chan_done(&c[1]);
    }
    /* what no put writes: a flag that is neither */
    CS_AUTO_BUF struct cs_buf raw = { 0 };
    struct cs_errand_done got;
    cs_buf_put_u32(&raw, 200);
    cs_buf_put_u8(&raw, 2);
    cs_buf_put_u32(&raw, 0);
    cs_buf_put_u32(&raw, 0);
    assert_true(cs_is(cs_errand_done_get(cs_buf_span(&raw), &got), CS_NUM_FORM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes),
        cmocka_unit_test(routes_refuse),
        cmocka_unit_test(errands),
        cmocka_unit_test(answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
