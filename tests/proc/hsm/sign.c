/* A real signer with real tokens: every algorithm, every refusal, the witness, the ends. */
#include "tests/proc/hsm/stage.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/io.h"
#include "proxy/ipc/process.h"
#include "tests/unit/hsm/tbs_make.h"

static const struct {
    const char *token, *label, *id, *type;
    const char *algorithm[6];
} key_rows[] = {
    { "one", "p256", "01", "ec-p256", { alg_p256 } },
    { "one", "p384", "02", "ec-p384", { alg_p384 } },
    { "one",
      "rsa2048",
      "03",
      "rsa-2048",
      { alg_rsa256, alg_rsa384, alg_rsa512, alg_pss256, alg_pss384, alg_pss512 } },
    { "one",
      "rsa3072",
      "04",
      "rsa-3072",
      { alg_rsa256, alg_rsa384, alg_rsa512, alg_pss256, alg_pss384, alg_pss512 } },
    { "one",
      "rsa4096",
      "05",
      "rsa-4096",
      { alg_rsa256, alg_rsa384, alg_rsa512, alg_pss256, alg_pss384, alg_pss512 } },
    { "two", "p521", "06", "ec-p521", { alg_p521 } },
    { "two", "crl-only", "07", "ec-p256", { alg_p256 } },
};
enum { N_KEYS = sizeof key_rows / sizeof *key_rows };

static struct stage stage;
static struct cs_buf certificate[N_KEYS];
static struct cs_keytable table;

static int set_up(void **state)
{
    (void)state;
    stage_open(&stage);
    stage_token(&stage, "one");
    stage_token(&stage, "two");
    table = (struct cs_keytable){ .module = cs_span_str(stage.module), .n_keys = N_KEYS };
    static char uri[N_KEYS][64];
    for (size_t i = 0; i < N_KEYS; i++) {
        stage_key(&stage, key_rows[i].token, key_rows[i].label, key_rows[i].id, key_rows[i].type,
                  &certificate[i]);
        (void)snprintf(uri[i], sizeof uri[i], "pkcs11:token=%s;id=%%%s;type=private", key_rows[i].token,
                       key_rows[i].id);
        struct cs_keytable_key *k = &table.key[i];
        *k = (struct cs_keytable_key){ .id = cs_span_str(key_rows[i].label),
                                       .uri = cs_span_str(uri[i]),
                                       .purposes = i == N_KEYS - 1 ? CS_PURPOSE_CRL : CS_PURPOSE_LEAF,
                                       .certificate = cs_buf_span(&certificate[i]) };
        while (k->n_algorithms < 6 && key_rows[i].algorithm[k->n_algorithms] != NULL) {
            k->algorithm[k->n_algorithms] = tbs_hex(key_rows[i].algorithm[k->n_algorithms]);
            k->n_algorithms++;
        }
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_KEYS; i++)
        cs_buf_done(&certificate[i]);
    stage_close(&stage);
    return 0;
}

static struct cs_msg_sign request(struct cs_buf *tbs, uint32_t key, uint32_t algorithm,
                                  enum cs_sign_kind kind)
{
    struct cs_span a = table.key[key].algorithm[algorithm];
    cs_buf_reset(tbs);
    leaf_tbs(tbs, table.key[key].certificate, a, kind);
    return (struct cs_msg_sign){ key, (uint8_t)kind, a, cs_buf_span(tbs) };
}

static void expect_line(char **at, uint64_t seq, const char *issuer, const char *kind, struct cs_span tbs,
                        struct cs_span signature)
{
    char want[400], tbs_hex_text[65], signature_hex[65];
    struct cs_sha256 a = cs_sha256(tbs), b = cs_sha256(signature);
    cs_hex(cs_sha256_span(&a), tbs_hex_text);
    cs_hex(cs_sha256_span(&b), signature_hex);
    (void)snprintf(want, sizeof want, "%" PRIu64 " %s %s %s %s ", seq, issuer, kind, tbs_hex_text,
                   signature_hex);
    assert_memory_equal(*at, want, strlen(want));
    *at = strchr(*at, '\n');
    assert_non_null(*at);
    (*at)++;
}

static void signs_with_every_algorithm(void **state)
{
    (void)state;
    struct gate g;
    gate_ready(&g, &stage, &table);
    CS_AUTO_BUF struct cs_buf tbs = { 0 }, witness = { 0 };
    struct reply r[N_KEYS * 6];
    uint64_t seq = 100;
    size_t n = 0;
    for (uint32_t k = 0; k + 1 < N_KEYS; k++)
        for (uint32_t a = 0; a < table.key[k].n_algorithms; a++, n++) {
            enum cs_sign_kind kind = n % 2 == 0 ? CS_SIGN_PRECERTIFICATE : CS_SIGN_CERTIFICATE;
            struct cs_msg_sign m = request(&tbs, k, a, kind);
            gate_sign(&g, seq++, &m, &r[n]);
            if (r[n].type != CS_MSG_SIGNED)
                fail_msg("key %u algorithm %u: %.*s", k, a, (int)r[n].event.text.len,
                         (const char *)r[n].event.text.at);
            struct cs_sha256 d = cs_sha256(m.tbs);
            assert_memory_equal(&d, &r[n].sig.tbs_sha256, sizeof d);
            if (!certificate_holds(m.tbs, m.algorithm, r[n].sig.signature, table.key[k].certificate))
                fail_msg("key %u algorithm %u: OpenSSL refuses the certificate", k, a);
        }
    assert_int_equal(n, 21);
    assert_int_equal(gate_end(&g), 0);

    assert_true(cs_ok(cs_read_file(g.witness, 1 << 20, &witness, NULL)));
    cs_buf_put_u8(&witness, 0);
    char *at = (char *)witness.at;
    seq = 100;
    n = 0;
    for (uint32_t k = 0; k + 1 < N_KEYS; k++)
        for (uint32_t a = 0; a < table.key[k].n_algorithms; a++, n++) {
            enum cs_sign_kind kind = n % 2 == 0 ? CS_SIGN_PRECERTIFICATE : CS_SIGN_CERTIFICATE;
            struct cs_msg_sign m = request(&tbs, k, a, kind);
            struct cs_msg_signed sig;
            assert_true(cs_ok(cs_msg_signed_get(cs_span_of(r[n].body, r[n].body_len), &sig)));
            expect_line(&at, seq++, key_rows[k].label,
                        kind == CS_SIGN_PRECERTIFICATE ? "precertificate" : "certificate", m.tbs,
                        sig.signature);
        }
    assert_int_equal(*at, '\0');
    CS_AUTO_BUF struct cs_buf log = { 0 };
    gate_log(&g, &log);
    assert_null(strstr((const char *)log.at, "pin-1234"));
}

static void refuse(struct gate *g, uint64_t seq, const struct cs_msg_sign *m, cs_result why, const char *text)
{
    struct reply r;
    gate_sign(g, seq, m, &r);
    char got[600];
    (void)snprintf(got, sizeof got, "%.*s", (int)r.event.text.len, (const char *)r.event.text.at);
    if (r.type != CS_MSG_NOT_SIGNED || r.event.code != why.code || strstr(got, text) == NULL)
        fail_msg("wanted \"%s\", got type %u code %x: %s", text, r.type, r.event.code, got);
}

static void refuses(void **state)
{
    (void)state;
    struct gate g;
    gate_ready(&g, &stage, &table);
    CS_AUTO_BUF struct cs_buf tbs = { 0 }, other = { 0 };
    struct reply r;
    struct cs_msg_sign good = request(&tbs, 0, 0, CS_SIGN_CERTIFICATE), m = good;
    gate_sign(&g, 10, &good, &r);
    assert_int_equal(r.type, CS_MSG_SIGNED);
    refuse(&g, 10, &good, CS_ERR(SEQ_SPENT), "sequence number");
    refuse(&g, 9, &good, CS_ERR(SEQ_SPENT), "sequence number");
    refuse(&g, 0, &good, CS_ERR(SEQ_SPENT), "sequence number");

    m.key = N_KEYS;
    refuse(&g, 11, &m, CS_ERR(ARGUMENT), "no such key");
    m = good, m.kind = 9;
    refuse(&g, 11, &m, CS_ERR(ARGUMENT), "no such kind");
    m = good, m.key = N_KEYS - 1;
    refuse(&g, 11, &m, CS_ERR(KEY_PURPOSE), "purposes");
    m = good, m.algorithm = tbs_hex(alg_p384);
    refuse(&g, 11, &m, CS_ERR(KEY_PURPOSE), "algorithm");
    m = good, m.kind = CS_SIGN_PRECERTIFICATE;
    refuse(&g, 11, &m, CS_ERR(TBS_FORM), "poison extension is missing");
    m = request(&other, 0, 0, CS_SIGN_PRECERTIFICATE), m.kind = CS_SIGN_CERTIFICATE;
    refuse(&g, 11, &m, CS_ERR(TBS_FORM), "poison extension is there");
    cs_buf_reset(&other);
    leaf_tbs(&other, table.key[1].certificate, table.key[0].algorithm[0], CS_SIGN_CERTIFICATE);
    m = good, m.tbs = cs_buf_span(&other);
    refuse(&g, 11, &m, CS_ERR(TBS_FORM), "issuer");
    m = request(&other, 2, 1, CS_SIGN_CERTIFICATE), m.algorithm = table.key[2].algorithm[0];
    refuse(&g, 11, &m, CS_ERR(TBS_FORM), "signature algorithm");
    m = request(&other, 0, 0, CS_SIGN_CERTIFICATE);
    struct cs_span basic_constraints = tbs_hex("0402 3000");
    uint8_t *at = memmem(other.at, other.len, basic_constraints.at, basic_constraints.len);
    assert_non_null(at);
    at[2] = 0x31;
    refuse(&g, 11, &m, CS_ERR(TBS_FORM), "basicConstraints");
    m = good, m.tbs.len--;
    refuse(&g, 11, &m, CS_ERR(TBS_FORM), "one SEQUENCE");
    m.tbs.len = 0;
    refuse(&g, 11, &m, CS_ERR(TBS_FORM), "one SEQUENCE");
    m.tbs = cs_sha256_span(&(struct cs_sha256){ { 0x30 } }); /* a digest instead of a TBS */
    refuse(&g, 11, &m, CS_ERR(TBS_FORM), "one SEQUENCE");

    gate_sign(&g, 11, &good, &r); /* refusals spend nothing */
    assert_int_equal(r.type, CS_MSG_SIGNED);
    assert_int_equal(gate_end(&g), 0);
    CS_AUTO_BUF struct cs_buf witness = { 0 };
    assert_true(cs_ok(cs_read_file(g.witness, 1 << 20, &witness, NULL)));
    size_t n_lines = 0;
    for (size_t i = 0; i < witness.len; i++)
        n_lines += witness.at[i] == '\n';
    assert_int_equal(n_lines, 2);
}

static void burst_is_answered_in_order(void **state)
{
    (void)state;
    struct gate g;
    gate_ready(&g, &stage, &table);
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    struct cs_msg_sign m = request(&tbs, 0, 0, CS_SIGN_CERTIFICATE);
    struct reply r;
    for (uint64_t seq = 1; seq <= 500; seq++)
        gate_send(&g, seq, &m);
    for (uint64_t seq = 1; seq <= 500; seq++) {
        gate_recv(&g, &r);
        assert_int_equal(r.type, CS_MSG_SIGNED);
        assert_int_equal(r.id, seq);
    }
    assert_int_equal(gate_end(&g), 0);
}

static void flood_of_refusals(void **state)
{
    (void)state;
    struct gate g;
    gate_ready(&g, &stage, &table);
    struct cs_msg_sign m = { .key = 0, .kind = 1 };
    struct reply r;
    for (unsigned i = 0; i < 20000; i++)
        gate_send(&g, 1, &m);
    for (unsigned i = 0; i < 20000; i++) {
        gate_recv(&g, &r);
        assert_int_equal(r.type, CS_MSG_NOT_SIGNED);
    }
    assert_int_equal(gate_end(&g), 0);
}

static void ends_cleanly(void **state)
{
    (void)state;
    struct gate g;
    gate_ready(&g, &stage, &table);
    assert_int_equal(send(g.lifeline_fd, "D", 1, 0), 1); /* draining is the gate's work */
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    struct cs_msg_sign m = request(&tbs, 0, 0, CS_SIGN_CERTIFICATE);
    struct reply r;
    gate_sign(&g, 1, &m, &r);
    assert_int_equal(r.type, CS_MSG_SIGNED);
    assert_int_equal(gate_end(&g), 0); /* lifeline */
    gate_ready(&g, &stage, &table);
    assert_int_equal(gate_wait(&g), 0); /* channel */
    gate_ready(&g, &stage, &table);
    assert_int_equal(send(g.lifeline_fd, "x", 1, 0), 1);
    gate_recv(&g, &r);
    assert_int_equal(r.type, 0);
    assert_int_equal(gate_wait(&g), 1);
}

static void witness_failure_withholds(void **state)
{
    (void)state;
    struct gate g;
    struct reply r;
    gate_start(&g, &stage, &table, "pin-1234", GATE_WITNESS_FULL);
    struct cs_hello h = { CS_IPC_VERSION, g.digest };
    assert_true(cs_ok(cs_hello_put(&g.chan, &h)));
    gate_recv(&g, &r);
    gate_recv(&g, &r);
    assert_int_equal(r.event.code, CS_HSM_READY);
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    struct cs_msg_sign m = request(&tbs, 0, 0, CS_SIGN_CERTIFICATE);
    gate_sign(&g, 1, &m, &r);
    assert_int_equal(r.type, CS_MSG_SIGN_UNSURE);
    assert_int_equal(r.event.code, CS_ERR(IO).code);
    gate_recv(&g, &r);
    assert_int_equal(r.event.code, CS_HSM_LOST);
    refuse(&g, 2, &m, CS_ERR(IO), "witness");
    assert_int_equal(gate_end(&g), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_with_every_algorithm),
        cmocka_unit_test(refuses),
        cmocka_unit_test(burst_is_answered_in_order),
        cmocka_unit_test(flood_of_refusals),
        cmocka_unit_test(ends_cleanly),
        cmocka_unit_test(witness_failure_withholds),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
