/* Shares, the frame budget, and the text of the numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "proxy/front/budget.h"
#include "proxy/front/counts.h"
#include "proxy/front/shares.h"

/* Peers take turns until none may take more. */
static void shares_leave_room(void **state)
{
    (void)state;
    static const struct {
        unsigned n_peers;
        uint32_t each;
    } rows[] = { { 1, 512 }, { 2, 341 }, { 3, 256 }, { 7, 128 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t held[8] = { 0 }, free = 1024;
        for (bool any = true; any;) {
            any = false;
            for (unsigned p = 0; p < rows[i].n_peers; p++)
                if (cs_share_allows(held[p], free)) {
                    held[p]++;
                    free--;
                    any = true;
                }
        }
        for (unsigned p = 0; p < rows[i].n_peers; p++)
            if (held[p] < rows[i].each || held[p] > rows[i].each + 1)
                fail_msg("%u peers: number %u has %u", rows[i].n_peers, p, held[p]);
        assert_true(cs_share_allows(0, free)); /* a newcomer finds room */
    }
    assert_true(!cs_share_allows(0, 0));
}

static void peers_have_places(void **state)
{
    (void)state;
    struct cs_shares s;
    assert_true(cs_ok(cs_shares_init(&s)));
    static const char longest[CS_PEER_NAME_MAX_LEN + 1] = "x";
    struct cs_peer peers[] = {
        { .transport = CS_TRANSPORT_UNIX, .uid = 1, .pid = 7 },
        { .transport = CS_TRANSPORT_UNIX, .uid = 2 },
        { .transport = CS_TRANSPORT_TLS, .n_names = 1, .name = { cs_span_str("a.example") } },
        { .transport = CS_TRANSPORT_TLS, .n_names = 1, .name = { cs_span_str("b.example") } },
        { .transport = CS_TRANSPORT_TLS, .uid = 1 }, /* not proven yet */
        { .transport = CS_TRANSPORT_TLS,
          .n_names = 1,
          .name = { cs_span_of(longest, CS_PEER_NAME_MAX_LEN) } },
    };
    enum { N = sizeof peers / sizeof *peers };
    uint16_t place[N], again;
    for (unsigned i = 0; i < N; i++) {
        assert_true(cs_ok(cs_shares_of(&s, &peers[i], &place[i])));
        assert_int_equal(place[i], i);
        s.share[i].n_conns = 1;
    }
    peers[0].pid = 8;
    peers[2].uid = 9;
    for (unsigned i = 0; i < N - 1; i++) {
        assert_true(cs_ok(cs_shares_of(&s, &peers[i], &again)));
        assert_int_equal(again, i);
    }
    s.share[1].n_conns = 0; /* the place is free again, but not while a call holds it */
    s.share[1].n_calls = 1;
    struct cs_peer other = { .transport = CS_TRANSPORT_UNIX, .uid = 3 };
    assert_true(cs_ok(cs_shares_of(&s, &other, &again)));
    assert_int_equal(again, N);
    s.share[1].n_calls = 0;
    assert_true(cs_ok(cs_shares_of(&s, &other, &again)));
    assert_int_equal(again, 1);
    for (uint32_t i = 0; i < CS_SHARES_MAX; i++)
        s.share[i].n_calls = 1;
    s.n_used = CS_SHARES_MAX;
    other.uid = 4;
    assert_true(cs_is(cs_shares_of(&s, &other, &again), CS_NUM_FULL));
    peers[5].name[0].len++;
    assert_true(cs_is(cs_shares_of(&s, &peers[5], &again), CS_NUM_LIMIT));
    cs_shares_done(&s);
    cs_shares_done(&s);
}

static void frames_have_a_price(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        uint8_t type, flags;
        size_t len;
        int cost;
    } rows[] = {
        { "payload earns", NGHTTP2_DATA, 0, 1, -CS_BUDGET_EARNED },
        { "empty DATA", NGHTTP2_DATA, 0, 0, CS_BUDGET_DEAR },
        { "empty DATA that ends a stream", NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 0, 0 },
        { "SETTINGS", NGHTTP2_SETTINGS, 0, 6, CS_BUDGET_DEAR },
        { "SETTINGS ACK", NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, CS_BUDGET_CHEAP },
        { "WINDOW_UPDATE", NGHTTP2_WINDOW_UPDATE, 0, 4, CS_BUDGET_CHEAP },
        { "PRIORITY", NGHTTP2_PRIORITY, 0, 5, CS_BUDGET_CHEAP },
        { "HEADERS", NGHTTP2_HEADERS, 0, 9, 0 },
        { "RST_STREAM has its own limit", NGHTTP2_RST_STREAM, 0, 4, 0 },
        { "PING has its own limit", NGHTTP2_PING, 0, 8, 0 },
        { "a type nobody defined", 0xbe, 0, 0, CS_BUDGET_DEAR },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (cs_budget_cost(rows[i].type, rows[i].flags, rows[i].len) != rows[i].cost)
            fail_msg("row: %s", rows[i].row);
}

static void budget_ends_floods_only(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        int64_t gap_us;
        int cost, earned;
        unsigned out_at; /* number of the frame that is one too many, 0 = none in 5,000 */
    } rows[] = {
        { "a hundred dear ones at once", 0, CS_BUDGET_DEAR, 0, 101 },
        { "a thousand cheap ones at once", 0, CS_BUDGET_CHEAP, 0, 1001 },
        { "cheap ones at the rate", 10000, CS_BUDGET_CHEAP, 0, 0 },
        { "dear ones at a tenth of the rate", 100000, CS_BUDGET_DEAR, 0, 0 },
        { "dear ones a little faster", 90000, CS_BUDGET_DEAR, 0, 992 },
        { "four window updates to a frame of payload", 0, 4 * CS_BUDGET_CHEAP, CS_BUDGET_EARNED, 0 },
        { "five", 0, 5 * CS_BUDGET_CHEAP, CS_BUDGET_EARNED, 997 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_budget b = { 0 };
        unsigned out_at = 0;
        for (unsigned n = 1; n <= 5000 && out_at == 0; n++) {
            if (!cs_budget_spend(&b, n * rows[i].gap_us, rows[i].cost))
                out_at = n;
            (void)cs_budget_spend(&b, n * rows[i].gap_us, -rows[i].earned);
        }
        if (out_at != rows[i].out_at)
            fail_msg("row: %s: out at %u", rows[i].row, out_at);
    }
}

/* Each sample stands below the TYPE of its family, and no two are the same. */
static void numbers_are_prometheus_text(void **state)
{
    (void)state;
    struct cs_counts c = { .accepted = 3, .refused = { 1, 2 }, .bytes_in = UINT64_MAX };
    struct cs_gauges g = { .conns = 2, .draining = true };
    c.calls[CS_METHOD_HEALTH_CHECK] = 4;
    c.calls[CS_METHOD_METRICS] = 5;
    CS_AUTO_BUF struct cs_buf out = { 0 };
    cs_counts_put(&out, &c, &g);
    cs_buf_put_u8(&out, 0);
    assert_true(cs_ok(cs_buf_end(&out)));
    char *text = (char *)out.at, family[80] = "";
    assert_non_null(strstr(text, "\ncountersign_front_connections_accepted_total 3\n"));
    assert_non_null(strstr(text, "\ncountersign_front_connections_refused_total{reason=\"memory\"} 2\n"));
    assert_non_null(strstr(text, "\ncountersign_front_received_bytes_total 18446744073709551615\n"));
    assert_non_null(strstr(text, "\ncountersign_front_calls_total{service=\"grpc.health.v1.Health\","
                                 "method=\"Check\"} 4\n"));
    assert_null(strstr(text, "method=\"\""));
    assert_non_null(strstr(text, "\ncountersign_front_draining 1\n"));
    unsigned n_samples = 0;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "# HELP ", 7) == 0)
            continue;
        if (strncmp(line, "# TYPE ", 7) == 0) {
            size_t len = strcspn(line + 7, " ");
            assert_true(len < sizeof family);
            memcpy(family, line + 7, len);
            family[len] = '\0';
            bool total = len > 6 && strcmp(family + len - 6, "_total") == 0;
            assert_true(total == (strcmp(line + 7 + len, " counter") == 0));
            continue;
        }
        size_t len = strcspn(line, "{ ");
        assert_true(strlen(family) == len && memcmp(line, family, len) == 0);
        n_samples++;
    }
    assert_true(n_samples > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_leave_room),           cmocka_unit_test(peers_have_places),
        cmocka_unit_test(frames_have_a_price),         cmocka_unit_test(budget_ends_floods_only),
        cmocka_unit_test(numbers_are_prometheus_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
