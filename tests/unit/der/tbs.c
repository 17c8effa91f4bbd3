/* The TBS view: what it reads from good ones, and one row for each way a field can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/gate/der/tbs.h"
#include "tests/unit/der/der_text.h"

static struct cs_tbs view;
static struct cs_buf kept; /* what view borrows after expect */

static void expect(const char *row, const struct tbs_text *text, enum cs_result_number want)
{
    cs_buf_reset(&kept);
    struct cs_der_fault fault = { 0, NULL, NULL };
    tbs_text_put(&kept, text);
    cs_result r = cs_tbs_parse(cs_buf_span(&kept), &view, &fault);
    if (want == CS_NUM_OK_ ? !cs_ok(r) : !cs_is(r, want))
        fail_msg("row: %s: %s (%s, %s)", row, cs_result_name(r), fault.what != NULL ? fault.what : "-",
                 fault.where != NULL ? fault.where : "-");
    if (want != CS_NUM_OK_ && (fault.what == NULL || fault.where == NULL || fault.offset > kept.len))
        fail_msg("row: %s: fault not filled", row);
    if (cs_tbs_parse(cs_buf_span(&kept), &view, NULL).code != r.code)
        fail_msg("row: %s: differs without a fault", row);
}

static void fields_of_a_rich_one(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf b = { 0 };
    struct tbs_text text = { .tail = NULL };
    char tail[4096];
    (void)snprintf(tail, sizeof tail, "81:0001 82:0780 %s", tbs_tail_rich);
    text.tail = tail;
    text.subject = "30{31{30{06:550406 13'DE'}} 31{30{06:550403 0c'a'} 30{06:55040a 0c'b'}}}";
    text.validity = "30{17'491231235959Z' 18'20500101000000Z'}";
    tbs_text_put(&b, &text);
    struct cs_der_fault fault = { 0, "", "" };
    memset(&view, 0xa5, sizeof view);
    if (!cs_ok(cs_tbs_parse(cs_buf_span(&b), &view, &fault)))
        fail_msg("%s, %s", fault.what, fault.where);
    const struct cs_tbs *t = &view;
    assert_true(t->der.at == b.at && t->der.len == b.len);
    assert_int_equal(t->version, 2);
    assert_true(t->serial.len == 9 && t->serial.at[0] == 0x01 && t->serial.at[8] == 0x01);
    assert_true(t->signature.len == 12 && t->signature.at[0] == 0x30);
    assert_true(t->issuer.at[0] == 0x30 && t->subject.at[0] == 0x30);
    assert_true(t->not_before_unix_s + 1 == t->not_after_unix_s && t->not_before_utc && !t->not_after_utc);
    assert_int_equal(t->n_attributes, 3);
    assert_true(t->attribute[0].rdn == 0 && t->attribute[1].rdn == 1 && t->attribute[2].rdn == 1);
    assert_true(t->attribute[0].tag == 0x13 && cs_span_is(t->attribute[0].value, "DE"));
    assert_true(cs_span_is(t->attribute[2].oid, "\x55\x04\x0a") && cs_span_is(t->attribute[2].value, "b"));
    assert_int_equal(t->key_kind, CS_KEY_EC_P256);
    assert_true(t->spki_key.len == 65 && t->spki_key.at[0] == 4 && t->spki.len == 91);
    assert_int_equal(t->spki_algorithm.len, 21);
    assert_true(t->has_issuer_uid && t->has_subject_uid);
    assert_int_equal(t->n_extensions, 18);
    assert_true(t->extension[2].critical && !t->extension[3].critical);
    assert_true(t->has_san && t->n_names == 8);
    assert_true(t->name[0].tag == CS_SAN_DNS && cs_span_is(t->name[1].value, "www.example.com"));
    assert_true(t->name[2].tag == CS_SAN_IP && t->name[2].value.len == 4);
    assert_true(t->has_aki && !t->aki_has_issuer_or_serial && t->aki_key_id.len == 8);
    assert_true(t->has_ski && t->ski.len == 4 && t->ski.at[0] == 0xaa);
    assert_true(t->has_basic_constraints && t->is_ca && t->has_path_len && t->path_len == 3);
    assert_true(t->has_key_usage && t->key_usage == 0x8000);
    assert_true(t->has_poison && t->has_sct_list);
    const struct cs_extension *e = cs_tbs_find(t, cs_span_str("\x2a\x03\x04\x05"));
    assert_true(e == &t->extension[16] && e->value.len == 3 && e->der.at[0] == 0x30);
    assert_null(cs_tbs_find(t, cs_span_str("\x2a\x03\x04\x07")));
}

static void absent_fields_are_zero(void **state)
{
    (void)state;
    memset(&view, 0xa5, sizeof view);
    expect("v1 without anything", &(struct tbs_text){ .version = "", .subject = "30", .tail = "" },
           CS_NUM_OK_);
    const struct cs_tbs *t = &view;
    assert_true(t->version == 0 && t->n_attributes == 0 && t->n_extensions == 0 && t->n_names == 0);
    assert_true(!t->has_issuer_uid && !t->has_subject_uid && !t->has_san && !t->has_aki && !t->has_ski);
    assert_true(!t->has_basic_constraints && !t->is_ca && !t->has_path_len && !t->has_key_usage);
    assert_true(!t->has_poison && !t->has_sct_list && t->key_usage == 0 && t->path_len == 0);
    assert_true(t->rsa_modulus.len == 0 && t->rsa_exponent.len == 0 && t->ski.len == 0);
}

static void field_rows(void **state)
{
    (void)state;
    static const char uids[] = "81:00 82:00";
    static const struct {
        const char *row;
        struct tbs_text text;
        enum cs_result_number want;
    } rows[] = {
        { "good", { .version = NULL }, CS_NUM_OK_ },
        { "version v1 encoded", { .version = "a0{02:00}", .tail = "" }, CS_NUM_DER },
        { "version v2", { .version = "a0{02:01}", .tail = "" }, CS_NUM_OK_ },
        { "version v2 with extensions", { .version = "a0{02:01}" }, CS_NUM_TBS_FORM },
        { "version v1 with extensions", { .version = "" }, CS_NUM_TBS_FORM },
        { "version v4", { .version = "a0{02:03}", .tail = "" }, CS_NUM_OK_ },
        { "version v4 with extensions", { .version = "a0{02:03}" }, CS_NUM_TBS_FORM },
        { "version 127", { .version = "a0{02:7f}", .tail = "" }, CS_NUM_OK_ },
        { "version 128", { .version = "a0{02:0080}", .tail = "" }, CS_NUM_TBS_FORM },
        { "version negative", { .version = "a0{02:ff}", .tail = "" }, CS_NUM_TBS_FORM },
        { "version empty", { .version = "a0", .tail = "" }, CS_NUM_TBS_FORM },
        { "version twice inside", { .version = "a0{02:02 02:02}" }, CS_NUM_TBS_FORM },
        { "version OCTET STRING", { .version = "a0{04:02}" }, CS_NUM_TBS_FORM },
        { "version not explicit", { .version = "80:02" }, CS_NUM_TBS_FORM },
        { "unique ids in v1", { .version = "", .tail = "81:00" }, CS_NUM_TBS_FORM },
        { "unique ids in v2", { .version = "a0{02:01}", .tail = uids }, CS_NUM_OK_ },
        { "unique ids in v3", { .tail = uids }, CS_NUM_OK_ },
        { "unique ids in v4", { .version = "a0{02:03}", .tail = uids }, CS_NUM_TBS_FORM },
        { "unique ids out of order", { .tail = "82:00 81:00" }, CS_NUM_TBS_FORM },
        { "unique id twice", { .tail = "81:00 81:00" }, CS_NUM_TBS_FORM },
        { "unique id with odd bits", { .tail = "81:0701" }, CS_NUM_DER },
        { "unique id empty", { .tail = "82" }, CS_NUM_DER },
        { "unique id constructed", { .tail = "a1{03:00}" }, CS_NUM_TBS_FORM },
        { "serial missing", { .serial = "" }, CS_NUM_TBS_FORM },
        { "serial padded", { .serial = "02:0001" }, CS_NUM_DER },
        { "serial empty", { .serial = "02" }, CS_NUM_DER },
        { "serial negative", { .serial = "02:ff" }, CS_NUM_OK_ },
        { "serial zero", { .serial = "02:00" }, CS_NUM_OK_ },
        { "serial context tag", { .serial = "82:01" }, CS_NUM_TBS_FORM },
        { "serial twice", { .serial = "02:01 02:01" }, CS_NUM_TBS_FORM },
        { "signature missing", { .signature = "" }, CS_NUM_TBS_FORM },
        { "signature empty", { .signature = "30" }, CS_NUM_TBS_FORM },
        { "signature with NULL", { .signature = "30{06:2a864886f70d01010b 05}" }, CS_NUM_OK_ },
        { "signature with two parameters", { .signature = "30{06:2a03 05 05}" }, CS_NUM_TBS_FORM },
        { "signature OID padded", { .signature = "30{06:2a8003}" }, CS_NUM_DER },
        { "issuer empty", { .issuer = "30" }, CS_NUM_OK_ },
        { "issuer SET", { .issuer = "31" }, CS_NUM_TBS_FORM },
        { "issuer with an empty RDN", { .issuer = "30{31}" }, CS_NUM_TBS_FORM },
        { "subject with an empty RDN", { .subject = "30{31{30{06:550403 0c'a'}} 31}" }, CS_NUM_TBS_FORM },
        { "RDN sorted", { .subject = "30{31{30{06:550403 0c'a'} 30{06:550403 0c'b'}}}" }, CS_NUM_OK_ },
        { "RDN unsorted", { .subject = "30{31{30{06:550403 0c'b'} 30{06:550403 0c'a'}}}" }, CS_NUM_DER },
        { "RDN a SEQUENCE", { .subject = "30{30{30{06:550403 0c'b'}}}" }, CS_NUM_TBS_FORM },
        { "attribute without value", { .subject = "30{31{30{06:550403}}}" }, CS_NUM_DER },
        { "attribute with two values", { .subject = "30{31{30{06:550403 0c'b' 0c'c'}}}" }, CS_NUM_TBS_FORM },
        { "attribute without OID", { .subject = "30{31{30{0c'b'}}}" }, CS_NUM_TBS_FORM },
        { "attribute a SET", { .subject = "30{31{31{06:550403 0c'b'}}}" }, CS_NUM_TBS_FORM },
        { "attribute OCTET STRING", { .subject = "30{31{30{06:550403 04'b'}}}" }, CS_NUM_TBS_FORM },
        { "attribute BIT STRING", { .subject = "30{31{30{06:55042d 03:00}}}" }, CS_NUM_OK_ },
        { "attribute of wrong alphabet", { .subject = "30{31{30{06:550403 13'a*b'}}}" }, CS_NUM_DER },
        { "attribute not UTF-8", { .subject = "30{31{30{06:550403 0c:ff}}}" }, CS_NUM_DER },
        { "validity with one time", { .validity = "30{17'261121000000Z'}" }, CS_NUM_TBS_FORM },
        { "validity with three times",
          { .validity = "30{17'261121000000Z' 17'261121000000Z' 17'261121000000Z'}" },
          CS_NUM_TBS_FORM },
        { "validity with a string", { .validity = "30{17'261121000000Z' 0c'261121000000Z'}" }, CS_NUM_DER },
        { "validity backwards", { .validity = "30{17'261121000000Z' 17'251121000000Z'}" }, CS_NUM_OK_ },
        { "GeneralizedTime early", { .validity = "30{18'20261121000000Z' 17'270301000000Z'}" }, CS_NUM_DER },
        { "SPKI without key", { .spki = "30{30{06:2a03}}" }, CS_NUM_TBS_FORM },
        { "SPKI with something behind", { .spki = "30{30{06:2a03} 03:00 05}" }, CS_NUM_TBS_FORM },
        { "SPKI with unused bits", { .spki = "30{30{06:2a03} 03:0700}" }, CS_NUM_TBS_FORM },
        { "SPKI of an unknown key", { .spki = "30{30{06:2a03} 03:00}" }, CS_NUM_OK_ },
        { "extensions empty", { .tail = "a3{30}" }, CS_NUM_TBS_FORM },
        { "extensions without SEQUENCE", { .tail = "a3" }, CS_NUM_TBS_FORM },
        { "extensions twice inside",
          { .tail = "a3{30{30{06:2a03 04}} 30{30{06:2a03 04}}}" },
          CS_NUM_TBS_FORM },
        { "something behind extensions", { .tail = "a3{30{30{06:2a03 04}}} 05" }, CS_NUM_TBS_FORM },
        { "extensions twice", { .tail = "a3{30{30{06:2a03 04}}} a3{30{30{06:2a03 04}}}" }, CS_NUM_TBS_FORM },
        { "field 4", { .tail = "a4{05}" }, CS_NUM_TBS_FORM },
        { "extension good", { .tail = "a3{30{30{06:2a03 01:ff 04}}}" }, CS_NUM_OK_ },
        { "extension critical FALSE", { .tail = "a3{30{30{06:2a03 01:00 04}}}" }, CS_NUM_DER },
        { "extension critical 01", { .tail = "a3{30{30{06:2a03 01:01 04}}}" }, CS_NUM_DER },
        { "extension without value", { .tail = "a3{30{30{06:2a03 01:ff}}}" }, CS_NUM_TBS_FORM },
        { "extension with two values", { .tail = "a3{30{30{06:2a03 04 04}}}" }, CS_NUM_TBS_FORM },
        { "extension value no OCTET STRING", { .tail = "a3{30{30{06:2a03 03:00}}}" }, CS_NUM_TBS_FORM },
        { "extension in disorder", { .tail = "a3{30{30{01:ff 06:2a03 04}}}" }, CS_NUM_TBS_FORM },
        { "extension repeated",
          { .tail = "a3{30{30{06:2a03 04} 30{06:2a04 04} 30{06:2a03 04:01}}}" },
          CS_NUM_TBS_FORM },
        { "opaque value is not looked at", { .tail = "a3{30{30{06:2a03 04:3080}}}" }, CS_NUM_OK_ },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect(rows[i].row, &rows[i].text, rows[i].want);
}

static void rsa_key_rows(void **state)
{
    (void)state;
    static const struct {
        const char *row, *key;
        enum cs_result_number want;
    } rows[] = {
        { "good", "30{02:0080000001 02:010001}", CS_NUM_OK_ },
        { "one", "30{02:01 02:01}", CS_NUM_OK_ },
        { "nothing", "", CS_NUM_DER },
        { "modulus padded", "30{02:0001 02:010001}", CS_NUM_DER },
        { "modulus negative", "30{02:80000001 02:010001}", CS_NUM_TBS_FORM },
        { "modulus zero", "30{02:00 02:010001}", CS_NUM_TBS_FORM },
        { "exponent missing", "30{02:0080000001}", CS_NUM_TBS_FORM },
        { "exponent zero", "30{02:0080000001 02:00}", CS_NUM_TBS_FORM },
        { "exponent negative", "30{02:0080000001 02:ff}", CS_NUM_TBS_FORM },
        { "third number", "30{02:0080000001 02:03 02:03}", CS_NUM_TBS_FORM },
        { "trailing", "30{02:0080000001 02:03} 05", CS_NUM_DER },
        { "not a SEQUENCE", "31{02:01 02:03}", CS_NUM_TBS_FORM },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char spki[512];
        (void)snprintf(spki, sizeof spki, "30{30{06:2a864886f70d010101 05} 03{=00 %s}}", rows[i].key);
        expect(rows[i].row, &(struct tbs_text){ .spki = spki }, rows[i].want);
        if (rows[i].want == CS_NUM_OK_)
            assert_true(view.key_kind == CS_KEY_RSA && view.rsa_modulus.at[0] != 0 &&
                        view.rsa_exponent.len > 0);
    }
}

/* BR 7.1.3.1: the exact bytes only. */
static void key_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *algorithm;
        enum cs_key_kind kind;
    } rows[] = {
        { "30{06:2a8648ce3d0201 06:2a8648ce3d030107}", CS_KEY_EC_P256 },
        { "30{06:2a8648ce3d0201 06:2b81040022}", CS_KEY_EC_P384 },
        { "30{06:2a8648ce3d0201 06:2b81040023}", CS_KEY_EC_P521 },
        { "30{06:2a8648ce3d0201 06:2b8104000a}", CS_KEY_OTHER },
        { "30{06:2a8648ce3d0201 05}", CS_KEY_OTHER },
        { "30{06:2a8648ce3d0201}", CS_KEY_OTHER },
        { "30{06:2a864886f70d010101}", CS_KEY_OTHER }, /* RSA without NULL */
        { "30{06:2a864886f70d01010a}", CS_KEY_OTHER }, /* RSASSA-PSS */
        { "30{06:2b6570}", CS_KEY_OTHER },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char spki[512];
        (void)snprintf(spki, sizeof spki, "30{%s 03:0004}", rows[i].algorithm);
        expect(rows[i].algorithm, &(struct tbs_text){ .spki = spki }, CS_NUM_OK_);
        assert_int_equal(view.key_kind, rows[i].kind);
    }
}

static void repeated_put(struct cs_buf *out, const char *head, size_t n, const char *const item[2],
                         const char *foot)
{
    cs_buf_put_str(out, head);
    for (size_t i = 0; i < n; i++)
        cs_buf_printf(out, "%s%04u%s", item[0], (unsigned)i, item[1]);
    cs_buf_put_str(out, foot);
    cs_buf_put_u8(out, 0);
}

static void caps(void **state)
{
    (void)state;
    static const struct {
        const char *row, *head, *item[2], *foot;
        size_t max;
        bool is_subject;
    } rows[] = {
        { "names", "a3{30{30{06:551d11 04{30{", { "82'", "'" }, "}}}}}", CS_TBS_NAMES_MAX, false },
        { "extensions", "a3{30{", { "30{06:2a", " 04}" }, "}}", CS_TBS_EXTENSIONS_MAX, false },
        { "policies", "a3{30{30{06:551d20 04{30{", { "30{06:2a", "}" }, "}}}}}", CS_TBS_POLICIES_MAX, false },
        { "attributes", "30{", { "31{30{06:2a", " 0c}}" }, "}", CS_TBS_ATTRIBUTES_MAX, true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t over = 0; over < 2; over++) {
            CS_AUTO_BUF struct cs_buf text = { 0 };
            repeated_put(&text, rows[i].head, rows[i].max + over, rows[i].item, rows[i].foot);
            struct tbs_text t = { .version = NULL };
            *(rows[i].is_subject ? &t.subject : &t.tail) = (const char *)text.at;
            expect(rows[i].row, &t, over == 0 ? CS_NUM_OK_ : CS_NUM_LIMIT);
        }
    uint8_t *big = calloc(1, CS_TBS_DER_MAX_LEN + 1);
    assert_non_null(big);
    assert_true(cs_is(cs_tbs_parse(cs_span_of(big, CS_TBS_DER_MAX_LEN), &view, NULL), CS_NUM_DER));
    assert_true(cs_is(cs_tbs_parse(cs_span_of(big, CS_TBS_DER_MAX_LEN + 1), &view, NULL), CS_NUM_LIMIT));
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_a_rich_one),
        cmocka_unit_test(absent_fields_are_zero),
        cmocka_unit_test(field_rows),
        cmocka_unit_test(rsa_key_rows),
        cmocka_unit_test(key_kinds),
        cmocka_unit_test(caps),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cs_buf_done(&kept);
    return failed;
}
