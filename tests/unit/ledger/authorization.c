/* Authorizations: found by digest and by request, spent once, and verified. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "proxy/ledger/authorization.h"
#include "tests/unit/ledger/fixture.h"

enum { START_S = 1790000000 };

static struct cs_authorization_ask ask_for(unsigned n, const char *request_id, int64_t now_unix_s,
                                           struct cs_sha256 *room)
{
    static uint8_t tbs[65536];
    *room = cs_sha256(cs_span_of(tbs, tbs_of(n, 0, tbs)));
    return (struct cs_authorization_ask){ .client = client(),
                                          .request_id = cs_span_str(request_id),
                                          .issuer = cs_span_str("R1"),
                                          .digest = cs_sha256_span(room),
                                          .now_unix_s = now_unix_s };
}

/* What the digest of n finds; its sequence, 0 unless LIVE. */
static enum cs_authorization_state find(struct house *h, unsigned n, const char *request_id,
                                        int64_t now_unix_s, uint64_t *out_seq)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_sha256 room;
    struct cs_authorization_ask ask = ask_for(n, request_id, now_unix_s, &room);
    struct cs_authorization_view view = { 0 };
    enum cs_authorization_state state;
    assert_ok(cs_ledger_authorization_find(h->l, &ask, &arena, &state, &view));
    assert_int_equal(state == CS_AUTHORIZATION_LIVE, view.seq != 0);
    if (view.seq != 0)
        assert_true(cs_span_eq(cs_proto_span(view.said->digest), ask.digest));
    *out_seq = view.seq;
    return state;
}

static void found_by_digest(void **state)
{
    struct house *h = *state;
    uint64_t first, second, seq;
    house_clock_us = START_S * INT64_C(1000000);
    assert_int_equal(find(h, 1, "r-1", START_S, &seq), CS_AUTHORIZATION_NONE);
    assert_ok(append_authorization(h->l, &(struct authorization_plan){ .n = 1, .valid_for_s = 1 }, &first));
    assert_int_equal(find(h, 1, "r-1", START_S, &seq), CS_AUTHORIZATION_LIVE); /* before the commit */
    commit(h->l);
    assert_int_equal(seq, first);
    assert_int_equal(find(h, 1, "r-1", START_S + 1, &seq), CS_AUTHORIZATION_OVER);
    assert_int_equal(find(h, 2, "r-1", START_S, &seq), CS_AUTHORIZATION_NONE);
    assert_ok(
        append_authorization(h->l, &(struct authorization_plan){ .n = 1, .request_id = "again" }, &second));
    commit(h->l);
    assert_int_equal(find(h, 1, "r-1", START_S, &seq), CS_AUTHORIZATION_LIVE);
    assert_int_equal(seq, second); /* the newest */
    assert_int_equal(find(h, 1, "r-1", START_S + 299, &seq), CS_AUTHORIZATION_LIVE);
    assert_int_equal(find(h, 1, "r-1", START_S + 300, &seq), CS_AUTHORIZATION_OVER);
    house_close(h);
    house_open(h);
    assert_int_equal(find(h, 1, "r-1", START_S, &seq), CS_AUTHORIZATION_LIVE);
    assert_int_equal(seq, second);
}

static void not_for_others(void **state)
{
    struct house *h = *state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    uint64_t seq;
    struct cs_sha256 room;
    struct cs_authorization_view view;
    enum cs_authorization_state found;
    house_clock_us = START_S * INT64_C(1000000);
    assert_ok(append_authorization(h->l, &(struct authorization_plan){ .n = 1, .for_client = "old" }, &seq));
    assert_int_equal(find(h, 1, "r-1", START_S, &seq), CS_AUTHORIZATION_NONE);
    struct cs_authorization_ask ask = ask_for(1, "r-1", START_S, &room);
    ask.client = cs_span_str("old");
    assert_ok(cs_ledger_authorization_find(h->l, &ask, &arena, &found, &view));
    assert_int_equal(found, CS_AUTHORIZATION_LIVE);
    ask.issuer = cs_span_str("R2");
    assert_ok(cs_ledger_authorization_find(h->l, &ask, &arena, &found, &view));
    assert_int_equal(found, CS_AUTHORIZATION_NONE);
    /* an intent of another client cannot spend it, nor one over another TBS or what is no authorization */
    assert_result(append_intent(h->l, &(struct intent_plan){ .n = 1, .authorization_seq = 1 }, &seq),
                  NOT_FOUND);
    assert_ok(append_authorization(h->l, &(struct authorization_plan){ .n = 2 }, &seq));
    assert_result(append_intent(h->l, &(struct intent_plan){ .n = 3, .authorization_seq = 2 }, &seq),
                  NOT_FOUND);
    assert_result(append_intent(h->l, &(struct intent_plan){ .n = 2, .authorization_seq = 9 }, &seq),
                  NOT_FOUND);
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 4 }, &seq));
    assert_result(append_intent(h->l,
                                &(struct intent_plan){ .n = 4, .request_id = "x", .authorization_seq = seq },
                                &seq),
                  NOT_FOUND);
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 2, .authorization_seq = 2 }, &seq));
}

static void by_request(void **state)
{
    struct house *h = *state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_authorization_view view;
    uint64_t seq;
    assert_ok(append_authorization(h->l, &(struct authorization_plan){ .n = 1 }, &seq));
    assert_ok(cs_ledger_authorization_of_request(h->l, client(), cs_span_str("authorize-1"), &arena, &view));
    assert_int_equal(view.seq, seq);
    assert_ok(cs_ledger_authorization_of_request(h->l, client(), cs_span_str("authorize-2"), &arena, &view));
    assert_int_equal(view.seq, 0);
    assert_ok(cs_ledger_authorization_of_request(h->l, cs_span_str("old"), cs_span_str("authorize-1"), &arena,
                                                 &view));
    assert_int_equal(view.seq, 0);
    const struct authorization_plan again = { .n = 2, .request_id = "authorize-1" };
    assert_result(append_authorization(h->l, &again, &seq), EXISTS);
    const struct authorization_plan other = { .n = 2, .request_id = "authorize-1", .caller = "old" };
    assert_ok(append_authorization(h->l, &other, &seq));
}

static void spent_once(void **state)
{
    struct house *h = *state;
    uint64_t a, b, intent, seq;
    house_clock_us = START_S * INT64_C(1000000);
    assert_ok(append_authorization(h->l, &(struct authorization_plan){ .n = 1 }, &a));
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 1, .authorization_seq = a }, &intent));
    cs_ledger_abandon(h->l); /* both are gone, and with them the spending */
    assert_ok(append_authorization(h->l, &(struct authorization_plan){ .n = 1 }, &a));
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 1, .authorization_seq = a }, &intent));
    assert_int_equal(find(h, 1, "other", START_S, &seq), CS_AUTHORIZATION_SPENT); /* before the commit */
    commit(h->l);
    assert_result(append_intent(h->l,
                                &(struct intent_plan){ .n = 1,
                                                       .request_id = "other",
                                                       .serial = "t",
                                                       .order_id = "p",
                                                       .authorization_seq = a },
                                &seq),
                  EXISTS);
    house_close(h);
    house_open(h);
    assert_int_equal(find(h, 1, "other", START_S, &seq), CS_AUTHORIZATION_SPENT);
    /* its own request finds it again: the intent may have come to nothing */
    assert_int_equal(find(h, 1, "request-1", START_S, &seq), CS_AUTHORIZATION_LIVE);
    assert_int_equal(seq, a);
    assert_ok(append_outcome(h->l, intent, OUTCOME(NOT_SIGNED), 1, &seq));
    assert_ok(append_authorization(h->l, &(struct authorization_plan){ .n = 1, .request_id = "new" }, &b));
    assert_int_equal(find(h, 1, "request-1", START_S, &seq), CS_AUTHORIZATION_LIVE);
    assert_int_equal(seq, a); /* not a second one */
    assert_int_equal(find(h, 1, "other", START_S, &seq), CS_AUTHORIZATION_LIVE);
    assert_int_equal(seq, b);
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 1, .authorization_seq = a }, &seq));
    commit(h->l);
    assert_int_equal(find(h, 1, "other", START_S + 300, &seq), CS_AUTHORIZATION_OVER);
    house_close(h);
    struct cs_ledger_report report;
    struct cs_note note;
    if (!cs_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note)))
        fail_msg("%s", note.text);
    assert_int_equal(report.n_authorizations, 2);
}

static void over_when_it_is_appended(void **state)
{
    struct house *h = *state;
    uint64_t a, seq;
    house_clock_us = START_S * INT64_C(1000000);
    assert_ok(append_authorization(h->l, &(struct authorization_plan){ .n = 1, .valid_for_s = 1 }, &a));
    house_clock_us += 1000000;
    assert_result(append_intent(h->l, &(struct intent_plan){ .n = 1, .authorization_seq = a }, &seq),
                  NOT_FOUND);
}

static void refused_shapes(void **state)
{
    struct house *h = *state;
    uint64_t seq = 0;
    static const struct {
        const char *row;
        struct authorization_plan plan;
        uint32_t num;
    } rows[] = {
        { "SHA-384", { .n = 1, .hash = CS_HASH_SHA384 }, CS_NUM_OK_ },
        { "SHA-512", { .n = 2, .hash = CS_HASH_SHA512 }, CS_NUM_OK_ },
        { "digest of something else", { .n = 3, .foreign_digest = true }, CS_NUM_ARGUMENT },
        { "an hour", { .n = 4, .valid_for_s = 3600 }, CS_NUM_OK_ },
        { "more than an hour", { .n = 5, .valid_for_s = 3602 }, CS_NUM_ARGUMENT },
        { "nobody's request", { .n = 6, .request_id = "" }, CS_NUM_ARGUMENT },
        { "for nobody", { .n = 7, .for_client = "" }, CS_NUM_ARGUMENT },
        { "by nobody", { .n = 8, .caller = "" }, CS_NUM_ARGUMENT },
        { "evidence that is not there", { .n = 9, .evidence = true }, CS_NUM_NOT_FOUND },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cs_result r = append_authorization(h->l, &rows[i].plan, &seq);
        if (!cs_is(r, rows[i].num))
            fail_msg("row %s: %s", rows[i].row, cs_result_name(r));
    }
}

static void verify_finds(void **state)
{
    (void)state;
    static const struct {
        const char *change, *said;
    } rows[] = {
        { "UPDATE authorization_digest SET expires_unix_s = expires_unix_s + 1", "authorization_digest row" },
        { "UPDATE authorization_digest SET client = x'6f6c64'", "authorization_digest row" },
        { "DELETE FROM authorization_digest", "authorization_digest row" },
        { "DELETE FROM authorization_request", "has no authorization_request row" },
        { "INSERT INTO authorization_digest VALUES (x'61', x'62', x'63', 1, 5)",
          "table authorization_digest" },
        { "INSERT INTO authorization_request VALUES (x'61', x'62', 1)", "table authorization_request" },
        { "UPDATE token SET bound = zeroblob(32)", "another request spent" },
        { "DELETE FROM token", "relies on token" },
        { "DELETE FROM evidence", "relies on evidence" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *own = NULL;
        uint64_t a, seq;
        struct cs_ledger_report report;
        struct cs_note note = { { 0 } };
        char envelope[32];
        struct cs_sha256 d = evidence_of(1);
        assert_int_equal(house_set_up(&own), 0);
        struct house *h = own;
        assert_ok(cs_ledger_evidence_put(h->l, &d, envelope_of(1, envelope)));
        assert_ok(append_authorization(h->l, &(struct authorization_plan){ .n = 1, .evidence = true }, &a));
        assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 1, .authorization_seq = a }, &seq));
        commit(h->l);
        house_close(h);
        sqlite3 *raw = raw_open(h->path);
        raw_run(raw, rows[i].change);
        (void)sqlite3_close(raw);
        cs_result r = cs_ledger_verify(h->path, NULL, NULL, &report, &note);
        if (!cs_is(r, CS_NUM_STORE_CORRUPT) || strstr(note.text, rows[i].said) == NULL)
            fail_msg("%s: %s \"%s\"", rows[i].change, cs_result_name(r), note.text);
        (void)house_tear_down(&own);
    }
}

int main(void)
{
#define IN_HOUSE(f) cmocka_unit_test_setup_teardown(f, house_set_up, house_tear_down)
    const struct CMUnitTest tests[] = {
        IN_HOUSE(found_by_digest),      IN_HOUSE(not_for_others),           IN_HOUSE(by_request),
        IN_HOUSE(spent_once),           IN_HOUSE(over_when_it_is_appended), IN_HOUSE(refused_shapes),
        cmocka_unit_test(verify_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
