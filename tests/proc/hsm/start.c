/* What a signer refuses at its start, and from a gate that breaks the protocol. */
#include "tests/proc/hsm/stage.h"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/hsm/tbs_make.h"

static struct stage stage;
static struct cs_buf certificate[2]; /* of "good" and of "other" */

/* Makes one P-256 key with one attribute spoiled; runs in a child of its own, as SoftHSM's exit
 * handlers are best avoided. attribute 0: a sound key. */
static void odd_key(const char *token, const char *label, CK_ATTRIBUTE_TYPE spoiled, CK_BBOOL value)
{
    pid_t pid = fork();
    if (pid != 0) {
        int status = -1;
        assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
        assert_int_equal(status, 0);
        return;
    }
    void *symbol = dlsym(dlopen(CS_SOFTHSM, RTLD_NOW), "C_GetFunctionList");
    CK_C_GetFunctionList get;
    memcpy(&get, &symbol, sizeof get);
    CK_FUNCTION_LIST *f;
    CK_SLOT_ID slot[16], found = 0;
    CK_ULONG n = 16;
    CK_SESSION_HANDLE session;
    if (get(&f) != CKR_OK || f->C_Initialize(NULL) != CKR_OK || f->C_GetSlotList(CK_TRUE, slot, &n) != CKR_OK)
        _exit(1);
    for (CK_ULONG i = 0; i < n; i++) {
        CK_TOKEN_INFO info;
        if (f->C_GetTokenInfo(slot[i], &info) == CKR_OK && memcmp(info.label, token, strlen(token)) == 0)
            found = slot[i];
    }
    CK_UTF8CHAR pin[] = "pin-1234";
    if (f->C_OpenSession(found, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) != CKR_OK ||
        f->C_Login(session, CKU_USER, pin, sizeof pin - 1) != CKR_OK)
        _exit(2);
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE, odd = value;
    CK_BYTE curve[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 }, text[64];
    memcpy(text, label, strlen(label));
    CK_ATTRIBUTE name = { CKA_LABEL, text, strlen(label) }, id = { CKA_ID, text, strlen(label) };
    CK_ATTRIBUTE public[] = {
        { CKA_EC_PARAMS, curve, sizeof curve }, { CKA_TOKEN, &yes, 1 }, name, id, { CKA_VERIFY, &yes, 1 }
    };
    CK_ATTRIBUTE private[] = { name,
                               id,
                               { CKA_TOKEN, &yes, 1 },
                               { CKA_PRIVATE, &yes, 1 },
                               { CKA_SENSITIVE, &yes, 1 },
                               { CKA_EXTRACTABLE, &no, 1 },
                               { CKA_SIGN, &yes, 1 },
                               { CKA_SIGN_RECOVER, &no, 1 },
                               { CKA_DECRYPT, &no, 1 },
                               { CKA_UNWRAP, &no, 1 },
                               { CKA_DERIVE, &no, 1 } };
    for (size_t i = 0; i < sizeof private / sizeof *private; i++)
        if (private[i].type == spoiled)
    private[i].pValue = &odd;
    CK_MECHANISM mechanism = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_OBJECT_HANDLE a, b;
    CK_RV rv = f->C_GenerateKeyPair(session, &mechanism, public, sizeof public / sizeof *public, private,
                                    sizeof private / sizeof *private, &a, &b);
    (void)f->C_Finalize(NULL);
    _exit(rv == CKR_OK ? 0 : 3);
}

static const struct {
    const char *label;
    CK_ATTRIBUTE_TYPE type;
    CK_BBOOL value;
    const char *log;
} odd_rows[] = {
    { "x-extractable", CKA_EXTRACTABLE, CK_TRUE, "CKA_EXTRACTABLE is true, must be false" },
    { "x-insensitive", CKA_SENSITIVE, CK_FALSE, "CKA_SENSITIVE is false, must be true" },
    { "x-decrypt", CKA_DECRYPT, CK_TRUE, "CKA_DECRYPT is true, must be false" },
    { "x-unwrap", CKA_UNWRAP, CK_TRUE, "CKA_UNWRAP is true, must be false" },
    { "x-derive", CKA_DERIVE, CK_TRUE, "CKA_DERIVE is true, must be false" },
    { "x-recover", CKA_SIGN_RECOVER, CK_TRUE, "CKA_SIGN_RECOVER is true, must be false" },
    { "x-nosign", CKA_SIGN, CK_FALSE, "CKA_SIGN is false, must be true" },
    { "x-public", CKA_PRIVATE, CK_FALSE, "CKA_PRIVATE is false, must be true" },
};

static int set_up(void **state)
{
    (void)state;
    stage_open(&stage);
    stage_token(&stage, "start");
    stage_key(&stage, "start", "good", "01", "ec-p256", &certificate[0]);
    stage_key(&stage, "start", "other", "02", "ec-p256", &certificate[1]);
    for (size_t i = 0; i < sizeof odd_rows / sizeof *odd_rows; i++)
        odd_key("start", odd_rows[i].label, odd_rows[i].type, odd_rows[i].value);
    odd_key("start", "double", 0, 0);
    odd_key("start", "double", 0, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cs_buf_done(&certificate[0]);
    cs_buf_done(&certificate[1]);
    stage_close(&stage);
    return 0;
}

static struct cs_keytable table_of(const char *uri)
{
    return (struct cs_keytable){ .module = cs_span_str(stage.module),
                                 .n_keys = 1,
                                 .key = { { .id = cs_span_str("issuer-1"),
                                            .uri = cs_span_str(uri),
                                            .purposes = CS_PURPOSE_LEAF,
                                            .certificate = cs_buf_span(&certificate[0]),
                                            .algorithm = { tbs_hex(alg_p256) },
                                            .n_algorithms = 1 } } };
}
static const char good_uri[] = "pkcs11:token=start;object=good";

static void refused(const struct cs_keytable *t, const char *pin, unsigned flags, const char *text)
{
    struct gate g;
    struct reply r;
    CS_AUTO_BUF struct cs_buf log = { 0 };
    gate_start(&g, &stage, t, pin, flags);
    gate_recv(&g, &r);
    int code = gate_wait(&g);
    gate_log(&g, &log);
    if (r.type != 0 || code != 1 || strstr((const char *)log.at, text) == NULL)
        fail_msg("wanted \"%s\": exit %d, message %u: %s", text, code, r.type, (const char *)log.at);
    assert_null(strstr((const char *)log.at, "pin-1235"));
}

static void key_attributes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof odd_rows / sizeof *odd_rows; i++) {
        char uri[100];
        (void)snprintf(uri, sizeof uri, "pkcs11:token=start;object=%s", odd_rows[i].label);
        struct cs_keytable t = table_of(uri);
        refused(&t, "pin-1234", GATE_ALL_GOOD, odd_rows[i].log);
        refused(&t, "pin-1234", GATE_ALL_GOOD, odd_rows[i].label); /* the URI names the key */
        refused(&t, "pin-1234", GATE_ALL_GOOD, "issuer-1");
    }
}

static void key_choice(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *log;
    } rows[] = {
        { "pkcs11:token=start;object=double", "2 private keys" },
        { "pkcs11:token=start;object=absent", "0 private keys" },
        { "pkcs11:token=start;object=good;id=%02", "0 private keys" },
        { "pkcs11:token=absent;object=good", "0 tokens" },
        { "pkcs11:token=start;serial=0000;object=good", "0 tokens" },
        { "pkcs11:token=start;object=other", "not the one in the issuer certificate" },
        { "pkcs11:token=start;object=good?pin-value=pin-1235", "query attributes" },
        { "pkcs11:object=good", "names no token" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_keytable t = table_of(rows[i].uri);
        refused(&t, "pin-1234", GATE_ALL_GOOD, rows[i].log);
    }
}

static void configuration(void **state)
{
    (void)state;
    struct cs_keytable t = table_of(good_uri);
    refused(&t, "pin-1235", GATE_ALL_GOOD, "CKR_PIN_INCORRECT");
    refused(&t, "\n", GATE_ALL_GOOD, "PIN");
    refused(&t, "pin-1234", GATE_WITNESS_NOT_APPEND, "witness");
    refused(&t, "pin-1234", GATE_NO_PIN, "descriptor 5");
    t.module = cs_span_str("libsofthsm2.so");
    refused(&t, "pin-1234", GATE_ALL_GOOD, "not absolute");
    t.module = cs_span_str("/nonexistent/module.so");
    refused(&t, "pin-1234", GATE_ALL_GOOD, "/nonexistent/module.so");
    t = table_of(good_uri), t.n_keys = 0;
    refused(&t, "pin-1234", GATE_ALL_GOOD, "no key");
    t = table_of(good_uri), t.key[0].algorithm[0] = tbs_hex(alg_p384);
    refused(&t, "pin-1234", GATE_ALL_GOOD, "not one a P-256 key may sign with");
    t = table_of(good_uri), t.key[0].algorithm[0] = tbs_hex(alg_rsa256);
    refused(&t, "pin-1234", GATE_ALL_GOOD, "not one a P-256 key may sign with");
    t = table_of(good_uri), t.key[0].algorithm[0] = tbs_hex("300d06092a864886f70d0101050500");
    refused(&t, "pin-1234", GATE_ALL_GOOD, "unknown AlgorithmIdentifier");
    t = table_of(good_uri), t.key[0].n_algorithms = 0;
    refused(&t, "pin-1234", GATE_ALL_GOOD, "no signature algorithm");
    t = table_of(good_uri), t.key[0].purposes = 0;
    refused(&t, "pin-1234", GATE_ALL_GOOD, "purposes");
    t = table_of(good_uri), t.key[0].purposes = 64;
    refused(&t, "pin-1234", GATE_ALL_GOOD, "purposes");
    t = table_of(good_uri), t.key[0].id = cs_span_str("a b");
    refused(&t, "pin-1234", GATE_ALL_GOOD, "issuer id");
    t = table_of(good_uri), t.key[0].certificate.len--;
    refused(&t, "pin-1234", GATE_ALL_GOOD, "issuer certificate");
    t = table_of(good_uri), t.n_keys = 2, t.key[1] = t.key[0];
    refused(&t, "pin-1234", GATE_ALL_GOOD, "used twice");
    t = table_of(good_uri); /* and the PIN still works after one wrong try */
    struct gate g;
    gate_ready(&g, &stage, &t);
    assert_int_equal(gate_end(&g), 0);
}

static void breaks_off(struct gate *g)
{
    struct reply r;
    do
        gate_recv(g, &r);
    while (r.type != 0);
    assert_int_equal(gate_wait(g), 1);
}

static void gate_errs(void **state)
{
    (void)state;
    struct cs_keytable t = table_of(good_uri);
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    leaf_tbs(&tbs, t.key[0].certificate, t.key[0].algorithm[0], CS_SIGN_CERTIFICATE);
    struct cs_msg_sign m = { 0, CS_SIGN_CERTIFICATE, t.key[0].algorithm[0], cs_buf_span(&tbs) };
    struct gate g;

    gate_start(&g, &stage, &t, "pin-1234", GATE_ALL_GOOD); /* SIGN before HELLO */
    gate_send(&g, 1, &m);
    breaks_off(&g);

    struct cs_hello h = { CS_IPC_VERSION, { { 1 } } }; /* another key table */
    gate_start(&g, &stage, &t, "pin-1234", GATE_ALL_GOOD);
    assert_true(cs_ok(cs_hello_put(&g.chan, &h)));
    breaks_off(&g);

    gate_start(&g, &stage, &t, "pin-1234", GATE_ALL_GOOD); /* another version */
    h = (struct cs_hello){ CS_IPC_VERSION + 1, g.digest };
    assert_true(cs_ok(cs_hello_put(&g.chan, &h)));
    breaks_off(&g);

    gate_ready(&g, &stage, &t); /* HELLO twice */
    h = (struct cs_hello){ CS_IPC_VERSION, g.digest };
    assert_true(cs_ok(cs_hello_put(&g.chan, &h)));
    breaks_off(&g);

    gate_ready(&g, &stage, &t); /* a SIGN that is no SIGN */
    struct cs_span part = cs_span_str("xx");
    assert_true(cs_ok(cs_chan_put(&g.chan, CS_MSG_SIGN, 1, &part, 1)));
    breaks_off(&g);

    gate_ready(&g, &stage, &t); /* a type that is not for signers */
    assert_true(cs_ok(cs_chan_put(&g.chan, CS_MSG_CALL, 1, &part, 1)));
    breaks_off(&g);
}

static void usage(void **state)
{
    (void)state;
    static const char *const arguments[] = { NULL, "", "x", "1x", "-1", "1000" };
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            if (freopen("/dev/null", "w", stderr) == NULL)
                _exit(126);
            execl(CS_SIGNER, "countersign-signer", arguments[i], (char *)NULL);
            _exit(127);
        }
        int status = 0;
        assert_true(waitpid(pid, &status, 0) == pid);
        assert_int_equal(WEXITSTATUS(status), 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_attributes), cmocka_unit_test(key_choice), cmocka_unit_test(configuration),
        cmocka_unit_test(gate_errs),      cmocka_unit_test(usage),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
