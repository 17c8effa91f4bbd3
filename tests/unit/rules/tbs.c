/* N02, T01 .. T09, T12 .. T15, K02, X02. */
#include "tests/unit/rules/tables.h"

#include "proxy/base/clock.h"
#include "proxy/ipc/messages.h"

void tbs_tables(void **state)
{
    (void)state;
    house_usual(H);
    check(CS_RULE_N02, "client with the issuer", true, NULL);
    H->facts.client = NULL;
    check(CS_RULE_N02, "no client: judged by a tool", true, NULL);
    H->facts.client = &H->policy.client[0];
    H->policy.client[0].issuers = 2;
    check(CS_RULE_N02, "client with another issuer only", false, "client:ra");
    house_usual(H);
    H->policy.client[0].profiles = 1u << COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED;
    check(CS_RULE_N02, "client with the profile", true, NULL);
    H->policy.client[0].profiles = 1u << COUNTERSIGN__V1__PROFILE__PROFILE_ORGANIZATION_VALIDATED;
    check(CS_RULE_N02, "client with another profile only", false, "client:ra");

    house_usual(H);
    check(CS_RULE_T01, "v3", true, NULL);
    for (uint8_t v = 0; v < 5; v++) {
        H->tbs.version = v;
        check(CS_RULE_T01, "version", v == 2, "tbs.version");
    }
    house_usual(H);
    H->tbs.has_issuer_uid = true;
    check(CS_RULE_T01, "issuerUniqueID", false, "tbs.issuerUniqueID");
    house_usual(H);
    H->tbs.has_subject_uid = true;
    check(CS_RULE_T01, "subjectUniqueID", false, "tbs.subjectUniqueID");

    house_usual(H);
    check(CS_RULE_T02, "issuer bytes", true, NULL);
    H->tbs.issuer.len--;
    check(CS_RULE_T02, "one octet less", false, "tbs.issuer");
    H->tbs.issuer = H->policy.issuer[0].subject = cs_span_of("\x30\x00", 2);
    check(CS_RULE_T02, "empty on both sides", false, "tbs.issuer");

    house_usual(H);
    check(CS_RULE_T03, "algorithm of the issuer", true, NULL);
    H->tbs.signature = cs_algorithm_der(CS_ALG_ECDSA_SHA384);
    check(CS_RULE_T03, "known, but not of this issuer", false, "tbs.signature");
    H->tbs.signature = cs_span_of("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00", 15);
    check(CS_RULE_T03, "SHA-1", false, "tbs.signature");

    static const struct {
        const char *row, *at;
        size_t len;
        bool ok;
    } serials[] = {
        { "2^159-1", "\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 20,
          true },
        { "2^159", "\x00\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 21, false },
        { "2^63: 64 bits, 9 octets", "\x00\x80\0\0\0\0\0\0\0", 9, true },
        { "2^63-1: 63 bits, 8 octets", "\x7f\xff\xff\xff\xff\xff\xff\xff", 8, false },
        { "2^64", "\x01\0\0\0\0\0\0\0\0", 9, true },
        { "one", "\x01", 1, false },
        { "zero", "\0", 1, false },
        { "negative, 20 octets", "\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, false },
        { "nothing", "", 0, false },
    };
    for (size_t i = 0; i < N_OF(serials); i++) {
        house_usual(H);
        H->tbs.serial = cs_span_of(serials[i].at, serials[i].len);
        check(CS_RULE_T04, serials[i].row, serials[i].ok, "tbs.serialNumber");
    }

    static const struct {
        const char *row;
        bool precertificate, certificate, same_pair, final, ok;
    } uses[] = {
        { "final after its precertificate", true, false, true, true, true },
        { "final after another's precertificate", true, false, false, true, false },
        { "second precertificate, the same", true, false, true, false, false },
        { "second precertificate, another", true, false, false, false, false },
        { "second final", true, true, true, true, false },
        { "final after a final", false, true, true, true, false },
        { "precertificate after a final", false, true, true, false, false },
        { "first precertificate", false, false, false, false, true },
        { "final without precertificate", false, false, false, true, true },
    };
    for (size_t i = 0; i < N_OF(uses); i++) {
        house_usual(H);
        struct cs_use_fact use = { .precertificate = uses[i].precertificate,
                                   .certificate = uses[i].certificate };
        if (uses[i].same_pair)
            use.pair_sha256 = H->facts.pair_sha256;
        H->facts.kind = uses[i].final ? CS_LEAF_CERTIFICATE : CS_LEAF_PRECERTIFICATE;
        H->facts.serial_use = use;
        check(CS_RULE_T05, uses[i].row, uses[i].ok, "tbs.serialNumber");
        H->facts.serial_use = (struct cs_use_fact){ 0 };
        H->order_use = use;
        check(CS_RULE_B04, uses[i].row, uses[i].ok, "order:o-1");
    }

    house_usual(H);
    check(CS_RULE_K02, "leaf key", true, NULL);
    H->policy.issuer[0].purposes = CS_PURPOSE_CA | CS_PURPOSE_CRL | CS_PURPOSE_OCSP;
    check(CS_RULE_K02, "root key", false, "issuer:r1");

    house_usual(H);
    check(CS_RULE_X02, "ledger ready", true, NULL);
    H->facts.ledger_ready = false;
    check(CS_RULE_X02, "ledger not ready", false, "ledger");
    H->facts.ledger_ready = true;
    H->facts.witnesses_lapsed = true;
    check(CS_RULE_X02, "too few witnesses", false, "witnesses");
}

void time_tables(void **state)
{
    (void)state;
    assert_int_equal(CS_DAY_2015_04_01, cs_time_from_civil(2015, 4, 1, 0, 0, 0));
    assert_int_equal(CS_DAY_2018_03_01, cs_time_from_civil(2018, 3, 1, 0, 0, 0));
    assert_int_equal(CS_DAY_2020_09_01, cs_time_from_civil(2020, 9, 1, 0, 0, 0));
    assert_int_equal(CS_DAY_2021_10_01, cs_time_from_civil(2021, 10, 1, 0, 0, 0));
    assert_int_equal(CS_DAY_2018_08_01, cs_time_from_civil(2018, 8, 1, 0, 0, 0));
    assert_int_equal(CS_DAY_2019_03_16, cs_time_from_civil(2019, 3, 16, 0, 0, 0));
    assert_int_equal(CS_DAY_2019_06_01, cs_time_from_civil(2019, 6, 1, 0, 0, 0));
    assert_int_equal(CS_DAY_2019_08_01, cs_time_from_civil(2019, 8, 1, 0, 0, 0));
    assert_int_equal(CS_DAY_2020_06_01, cs_time_from_civil(2020, 6, 1, 0, 0, 0));
    assert_int_equal(CS_DAY_2025_07_15, cs_time_from_civil(2025, 7, 15, 0, 0, 0));
    assert_int_equal(CS_DAY_2026_03_15, cs_time_from_civil(2026, 3, 15, 0, 0, 0));
    assert_int_equal(CS_DAY_2027_03_15, cs_time_from_civil(2027, 3, 15, 0, 0, 0));
    assert_int_equal(CS_DAY_2028_03_15, cs_time_from_civil(2028, 3, 15, 0, 0, 0));
    assert_int_equal(CS_DAY_2029_03_15, cs_time_from_civil(2029, 3, 15, 0, 0, 0));

    static const struct {
        int64_t from_now;
        bool ok;
    } starts[] = { { -172801, false }, { -172800, true }, { 0, true }, { 172800, true }, { 172801, false } };
    for (size_t i = 0; i < N_OF(starts); i++) {
        house_usual(H);
        H->tbs.not_before_unix_s = HOUSE_NOW + starts[i].from_now;
        check(CS_RULE_T06, "notBefore", starts[i].ok, "tbs.validity.notBefore");
    }

    static const struct {
        const char *row;
        int64_t now, difference_s;
        uint32_t policy_s;
        bool ok;
    } periods[] = {
        { "60 months", CS_DAY_2015_04_01 - 1, 1827 * INT64_C(86400) - 1, 0, true },
        { "60 months and a second", CS_DAY_2015_04_01 - 1, 1827 * INT64_C(86400), 0, false },
        { "39 months", CS_DAY_2015_04_01, 1188 * INT64_C(86400) - 1, 0, true },
        { "39 months and a second", CS_DAY_2018_03_01 - 1, 1188 * INT64_C(86400), 0, false },
        { "825 d", CS_DAY_2018_03_01, 825 * INT64_C(86400) - 1, 0, true },
        { "825 d and a second", CS_DAY_2020_09_01 - 1, 825 * INT64_C(86400), 0, false },
        { "398 d from 2020-09-01", CS_DAY_2020_09_01, 34387199, 0, true },
        { "398 d from 2020-09-01 and a second", CS_DAY_2020_09_01, 34387200, 0, false },
        { "398 d before the first step", CS_DAY_2026_03_15 - 1, 34387199, 0, true },
        { "398 d and a second", CS_DAY_2026_03_15 - 1, 34387200, 0, false },
        { "398 d at the first step", CS_DAY_2026_03_15, 34387199, 0, false },
        { "200 d at the first step", CS_DAY_2026_03_15, 17279999, 0, true },
        { "200 d and a second", CS_DAY_2026_03_15, 17280000, 0, false },
        { "200 d, last second", CS_DAY_2027_03_15 - 1, 17279999, 0, true },
        { "the same a second later", CS_DAY_2027_03_15, 17279999, 0, false },
        { "100 d exactly", CS_DAY_2027_03_15, 8639999, 0, true },
        { "100 d and a second", CS_DAY_2027_03_15, 8640000, 0, false },
        { "100 d, last second", CS_DAY_2029_03_15 - 1, 8639999, 0, true },
        { "the same a second later", CS_DAY_2029_03_15, 8639999, 0, false },
        { "47 d exactly", CS_DAY_2029_03_15, 4060799, 0, true },
        { "47 d and a second", CS_DAY_2029_03_15, 4060800, 0, false },
        { "policy of 90 d", HOUSE_NOW, 7775999, 7776000, true },
        { "policy of 90 d and a second", HOUSE_NOW, 7776000, 7776000, false },
        { "a wider policy changes nothing", HOUSE_NOW, 17280000, 34387200, false },
        { "one second", HOUSE_NOW, 0, 0, true },
        { "ends before it begins", HOUSE_NOW, -1, 0, false },
    };
    for (size_t i = 0; i < N_OF(periods); i++) {
        house_usual(H);
        H->facts.now_unix_s = H->tbs.not_before_unix_s = periods[i].now;
        H->tbs.not_after_unix_s = periods[i].now + periods[i].difference_s;
        H->policy.limits.max_validity_s = periods[i].policy_s;
        H->policy.issuer[0].not_after_unix_s = INT64_MAX;
        for (uint32_t k = 0; k < H->facts.n_evidence; k++) {
            H->evidence[k].statement->header->expires_at_unix_s = INT64_MAX;
            if (H->evidence[k].statement->body_case == COUNTERSIGN__V1__STATEMENT__BODY_ORDER)
                H->evidence[k].statement->order->latest_not_after_unix_s = INT64_MAX;
            else
                house_age(H->evidence[k].statement->domain_control, periods[i].now);
        }
        check(CS_RULE_T07, periods[i].row, periods[i].ok, "tbs.validity");
        /* the same said of the client; a wider one beside it changes nothing */
        H->policy.client[0].max_validity_s = periods[i].policy_s;
        check(CS_RULE_T07, periods[i].row, periods[i].ok, "tbs.validity");
        H->policy.limits.max_validity_s = UINT32_MAX;
        check(CS_RULE_T07, periods[i].row, periods[i].ok, "tbs.validity");
    }

    house_usual(H);
    H->policy.issuer[0].not_after_unix_s = H->tbs.not_after_unix_s;
    check(CS_RULE_T08, "ends with the issuer", true, NULL);
    H->policy.issuer[0].not_after_unix_s--;
    check(CS_RULE_T08, "ends a second after the issuer", false, "tbs.validity.notAfter");
}

void key_table(void **state)
{
    (void)state;
    static const struct cs_spki_facts good = {
        .rsa_bits = 2048,
        .rsa_exponent_odd = true,
        .rsa_exponent_at_least_65537 = true,
        .rsa_exponent_at_least_3 = true,
        .rsa_modulus_odd = true,
    };
    struct {
        const char *row;
        enum cs_key_kind kind;
        struct cs_spki_facts facts;
        bool ok;
    } rows[] = {
        { "P-256", CS_KEY_EC_P256, { .ec_point_valid = true }, true },
        { "P-384", CS_KEY_EC_P384, { .ec_point_valid = true }, true },
        { "P-521", CS_KEY_EC_P521, { .ec_point_valid = true }, true },
        { "P-256 off the curve", CS_KEY_EC_P256, { 0 }, false },
        { "P-521 off the curve", CS_KEY_EC_P521, { 0 }, false },
        { "RSA 2048", CS_KEY_RSA, good, true },
        { "RSA 2056", CS_KEY_RSA, good, true },
        { "RSA 2040", CS_KEY_RSA, good, false },
        { "RSA 2047", CS_KEY_RSA, good, false },
        { "RSA 2052", CS_KEY_RSA, good, false },
        { "even exponent", CS_KEY_RSA, good, false },
        { "exponent 1", CS_KEY_RSA, good, false },
        { "exponent 3", CS_KEY_RSA, good, false },
        { "even modulus", CS_KEY_RSA, good, false },
        { "factor 751", CS_KEY_RSA, good, false },
        { "a power", CS_KEY_RSA, good, false },
        { "RSA without facts", CS_KEY_RSA, { 0 }, false },
        { "Ed25519", CS_KEY_OTHER, { 0 }, false },
    };
    rows[6].facts.rsa_bits = 2056;
    rows[7].facts.rsa_bits = 2040;
    rows[8].facts.rsa_bits = 2047;
    rows[9].facts.rsa_bits = 2052;
    rows[10].facts.rsa_exponent_odd = false;
    rows[11].facts.rsa_exponent_at_least_3 = rows[11].facts.rsa_exponent_at_least_65537 = false;
    rows[12].facts.rsa_exponent_at_least_65537 = false;
    rows[13].facts.rsa_modulus_odd = false;
    rows[14].facts.rsa_small_factor = 751;
    rows[15].facts.rsa_is_power = true;
    for (size_t i = 0; i < N_OF(rows); i++) {
        house_usual(H);
        H->tbs.key_kind = rows[i].kind;
        H->facts.spki = rows[i].facts;
        check(CS_RULE_T09, rows[i].row, rows[i].ok, "key");
    }
    house_usual(H);
    H->policy.issuer[0].spki = H->tbs.spki;
    check(CS_RULE_T09, "the issuer's own key", false, "key");
}

void subject_tables(void **state)
{
    (void)state;
#define OID_DV "\x30\x08\x06\x06\x67\x81\x0c\x01\x02\x01"
#define OID_OV "\x30\x08\x06\x06\x67\x81\x0c\x01\x02\x02"
#define OID_CA "\x30\x05\x06\x03\x2a\x03\x04"
#define ANY    "\x30\x06\x06\x04\x55\x1d\x20\x00"
#define LIT(s) s, sizeof s - 1
    static const struct {
        const char *row, *at;
        size_t len;
        bool ok;
    } policies[] = {
        { "domain validated", LIT("\x30\x0a" OID_DV), true },
        { "with one of the CA", LIT("\x30\x11" OID_DV OID_CA), true },
        { "two reserved", LIT("\x30\x14" OID_DV OID_OV), false },
        { "none reserved", LIT("\x30\x07" OID_CA), false },
        { "anyPolicy besides", LIT("\x30\x12" OID_DV ANY), false },
        { "cut short", LIT("\x30\x0a\x30\x08\x06\x06\x67\x81"), false },
        { "nothing", LIT(""), false },
    };
    for (size_t i = 0; i < N_OF(policies); i++) {
        house_usual(H);
        H->tbs.extension[2].value = cs_span_of(policies[i].at, policies[i].len);
        check(CS_RULE_T12, policies[i].row, policies[i].ok, "tbs.certificatePolicies");
    }
    house_usual(H);
    H->tbs.extension[2].critical = true;
    check(CS_RULE_T12, "critical", false, "tbs.certificatePolicies");
    house_usual(H);
    H->tbs.n_extensions = 2;
    check(CS_RULE_T12, "absent", false, "tbs.certificatePolicies");

    house_usual(H);
    house_attribute(H, CS_OID_CN, 0x0c, "www.example.com");
    check(CS_RULE_T12, "commonName", true, NULL);
    house_attribute(H, HOUSE_OID_O, 0x0c, "Acme");
    check(CS_RULE_T12, "organizationName in a DV certificate", false, "subject:O");
    house_usual(H);
    house_attribute(H, CS_OID_CN, 0x0c, "www.example.com");
    house_attribute(H, CS_OID_C, 0x13, "NL");
    H->tbs.attribute[1].rdn = 0;
    check(CS_RULE_T12, "two attributes in one RDN", false, "subject:C");

    static const struct {
        const char *row, *cn;
        bool ok;
    } names[] = {
        { "copied", "www.example.com", true },
        { "other case", "WWW.example.com", false },
        { "the apex", "example.com", false },
        { "IPv4", "198.52.0.1", true },
        { "IPv4 with a zero", "198.52.0.01", false },
        { "IPv6", "2606:2800::a", true },
        { "IPv6 in full", "2606:2800:0:0:0:0:0:a", false },
        { "IPv6 in capitals", "2606:2800::A", false },
        { "empty", "", false },
    };
    for (size_t i = 0; i < N_OF(names); i++) {
        house_init(H);
        house_name(H, "www.example.com");
        house_ip(H, "\xc6\x34\x00\x01", 4);
        house_ip(H, "\x26\x06\x28\x00\0\0\0\0\0\0\0\0\0\0\0\x0a", 16);
        house_attribute(H, CS_OID_CN, 0x0c, names[i].cn);
        house_order(H);
        house_control(H, "www.example.com", METHOD(DCV_ACME_HTTP_01), SCOPE(EXACT));
        house_control_ip(H, "\xc6\x34\x00\x01", 4, METHOD(IPCV_ACME_HTTP_01));
        house_control_ip(H, "\x26\x06\x28\x00\0\0\0\0\0\0\0\0\0\0\0\x0a", 16, METHOD(IPCV_ACME_HTTP_01));
        check(CS_RULE_T13, names[i].row, names[i].ok, "subject:CN");
    }
    house_usual(H);
    house_attribute(H, CS_OID_CN, 0x0c, "www.example.com");
    house_attribute(H, CS_OID_CN, 0x0c, "www.example.com");
    check(CS_RULE_T13, "twice", false, "subject:CN");
}

void key_identifier_table(void **state)
{
    (void)state;
    const char *aki = "tbs.authorityKeyIdentifier";
    house_usual(H);
    check(CS_RULE_T15, "the issuer's", true, NULL);
    H->tbs.aki_has_issuer_or_serial = true;
    check(CS_RULE_T15, "with issuer and serial", false, aki);
    house_usual(H);
    H->tbs.aki_key_id.len--;
    check(CS_RULE_T15, "one octet less", false, aki);
    house_usual(H);
    H->tbs.extension[1].critical = true;
    check(CS_RULE_T15, "critical", false, aki);
    house_usual(H);
    H->tbs.has_aki = false;
    check(CS_RULE_T15, "absent", false, aki);
}
