/* Special-purpose addresses: both edges of every block, inside and outside, against a second table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/gate/lists/lists.h"

static const char *const blocks[] = {
    "0.0.0.0/8",       "0.0.0.0/32",         "10.0.0.0/8",      "100.64.0.0/10",
    "127.0.0.0/8",     "169.254.0.0/16",     "172.16.0.0/12",   "192.0.0.0/24",
    "192.0.0.0/29",    "192.0.0.8/32",       "192.0.0.9/32",    "192.0.0.10/32",
    "192.0.0.170/32",  "192.0.0.171/32",     "192.0.2.0/24",    "192.31.196.0/24",
    "192.52.193.0/24", "192.88.99.0/24",     "192.88.99.2/32",  "192.168.0.0/16",
    "192.175.48.0/24", "198.18.0.0/15",      "198.51.100.0/24", "203.0.113.0/24",
    "240.0.0.0/4",     "255.255.255.255/32", "224.0.0.0/4",     "::1/128",
    "::/128",          "::ffff:0:0/96",      "64:ff9b::/96",    "64:ff9b:1::/48",
    "100::/64",        "100:0:0:1::/64",     "2001::/23",       "2001::/32",
    "2001:1::1/128",   "2001:1::2/128",      "2001:1::3/128",   "2001:2::/48",
    "2001:3::/32",     "2001:4:112::/48",    "2001:10::/28",    "2001:20::/28",
    "2001:30::/28",    "2001:db8::/32",      "2002::/16",       "2620:4f:8000::/48",
    "3fff::/20",       "5f00::/16",          "fc00::/7",        "fe80::/10",
    "::/96",           "fec0::/10",          "ff00::/8",
};
enum { N_BLOCKS = sizeof blocks / sizeof *blocks };

struct range {
    size_t len;
    uint8_t first[16], last[16];
};
static struct range range[N_BLOCKS];

static struct range parse(const char *block)
{
    struct range r = { 0 };
    char text[64];
    unsigned bits;
    const char *slash = strchr(block, '/');
    assert_non_null(slash);
    (void)snprintf(text, sizeof text, "%.*s", (int)(slash - block), block);
    bits = (unsigned)strtoul(slash + 1, NULL, 10);
    r.len = strchr(text, ':') != NULL ? 16 : 4;
    assert_int_equal(inet_pton(r.len == 16 ? AF_INET6 : AF_INET, text, r.first), 1);
    for (unsigned i = 0; i < r.len * 8; i++) {
        uint8_t bit = (uint8_t)(0x80 >> i % 8);
        if (i < bits)
            r.last[i / 8] |= r.first[i / 8] & bit;
        else {
            assert_int_equal(r.first[i / 8] & bit, 0);
            r.last[i / 8] |= bit;
        }
    }
    return r;
}

static bool inside(const struct range *r, const uint8_t *at, size_t len)
{
    return r->len == len && memcmp(at, r->first, len) >= 0 && memcmp(at, r->last, len) <= 0;
}

/* one more or one less; false when that wraps */
static bool step(uint8_t *at, size_t len, int by)
{
    for (size_t i = len; i-- > 0;) {
        at[i] = (uint8_t)(at[i] + by);
        if (at[i] != (by > 0 ? 0x00 : 0xff))
            return true;
    }
    return false;
}

static void judge(const uint8_t *at, size_t len)
{
    char text[64];
    bool special = false;
    for (size_t i = 0; i < N_BLOCKS; i++)
        special = special || inside(&range[i], at, len);
    const char *entry = cs_ip_special(cs_span_of(at, len));
    (void)inet_ntop(len == 16 ? AF_INET6 : AF_INET, at, text, sizeof text);
    if ((entry != NULL) != special)
        fail_msg("%s: %s", text, entry != NULL ? entry : "not special");
    if (entry == NULL)
        return;
    char block[64];
    (void)snprintf(block, sizeof block, "%.*s", (int)strcspn(entry, " "), entry);
    struct range named = parse(block);
    if (!inside(&named, at, len))
        fail_msg("%s is named %s", text, entry);
}

static void edges(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_BLOCKS; i++)
        range[i] = parse(blocks[i]);
    for (size_t i = 0; i < N_BLOCKS; i++) {
        uint8_t at[16];
        judge(range[i].first, range[i].len);
        judge(range[i].last, range[i].len);
        memcpy(at, range[i].first, 16);
        if (step(at, range[i].len, -1))
            judge(at, range[i].len);
        memcpy(at, range[i].last, 16);
        if (step(at, range[i].len, 1))
            judge(at, range[i].len);
    }
}

/* Each block is named at one of its ends at least, unless a wider one covers it as a whole. */
static void every_block_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_BLOCKS; i++) {
        size_t len = strlen(blocks[i]);
        const char *first = cs_ip_special(cs_span_of(range[i].first, range[i].len));
        const char *last = cs_ip_special(cs_span_of(range[i].last, range[i].len));
        assert_true(first != NULL && last != NULL);
        if ((strncmp(first, blocks[i], len) != 0 || first[len] != ' ') &&
            (strncmp(last, blocks[i], len) != 0 || last[len] != ' '))
            fail_msg("%s is called %s and %s", blocks[i], first, last);
    }
}

static void ordinary(void **state)
{
    (void)state;
    static const char *const rows[] = { "1.1.1.1",   "9.9.9.9",    "100.63.255.255", "100.128.0.0",
                                        "128.0.0.1", "172.15.0.1", "172.32.0.1",     "192.0.1.0",
                                        "192.0.3.0", "198.52.0.1", "223.255.255.255" };
    static const char *const rows_6[] = { "2606:4700::1111", "2001:200::1", "2a00::1",
                                          "2003::1",         "2400::",      "3ffe::1" };
    uint8_t at[16];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(inet_pton(AF_INET, rows[i], at), 1);
        assert_null(cs_ip_special(cs_span_of(at, 4)));
    }
    for (size_t i = 0; i < sizeof rows_6 / sizeof *rows_6; i++) {
        assert_int_equal(inet_pton(AF_INET6, rows_6[i], at), 1);
        assert_null(cs_ip_special(cs_span_of(at, 16)));
    }
    memset(at, 10, sizeof at);
    for (size_t len = 0; len < 16; len++)
        if (len != 4)
            assert_null(cs_ip_special(cs_span_of(at, len)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges),
        cmocka_unit_test(every_block_is_named),
        cmocka_unit_test(ordinary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
