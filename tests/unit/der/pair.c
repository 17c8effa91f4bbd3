/* The pair digest against a naive encoder: any order of extensions, lengths round every boundary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/gate/der/tbs.h"
#include "tests/unit/der/der_text.h"

static struct cs_tbs view;
static uint32_t seed = 12345;

static uint32_t next(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

enum kind { FILLER, POISON, SCTS };
enum { EXTENSIONS_MAX = 12 };

struct list {
    size_t n;
    struct {
        enum kind kind;
        size_t value_len;
    } row[EXTENSIONS_MAX];
};

static void list_insert(struct list *l, size_t at, enum kind kind, size_t value_len)
{
    for (size_t i = l->n++; i > at; i--)
        l->row[i] = l->row[i - 1];
    l->row[at].kind = kind;
    l->row[at].value_len = value_len;
}

/* The fields before the extensions: short, so that the whole passes 127 too. */
static void head_put(struct cs_buf *out)
{
    der_text(
        out,
        "a0{02:02} 02:01 30{06:2a03} 30 30{17'261121000000Z' 17'270301000000Z'} 30 30{30{06:2a03} 03:00}");
}

/* Encodes the list, without the poison and the SCT list when they are left out. */
static void tbs_put(struct cs_buf *out, const struct list *l, bool leave_out)
{
    CS_AUTO_BUF struct cs_buf body = { 0 }, rows = { 0 };
    head_put(&body);
    for (size_t i = 0; i < l->n; i++) {
        CS_AUTO_BUF struct cs_buf row = { 0 }, value = { 0 };
        if (leave_out && l->row[i].kind != FILLER)
            continue;
        if (l->row[i].kind == FILLER) {
            uint8_t oid[5] = { 0x06, 0x03, 0x2a, 0x03, (uint8_t)(l->row[i].value_len % 128) };
            uint8_t octet = (uint8_t)l->row[i].value_len;
            for (size_t k = 0; k < l->row[i].value_len; k++)
                cs_buf_put_u8(&value, octet++);
            cs_buf_put(&row, oid, sizeof oid);
        } else if (l->row[i].kind == POISON) {
            der_text(&row, "06:2b06010401d679020403 01:ff");
            der_text(&value, "05");
        } else {
            der_text(&row, "06:2b06010401d679020402");
            CS_AUTO_BUF struct cs_buf scts = { 0 };
            cs_buf_put_u16(&scts, (uint16_t)(l->row[i].value_len + 2));
            cs_buf_put_u16(&scts, (uint16_t)l->row[i].value_len);
            for (size_t k = 0; k < l->row[i].value_len; k++)
                cs_buf_put_u8(&scts, 7);
            der_wrap(&value, 0x04, cs_buf_span(&scts));
        }
        der_wrap(&row, 0x04, cs_buf_span(&value));
        der_wrap(&rows, 0x30, cs_buf_span(&row));
    }
    if (rows.len > 0) {
        CS_AUTO_BUF struct cs_buf list = { 0 };
        der_wrap(&list, 0x30, cs_buf_span(&rows));
        der_wrap(&body, 0xa3, cs_buf_span(&list));
    }
    der_wrap(out, 0x30, cs_buf_span(&body));
}

static struct cs_sha256 digest_of(const struct list *l)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    struct cs_der_fault fault = { 0, "", "" };
    tbs_put(&b, l, false);
    if (!cs_ok(cs_tbs_parse(cs_buf_span(&b), &view, &fault)))
        fail_msg("%s, %s", fault.what, fault.where);
    CS_AUTO_BUF struct cs_buf put = { 0 };
    cs_tbs_pair_put(&view, &put);
    struct cs_sha256 digest = cs_tbs_pair_sha256(&view), same = cs_sha256(cs_buf_span(&put));
    assert_memory_equal(digest.byte, same.byte, sizeof same.byte);
    return digest;
}

static void expect_pair(const struct list *plain)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    tbs_put(&b, plain, true);
    struct cs_sha256 want = cs_sha256(cs_buf_span(&b));
    struct list precert = *plain, final = *plain, both = *plain;
    list_insert(&precert, next((uint32_t)plain->n + 1), POISON, 0);
    list_insert(&final, next((uint32_t)plain->n + 1), SCTS, 1 + next(300));
    list_insert(&both, next((uint32_t)both.n + 1), SCTS, 1 + next(300));
    list_insert(&both, next((uint32_t)both.n + 1), POISON, 0);
    const struct list *const lists[] = { plain, &precert, &final, &both };
    for (size_t i = 0; i < 4; i++) {
        struct cs_sha256 got = digest_of(lists[i]);
        assert_memory_equal(got.byte, want.byte, sizeof want.byte);
    }
}

/* One filler of every length up to 700: list, [3] and TBS pass 127/128 and 255/256. */
static void boundaries_with_one_filler(void **state)
{
    (void)state;
    expect_pair(&(struct list){ .n = 0 });
    for (size_t len = 0; len < 700; len++) {
        struct list l = { .n = 0 };
        list_insert(&l, 0, FILLER, len);
        for (int i = 0; i < 3; i++)
            expect_pair(&l);
    }
    for (size_t len = 39800; len < 39890; len++) { /* the largest allowed, less than half a kilobyte added */
        struct list l = { .n = 0 };
        list_insert(&l, 0, FILLER, len - 600);
        expect_pair(&l);
    }
}

static void random_lists(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        struct list l = { .n = 0 };
        size_t n = next(EXTENSIONS_MAX - 2);
        for (size_t k = 0; k < n; k++) /* lengths differ, and with them the OIDs */
            list_insert(&l, next((uint32_t)k + 1), FILLER, k * 10 + next(10));
        expect_pair(&l);
    }
}

/* Order, criticality, value: whatever differs beyond the two shows. */
static void differences_show(void **state)
{
    (void)state;
    static const char *const tails[] = {
        "30{06:2a03 04} 30{06:2a04 04}",
        "30{06:2a04 04} 30{06:2a03 04}",
        "30{06:2a03 04}",
        "30{06:2a03 01:ff 04} 30{06:2a04 04}",
        "30{06:2a03 04:00} 30{06:2a04 04}",
        "30{06:2b06010401d679020404 04}", /* beside the two */
        "30{06:2b06010401d679020401 04}",
    };
    enum { N = sizeof tails / sizeof *tails };
    struct cs_sha256 digest[N];
    for (size_t i = 0; i < N; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        char tail[512];
        (void)snprintf(tail, sizeof tail, "a3{30{%s 30{06:2b06010401d679020403 01:ff 04{05}}}}", tails[i]);
        tbs_text_put(&b, &(struct tbs_text){ .tail = tail });
        assert_true(cs_ok(cs_tbs_parse(cs_buf_span(&b), &view, NULL)));
        digest[i] = cs_tbs_pair_sha256(&view);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(digest[i].byte, digest[k].byte, CS_SHA256_LEN);
    }
}

/* Past what cs_tbs_parse admits: a view filled by hand, so that lengths pass 65535/65536. */
static void boundary_at_64_kib(void **state)
{
    (void)state;
    for (size_t len = 65535 - 120; len < 65536 + 10; len++) {
        struct list l = { .n = 0 }, precert;
        list_insert(&l, 0, FILLER, len);
        precert = l;
        list_insert(&precert, next(2), POISON, 0);
        CS_AUTO_BUF struct cs_buf with = { 0 }, without = { 0 };
        tbs_put(&with, &precert, false);
        tbs_put(&without, &precert, true);

        struct cs_der_input in;
        struct cs_der r = cs_der_open(&in, cs_buf_span(&with), NULL), body, explicit, list;
        struct cs_der_tlv v;
        assert_true(cs_der_enter(&r, CS_DER_SEQUENCE, "", &body));
        while (!cs_der_next_is(&body, CS_DER_CONTEXT_CONS + 3))
            assert_true(cs_der_get(&body, &v));
        assert_true(cs_der_enter(&body, CS_DER_CONTEXT_CONS + 3, "", &explicit) &&
                    cs_der_enter(&explicit, CS_DER_SEQUENCE, "", &list));
        memset(&view, 0, sizeof view);
        view.der = cs_buf_span(&with);
        view.has_poison = true;
        while (cs_der_more(&list) && cs_der_get(&list, &v)) {
            struct cs_der inside = cs_der_inside(&in, v.value);
            struct cs_der_tlv oid;
            assert_true(cs_der_get(&inside, &oid));
            view.extension[view.n_extensions].der = v.der;
            view.extension[view.n_extensions++].oid = oid.value;
        }
        assert_int_equal(view.n_extensions, 2);
        struct cs_sha256 got = cs_tbs_pair_sha256(&view), want = cs_sha256(cs_buf_span(&without));
        assert_memory_equal(got.byte, want.byte, sizeof want.byte);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boundaries_with_one_filler),
        cmocka_unit_test(random_lists),
        cmocka_unit_test(differences_show),
        cmocka_unit_test(boundary_at_64_kib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
