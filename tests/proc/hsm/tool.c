/* countersign-token: exit codes, refusals, what it prints, what it leaves behind. */
#include "tests/proc/hsm/stage.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct stage stage;
static char so_pin[STAGE_PATH_LEN];

static int set_up(void **state)
{
    (void)state;
    stage_open(&stage);
    stage_path(&stage, "so-pin", so_pin);
    stage_token(&stage, "tool");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stage_close(&stage);
    return 0;
}

static void contains(const struct cs_buf *out, const char *text)
{
    if (strstr((const char *)out->at, text) == NULL)
        fail_msg("\"%s\" is not in: %s", text, (const char *)out->at);
}

static void usage(void **state)
{
    (void)state;
    const struct stage *s = &stage;
    assert_int_equal(stage_tool(s, NULL, "--help", NULL), 0);
    CS_AUTO_BUF struct cs_buf out = { 0 };
    assert_int_equal(stage_tool(s, &out, "nothing", NULL), 2);
    assert_int_equal(stage_tool(s, &out, "init", "--token-label", "x", NULL), 2);
    assert_int_equal(stage_tool(s, &out, "list", "--token-label", "tool", "--id", "01", NULL), 2);
    assert_int_equal(stage_tool(s, &out, "list", "--token-label", "tool", "extra", NULL), 2);
    assert_int_equal(stage_tool(s, &out, "list", "--token-label", "tool", "--pin", "pin-1234", NULL), 2);
    assert_int_equal(stage_tool(s, &out, "keygen", "--token-label", "tool", "--key-label", "k", "--id", "0",
                                "--type", "ec-p256", NULL),
                     2);
    assert_int_equal(stage_tool(s, &out, "keygen", "--token-label", "tool", "--key-label", "k", "--id", "01",
                                "--type", "rsa-1024", NULL),
                     2);
    assert_int_equal(stage_tool(s, &out, "list", "--token-label", "a label that is longer than 32 bytes",
                                NULL),
                     2);
    assert_int_equal(stage_tool(s, &out, "self-signed", "--key", "pkcs11:token=tool;object=a?pin-value=1",
                                "--subject", "/CN=x", "--days", "1", "--out", "/nonexistent/x", "--test-ca",
                                NULL),
                     2);
    static const char *const subjects[] = { "CN=x",  "/",          "/CN=",      "/CN",
                                            "/XX=1", "/CN=a/CN=b", "/CN=a/O=b", "/C=DEU" };
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
        assert_int_equal(stage_tool(s, &out, "self-signed", "--key", "pkcs11:token=tool;object=a",
                                    "--subject", subjects[i], "--days", "1", "--out", "/nonexistent/x",
                                    "--test-ca", NULL),
                         2);
    assert_int_equal(stage_tool(s, &out, "self-signed", "--key", "pkcs11:token=tool;object=a", "--subject",
                                "/CN=x", "--days", "1x", "--out", "/nonexistent/x", "--test-ca", NULL),
                     2);
}

static void could_not(void **state)
{
    (void)state;
    const struct stage *s = &stage;
    CS_AUTO_BUF struct cs_buf out = { 0 };
    assert_int_equal(stage_tool(s, &out, "list", "--token-label", "absent", NULL), 1);
    contains(&out, "0 tokens");
    cs_buf_reset(&out);
    assert_int_equal(stage_tool(s, &out, "list", "--token-label", "tool", "--pin-file", so_pin, NULL), 1);
    contains(&out, "CKR_PIN_INCORRECT");
    cs_buf_reset(&out);
    assert_int_equal(stage_tool(s, &out, "list", "--token-label", "tool", "--pin-file", "/nonexistent", NULL),
                     1);
    contains(&out, "PIN file");
    cs_buf_reset(&out);
    assert_int_equal(stage_tool(s, &out, "list", "--token-label", "tool", "--module", "/nonexistent.so",
                                NULL),
                     1);
    contains(&out, "/nonexistent.so");
}

static void refusals(void **state)
{
    (void)state;
    const struct stage *s = &stage;
    CS_AUTO_BUF struct cs_buf out = { 0 };
    assert_int_equal(stage_tool(s, &out, "init", "--token-label", "tool", "--so-pin-file", so_pin, NULL), 3);
    contains(&out, "exists already");
    cs_buf_reset(&out);
    assert_int_equal(stage_tool(s, &out, "keygen", "--token-label", "tool", "--key-label", "a", "--id", "0a",
                                "--type", "ec-p256", NULL),
                     0);
    contains(&out, "pkcs11:token=tool;object=a;id=%0A;type=private\n-----BEGIN PUBLIC KEY-----\n");
    BIO *b = BIO_new_mem_buf(strstr((const char *)out.at, "-----BEGIN"), -1);
    EVP_PKEY *key = PEM_read_bio_PUBKEY(b, NULL, NULL, NULL);
    assert_non_null(key);
    EVP_PKEY_free(key);
    BIO_free(b);
    cs_buf_reset(&out);
    assert_int_equal(stage_tool(s, &out, "keygen", "--token-label", "tool", "--key-label", "b", "--id", "0A",
                                "--type", "ec-p256", NULL),
                     3);
    contains(&out, "have this id already");
    cs_buf_reset(&out);
    assert_int_equal(stage_tool(s, &out, "keygen", "--token-label", "tool", "--key-label", "a", "--id", "0b",
                                "--type", "ec-p256", NULL),
                     3);
    contains(&out, "have this label already");
    char file[STAGE_PATH_LEN];
    stage_path(s, "ca.pem", file);
    cs_buf_reset(&out);
    assert_int_equal(stage_tool(s, &out, "self-signed", "--key", "pkcs11:token=tool;object=a", "--subject",
                                "/CN=x", "--days", "1", "--out", file, NULL),
                     3);
    contains(&out, "--test-ca");
    assert_int_not_equal(access(file, F_OK), 0);
}

static void certificate(const char *type, const char *id)
{
    CS_AUTO_BUF struct cs_buf der = { 0 }, out = { 0 };
    stage_key(&stage, "tool", type, id, type, &der);
    const unsigned char *at = der.at;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    assert_non_null(x);
    assert_int_equal(X509_verify(x, X509_get0_pubkey(x)), 1);
    assert_int_equal(X509_check_ca(x), 1);
    assert_int_equal(X509_get_key_usage(x), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(X509_get_ext_count(x), 3);
    assert_non_null(X509_get0_subject_key_id(x));
    X509_free(x);
    assert_int_equal(stage_tool(&stage, &out, "list", "--token-label", "tool", NULL), 0);
    contains(&out, type);
    contains(&out, "\tfit\n");
}

static void certificates(void **state)
{
    (void)state;
    certificate("ec-p384", "20");
    certificate("ec-p521", "21");
    certificate("rsa-2048", "22");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage),
        cmocka_unit_test(could_not),
        cmocka_unit_test(refusals),
        cmocka_unit_test(certificates),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
