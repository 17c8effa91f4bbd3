/* Statements: what a command signs is what the gate admits; what it must not sign it refuses by name. */
#include "tests/unit/cli/house.h"

#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/envelope_file.h"
#include "client/cli/keys.h"
#include "proxy/base/clock.h"
#include "proxy/gate/evidence/evidence.h"

#define ZEROS     "0000000000000000000000000000000000000000000000000000000000000000"
#define WHO(name) "--key", name ".pem", "--attester", name, "--audience", "test", "--account", "acme"
#define DOMAIN                                                                                         \
    "attest", "domain", "--method", "dcv_dns_change", "--scope", "namespace", "--initiated-at", "-1h", \
        "--oldest-data-at", "-1h", "--observed-at", "-30m", "--challenge-sha256", ZEROS,               \
        "--challenge-created-at", "-1h", "--perspective", "ams,ripe_ncc,52.37,4.895168,passed,-30m",   \
        "--perspective", "syd,apnic,-33.868800,151.2,passed,-30m", "--perspective",                    \
        "nyc,arin,40.7128,-74.006,failed,-30m", "--dnssec", "secure", "--record-sha256", ZEROS
#define ORDER                                                                                               \
    "attest", "order", "--order-id", "o1", "--profile", "dv", "--latest-not-after", "+100d", "--requester", \
        "j.doe", "--agreement", "2026-11", WHO("orders")

static struct cs_policy *policy;

static void add_attester(const char *name, const char *algorithm, Countersign__V1__Role role)
{
    char key[64];
    struct cs_attester *a = &policy->attester[policy->n_attesters++];
    CS_AUTO_BUF struct cs_buf spki = { 0 };
    snprintf(key, sizeof key, "%s.pem", name);
    expect(CS_EXIT_DONE, "keygen", "--algorithm", algorithm, "--out", key, NULL);
    a->name = cs_span_str(name);
    a->algorithm = cs_attester_algorithm_of_name(cs_span_str(algorithm));
    a->roles = 1u << role;
    a->not_after_unix_s = INT64_MAX;
    for (int m = 1; m < 100; m++)
        cs_method_set_add(&a->methods, m);
    assert_true(cs_ok(cs_key_read(key, &a->key, NULL)));
    assert_true(cs_ok(cs_spki_of_key(a->key, &spki)));
    a->spki_sha256 = cs_sha256(cs_buf_span(&spki));
}

static int set_up(void **state)
{
    if (house_enter(state) != 0)
        return -1;
    policy = calloc(1, sizeof *policy);
    policy->deployment = cs_span_str("test");
    policy->limits.clock_skew_s = 60;
    policy->limits.organization_signers = 1;
    add_attester("dcv", "ed25519", COUNTERSIGN__V1__ROLE__ROLE_VALIDATION_SYSTEM);
    add_attester("vetting", "ecdsa-p256-sha256", COUNTERSIGN__V1__ROLE__ROLE_VETTING_SPECIALIST);
    add_attester("vetting2", "ed25519", COUNTERSIGN__V1__ROLE__ROLE_VETTING_SPECIALIST);
    add_attester("orders", "ed25519", COUNTERSIGN__V1__ROLE__ROLE_ORDER_AUTHORITY);
    add_attester("lint", "ecdsa-p256-sha256", COUNTERSIGN__V1__ROLE__ROLE_LINT_SERVICE);
    add_attester("ra", "ed25519", COUNTERSIGN__V1__ROLE__ROLE_RA_OFFICER);
    make_ca("P-256");
    make_csr("DNS:www.example.com,DNS:example.com,IP:192.0.2.1,DNS:example.com", false);
    return 0;
}

static int tear_down(void **state)
{
    for (uint32_t i = 0; i < policy->n_attesters; i++)
        EVP_PKEY_free(policy->attester[i].key);
    free(policy);
    return house_leave(state);
}

/* Admits the envelope in a file; asserts and returns its statement and number of signers. */
static struct cs_evidence admitted(const char *name, struct cs_arena *arena)
{
    CS_AUTO_BUF struct cs_buf bytes = { 0 };
    struct cs_note note = { 0 };
    struct cs_evidence_context ctx = { .policy = policy, .now_unix_s = cs_clock_unix_s() };
    struct cs_verdict v = { .arena = arena };
    struct cs_evidence e = { 0 };
    bool ok = false;
    if (!cs_ok(cs_envelope_read(name, &bytes, &note)))
        fail_msg("%s", note.text);
    assert_true(
        cs_ok(cs_evidence_admit(&ctx, cs_arena_span(arena, cs_buf_span(&bytes)), name, arena, &v, &ok, &e)));
    if (!ok)
        fail_msg("%s: %s: %s, needed %s", name, cs_rule_text(v.reason[0].rule)->id, v.reason[0].found,
                 v.reason[0].needed);
    return e;
}

static void each_kind_is_admitted(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    expect(0, DOMAIN, "--name", "example.com", "--applied-for", "www.example.com", WHO("dcv"), "--out", "d",
           NULL);
    const Countersign__V1__DomainControl *d = admitted("d", &arena).statement->domain_control;
    assert_true(cs_span_is(cs_span_of(d->domain.data, d->domain.len), "example.com"));
    assert_int_equal(d->perspectives->n_remotes, 2);
    assert_int_equal(d->perspectives->primary->longitude_microdegrees, 4895168);
    assert_int_equal(d->perspectives->remotes[0]->latitude_microdegrees, -33868800);
    assert_true(d->perspectives->remotes[0]->passed && !d->perspectives->remotes[1]->passed);
    assert_int_equal(d->perspectives->attempt, 1);

    expect(0, "attest", "caa", "--name", "example.com", "--tag", "issue", "--result", "permitted",
           "--checked-at", "-1m", "--ttl", "300", "--found-at", "example.com", "--issuer-domain",
           "ca.example", "--method", "dcv_dns_change", "--method", "dcv_acme_http_01", "--dnssec", "insecure",
           "--perspective", "ams,ripe_ncc,52,4,passed,-1m", "--record-sha256", ZEROS, WHO("dcv"), "--format",
           "json", "--out", "c.json", NULL);
    assert_int_equal(admitted("c.json", &arena).statement->caa_check->n_methods, 2);

    expect(0, "attest", "organization", "--attribute", "C=NL", "--attribute", "O:utf8=Example B.V.",
           "--attribute", "2.5.4.8:printable=Noord-Holland", "--record-id", "r1", "--record-version", "1",
           "--profile", "ov", "--source", "government_agency,Trade Register,123,-1d", "--oldest-data-at",
           "-2d", "--collector", "a", "--reviewer", "b", "--approver", "c", "--authenticity",
           "telephone,register,-1d", WHO("vetting"), "--out", "o", NULL);
    const Countersign__V1__OrganizationIdentity *o = admitted("o", &arena).statement->organization_identity;
    assert_int_equal(o->n_attributes, 3);
    assert_int_equal(o->attributes[0]->string_type, COUNTERSIGN__V1__STRING_TYPE__STRING_TYPE_PRINTABLE);
    assert_int_equal(o->attributes[1]->string_type, COUNTERSIGN__V1__STRING_TYPE__STRING_TYPE_UTF8);

    expect(0, ORDER, "--csr", "leaf.csr", "--out", "order", NULL);
    const Countersign__V1__Order *order = admitted("order", &arena).statement->order;
    assert_true(order->possession_proven && order->csr_sha256.len == 32);
    assert_int_equal(order->n_dns_names, 2); /* sorted, once each */
    assert_memory_equal(order->dns_names[0].data, "example.com", 11);
    assert_int_equal(order->n_ip_addresses, 1);

    put_file("tbs", "any bytes");
    expect(0, "attest", "lint", "--tbs", "tbs", "--linter", "zlint", "--version", "3.6.4", "--ran-at", "now",
           "--errors", "1", "--finding", "e_sub_cert_aia_missing", WHO("lint"), "--out", "l", NULL);
    struct cs_sha256 digest = cs_sha256(cs_span_str("any bytes"));
    assert_memory_equal(admitted("l", &arena).statement->lint->tbs_sha256.data, digest.byte, 32);

    expect(0, "attest", "approval", "--order-id", "o1", "--decision", "withdraw", "--person", "s.visor",
           "--reason", "revalidation is missing", WHO("ra"), "--out", "a", NULL);
    assert_int_equal(admitted("a", &arena).statement->approval->decision,
                     COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_WITHDRAW);
}

static void cosigning_adds_a_signer(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    expect(0, "attest", "cosign", "--in", "o", "--key", "vetting2.pem", "--out", "o2", "--format", "json",
           NULL);
    assert_int_equal(admitted("o2", &arena).n_signers, 2);
    expect(CS_EXIT_USAGE, "attest", "cosign", "--in", "tbs", "--key", "vetting2.pem", "--out", "o3", NULL);
    assert_int_equal(access("o3", F_OK), -1);
}

static void flags_override_from(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    put_file("body.json", "{\"order_id\": \"from-file\", \"dns_names\": [\"z.example\", \"a.example\"],"
                          "\"agreement\": \"file\"}");
    expect(0, ORDER, "--csr", "leaf.csr", "--from", "body.json", "--out", "f", "--statement-id",
           "000102030405060708090a0b0c0d0e0f", "--software", "ra/desk/2.1", "--ruleset", "tls-br-2.2.9",
           "--issued-at", "-1m", "--expires-at", "+2h", NULL);
    const Countersign__V1__Statement *s = admitted("f", &arena).statement;
    assert_memory_equal(s->order->order_id.data, "o1", 2);
    assert_memory_equal(s->order->dns_names[0].data, "a.example", 9); /* the file's names, not the CSR's */
    assert_int_equal(s->order->n_ip_addresses, 0);
    assert_int_equal(s->header->expires_at_unix_s - s->header->issued_at_unix_s, 7200);
    assert_int_equal(s->header->statement_id.len, 16);
    assert_memory_equal(s->header->software->name.data, "ra/desk", 7);
}

static void defaults_of_flags_leave_from_alone(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    put_file("domain.json",
             "{\"challenge\": {\"kind\": \"single_use_token\"}, \"perspectives\": {\"attempt\": 3,"
             "\"remotes\": [{\"id\": \"gone\"}]}, \"ip_address\": \"192.0.2.1\"}");
    expect(0, DOMAIN, "--name", "example.com", "--from", "domain.json", WHO("dcv"), "--out", "df", NULL);
    const Countersign__V1__DomainControl *d = admitted("df", &arena).statement->domain_control;
    assert_int_equal(d->challenge->kind, COUNTERSIGN__V1__CHALLENGE_KIND__CHALLENGE_KIND_SINGLE_USE_TOKEN);
    assert_int_equal(d->perspectives->attempt, 3);
    assert_int_equal(d->perspectives->n_remotes, 2); /* the flags' own */
    assert_int_equal(d->subject_case, COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_DOMAIN);
}

static void refusals_name_what_is_wrong(void **state)
{
    (void)state;
    put_file("unknown.json", "{\"order_idd\": 1}");
    put_file("twice.json", "{\"order_id\": \"a\", \"order_id\": \"b\"}");
    put_file("surplus.json", "{\"dns_names\": [\"a\", 5]}");
    make_csr("DNS:a.example", true);
    static const struct {
        const char *part, *word[8];
    } rows[] = {
        { "--method: domain_control.method: 'dcv_nope' is no ValidationMethod; one of",
          { "domain", "--method", "dcv_nope" } },
        { "domain_control.domain: a lower-case name",
          { "domain", "--method", "dcv_dns_change", "--scope", "exact", "--name", "WWW.example.com" } },
        { "--observed-at 'yesterday': needs a time", { "domain", "--observed-at", "yesterday" } },
        { "--perspective 'ams,ripe_ncc,52.3,4.8,passed': needs ID,RIR",
          { "domain", "--perspective", "ams,ripe_ncc,52.3,4.8,passed" } },
        { "--perspective 'ams,ripe_ncc,91,4,passed,now': needs",
          { "domain", "--perspective", "ams,ripe_ncc,91,4,passed,now" } },
        { "--perspective 'ams,ripe_ncc,90.000001,4,passed,now': needs",
          { "domain", "--perspective", "ams,ripe_ncc,90.000001,4,passed,now" } },
        { "--perspective 'ams,ripe_ncc,1.2345678,4,passed,now': needs",
          { "domain", "--perspective", "ams,ripe_ncc,1.2345678,4,passed,now" } },
        { "--perspective 'ams,ripe_ncc,52,4,maybe,now': needs",
          { "domain", "--perspective", "ams,ripe_ncc,52,4,maybe,now" } },
        { "domain_control.perspectives.primary.rir: 'mars'",
          { "domain", "--perspective", "ams,mars,52,4,passed,now" } },
        { "--pruned 'two': needs a number", { "domain", "--pruned", "two" } },
        { "--attribute 'Organisation=x': needs TYPE=VALUE",
          { "organization", "--attribute", "Organisation=x" } },
        { "--attribute: organization_identity.attributes[0].string_type: 'bmp'",
          { "organization", "--attribute", "O:bmp=x" } },
        { "--source 'x,y': needs KIND", { "organization", "--source", "x,y" } },
        { "order.order_idd: Order has no such member", { "order", "--from", "unknown.json" } },
        { "--from twice.json: line 1", { "order", "--from", "twice.json" } },
        { "order.dns_names[1]: an integer; needs a string", { "order", "--from", "surplus.json" } },
        { "--from nowhere.json: No such file", { "order", "--from", "nowhere.json" } },
        { "possession of the private key is not proven", { "order", "--csr", "leaf.csr" } },
        { "ca.pem: CERTIFICATE block, needs one certificate request", { "order", "--csr", "ca.pem" } },
        { "--csr, --spki, --cert: more than one", { "order", "--csr", "leaf.csr", "--cert", "ca.pem" } },
        { "order.order_id: 1 to 64 octets", { "order", "--cert", "ca.pem" } },
        { "--statement-id: header.statement_id: 'xyz'; needs hex", { "order", "--statement-id", "xyz" } },
        { "header.statement_id: 16 to 32", { "order", "--statement-id", "00" } },
        { "--software 'x': needs NAME/VERSION", { "order", "--software", "x" } },
        { "--expires-at 'soon': needs", { "order", "--expires-at", "soon" } },
        { "--expires-at: not after issued-at", { "order", "--expires-at", "-1s" } },
        { "--format 'yaml': needs protobuf or json", { "order", "--format", "yaml" } },
        { "approval.decision: 'maybe'", { "approval", "--decision", "maybe" } },
        { "--tbs, --tbs-of: both given", { "lint", "--tbs", "tbs", "--tbs-of", "ca.pem" } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *words[32] = { "countersign", "attest" };
        static const char *const common[] = { WHO("orders"), "--out", "never" };
        int n = 2;
        for (int k = 0; k < 8 && rows[i].word[k] != NULL; k++)
            words[n++] = rows[i].word[k];
        for (size_t k = 0; k < sizeof common / sizeof *common; k++)
            words[n++] = common[k];
        struct ran r = run_words(n, words);
        if (r.code != CS_EXIT_USAGE || strstr(r.err, rows[i].part) == NULL || r.out_len != 0)
            fail_msg("row: %s\ncode %d: %s", rows[i].part, r.code, r.err);
        ran_done(&r);
        assert_int_equal(access("never", F_OK), -1);
    }
}

static void keys_are_kept(void **state)
{
    (void)state;
    struct stat st;
    CS_AUTO_BUF struct cs_buf before = { 0 };
    CS_AUTO_BUF struct cs_buf after = { 0 };
    assert_int_equal(stat("dcv.pem", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    get_file("dcv.pem", &before);
    expect(CS_EXIT_USAGE, "keygen", "--algorithm", "ed25519", "--out", "dcv.pem", NULL);
    assert_true(cs_span_eq(get_file("dcv.pem", &after), cs_buf_span(&before)));
    expect(CS_EXIT_USAGE, "keygen", "--algorithm", "ed25519", "--out", "new.pem", "--public", "dcv.pem",
           NULL);
    assert_int_equal(access("new.pem", F_OK), -1);
    expect(CS_EXIT_USAGE, "keygen", "--algorithm", "rsa", "--out", "new.pem", NULL);
    expect(CS_EXIT_USAGE, "keygen", "--algorithm", "ed25519", "--out", "no/such/dir", NULL);
    expect(0, "keygen", "--algorithm", "ed25519", "--out", "n.pem", "--public", "n.pub", NULL);
    expect(0, "keygen", "--algorithm", "ecdsa-p256-sha256", "--out", "n.pem", "--public", "n.pub", "--force",
           "--json", NULL);
    assert_int_equal(stat("n.pem", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-384");
    BIO *bio = BIO_new_file("locked.pem", "w");
    PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
    BIO_free(bio);
    bio = BIO_new_file("p384.pem", "w");
    PEM_write_bio_PrivateKey(bio, other, NULL, NULL, 0, NULL, NULL);
    BIO_free(bio);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    static const struct {
        const char *file, *part;
    } rows[] = { { "locked.pem", "an encrypted key, needs a PEM private key without a passphrase" },
                 { "p384.pem", "a key of type EC, needs Ed25519 or ECDSA P-256" },
                 { "n.pub", "no PEM private key" },
                 { "gone.pem", "No such file" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ran r = run("attest", "cosign", "--in", "o", "--out", "x", "--key", rows[i].file, NULL);
        if (r.code != CS_EXIT_USAGE || strstr(r.err, rows[i].part) == NULL)
            fail_msg("row: %s: %s", rows[i].file, r.err);
        ran_done(&r);
    }
}

static void show_prints_and_parses(void **state)
{
    (void)state;
    struct ran r = run("attest", "show", "--json", "f", NULL);
    json_t *document = json_loads(r.out, 0, NULL);
    assert_int_equal(r.code, 0);
    assert_non_null(document);
    assert_string_equal(json_string_value(json_object_get(document, "kind")), "order");
    const json_t *header = json_object_get(json_object_get(document, "statement"), "header");
    assert_string_equal(json_string_value(json_object_get(header, "statement_id")),
                        "000102030405060708090a0b0c0d0e0f");
    json_decref(document);
    ran_done(&r);
    r = run("attest", "show", "f", NULL);
    assert_int_equal(r.code, 0);
    assert_non_null(strstr(r.out, "\n    role: order_authority\n"));
    assert_non_null(strstr(r.out, "\n    dns_names:\n      - a.example\n      - z.example\n"));
    ran_done(&r);
    expect(CS_EXIT_USAGE, "attest", "show", "tbs", NULL);
    expect(CS_EXIT_USAGE, "attest", "show", "unknown.json", NULL);
    expect(CS_EXIT_USAGE, "attest", "show", "gone", NULL);
}

/* Every truncation and bit flip of both forms is shown or refused; neither ends in anything else. */
static void spoiled_envelopes(void **state)
{
    (void)state;
    expect(0, ORDER, "--cert", "ca.pem", "--dns", "a.example", "--out", "s.json", "--format", "json", NULL);
    expect(0, ORDER, "--cert", "ca.pem", "--dns", "a.example", "--out", "s", NULL);
    static const char *const files[] = { "s", "s.json" };
    for (size_t f = 0; f < 2; f++) {
        CS_AUTO_BUF struct cs_buf good = { 0 };
        get_file(files[f], &good);
        for (size_t bit = 0; bit < 8 * good.len; bit++) {
            CS_AUTO_BUF struct cs_buf bad = { 0 };
            cs_buf_put(&bad, good.at, good.len);
            bad.at[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            if (bit % 8 == 7)
                bad.len = bit / 8;
            FILE *out = fopen("spoiled", "wb"); /* cs_write_file would wait for the disk each time */
            assert_non_null(out);
            assert_true(bad.len == 0 || fwrite(bad.at, bad.len, 1, out) == 1);
            fclose(out);
            struct ran r = run("attest", "show", "spoiled", NULL);
            if (r.code != (r.err_len == 0 ? CS_EXIT_DONE : CS_EXIT_USAGE))
                fail_msg("%s, bit %zu: code %d\n%s", files[f], bit, r.code, r.err);
            ran_done(&r);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_admitted),       cmocka_unit_test(cosigning_adds_a_signer),
        cmocka_unit_test(flags_override_from),         cmocka_unit_test(defaults_of_flags_leave_from_alone),
        cmocka_unit_test(refusals_name_what_is_wrong), cmocka_unit_test(keys_are_kept),
        cmocka_unit_test(show_prints_and_parses),      cmocka_unit_test(spoiled_envelopes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
