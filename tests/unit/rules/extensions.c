/* T14, T16, P01: extensions, present or not, critical or not, and what they hold. */
#include "tests/unit/rules/tables.h"

#include "proxy/gate/rules/profile.h"

#define LIT(s)  s, sizeof s - 1
#define OCSP    "\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01"
#define ISSUERS "\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02"

void extension_table(void **state)
{
    (void)state;
    static const struct {
        const char *row, *oid;
        size_t oid_len;
        bool critical;
        const char *value;
        size_t len;
        bool ok;
        const char *subject;
    } rows[] = {
        { "basicConstraints", CS_EXT_BASIC, true, LIT("\x30\x00"), true, NULL },
        { "not critical", CS_EXT_BASIC, false, LIT("\x30\x00"), false, "tbs.basicConstraints" },
        { "cA FALSE encoded", CS_EXT_BASIC, true, LIT("\x30\x03\x01\x01\x00"), false,
          "tbs.basicConstraints" },
        { "subjectKeyIdentifier", CS_EXT_SKI, false, LIT("\x04\x02\x01\x02"), true, NULL },
        { "critical", CS_EXT_SKI, true, LIT("\x04\x02\x01\x02"), false, "tbs.subjectKeyIdentifier" },
        { "empty", CS_EXT_SKI, false, LIT("\x04\x00"), false, "tbs.subjectKeyIdentifier" },
        { "keyUsage not critical", CS_EXT_KEY_USAGE, false, LIT("\x03\x02\x07\x80"), false, "tbs.keyUsage" },
        { "SCT list", CS_EXT_SCTS, false, LIT("\x04\x00"), true, NULL },
        { "SCT list critical", CS_EXT_SCTS, true, LIT("\x04\x00"), false,
          "tbs.signedCertificateTimestampList" },
        { "must-staple", "\x2b\x06\x01\x05\x05\x07\x01\x18", 8, false, LIT("\x30\x03\x02\x01\x05"), true,
          NULL },
        { "both status requests", "\x2b\x06\x01\x05\x05\x07\x01\x18", 8, false,
          LIT("\x30\x06\x02\x01\x05\x02\x01\x11"), true, NULL },
        { "another feature", "\x2b\x06\x01\x05\x05\x07\x01\x18", 8, false, LIT("\x30\x03\x02\x01\x06"), false,
          "tbs.tlsFeature" },
        { "must-staple, critical", "\x2b\x06\x01\x05\x05\x07\x01\x18", 8, true, LIT("\x30\x03\x02\x01\x05"),
          false, "tbs.tlsFeature" },
        { "qcStatements", "\x2b\x06\x01\x05\x05\x07\x01\x03", 8, false, LIT("\x30\x00"), true, NULL },
        { "qcStatements off DER", "\x2b\x06\x01\x05\x05\x07\x01\x03", 8, false, LIT("\x30\x01"), false,
          "tbs.qcStatements" },
        { "delegationUsage", "\x2b\x06\x01\x04\x01\x82\xda\x4b\x2c", 9, false, LIT("\x05\x00"), true, NULL },
        { "delegationUsage of another value", "\x2b\x06\x01\x04\x01\x82\xda\x4b\x2c", 9, false,
          LIT("\x30\x00"), false, "tbs.delegationUsage" },
        { "nameConstraints", "\x55\x1d\x1e", 3, true, LIT("\x30\x00"), false, "tbs.nameConstraints" },
        { "policyMappings", "\x55\x1d\x21", 3, false, LIT("\x30\x00"), false, "tbs.policyMappings" },
        { "policyConstraints", "\x55\x1d\x24", 3, true, LIT("\x30\x00"), false, "tbs.policyConstraints" },
        { "inhibitAnyPolicy", "\x55\x1d\x36", 3, true, LIT("\x02\x01\x00"), false, "tbs.inhibitAnyPolicy" },
        { "ocspNoCheck", "\x2b\x06\x01\x05\x05\x07\x30\x01\x05", 9, false, LIT("\x05\x00"), false,
          "tbs.ocspNoCheck" },
        { "acmeIdentifier", "\x2b\x06\x01\x05\x05\x07\x01\x1f", 8, true, LIT("\x04\x00"), false,
          "tbs.acmeIdentifier" },
        { "issuerAltName: no rule knows it", "\x55\x1d\x12", 3, false, LIT("\x30\x00"), false,
          "tbs.extension:2.5.29.18" },
        { "a private one", "\x2a\x03\x04", 3, false, LIT("\x05\x00"), false, "tbs.extension:1.2.3.4" },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        house_usual(H);
        house_drop(H, rows[i].oid, rows[i].oid_len);
        house_extension(H, rows[i].oid, rows[i].critical, rows[i].value, rows[i].len)->oid.len =
            rows[i].oid_len;
        check(CS_RULE_T14, rows[i].row, rows[i].ok, rows[i].subject);
    }
    static const struct {
        const char *oid;
        size_t len;
        const char *subject; /* NULL: it may be absent */
    } absent[] = {
        { CS_EXT_BASIC, NULL },
        { CS_EXT_KEY_USAGE, NULL },
        { CS_EXT_AIA, "tbs.authorityInfoAccess" },
        { CS_EXT_CRLDP, "tbs.cRLDistributionPoints" },
    };
    for (size_t i = 0; i < N_OF(absent); i++) {
        house_usual(H);
        house_drop(H, absent[i].oid, absent[i].len);
        check(CS_RULE_T14, "absent", absent[i].subject == NULL, absent[i].subject);
    }
    house_usual(H);
    H->tbs.is_ca = true;
    check(CS_RULE_T14, "cA TRUE", false, "tbs.basicConstraints");
    H->tbs.is_ca = false;
    H->tbs.has_path_len = true;
    check(CS_RULE_T14, "pathLen", false, "tbs.basicConstraints");
}

void key_usage_table(void **state)
{
    (void)state;
    enum { EC = 1, RSA = 2 };
    for (unsigned usage = 0; usage < 0x10000; usage += 0x80) {
        bool ec = (usage & 0x8000) != 0 && (usage & ~0x8800u) == 0;
        bool rsa = usage != 0 && (usage & ~0xb000u) == 0;
        for (int kind = EC; kind <= RSA; kind++) {
            house_usual(H);
            H->tbs.key_usage = (uint16_t)usage;
            H->tbs.key_kind = kind == RSA ? CS_KEY_RSA : CS_KEY_EC_P384;
            bool ok = kind == RSA ? rsa : ec;
            struct cs_verdict v = { .arena = &H->scratch };
            struct cs_case c = { .f = &H->facts, .arena = &H->scratch, .v = &v, .rule = CS_RULE_T14 };
            if (cs_key_usage_fits_the_key(&c, &H->tbs.extension[4]) != ok || cs_verdict_admits(&v) != ok)
                fail_msg("keyUsage %04x of an %s key", usage, kind == RSA ? "RSA" : "EC");
        }
    }
    house_usual(H);
    H->tbs.key_usage = 0x8800;
    check(CS_RULE_T14, "digitalSignature, keyAgreement", true, NULL);
    H->tbs.key_usage = 0x8400;
    check(CS_RULE_T14, "keyCertSign", false, "tbs.keyUsage");
    H->tbs.key_usage = 0x8200;
    check(CS_RULE_T14, "cRLSign", false, "tbs.keyUsage");
    H->tbs.key_usage = 0x8040;
    check(CS_RULE_T14, "a bit behind the last", false, "tbs.keyUsage");
}

void access_table(void **state)
{
    (void)state;
    static const struct {
        const char *row, *value;
        size_t len;
        bool ok;
    } rows[] = {
        { "ocsp", LIT("\x30\x18\x30\x16" OCSP "\x86\x0ahttp://a/b"), true },
        { "scheme in capitals", LIT("\x30\x18\x30\x16" OCSP "\x86\x0aHTTP://a/b"), true },
        { "both", LIT("\x30\x30\x30\x16" OCSP "\x86\x0ahttp://a/b\x30\x16" ISSUERS "\x86\x0ahttp://a/b"),
          true },
        { "two issuers",
          LIT("\x30\x30\x30\x16" ISSUERS "\x86\x0ahttp://a/b\x30\x16" ISSUERS "\x86\x0ahttp://a/c"), true },
        { "one location twice",
          LIT("\x30\x30\x30\x16" OCSP "\x86\x0ahttp://a/b\x30\x16" OCSP "\x86\x0ahttp://a/b"), false },
        { "https", LIT("\x30\x19\x30\x17" OCSP "\x86\x0bhttps://a/b"), false },
        { "ldap", LIT("\x30\x18\x30\x16" ISSUERS "\x86\x0aldap://a/b"), false },
        { "no host", LIT("\x30\x18\x30\x16" ISSUERS "\x86\x0ahttp:///ab"), false },
        { "nothing but the scheme", LIT("\x30\x15\x30\x13" ISSUERS "\x86\x07http://"), false },
        { "a space", LIT("\x30\x18\x30\x16" ISSUERS "\x86\x0ahttp://a b"), false },
        { "a dNSName", LIT("\x30\x18\x30\x16" ISSUERS "\x82\x0ahttp://a/b"), false },
        { "another method", LIT("\x30\x18\x30\x16\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x03\x86\x0ahttp://a/b"),
          false },
        { "empty", LIT("\x30\x00"), false },
        { "cut short", LIT("\x30\x18\x30\x16" ISSUERS), false },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        house_usual(H);
        house_find(H, CS_EXT_AIA)->value = cs_span_of(rows[i].value, rows[i].len);
        check(CS_RULE_T14, rows[i].row, rows[i].ok, NULL);
    }
    house_usual(H);
    house_find(H, CS_EXT_AIA)->critical = true;
    check(CS_RULE_T14, "critical", false, "tbs.authorityInfoAccess");
}

void point_table(void **state)
{
    (void)state;
#define URI_P "\x86\x0ahttp://a/b"
    static const struct {
        const char *row, *value;
        size_t len;
        bool ok;
    } rows[] = {
        { "one", LIT("\x30\x12\x30\x10\xa0\x0e\xa0\x0c" URI_P), true },
        { "two", LIT("\x30\x24\x30\x10\xa0\x0e\xa0\x0c" URI_P "\x30\x10\xa0\x0e\xa0\x0c" URI_P), true },
        { "one of two names", LIT("\x30\x1e\x30\x1c\xa0\x1a\xa0\x18" URI_P URI_P), true },
        { "https", LIT("\x30\x13\x30\x11\xa0\x0f\xa0\x0d\x86\x0bhttps://a/b"), false },
        { "ldap besides", LIT("\x30\x1e\x30\x1c\xa0\x1a\xa0\x18" URI_P "\x86\x0aldap://a/b"), false },
        { "a directoryName", LIT("\x30\x08\x30\x06\xa0\x04\xa0\x02\xa4\x00"), false },
        { "reasons", LIT("\x30\x16\x30\x14\xa0\x0e\xa0\x0c" URI_P "\x81\x02\x06\x40"), false },
        { "cRLIssuer", LIT("\x30\x20\x30\x1e\xa0\x0e\xa0\x0c" URI_P "\xa2\x0c" URI_P), false },
        { "cRLIssuer only", LIT("\x30\x10\x30\x0e\xa2\x0c" URI_P), false },
        { "a relative name", LIT("\x30\x08\x30\x06\xa0\x04\xa1\x02\x30\x00"), false },
        { "a point without anything", LIT("\x30\x02\x30\x00"), false },
        { "no point", LIT("\x30\x00"), false },
        { "cut short", LIT("\x30\x12\x30\x10\xa0\x0e"), false },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        house_usual(H);
        house_find(H, CS_EXT_CRLDP)->value = cs_span_of(rows[i].value, rows[i].len);
        check(CS_RULE_T14, rows[i].row, rows[i].ok, NULL);
    }
    house_usual(H);
    house_find(H, CS_EXT_CRLDP)->critical = true;
    check(CS_RULE_T14, "critical", false, "tbs.cRLDistributionPoints");

    /* Without distribution points. */
    house_usual(H);
    house_drop(H, CS_EXT_CRLDP);
    house_find(H, CS_EXT_AIA)->value = cs_span_of(LIT("\x30\x18\x30\x16" OCSP "\x86\x0ahttp://a/b"));
    check(CS_RULE_T14, "OCSP instead", true, NULL);

    static const struct {
        const char *row;
        int64_t now, difference_s;
        bool ok;
    } periods[] = {
        { "7 d", CS_DAY_2026_03_15, 604799, true },
        { "7 d and a second", CS_DAY_2026_03_15, 604800, false },
        { "10 d, last second of them", CS_DAY_2026_03_15 - 1, 863999, true },
        { "10 d and a second", CS_DAY_2026_03_15 - 1, 864000, false },
        { "10 d, first second of them", CS_DAY_2024_03_15, 863999, true },
        { "10 d a second before", CS_DAY_2024_03_15 - 1, 863999, false },
        { "one second before", CS_DAY_2024_03_15 - 1, 0, false },
        { "10 d a second later", CS_DAY_2026_03_15, 863999, false },
        { "ends before it begins", CS_DAY_2026_03_15, -1, false },
    };
    for (size_t i = 0; i < N_OF(periods); i++) {
        house_usual(H);
        house_drop(H, CS_EXT_CRLDP);
        H->facts.now_unix_s = H->tbs.not_before_unix_s = periods[i].now;
        H->tbs.not_after_unix_s = periods[i].now + periods[i].difference_s;
        (void)house_judge(H);
        if (house_has(H, CS_RULE_T14, "tbs.cRLDistributionPoints") == periods[i].ok)
            fail_msg("%s", periods[i].row);
    }
}

void qualifier_table(void **state)
{
    (void)state;
#define CPS  "\x06\x08\x2b\x06\x01\x05\x05\x07\x02\x01"
#define TEXT "\x06\x08\x2b\x06\x01\x05\x05\x07\x02\x02"
#define DV   "\x06\x06\x67\x81\x0c\x01\x02\x01"
    static const struct {
        const char *row, *value;
        size_t len;
        bool ok;
    } rows[] = {
        { "a CPS pointer", LIT("\x30\x24\x30\x22" DV "\x30\x18\x30\x16" CPS "\x16\x0ahttp://a/b"), true },
        { "to https", LIT("\x30\x25\x30\x23" DV "\x30\x19\x30\x17" CPS "\x16\x0bhttps://a/b"), true },
        { "to no URL", LIT("\x30\x24\x30\x22" DV "\x30\x18\x30\x16" CPS "\x16\x0aour office"), false },
        { "a user notice", LIT("\x30\x1a\x30\x18" DV "\x30\x0e\x30\x0c" TEXT "\x30\x00"), false },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        house_usual(H);
        house_find(H, CS_EXT_POLICIES)->value = cs_span_of(rows[i].value, rows[i].len);
        check(CS_RULE_T14, rows[i].row, rows[i].ok, "tbs.certificatePolicies");
    }
#undef DV
}

void purpose_table(void **state)
{
    (void)state;
#define KP(n) "\x06\x08\x2b\x06\x01\x05\x05\x07\x03" n
    static const struct {
        const char *row;
        int64_t now;
        const char *value;
        size_t len;
        bool ok;
    } rows[] = {
        { "serverAuth", HOUSE_NOW, LIT("\x30\x0a" KP("\x01")), true },
        { "serverAuth later", CS_DAY_2027_03_15, LIT("\x30\x0a" KP("\x01")), true },
        { "clientAuth, last second", CS_DAY_2027_03_15 - 1, LIT("\x30\x14" KP("\x01") KP("\x02")), true },
        { "clientAuth, a second later", CS_DAY_2027_03_15, LIT("\x30\x14" KP("\x01") KP("\x02")), false },
        { "clientAuth first", HOUSE_NOW, LIT("\x30\x14" KP("\x02") KP("\x01")), true },
        { "clientAuth alone", HOUSE_NOW, LIT("\x30\x0a" KP("\x02")), false },
        { "codeSigning", HOUSE_NOW, LIT("\x30\x14" KP("\x01") KP("\x03")), false },
        { "emailProtection", HOUSE_NOW, LIT("\x30\x14" KP("\x01") KP("\x04")), false },
        { "timeStamping", HOUSE_NOW, LIT("\x30\x14" KP("\x01") KP("\x08")), false },
        { "OCSPSigning", HOUSE_NOW, LIT("\x30\x14" KP("\x01") KP("\x09")), false },
        { "any", HOUSE_NOW, LIT("\x30\x10" KP("\x01") "\x06\x04\x55\x1d\x25\x00"), false },
        { "precertificate signing", HOUSE_NOW,
          LIT("\x30\x16" KP("\x01") "\x06\x0a\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x04"), false },
        { "one that BR does not name", HOUSE_NOW, LIT("\x30\x14" KP("\x01") KP("\x63")), false },
        { "none", HOUSE_NOW, LIT("\x30\x00"), false },
        { "cut short", HOUSE_NOW, LIT("\x30\x0a\x06\x08"), false },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        house_usual(H);
        H->facts.now_unix_s = rows[i].now;
        house_find(H, CS_EXT_EKU)->value = cs_span_of(rows[i].value, rows[i].len);
        if (rows[i].now == HOUSE_NOW) {
            check(CS_RULE_T16, rows[i].row, rows[i].ok, "tbs.extKeyUsage");
            continue;
        }
        (void)house_judge(H);
        if (house_has(H, CS_RULE_T16, "tbs.extKeyUsage") == rows[i].ok)
            fail_msg("%s", rows[i].row);
    }
    house_usual(H);
    house_find(H, CS_EXT_EKU)->critical = true;
    check(CS_RULE_T16, "critical", false, "tbs.extKeyUsage");
    house_usual(H);
    house_drop(H, CS_EXT_EKU);
    check(CS_RULE_T16, "absent", false, "tbs.extKeyUsage");
}

void poison_table(void **state)
{
    (void)state;
    house_usual(H);
    check(CS_RULE_P01, "no poison", true, NULL);
    struct cs_extension *x = house_extension(H, "", true, LIT("\x05\x00"));
    x->oid = cs_span_of(CS_EXT_POISON);
    H->tbs.has_poison = true;
    H->facts.kind = CS_LEAF_PRECERTIFICATE;
    check(CS_RULE_P01, "poison", true, NULL);
    x->critical = false;
    check(CS_RULE_P01, "not critical", false, "tbs.precertificatePoison");
    x->critical = true;
    x->value = cs_span_of(LIT("\x05\x01"));
    check(CS_RULE_P01, "another value", false, "tbs.precertificatePoison");
    x->value = cs_span_of(LIT("\x05\x00"));
    house_extension(H, "", false, LIT("\x04\x00"))->oid = cs_span_of(CS_EXT_SCTS);
    check(CS_RULE_P01, "an SCT list besides", false, "tbs.extensions");
}
