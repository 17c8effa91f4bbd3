/* Canonical protobuf: one byte string per message, at every depth and under every memory bound. */
#include "tests/unit/evidence/house.h"
#include "tests/unit/evidence/wire.h"

static cs_result unpack(const ProtobufCMessageDescriptor *d, struct cs_span in, size_t max)
{
    CS_AUTO_ARENA struct cs_arena a = { .max = max };
    const ProtobufCMessage *m = NULL;
    cs_result r = cs_proto_unpack(d, in, &a, &m);
    assert_true(cs_ok(r) == (m != NULL));
    assert_true(max == 0 || a.used <= max);
    return r;
}

struct good {
    const ProtobufCMessageDescriptor *d;
    struct cs_span bytes;
};

/* Every kind of statement, and an envelope with two signatures. */
static struct good good_message(struct house *h, size_t i)
{
    if (i < 9)
        return (struct good){ &countersign__v1__statement__descriptor,
                              house_pack(h, house_statement(&h->arena, house_kinds[i])) };
    struct cs_span payload = house_pack(h, house_statement(&h->arena, house_kinds[0]));
    return (struct good){ &countersign__v1__envelope__descriptor,
                          house_sign(h, payload, 2, (uint32_t[]){ VALIDATOR, VALIDATOR_EC }) };
}

static void every_other_writing_refuses(void **state)
{
    struct house *h = *state;
    unsigned total = 0;
    for (size_t i = 0; i < 10; i++) {
        struct good g = good_message(h, i);
        assert_true(cs_ok(unpack(g.d, g.bytes, 0)));
        for (unsigned which = 0;; which++, total++) {
            CS_AUTO_BUF struct cs_buf b = { 0 };
            char what[128];
            if (!wire_mutate(g.d, g.bytes, which, &b, what))
                break;
            assert_true(cs_ok(cs_buf_end(&b)));
            if (!cs_is(unpack(g.d, cs_buf_span(&b), 0), CS_NUM_PROTO))
                fail_msg("message %zu, %s", i, what);
        }
    }
    assert_true(total > 1000);
}

static void every_truncation_is_another_message(void **state)
{
    struct house *h = *state;
    for (size_t i = 0; i < 10; i++) {
        struct good g = good_message(h, i);
        for (size_t len = 0; len < g.bytes.len; len++) { /* a cut between fields may read; it says less */
            CS_AUTO_ARENA struct cs_arena a = { 0 };
            const ProtobufCMessage *m;
            if (cs_ok(cs_proto_unpack(g.d, cs_span_of(g.bytes.at, len), &a, &m)))
                assert_true(protobuf_c_message_get_packed_size(m) == len);
        }
    }
}

/* What reads is read as exactly itself, whatever the bytes. */
static void every_octet_in_every_place(void **state)
{
    struct house *h = *state;
    for (size_t i = 0; i < 10; i++) {
        struct good g = good_message(h, i);
        CS_AUTO_BUF struct cs_buf b = { 0 };
        cs_buf_put(&b, g.bytes.at, g.bytes.len);
        for (size_t at = 0; at < b.len; at++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                b.at[at] ^= (uint8_t)(1u << bit);
                CS_AUTO_ARENA struct cs_arena a = { 0 };
                const ProtobufCMessage *m;
                struct cs_span again;
                if (cs_ok(cs_proto_unpack(g.d, cs_buf_span(&b), &a, &m))) {
                    assert_true(cs_ok(cs_proto_pack(m, &a, &again)));
                    assert_true(cs_span_eq(again, cs_buf_span(&b)));
                }
                b.at[at] ^= (uint8_t)(1u << bit);
            }
        }
    }
}

/* The five writings of the wire rules: {string name = 2; int64 time = 7} becomes Signature.keyid and
 * Header.issued_at_unix_s. */
static void known_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *why, *hex;
        const ProtobufCMessageDescriptor *d;
        bool ok;
    } rows[] = {
        { "text", "1204676f6f64", &countersign__v1__signature__descriptor, true },
        { "NUL behind the text", "1205676f6f6400", &countersign__v1__signature__descriptor, false },
        { "twice", "120161120162", &countersign__v1__signature__descriptor, false },
        { "in order", "1201613805", &countersign__v1__header__descriptor, true },
        { "not in order", "3805120161", &countersign__v1__header__descriptor, false },
        { "number", "3805", &countersign__v1__header__descriptor, true },
        { "number not minimal", "388500", &countersign__v1__header__descriptor, false },
        { "written zero", "3800", &countersign__v1__header__descriptor, false },
        { "nothing", "", &countersign__v1__header__descriptor, true },
        { "negative number", "38ffffffffffffffffff01", &countersign__v1__header__descriptor, true },
        { "number of eleven octets", "38ffffffffffffffffffff01", &countersign__v1__header__descriptor,
          false },
        { "schema beyond 32 bits", "088180808010", &countersign__v1__header__descriptor, false },
        { "bool 2", "2002", &countersign__v1__order__descriptor, false },
        { "bool 1", "2001", &countersign__v1__order__descriptor, true },
        { "enum packed", "4a020713", &countersign__v1__caa_check__descriptor, true },
        { "enum not packed", "48074813", &countersign__v1__caa_check__descriptor, false },
        { "zero in a list of enums", "4a020700", &countersign__v1__caa_check__descriptor, false },
        { "negative enum", "20ffffffffffffffffff01", &countersign__v1__header__descriptor, false },
        { "field number zero", "0001", &countersign__v1__header__descriptor, false },
        { "wire type 7", "0f", &countersign__v1__header__descriptor, false },
        { "fixed64 where a number belongs", "390000000000000001", &countersign__v1__header__descriptor,
          false },
        { "both of a oneof", "0a0161120401020304", &countersign__v1__domain_control__descriptor, false },
        { "one of a oneof", "120401020304", &countersign__v1__domain_control__descriptor, true },
        { "length beyond the end", "0aff01", &countersign__v1__envelope__descriptor, false },
        { "length of 2^64-1", "0affffffffffffffffff01", &countersign__v1__envelope__descriptor, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t raw[64];
        size_t len = 0;
        assert_true(cs_ok(cs_unhex(cs_span_str(rows[i].hex), raw, sizeof raw, &len)));
        if (cs_ok(unpack(rows[i].d, cs_span_of(raw, len), 0)) != rows[i].ok)
            fail_msg("%s", rows[i].why);
    }
}

/* Out of memory at every allocation is told as such, and leaves nothing behind. */
static void every_memory_bound(void **state)
{
    struct house *h = *state;
    for (size_t i = 0; i < 10; i++) {
        struct good g = good_message(h, i);
        bool refused = false, done = false;
        for (size_t max = 16; !done; max += 16) {
            cs_result r = unpack(g.d, g.bytes, max);
            refused = refused || cs_is(r, CS_NUM_NO_MEMORY);
            assert_true(cs_ok(r) || cs_is(r, CS_NUM_NO_MEMORY));
            done = cs_ok(r);
        }
        assert_true(refused);
    }
}

/* A refusal of memory earlier in the arena's life is no excuse for bytes that do not read. */
static void earlier_exhaustion_is_not_blamed(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena a = { .max = 64 * 1024 };
    assert_null(cs_arena_get(&a, 128 * 1024));
    const ProtobufCMessage *m;
    assert_true(cs_is(cs_proto_unpack(&countersign__v1__header__descriptor, cs_span_str("\x38"), &a, &m),
                      CS_NUM_PROTO));
}

/* Two octets of input each make a message, a list item or an unknown field of some ten times the size. */
static void bombs_stay_within_the_bound(void **state)
{
    (void)state;
    static const struct {
        const char *what, *unit;
        size_t unit_len;
        const ProtobufCMessageDescriptor *d;
    } rows[] = {
        { "empty signatures", "\x1a\x00", 2, &countersign__v1__envelope__descriptor },
        { "empty names", "\x2a\x00", 2, &countersign__v1__order__descriptor },
        { "unknown fields", "\x78\x01", 2, &countersign__v1__envelope__descriptor },
        { "unknown bytes", "\x7a\x00", 2, &countersign__v1__envelope__descriptor },
        { "headers over headers", "\x0a\x00", 2, &countersign__v1__statement__descriptor },
        { "empty sources", "\x32\x00", 2, &countersign__v1__organization_identity__descriptor },
        { "methods", "\x48\x07", 2, &countersign__v1__caa_check__descriptor },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        while (b.len < CS_ENVELOPE_MAX_LEN)
            cs_buf_put(&b, rows[i].unit, rows[i].unit_len);
        for (size_t max = 4096; max <= 16 * 1024 * 1024; max *= 4) {
            cs_result r = unpack(rows[i].d, cs_buf_span(&b), max);
            if (!cs_is(r, CS_NUM_NO_MEMORY) && !cs_is(r, CS_NUM_PROTO) && !cs_ok(r))
                fail_msg("%s: %s", rows[i].what, cs_result_name(r));
        }
    }
}

static int open_house(void **state)
{
    static struct house h;
    house_open(&h);
    *state = &h;
    return 0;
}

static int close_house(void **state)
{
    house_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_other_writing_refuses), cmocka_unit_test(every_truncation_is_another_message),
        cmocka_unit_test(every_octet_in_every_place),  cmocka_unit_test(known_vectors),
        cmocka_unit_test(every_memory_bound),          cmocka_unit_test(earlier_exhaustion_is_not_blamed),
        cmocka_unit_test(bombs_stay_within_the_bound),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
