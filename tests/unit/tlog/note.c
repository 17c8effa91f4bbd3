/* Notes, keys and checkpoints: the vectors byte by byte, each refusal, every truncation and bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "proxy/tlog/text.h"
#include "tests/unit/tlog/vectors.h"

#define MARK "\xe2\x80\x94 "

static void keys_have_their_vkeys(void **state)
{
    (void)state;
    static const struct {
        uint8_t seed;
        const char *name, *vkey;
        enum cs_tlog_type type;
    } rows[] = { { 1, LOG_NAME, LOG_VKEY, CS_TLOG_ED25519 },
                 { 2, WITNESS_NAME, WITNESS_VKEY, CS_TLOG_COSIGNATURE } };
    for (size_t i = 0; i < 2; i++) {
        struct cs_tlog_signer s = signer_of(rows[i].seed, rows[i].name, rows[i].type);
        CS_AUTO_BUF struct cs_buf text = { 0 };
        cs_tlog_vkey_put(&text, &s.key);
        assert_true(cs_span_is(cs_buf_span(&text), rows[i].vkey));
        struct cs_tlog_key k = key_of(rows[i].vkey);
        assert_memory_equal(k.public_key, s.key.public_key, 32);
        assert_int_equal(k.id, s.key.id);
        assert_int_equal(k.type, rows[i].type);
        cs_tlog_signer_done(&s);
    }
}

static void other_vkeys_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "a",
        "a+b",
        "+98267374+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c",
        LOG_NAME "+98267374",
        LOG_NAME "+98267374+",
        LOG_NAME "+98267375+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c",  /* ID of another key */
        LOG_NAME "x+98267374+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c", /* other name */
        LOG_NAME "+98267374+AYqI4910CfGV_VLbLTy6XXLKZwm_HZQSG_N0iAG0D29c",  /* URL alphabet */
        LOG_NAME "+98267374+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c\n",
        WITNESS_NAME "+DF1C0A35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU",
        "w 1+98267374+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c",
        LOG_NAME "+98267374+AooI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c", /* type 02 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_tlog_key k = { .id = 7 };
        struct cs_note note = { "" };
        if (!cs_is(cs_tlog_vkey_parse(cs_span_str(rows[i]), &k, &note), CS_NUM_FORM) || k.id != 7 ||
            note.text[0] == 0)
            fail_msg("row: %s", rows[i]);
    }
    for (size_t i = 0; i < strlen(LOG_VKEY); i++)
        for (int bit = 0; bit < 8; bit++) {
            char text[] = LOG_VKEY;
            struct cs_tlog_key k;
            struct cs_note note;
            text[i] = (char)(text[i] ^ (1 << bit));
            if (cs_ok(cs_tlog_vkey_parse(cs_span_of(text, sizeof text - 1), &k, &note)))
                fail_msg("bit %d of octet %zu", bit, i);
        }
}

static void the_checkpoint_is_made_byte_by_byte(void **state)
{
    (void)state;
    struct cs_tlog_signer log = signer_of(1, LOG_NAME, CS_TLOG_ED25519);
    struct cs_tlog_signer witness = signer_of(2, WITNESS_NAME, CS_TLOG_COSIGNATURE);
    struct cs_sha256 root;
    assert_true(cs_ok(cs_tlog_root(node_of_8, NULL, 8, &root)));
    CS_AUTO_BUF struct cs_buf note = { 0 };
    assert_true(cs_ok(cs_tlog_checkpoint_sign(&log, 8, &root, &note)));
    assert_true(cs_ok(cs_tlog_note_sign(&witness, cs_span_str(TEXT_OF_8), WITNESS_TIME, &note)));
    assert_true(cs_span_is(cs_buf_span(&note), NOTE_OF_8));
    cs_tlog_signer_done(&log);
    cs_tlog_signer_done(&witness);
}

static void the_checkpoint_verifies(void **state)
{
    (void)state;
    struct cs_tlog_key log = key_of(LOG_VKEY), witness = key_of(WITNESS_VKEY);
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    struct cs_note why = { "" };
    if (!cs_ok(cs_tlog_checkpoint_open(cs_span_str(NOTE_OF_8), &log, &n, &c, &why)))
        fail_msg("%s", why.text);
    assert_int_equal(c.size, 8);
    assert_true(cs_span_is(c.origin, LOG_NAME));
    assert_true(cs_span_is(n.text, TEXT_OF_8));
    uint64_t at = 0;
    assert_int_equal(cs_tlog_note_signed_by(&n, &witness, &at), CS_TLOG_GOOD);
    assert_int_equal(at, WITNESS_TIME);
    /* a key nobody signed with; the log's key under another name */
    struct cs_tlog_signer other = signer_of(3, LOG_NAME, CS_TLOG_ED25519);
    assert_int_equal(cs_tlog_note_signed_by(&n, &other.key, NULL), CS_TLOG_ABSENT);
    assert_false(cs_ok(cs_tlog_checkpoint_open(cs_span_str(NOTE_OF_8), &other.key, &n, &c, &why)));
    cs_tlog_signer_done(&other);
    other = signer_of(1, "ca.example/other", CS_TLOG_ED25519);
    assert_false(cs_ok(cs_tlog_checkpoint_open(cs_span_str(NOTE_OF_8), &other.key, &n, &c, &why)));
    cs_tlog_signer_done(&other);
}

/* A line of type 06, or of any key that nobody asked for, changes nothing; a known line that does not
 * verify refuses, also beside a good one. */
static void unknown_lines_are_ignored_bad_ones_are_not(void **state)
{
    (void)state;
    struct cs_tlog_key log = key_of(LOG_VKEY), witness = key_of(WITNESS_VKEY);
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    struct cs_note why;
    CS_AUTO_BUF struct cs_buf blob = { 0 };
    CS_AUTO_BUF struct cs_buf text = { 0 };
    cs_buf_put_u32(&blob, 0x06060606);
    for (unsigned i = 0; i < 2432; i++) /* timestamp and ML-DSA-44 signature */
        cs_buf_put_u8(&blob, (uint8_t)i);
    cs_buf_put_str(&text, TEXT_OF_8 "\n" MARK "pq.example/w2 ");
    cs_base64_put(&text, cs_buf_span(&blob), true);
    cs_buf_put_str(&text, "\n" LOG_LINE);
    assert_true(cs_ok(cs_tlog_checkpoint_open(cs_buf_span(&text), &log, &n, &c, &why)));
    assert_int_equal(n.n_lines, 2);
    assert_int_equal(cs_tlog_note_signed_by(&n, &witness, NULL), CS_TLOG_ABSENT);
    /* the log's name and key ID with another signature, before and behind the good one */
    cs_buf_reset(&blob);
    cs_buf_put_u32(&blob, log.id);
    for (unsigned i = 0; i < 64; i++)
        cs_buf_put_u8(&blob, 7);
    for (int place = 0; place < 2; place++) {
        cs_buf_reset(&text);
        cs_buf_put_str(&text, TEXT_OF_8 "\n");
        cs_buf_put_str(&text, place == 1 ? LOG_LINE : "");
        cs_buf_put_str(&text, MARK LOG_NAME " ");
        cs_base64_put(&text, cs_buf_span(&blob), true);
        cs_buf_put_str(&text, "\n");
        cs_buf_put_str(&text, place == 0 ? LOG_LINE : "");
        assert_true(cs_is(cs_tlog_checkpoint_open(cs_buf_span(&text), &log, &n, &c, &why), CS_NUM_FORM));
        assert_non_null(strstr(why.text, "does not verify"));
    }
}

static void forms_that_are_no_note(void **state)
{
    (void)state;
    static const struct {
        const char *row, *text;
        bool is_note;
    } rows[] = {
        { "as it is", NOTE_OF_8, true },
        { "text with an empty line: the last one ends it", "a\n\nb\n\n" LOG_LINE, true },
        { "empty", "", false },
        { "no signature", TEXT_OF_8 "\n", false },
        { "no empty line", TEXT_OF_8 LOG_LINE, false },
        { "text without newline", "a\n" LOG_LINE, false },
        { "no newline at the end", "a\n\n" MARK "n AAAAAAAA", false },
        { "a smallest line", "a\n\n" MARK "n AAAAAAAA\n", true },
        { "four octets: a key ID and no signature", "a\n\n" MARK "n AAAAAA==\n", false },
        { "hyphen for a dash", "a\n\n- n AAAAAAAA\n", false },
        { "two spaces", "a\n\n" MARK " n AAAAAAAA\n", false },
        { "two spaces before the signature", "a\n\n" MARK "n  AAAAAAAA\n", false },
        { "space at the end", "a\n\n" MARK "n AAAAAAAA \n", false },
        { "no name", "a\n\n" MARK "AAAAAAAA\n", false },
        { "plus in the name", "a\n\n" MARK "n+m AAAAAAAA\n", false },
        { "no-break space in the name", "a\n\n" MARK "n\xc2\xa0m AAAAAAAA\n", false },
        { "ideographic space in the name", "a\n\n" MARK "n\xe3\x80\x80 AAAAAAAA\n", false },
        { "other letters in the name", "a\n\n" MARK "n\xc3\xa4 AAAAAAAA\n", true },
        { "no padding", "a\n\n" MARK "n AAAAAAA\n", false },
        { "stray bits", "a\n\n" MARK "n AAAAAAB=\n", false },
        { "URL alphabet", "a\n\n" MARK "n AAAA__-_\n", false },
        { "tab in the text", "a\tb\n\n" MARK "n AAAAAAAA\n", false },
        { "carriage return", "a\r\n\n" MARK "n AAAAAAAA\n", false },
        { "delete", "a\x7f\n\n" MARK "n AAAAAAAA\n", false },
        { "not UTF-8", "a\xff\n\n" MARK "n AAAAAAAA\n", false },
        { "text behind the signatures", "a\n\n" MARK "n AAAAAAAA\nb\n", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_tlog_note n;
        if (cs_ok(cs_tlog_note_parse(cs_span_str(rows[i].text), &n)) != rows[i].is_note)
            fail_msg("row: %s", rows[i].row);
    }
    struct cs_tlog_note n;
    static const char nul[] = "a\0b\n\n" MARK "n AAAAAAAA\n";
    assert_false(cs_ok(cs_tlog_note_parse(cs_span_of(nul, sizeof nul - 1), &n)));
    /* 64 lines are read, 65 are too many; 16 must be read */
    for (unsigned lines = 16; lines <= 65; lines += 7) {
        CS_AUTO_BUF struct cs_buf text = { 0 };
        cs_buf_put_str(&text, "a\n\n");
        for (unsigned i = 0; i < lines; i++)
            cs_buf_put_str(&text, MARK "n AAAAAAAA\n");
        assert_int_equal(cs_ok(cs_tlog_note_parse(cs_buf_span(&text), &n)), lines <= 64);
    }
}

static void forms_that_are_no_checkpoint(void **state)
{
    (void)state;
    static const struct {
        const char *row, *text;
        bool is_checkpoint;
    } rows[] = {
        { "as it is", TEXT_OF_8, true },
        { "an extension line", TEXT_OF_8 "more\n", true },
        { "an empty extension line", TEXT_OF_8 "\n", false },
        { "no origin", "\n8\n" ROOT_OF_8 "\n", false },
        { "no root", "o\n8\n", false },
        { "no newline at the end", "o\n8\n" ROOT_OF_8, false },
        { "leading zero", "o\n08\n" ROOT_OF_8 "\n", false },
        { "sign", "o\n+8\n" ROOT_OF_8 "\n", false },
        { "hexadecimal", "o\n0x8\n" ROOT_OF_8 "\n", false },
        { "no size", "o\n\n" ROOT_OF_8 "\n", false },
        { "largest size", "o\n9223372036854775807\n" ROOT_OF_8 "\n", true },
        { "past it", "o\n9223372036854775808\n" ROOT_OF_8 "\n", false },
        { "20 digits", "o\n18446744073709551616\n" ROOT_OF_8 "\n", false },
        { "31 octets", "o\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQw==\n", false },
        { "URL alphabet", "o\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz-Nw7_RgQyg=\n", false },
        { "empty tree with its root", "o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", true },
        { "empty tree with another root", "o\n0\n" ROOT_OF_8 "\n", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_tlog_checkpoint c = { .size = 77 };
        bool good = cs_ok(cs_tlog_checkpoint_parse(cs_span_str(rows[i].text), &c));
        if (good != rows[i].is_checkpoint || (!good && c.size != 77))
            fail_msg("row: %s", rows[i].row);
    }
}

/* Signed by log and witness: no truncation and no flipped bit leaves both signatures good. */
static void every_truncation_and_bit_refuses(void **state)
{
    (void)state;
    struct cs_tlog_key log = key_of(LOG_VKEY), witness = key_of(WITNESS_VKEY);
    const size_t len = strlen(NOTE_OF_8);
    for (size_t i = 0; i < len * 9; i++) {
        uint8_t *copy = malloc(len); /* exactly as long: a reader past the end is seen */
        struct cs_tlog_note n;
        struct cs_tlog_checkpoint c;
        struct cs_note why;
        assert_non_null(copy);
        memcpy(copy, NOTE_OF_8, len);
        size_t n_octets = i < len ? i : len;
        if (i >= len)
            copy[(i - len) / 8] ^= (uint8_t)(1u << (i - len) % 8);
        struct cs_span in = cs_span_of(copy, n_octets);
        if (cs_ok(cs_tlog_checkpoint_open(in, &log, &n, &c, &why)) &&
            cs_tlog_note_signed_by(&n, &witness, NULL) == CS_TLOG_GOOD)
            fail_msg("change %zu", i);
        free(copy);
    }
}

static void a_key_comes_from_pem(void **state)
{
    (void)state;
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), *ec = EVP_EC_gen("P-256");
    const struct {
        const char *row;
        EVP_PKEY *key;
        const char *name, *behind;
        bool good;
    } rows[] = {
        { "Ed25519", ed, "ca.example/log", "", true },
        { "P-256", ec, "ca.example/log", "", false },
        { "no name", ed, "", "", false },
        { "a plus", ed, "a+b", "", false },
        { "something behind", ed, "log", "more", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *at = NULL;
        assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, rows[i].key, NULL, NULL, 0, NULL, NULL), 1);
        BIO_puts(bio, rows[i].behind);
        long len = BIO_get_mem_data(bio, &at);
        struct cs_tlog_signer s = { 0 };
        struct cs_note note = { "" };
        cs_result r = cs_tlog_signer_read(cs_span_of(at, (size_t)len), cs_span_str(rows[i].name),
                                          CS_TLOG_ED25519, &s, &note);
        if (cs_ok(r) != rows[i].good || (!rows[i].good && note.text[0] == 0))
            fail_msg("row: %s", rows[i].row);
        cs_tlog_signer_done(&s);
        BIO_free(bio);
    }
    struct cs_tlog_signer s = { 0 };
    assert_false(
        cs_ok(cs_tlog_signer_read(cs_span_of(NULL, 0), cs_span_str("n"), CS_TLOG_ED25519, &s, NULL)));
    EVP_PKEY_free(ed);
    EVP_PKEY_free(ec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_their_vkeys),
        cmocka_unit_test(other_vkeys_are_refused),
        cmocka_unit_test(the_checkpoint_is_made_byte_by_byte),
        cmocka_unit_test(the_checkpoint_verifies),
        cmocka_unit_test(unknown_lines_are_ignored_bad_ones_are_not),
        cmocka_unit_test(forms_that_are_no_note),
        cmocka_unit_test(forms_that_are_no_checkpoint),
        cmocka_unit_test(every_truncation_and_bit_refuses),
        cmocka_unit_test(a_key_comes_from_pem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
