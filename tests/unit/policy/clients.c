/* clients of a policy: every key with an accepting and a refusing row, which two clients could be one peer,
 * and which client a peer is. The document around the rows is the example of docs/policy.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/ipc/messages.h"
#include "proxy/policy/policy.h"

static const char *docs_path;
static char *before, *after; /* the document around its section clients */

static int read_example(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf text = { 0 };
    struct cs_note note = { "" };
    assert_true(cs_ok(cs_read_file(docs_path, 1024 * 1024, &text, &note)));
    cs_buf_put_u8(&text, 0);
    char *at = strstr((char *)text.at, "```yaml\n");
    assert_non_null(at);
    at += 8;
    char *end = strstr(at, "```\n"), *clients = strstr(at, "\nclients:\n"),
         *limits = strstr(at, "\nlimits:\n");
    assert_non_null(end);
    assert_true(clients != NULL && limits != NULL && clients < limits && limits < end);
    before = strndup(at, (size_t)(clients + 10 - at));
    after = strndup(limits, (size_t)(end - limits));
    return before == NULL || after == NULL;
}

static int free_example(void **state)
{
    (void)state;
    free(before);
    free(after);
    return 0;
}

/* NULL, and a note, when the document does not load. */
static struct cs_policy *load(const char *clients, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    struct cs_policy *p = NULL;
    cs_buf_put_str(&text, before);
    cs_buf_put_str(&text, clients);
    cs_buf_put_str(&text, after);
    *note = (struct cs_note){ "" };
    cs_result r = cs_policy_load(cs_buf_span(&text), &p, note);
    return cs_ok(r) ? p : NULL;
}

#define ROW(keys)  "  - { name: a, api_version: v1, " keys " }\n"
#define AUTHORIZES "rpcs: [AuthorizeTbs], issuers: [example-ov-e1], authorizes_for: "
#define PAIR(names)                                                    \
    "  - { name: a, api_version: v1, uid: 1, " AUTHORIZES names " }\n" \
    "  - { name: b, api_version: v2, uid: 2, rpcs: [Check] }\n"
#define TWO(one, two)                                            \
    "  - { name: a, api_version: v1, rpcs: [Check], " one " }\n" \
    "  - { name: b, api_version: v2, rpcs: [Check], " two " }\n"
#define SIGNS "uid: 1, rpcs: [SignCertificate], issuers: [example-ov-e1]"
#define HUNDRED \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* fault NULL: it loads; else a part of the note. */
static const struct {
    const char *clients, *fault;
} rows[] = {
    /* identity */
    { ROW("uid: 1, rpcs: [Check]"), NULL },
    { ROW("gid: 1, rpcs: [Check]"), NULL },
    { ROW("uid: 1, gid: 2, socket: old-api, rpcs: [Check]"), NULL },
    { ROW("dns: ra.example, rpcs: [Check]"), NULL },
    { ROW("dns: xn--mnchen-3ya.example, rpcs: [Check]"), NULL },
    { ROW("rpcs: [Check]"), "clients[0]: nothing says how the client proves itself" },
    { ROW("socket: old-api, rpcs: [Check]"), "clients[0]: nothing says how the client proves itself" },
    { ROW("uid: 1, dns: ra.example, rpcs: [Check]"), "clients[0].dns: uid, gid and socket are for Unix" },
    { ROW("socket: s, dns: ra.example, rpcs: [Check]"), "clients[0].dns: uid, gid and socket are for Unix" },
    { ROW("gid: 4294967295, rpcs: [Check]"), "clients[0].gid: 4294967295; 0 to 4294967294" },
    { ROW("uid: 1, socket: 'a b', rpcs: [Check]"), "clients[0].socket: 'a b' (quoted); needed" },
    { ROW("dns: RA.example, rpcs: [Check]"), "clients[0].dns: 'RA.example' is no dNSName" },
    { ROW("dns: '*.example', rpcs: [Check]"), "clients[0].dns: '*.example' is no dNSName" },
    { ROW("dns: ra.example., rpcs: [Check]"), "clients[0].dns: 'ra.example.' is no dNSName" },
    /* two of them */
    { TWO("uid: 1", "uid: 2"), NULL },
    { TWO("uid: 1", "uid: 1"), "clients[1].uid: clients[0] could be the same peer" },
    { TWO("uid: 1", "gid: 1"), "clients[1].gid: clients[0] could be the same peer" },
    { TWO("uid: 1, gid: 1", "uid: 1, gid: 2"), NULL },
    { TWO("uid: 1", "uid: 1, gid: 2"), "clients[1].uid: clients[0] could be" },
    { TWO("uid: 1, socket: new", "uid: 1, socket: old"), NULL },
    { TWO("uid: 1, socket: new", "uid: 1"), "clients[1].uid: clients[0] could be" },
    { TWO("uid: 1", "uid: 1, socket: old"), "clients[1].uid: clients[0] could be" },
    { TWO("uid: 1, socket: new", "gid: 2, socket: old"), NULL },
    { TWO("uid: 1, socket: new", "gid: 2, socket: new"), "clients[1].gid: clients[0] could be" },
    { TWO("uid: 1", "dns: ra.example"), NULL },
    { TWO("dns: ra1.example", "dns: ra.example"), NULL },
    { TWO("dns: ra.example", "dns: ra.example"), "clients[1].dns: clients[0] could be the same peer" },
    /* rights */
    { ROW(SIGNS ", profiles: [ov]"), NULL },
    { ROW(SIGNS ", profiles: [iv]"), "clients[0].profiles[0]: none of the client's issuers has this" },
    { ROW(SIGNS ", profiles: []"), "clients[0].profiles: 0 elements" },
    { ROW("uid: 1, rpcs: [Check], profiles: [ov]"), "clients[0].profiles[0]: none of the client's issuers" },
    { ROW(SIGNS ", accounts: ['acme/', 'b']"), NULL },
    { ROW(SIGNS ", accounts: []"), "clients[0].accounts: 0 elements" },
    { ROW(SIGNS ", accounts: [a, ab]"), "clients[0].accounts[1]: begins with accounts[0]" },
    { ROW(SIGNS ", accounts: [a, a]"), "clients[0].accounts[1]: begins with accounts[0]" },
    { ROW(SIGNS ", accounts: [" HUNDRED HUNDRED "]"), "clients[0].accounts[0]" },
    { ROW("uid: 1, rpcs: [Check, GetStatus, ListClients, Watch]"), NULL },
    { ROW("uid: 1, rpcs: [metrics]"), "clients[0].rpcs[0]: 'metrics' is not an RPC" },
    { ROW(SIGNS ", all_entries: true"), NULL },
    { ROW(SIGNS ", all_entries: yes"), "clients[0].all_entries" },
    /* limits */
    { ROW(SIGNS ", limits: { per_second: 5 }"), NULL },
    { ROW(SIGNS ", limits: { per_second: 100000, burst: 100000, in_flight: 10000 }"), NULL },
    { ROW(SIGNS ", limits: { in_flight: 1 }"), NULL },
    { ROW(SIGNS ", limits: { per_second: 0 }"), "clients[0].limits.per_second: 0; 1 to 100000" },
    { ROW(SIGNS ", limits: { per_second: 100001 }"), "clients[0].limits.per_second: 100001; 1 to" },
    { ROW(SIGNS ", limits: { burst: 5 }"), "clients[0].limits.burst: the key 'per_second' is missing" },
    { ROW(SIGNS ", limits: { in_flight: 10001 }"), "clients[0].limits.in_flight: 10001; 1 to 10000" },
    { ROW(SIGNS ", limits: { per_minute: 1 }"), "clients[0].limits.per_minute: unknown key" },
    { ROW(SIGNS ", limits: {}"), "clients[0].limits: no limit in it" },
    /* tightening */
    { ROW(SIGNS ", max_validity_s: 864000, max_domain_age_s: 60, max_identity_age_s: 60"), NULL },
    { ROW(SIGNS ", max_validity_s: 17280000"), NULL },
    { ROW(SIGNS ", max_validity_s: 17280001"), "clients[0].max_validity_s: 17280001 is above the baseline" },
    { ROW(SIGNS ", max_domain_age_s: 17280001"), "clients[0].max_domain_age_s: 17280001 is above" },
    { ROW(SIGNS ", max_identity_age_s: 34387201"), "clients[0].max_identity_age_s: 34387201 is above" },
    { ROW(SIGNS ", max_validity_s: 0"), "clients[0].max_validity_s: 0; 1 to" },
    /* retirement */
    { ROW(SIGNS ", retired_after: 2028-02-29"), NULL },
    { ROW(SIGNS ", retired_after: 2027-02-29"), "clients[0].retired_after: needed: the last day" },
    { ROW(SIGNS ", retired_after: 2027-2-28"), "clients[0].retired_after: needed: the last day" },
    { ROW(SIGNS ", retired_after: 2027-02-28T00:00:00Z"), "clients[0].retired_after: needed: the last day" },
    { ROW(SIGNS ", retired_after: [2027-02-28]"), "clients[0].retired_after: needed: the last day" },
    /* other clients */
    { PAIR("[b]"), NULL },
    { PAIR("[c]"), "clients[0].authorizes_for[0]: 'c' is the name of no" },
    { PAIR("[a]"), "clients[0].authorizes_for[0]: 'a' is the client itself" },
    { PAIR("[b, b]"), "clients[0].authorizes_for[1]: 'b' stands there twice" },
    { TWO("uid: 1, authorizes_for: [b]", "uid: 2"),
      "clients[0].authorizes_for: means nothing without the RPC AuthorizeTbs" },
    { PAIR("[]"), "clients[0].authorizes_for: 0 elements" },
};

static void every_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_note note;
        struct cs_policy *p = load(rows[i].clients, &note);
        if ((p != NULL) != (rows[i].fault == NULL) || (p == NULL && strstr(note.text, rows[i].fault) == NULL))
            fail_msg("row: %s: %s", rows[i].clients, p != NULL ? "loads" : note.text);
        cs_policy_free(p);
    }
}

static const char house[] =
    "  - { name: new, api_version: v3, uid: 1, socket: new, rpcs: [SignCertificate, AuthorizeTbs, Check],\n"
    "      issuers: [example-ov-e1], profiles: [ov], accounts: [acme/, 'b-'], authorizes_for: [old],\n"
    "      retired_after: 2026-12-31, limits: { per_second: 5 }, max_validity_s: 864000 }\n"
    "  - { name: old, api_version: v1, uid: 1, gid: 7, socket: old, rpcs: [Watch] }\n"
    "  - { name: group, api_version: v1, gid: 9, socket: '3', rpcs: [Check], all_entries: true }\n"
    "  - { name: net, api_version: v4, dns: ra.example, rpcs: [Check] }\n"
    "  - { name: net-2, api_version: v4, dns: ra2.example, rpcs: [Check] }\n";

static void who_is_who(void **state)
{
    (void)state;
    struct cs_note note;
    struct cs_policy *p = load(house, &note);
    if (p == NULL)
        fail_msg("%s", note.text);
    static const struct {
        const char *row;
        uint8_t transport;
        uint32_t uid, gid;
        const char *socket;
        uint32_t n_names;
        const char *names[3];
        bool attesters_key;
        enum cs_who who;
        const char *client, *name; /* expected */
    } peers[] = {
        { "all fits", CS_TRANSPORT_UNIX, 1, 5, "new", 0, { 0 }, false, CS_WHO_CLIENT, "new", "" },
        { "another socket", CS_TRANSPORT_UNIX, 1, 5, "other", 0, { 0 }, false, CS_WHO_NOBODY, NULL, "" },
        { "no socket name", CS_TRANSPORT_UNIX, 1, 5, "", 0, { 0 }, false, CS_WHO_NOBODY, NULL, "" },
        { "longer socket name", CS_TRANSPORT_UNIX, 1, 5, "newer", 0, { 0 }, false, CS_WHO_NOBODY, NULL, "" },
        { "uid and gid", CS_TRANSPORT_UNIX, 1, 7, "old", 0, { 0 }, false, CS_WHO_CLIENT, "old", "" },
        { "uid without the gid", CS_TRANSPORT_UNIX, 1, 8, "old", 0, { 0 }, false, CS_WHO_NOBODY, NULL, "" },
        { "gid alone", CS_TRANSPORT_UNIX, 77, 9, "3", 0, { 0 }, false, CS_WHO_CLIENT, "group", "" },
        { "TLS numbers mean nothing",
          CS_TRANSPORT_TLS,
          1,
          7,
          "old",
          0,
          { 0 },
          false,
          CS_WHO_NOBODY,
          NULL,
          "" },
        { "its name",
          CS_TRANSPORT_TLS,
          0,
          0,
          "",
          1,
          { "ra.example" },
          false,
          CS_WHO_CLIENT,
          "net",
          "ra.example" },
        { "among others",
          CS_TRANSPORT_TLS,
          0,
          0,
          "",
          3,
          { "x.example", "ra2.example", "y.example" },
          false,
          CS_WHO_CLIENT,
          "net-2",
          "ra2.example" },
        { "the same twice",
          CS_TRANSPORT_TLS,
          0,
          0,
          "",
          2,
          { "ra.example", "ra.example" },
          false,
          CS_WHO_CLIENT,
          "net",
          "ra.example" },
        { "names of two clients",
          CS_TRANSPORT_TLS,
          0,
          0,
          "",
          2,
          { "ra.example", "ra2.example" },
          false,
          CS_WHO_SEVERAL,
          NULL,
          NULL },
        { "unknown name",
          CS_TRANSPORT_TLS,
          0,
          0,
          "",
          1,
          { "x.ra.example" },
          false,
          CS_WHO_NOBODY,
          NULL,
          "x.ra.example" },
        { "an attester's key",
          CS_TRANSPORT_TLS,
          0,
          0,
          "",
          1,
          { "ra.example" },
          true,
          CS_WHO_ATTESTER,
          NULL,
          "ra.example" },
        { "a name on a Unix socket",
          CS_TRANSPORT_UNIX,
          5,
          5,
          "",
          1,
          { "ra.example" },
          false,
          CS_WHO_NOBODY,
          NULL,
          "" },
        { "the front", CS_TRANSPORT_FRONT, 1, 7, "old", 1, { "ra.example" }, false, CS_WHO_NOBODY, NULL, "" },
    };
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        struct cs_peer peer = { .transport = peers[i].transport,
                                .uid = peers[i].uid,
                                .gid = peers[i].gid,
                                .listener_name = cs_span_str(peers[i].socket),
                                .n_names = peers[i].n_names };
        for (uint32_t n = 0; n < peers[i].n_names; n++)
            peer.name[n] = cs_span_str(peers[i].names[n]);
        if (peers[i].attesters_key)
            peer.spki_sha256 = p->attester[p->n_attesters - 1].spki_sha256;
        const struct cs_client *client;
        struct cs_span name;
        enum cs_who who = cs_policy_who(p, &peer, &client, &name);
        bool as_wanted = who == peers[i].who && (client != NULL) == (peers[i].client != NULL) &&
                         (client == NULL || cs_span_is(client->name, peers[i].client)) &&
                         (peers[i].name == NULL || cs_span_is(name, peers[i].name));
        if (!as_wanted)
            fail_msg("row: %s: %d %.*s", peers[i].row, (int)who, (int)name.len, (const char *)name.at);
    }
    cs_policy_free(p);
}

static void what_they_may(void **state)
{
    (void)state;
    struct cs_note note;
    struct cs_policy *p = load(house, &note);
    assert_non_null(p);
    const struct cs_client *new = &p->client[0], *old = &p->client[1], *group = &p->client[2];
    assert_true(cs_client_may_call(new, CS_METHOD_SIGN_CERTIFICATE));
    assert_false(cs_client_may_call(new, CS_METHOD_EVALUATE_CERTIFICATE));
    assert_true(cs_client_may_call(new, CS_METHOD_HEALTH_WATCH)); /* with Check */
    assert_true(cs_client_may_call(old, CS_METHOD_HEALTH_WATCH));
    assert_false(cs_client_may_call(old, CS_METHOD_HEALTH_CHECK));
    struct cs_client all = { .rpcs = UINT32_MAX };
    assert_false(cs_client_may_call(&all, CS_METHOD_METRICS));
    assert_false(cs_client_may_call(&all, CS_METHOD_NONE));
    assert_false(cs_client_may_call(&all, CS_METHOD_COUNT));
    assert_true(cs_client_may_use(p, new, &p->issuer[0]));
    assert_false(cs_client_may_use(p, old, &p->issuer[0]));
    assert_true(cs_client_may_have_profile(new, COUNTERSIGN__V1__PROFILE__PROFILE_ORGANIZATION_VALIDATED));
    assert_false(cs_client_may_have_profile(new, COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED));
    assert_false(cs_client_may_have_profile(new, 0));
    assert_true(cs_client_may_have_profile(old, COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED));
    static const struct {
        const char *account;
        bool ok;
    } accounts[] = { { "acme/1", true },  { "acme/", true }, { "acme", false },  { "b-", true },
                     { "xacme/", false }, { "", false },     { "ACME/1", false } };
    for (size_t i = 0; i < sizeof accounts / sizeof *accounts; i++)
        assert_int_equal(cs_client_may_order_for(new, cs_span_str(accounts[i].account)), accounts[i].ok);
    assert_true(cs_client_may_order_for(old, cs_span_str("anybody")));
    assert_true(cs_client_may_authorize_for(p, new, new));
    assert_true(cs_client_may_authorize_for(p, new, old));
    assert_false(cs_client_may_authorize_for(p, old, new));
    assert_int_equal(new->retired_unix_s, cs_time_from_civil(2027, 1, 1, 0, 0, 0));
    assert_int_equal(old->retired_unix_s, INT64_MAX);
    assert_int_equal(new->limits.per_second, 5);
    assert_int_equal(new->limits.burst, 5); /* as many as a second */
    assert_int_equal(new->limits.in_flight, 0);
    assert_int_equal(new->max_validity_s, 864000);
    assert_true(group->all_entries && !new->all_entries);
    static const char *const said[] = { "uid 1, socket new", "uid 1, gid 7, socket old", "gid 9, socket 3",
                                        "dns ra.example" };
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        CS_AUTO_BUF struct cs_buf text = { 0 };
        cs_client_identity_put(&p->client[i], &text);
        assert_true(cs_span_is(cs_buf_span(&text), said[i]));
    }
    cs_policy_free(p);
}

int main(int argc, char **argv)
{
    docs_path = argc == 2 ? argv[1] : "";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key),
        cmocka_unit_test(who_is_who),
        cmocka_unit_test(what_they_may),
    };
    return cmocka_run_group_tests(tests, read_example, free_example);
}
