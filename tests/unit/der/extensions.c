/* Extension values: each known extension with rows on both sides of its syntax. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "proxy/gate/der/tbs.h"
#include "tests/unit/der/der_text.h"

#define SAN   "551d11"
#define IAN   "551d12"
#define BC    "551d13"
#define NC    "551d1e"
#define CRLDP "551d1f"
#define CP    "551d20"
#define PM    "551d21"
#define AKI   "551d23"
#define PC    "551d24"
#define EKU   "551d25"
#define FRESH "551d2e"
#define IAP   "551d36"
#define SKI   "551d0e"
#define KU    "551d0f"
#define AIA   "2b06010505070101"
#define SIA   "2b0601050507010b"
#define POIS  "2b06010401d679020403"
#define SCTS  "2b06010401d679020402"
#define CPS   "06:2b06010505070201"
#define NOTE  "06:2b06010505070202"

#define OK    CS_NUM_OK_
#define DER   CS_NUM_DER
#define FORM  CS_NUM_TBS_FORM
#define LIMIT CS_NUM_LIMIT

static const struct {
    const char *oid, *value;
    enum cs_result_number want;
} rows[] = {
    /* subjectAltName, and every GeneralName */
    { SAN, "30{82'a'}", OK },
    { SAN, "30{82}", OK },
    { SAN, "30", FORM },
    { SAN, "", DER },
    { SAN, "31{82'a'}", FORM },
    { SAN, "30{82'a'} 05", DER },
    { SAN, "30{82:80}", DER },
    { SAN, "30{81:c3a9}", DER },
    { SAN, "30{86:c3a9}", DER },
    { SAN, "30{81'a' 86'b'}", OK },
    { SAN, "30{a2{16'a'}}", FORM },
    { SAN, "30{16'a'}", FORM },
    { SAN, "30{89'a'}", FORM },
    { SAN, "30{87:01020304}", OK },
    { SAN, "30{87:00000000000000000000000000000000}", OK },
    { SAN, "30{87}", FORM },
    { SAN, "30{87:010203}", FORM },
    { SAN, "30{87:0102030405060708}", FORM },
    { SAN, "30{88:2a03}", OK },
    { SAN, "30{88:2a8003}", DER },
    { SAN, "30{a4{30}}", OK },
    { SAN, "30{a4{30{31}}}", FORM },
    { SAN, "30{a4{30{31{30{06:2a03 0c:ff}}}}}", DER },
    { SAN, "30{a4}", FORM },
    { SAN, "30{a4{30 30}}", FORM },
    { SAN, "30{a0{06:2a03 a0{05}}}", OK },
    { SAN, "30{a0{06:2a03}}", FORM },
    { SAN, "30{a0{06:2a03 a0}}", DER },
    { SAN, "30{a0{06:2a03 a0{05 05}}}", FORM },
    { SAN, "30{a0{06:2a03 a0{05} 05}}", FORM },
    { SAN, "30{a0{06:2a03 05}}", FORM },
    { SAN, "30{a3{30{05}}}", OK },
    { SAN, "30{a3{=3003}}", DER },
    { SAN, "30{83:00}", FORM },
    { SAN, "30{a5{a1{0c'b'}}}", OK },
    { SAN, "30{a5{a0{13'a'} a1{0c'b'}}}", OK },
    { SAN, "30{a5{a0{13'a'}}}", FORM },
    { SAN, "30{a5{a1{16'b'}}}", FORM },
    { SAN, "30{a5{a1{0c'b'} a0{0c'b'}}}", FORM },
    { IAN, "30{82'a'}", OK },
    { IAN, "30", FORM },
    { IAN, "30{87:00}", FORM },
    /* key identifiers */
    { AKI, "30", OK },
    { AKI, "30{80}", OK },
    { AKI, "30{80:00 a1{82'a'} 82:01}", OK },
    { AKI, "30{82:01}", OK },
    { AKI, "30{a1 82:01}", FORM },
    { AKI, "30{82:0001}", DER },
    { AKI, "30{82}", DER },
    { AKI, "30{82:01 80:00}", FORM },
    { AKI, "30{04:00}", FORM },
    { AKI, "02:01", FORM },
    { SKI, "04:00", OK },
    { SKI, "04", OK },
    { SKI, "02:01", FORM },
    { SKI, "04:00 05", DER },
    /* basicConstraints */
    { BC, "30", OK },
    { BC, "30{01:ff}", OK },
    { BC, "30{01:00}", DER },
    { BC, "30{01:01}", DER },
    { BC, "30{01:ff 02:00}", OK },
    { BC, "30{02:00}", OK },
    { BC, "30{01:ff 02:00ff}", OK },
    { BC, "30{01:ff 02:0100}", LIMIT },
    { BC, "30{01:ff 02:010000000000000001}", LIMIT },
    { BC, "30{01:ff 02:ff}", FORM },
    { BC, "30{01:ff 02:0001}", DER },
    { BC, "30{01:ff 02:00 05}", FORM },
    { BC, "30{02:00 01:ff}", FORM },
    { BC, "31", FORM },
    /* keyUsage, extKeyUsage */
    { KU, "03:0780", OK },
    { KU, "03:07800080", FORM },
    { KU, "03:070080", OK },
    { KU, "03:0700", DER },
    { KU, "03:00", FORM },
    { KU, "03:0080", DER },
    { KU, "03:06c0", OK },
    { KU, "03:0001", OK },
    { KU, "04:80", FORM },
    { EKU, "30{06:2a03}", OK },
    { EKU, "30", FORM },
    { EKU, "30{06:2a03 05}", FORM },
    { EKU, "30{06}", DER },
    { EKU, "06:2a03", FORM },
    /* certificatePolicies */
    { CP, "30{30{06:2a03}}", OK },
    { CP, "30", FORM },
    { CP, "30{30}", FORM },
    { CP, "30{30{06:2a03} 30{06:2a04}}", OK },
    { CP, "30{30{06:2a03} 30{06:2a04} 30{06:2a03}}", FORM },
    { CP, "30{30{06:2a03 30}}", FORM },
    { CP, "30{30{06:2a03 05}}", FORM },
    { CP, "30{30{06:2a03 30{30{" CPS " 16'a'}} 05}}", FORM },
    { CP, "30{30{06:2a03 30{30{" CPS " 16'a'}}}}", OK },
    { CP, "30{30{06:2a03 30{30{" CPS " 0c'a'}}}}", FORM },
    { CP, "30{30{06:2a03 30{30{" CPS "}}}}", FORM },
    { CP, "30{30{06:2a03 30{30{" CPS " 16'a' 16'a'}}}}", FORM },
    { CP, "30{30{06:2a03 30{30{" NOTE " 30}}}}", OK },
    { CP, "30{30{06:2a03 30{30{" NOTE " 30{0c'a'}}}}}", OK },
    { CP, "30{30{06:2a03 30{30{" NOTE " 30{1e:0041}}}}}", OK },
    { CP, "30{30{06:2a03 30{30{" NOTE " 30{13'a'}}}}}", FORM },
    { CP, "30{30{06:2a03 30{30{" NOTE " 30{0c'a' 0c'a'}}}}}", FORM },
    { CP, "30{30{06:2a03 30{30{" NOTE " 30{30{0c'o' 30{02:01}}}}}}}", OK },
    { CP, "30{30{06:2a03 30{30{" NOTE " 30{30{0c'o' 30{04:01}}}}}}}", FORM },
    { CP, "30{30{06:2a03 30{30{" NOTE " 30{30{0c'o'}}}}}}", FORM },
    { CP, "30{30{06:2a03 30{30{" NOTE " 05}}}}", FORM },
    { CP, "30{30{06:2a03 30{30{06:2a05 05}}}}", OK },
    /* cRLDistributionPoints, freshestCRL */
    { CRLDP, "30{30}", OK },
    { CRLDP, "30", FORM },
    { CRLDP, "30{30{a0{a0{86'u'}}}}", OK },
    { CRLDP, "30{30{a0{a0}}}", FORM },
    { CRLDP, "30{30{a0}}", FORM },
    { CRLDP, "30{30{a0{86'u'}}}", FORM },
    { CRLDP, "30{30{a0{a0{86'u'} a0{86'u'}}}}", FORM },
    { CRLDP, "30{30{a0{a1{30{06:2a03 0c'a'}}}}}", OK },
    { CRLDP, "30{30{a0{a1}}}", FORM },
    { CRLDP, "30{30{a0{a1{30{06:2a03 0c'a'} 30{06:2a03 0c'b'}}}}}", OK },
    { CRLDP, "30{30{a0{a1{30{06:2a03 0c'b'} 30{06:2a03 0c'a'}}}}}", DER },
    { CRLDP, "30{30{a0{a0{86'u'}} 81:0640}}", OK },
    { CRLDP, "30{30{a0{a0{86'u'}} 81:0040}}", DER },
    { CRLDP, "30{30{a0{a0{86'u'}} a2{82'i'}}}", OK },
    { CRLDP, "30{30{a0{a0{86'u'}} a2}}", FORM },
    { CRLDP, "30{30{a2{82'i'} a0{a0{86'u'}}}}", FORM },
    { CRLDP, "30{30{a0{a0{86'u'}} 83:00}}", FORM },
    { FRESH, "30{30{a0{a0{86'u'}}}}", OK },
    { FRESH, "30", FORM },
    /* authorityInfoAccess, subjectInfoAccess */
    { AIA, "30{30{06:2a03 86'u'}}", OK },
    { AIA, "30", FORM },
    { AIA, "30{30{06:2a03}}", DER },
    { AIA, "30{30{06:2a03 86'u' 86'u'}}", FORM },
    { AIA, "30{30{86'u' 06:2a03}}", FORM },
    { AIA, "30{30{06:2a03 16'u'}}", FORM },
    { SIA, "30{30{06:2a03 86'u'}}", OK },
    { SIA, "30{30{06:2a03 86:ff}}", DER },
    /* nameConstraints */
    { NC, "30{a0{30{82'a'}}}", OK },
    { NC, "30{a1{30{82'a'}}}", OK },
    { NC, "30{a0{30{82'a'}} a1{30{82}}}", OK },
    { NC, "30", FORM },
    { NC, "30{a0}", FORM },
    { NC, "30{a1{30{82'a'}} a0{30{82'a'}}}", FORM },
    { NC, "30{a0{30}}", DER },
    { NC, "30{a0{30{82'a' 80:00}}}", DER },
    { NC, "30{a0{30{82'a' 80:01}}}", OK },
    { NC, "30{a0{30{82'a' 81:01}}}", OK },
    { NC, "30{a0{30{82'a' 81:0001}}}", DER },
    { NC, "30{a0{30{82'a' 81:ff}}}", FORM },
    { NC, "30{a0{30{82'a' 82:01}}}", FORM },
    { NC, "30{a0{30{87:0102030405060708}}}", OK },
    { NC, "30{a0{30{87:01020304}}}", FORM },
    { NC, "30{a0{30{87:0000000000000000000000000000000000000000000000000000000000000000}}}", OK },
    { NC, "30{a0{30{87:00000000000000000000000000000000}}}", FORM },
    /* policyMappings, policyConstraints, inhibitAnyPolicy */
    { PM, "30{30{06:2a03 06:2a04}}", OK },
    { PM, "30", FORM },
    { PM, "30{30{06:2a03}}", FORM },
    { PM, "30{30{06:2a03 06:2a04 06:2a05}}", FORM },
    { PC, "30{80:00}", OK },
    { PC, "30{81:00}", OK },
    { PC, "30{80:00 81:7fffffffff}", OK },
    { PC, "30", FORM },
    { PC, "30{81:00 80:00}", FORM },
    { PC, "30{80:ff}", FORM },
    { PC, "30{80:0000}", DER },
    { PC, "30{80:00 82:00}", FORM },
    { IAP, "02:00", OK },
    { IAP, "02:ff", FORM },
    { IAP, "30{02:00}", FORM },
    /* RFC 6962 */
    { POIS, "05", OK },
    { POIS, "05:00", DER },
    { POIS, "", DER },
    { POIS, "04", FORM },
    { POIS, "05 05", DER },
    { SCTS, "04", FORM },
    { SCTS, "04:0000", FORM },
    { SCTS, "04:00", FORM },
    { SCTS, "0c:000300017f", FORM },
    { SCTS, "04:0003000101", OK },
    { SCTS, "04:00060001010001ff", OK },
    { SCTS, "04:00050001010001", FORM },
};

static void value_rows(void **state)
{
    (void)state;
    static struct cs_tbs view;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        struct cs_der_fault fault = { 0, "-", "-" };
        tbs_text_put(&b, &(struct tbs_text){ .tail = tail_with_extension(rows[i].oid, rows[i].value) });
        cs_result r = cs_tbs_parse(cs_buf_span(&b), &view, &fault);
        if (rows[i].want == CS_NUM_OK_ ? !cs_ok(r) : !cs_is(r, rows[i].want))
            fail_msg("row: %s %s: %s (%s)", rows[i].oid, rows[i].value, cs_result_name(r), fault.what);
        if (!cs_ok(r) && strncmp(fault.where, "extension ", 10) != 0)
            fail_msg("row: %s %s: at %s", rows[i].oid, rows[i].value, fault.where);
    }
}

/* The list of RFC 6962 3.3 as octets: outer length, then SCTs with lengths of their own. */
static void sct_list_rows(void **state)
{
    (void)state;
    enum { V1_LEN = 1 + 32 + 8 + 2 + 2 + 2 + 2 };
    static const struct {
        const char *row;
        int outer_len, sct_len; /* -1: as it is */
        uint8_t version;
        uint16_t extensions_len, signature_len;
        size_t sct_n; /* octets there */
        enum cs_result_number want;
    } lists[] = {
        { "one of v1", -1, -1, 0, 0, 2, V1_LEN, OK },
        { "outer too long", V1_LEN + 3, -1, 0, 0, 2, V1_LEN, FORM },
        { "outer too short", V1_LEN + 1, -1, 0, 0, 2, V1_LEN, FORM },
        { "inner too long", -1, V1_LEN + 1, 0, 0, 2, V1_LEN, FORM },
        { "inner too short", -1, V1_LEN - 1, 0, 0, 2, V1_LEN, FORM },
        { "inner empty", -1, -1, 0, 0, 2, 0, FORM },
        { "extensions past the end", -1, -1, 0, 9, 2, V1_LEN, FORM },
        { "signature past the end", -1, -1, 0, 0, 3, V1_LEN, FORM },
        { "octet behind the signature", -1, -1, 0, 0, 1, V1_LEN, FORM },
        { "later version is opaque", -1, -1, 1, 9, 9, 5, OK },
        { "later version, one octet", -1, -1, 1, 9, 9, 1, OK },
        { "v1, one octet", -1, -1, 0, 0, 2, 1, FORM },
    };
    static struct cs_tbs view;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        CS_AUTO_BUF struct cs_buf sct = { 0 }, list = { 0 }, der = { 0 }, text = { 0 }, b = { 0 };
        cs_buf_put_u8(&sct, lists[i].version);
        for (int k = 0; k < 40; k++)
            cs_buf_put_u8(&sct, (uint8_t)k);
        cs_buf_put_u16(&sct, lists[i].extensions_len);
        cs_buf_put_u16(&sct, 0x0403);
        cs_buf_put_u16(&sct, lists[i].signature_len);
        cs_buf_put_u16(&sct, 0xabcd);
        cs_buf_put_u16(&list,
                       (uint16_t)(lists[i].outer_len < 0 ? (int)lists[i].sct_n + 2 : lists[i].outer_len));
        cs_buf_put_u16(&list, (uint16_t)(lists[i].sct_len < 0 ? (int)lists[i].sct_n : lists[i].sct_len));
        cs_buf_put(&list, sct.at, lists[i].sct_n);
        der_wrap(&der, 0x04, cs_buf_span(&list));
        cs_buf_put_str(&text, "=");
        for (size_t k = 0; k < der.len; k++)
            cs_buf_printf(&text, "%02x", der.at[k]);
        cs_buf_put_u8(&text, 0);
        tbs_text_put(&b, &(struct tbs_text){ .tail = tail_with_extension(SCTS, (const char *)text.at) });
        cs_result r = cs_tbs_parse(cs_buf_span(&b), &view, NULL);
        if (lists[i].want == CS_NUM_OK_ ? !cs_ok(r) : !cs_is(r, lists[i].want))
            fail_msg("row: %s: %s", lists[i].row, cs_result_name(r));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_rows),
        cmocka_unit_test(sct_list_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
