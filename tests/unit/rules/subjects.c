/* T12: attributes of the subject, by profile. */
#include "tests/unit/rules/subjects.h"

#include "proxy/gate/rules/profile.h"

#define TEN "abcdefghij"
#define C64 TEN TEN TEN TEN TEN TEN "abcd"
/* ten characters in twenty octets */
#define UTF8_TEN "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"

static const int profiles[] = { PROFILE(DOMAIN_VALIDATED), PROFILE(INDIVIDUAL_VALIDATED),
                                PROFILE(ORGANIZATION_VALIDATED), PROFILE(EXTENDED_VALIDATION) };

void subject_request(int which, const struct attribute *a, size_t n)
{
    house_init(H);
    house_name(H, "www.example.com");
    house_profile(H, profiles[which]);
    for (size_t i = 0; i < n && a[i].oid != NULL; i++)
        house_attribute(H, a[i].oid, a[i].tag, a[i].value);
    house_order(H)->profile = (Countersign__V1__Profile)profiles[which];
    house_control(H, "example.com", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
    house_identity(H)->profile = (Countersign__V1__Profile)profiles[which];
    house_last(H)->n_signers = 2;
    house_last(H)->signer[1] = 1;
}

void attribute_table(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        int profile;
        bool ok;
        const char *subject;
        struct attribute a[12];
    } rows[] = {
        { "nothing", DV, true, NULL, { { 0 } } },
        { "C and CN", DV, true, NULL, { US, XCN } },
        { "CN before C", DV, false, "subject:C", { XCN, US } },
        { "C twice", DV, false, "subject:C", { US, US } },
        { "ST", DV, false, "subject:ST", { US, XST } },
        { "O", DV, false, "subject:O", { XO } },
        { "OU", DV, false, "subject:OU", { { OU, UTF8, "it" } } },
        { "serialNumber", DV, false, "subject:serialNumber", { XSE } },
        { "DC", DV, false, "subject:DC", { { DC, IA5, "com" }, { DC, IA5, "example" } } },
        { "e-mail", DV, false, "subject:1.2.840.113549.1.9.1", { { EMAIL, IA5, "a@example.com" } } },

        { "C, L, SN, GN", IV, true, NULL, { US, XL, XSN, XGN } },
        { "all that may be",
          IV,
          true,
          NULL,
          { US, XST, XL, { POSTAL, UTF8, "1" }, { STREET, UTF8, "2" }, XO, XSN, XGN, XCN, XSE, XBC, XJC } },
        { "no country", IV, false, "subject:C", { XL, XSN, XGN } },
        { "no place", IV, false, "subject", { US, XSN, XGN } },
        { "no surname", IV, false, "subject:SN", { US, XL, XGN } },
        { "no given name", IV, false, "subject:GN", { US, XL, XSN } },
        { "OU", IV, false, "subject:OU", { US, XL, XSN, XGN, { OU, UTF8, "it" } } },

        { "C, L, O", OV, true, NULL, { US, XL, XO } },
        { "C, ST, O", OV, true, NULL, { US, XST, XO } },
        { "neither ST nor L", OV, false, "subject", { US, XO } },
        { "no country", OV, false, "subject:C", { XL, XO } },
        { "no organisation", OV, false, "subject:O", { US, XL } },
        { "both names", OV, true, NULL, { US, XL, XO, XSN, XGN } },
        { "surname alone", OV, false, "subject", { US, XL, XO, XSN } },
        { "given name alone", OV, false, "subject", { US, XL, XO, XGN } },
        { "OU", OV, false, "subject:OU", { US, XL, XO, { OU, UTF8, "it" } } },
        { "e-mail",
          OV,
          false,
          "subject:1.2.840.113549.1.9.1",
          { US, XL, XO, { EMAIL, IA5, "a@example.com" } } },
        { "DC of the name", OV, true, NULL, { { DC, IA5, "com" }, { DC, IA5, "example" }, US, XL, XO } },
        { "DC the wrong way round",
          OV,
          false,
          "subject:DC",
          { { DC, IA5, "example" }, { DC, IA5, "com" }, US, XL, XO } },
        { "DC of another name",
          OV,
          false,
          "subject:DC",
          { { DC, IA5, "net" }, { DC, IA5, "example" }, US, XL, XO } },
        { "DC of a top-level domain", OV, false, "subject:DC", { { DC, IA5, "com" }, US, XL, XO } },
        { "DC as UTF8String",
          OV,
          false,
          "subject:DC",
          { { DC, IA5, "com" }, { DC, UTF8, "example" }, US, XL, XO } },
        { "DC behind C",
          OV,
          false,
          "subject:DC",
          { US, { DC, IA5, "com" }, { DC, IA5, "example" }, XL, XO } },
        { "two streets", OV, true, NULL, { US, XL, { STREET, UTF8, "1" }, { STREET, UTF8, "2" }, XO } },
        { "two localities", OV, false, "subject:L", { US, XL, XL, XO } },
        { "L before ST", OV, false, "subject:ST", { US, XL, XST, XO } },
        { "O before L", OV, false, "subject:L", { US, XO, XL } },
        { "street before postal code",
          OV,
          false,
          "subject:postalCode",
          { US, XL, { STREET, UTF8, "1" }, { POSTAL, UTF8, "2" }, XO } },
        { "serialNumber first", OV, true, NULL, { XSE, US, XL, XO } },
        { "serialNumber between", OV, true, NULL, { US, XSE, XL, XO } },
        { "organizationIdentifier", OV, true, NULL, { US, XL, XO, { ORGID, UTF8, "LEIXG-ABC" } } },

        { "as EVG has it", EV, true, NULL, { US, XL, XO, XBC, XJC, XSE } },
        { "with a jurisdiction below",
          EV,
          true,
          NULL,
          { { JL, UTF8, "Columbus" }, { JST, UTF8, "Ohio" }, XJC, XBC, XSE, US, XST, XO, XCN } },
        { "no businessCategory", EV, false, "subject:businessCategory", { US, XL, XO, XJC, XSE } },
        { "no jurisdiction", EV, false, "subject:jurisdictionC", { US, XL, XO, XBC, XSE } },
        { "no serialNumber", EV, false, "subject:serialNumber", { US, XL, XO, XBC, XJC } },
        { "no organisation", EV, false, "subject:O", { US, XL, XBC, XJC, XSE } },
        { "no place", EV, false, "subject", { US, XO, XBC, XJC, XSE } },
        { "surname", EV, false, "subject:SN", { US, XL, XO, XSN, XGN, XBC, XJC, XSE } },
        { "OU", EV, false, "subject:OU", { US, XL, XO, { OU, UTF8, "it" }, XBC, XJC, XSE } },
        { "DC",
          EV,
          false,
          "subject:DC",
          { { DC, IA5, "com" }, { DC, IA5, "example" }, US, XL, XO, XBC, XJC, XSE } },
        { "e-mail",
          EV,
          false,
          "subject:1.2.840.113549.1.9.1",
          { US, XL, XO, XBC, XJC, XSE, { EMAIL, IA5, "a@example.com" } } },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        subject_request(rows[i].profile, rows[i].a, N_OF(rows[i].a));
        check(CS_RULE_T12, rows[i].row, rows[i].ok, rows[i].subject);
    }
}

void subject_value_table(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        struct attribute a;
        bool ok;
    } rows[] = {
        { "XX", { C, PRINTABLE, "XX" }, true },
        { "XK, user-assigned", { C, PRINTABLE, "XK" }, false },
        { "UK, reserved", { C, PRINTABLE, "UK" }, false },
        { "EU, reserved", { C, PRINTABLE, "EU" }, false },
        { "small letters", { C, PRINTABLE, "us" }, false },
        { "three letters", { C, PRINTABLE, "USA" }, false },
        { "first of the table", { C, PRINTABLE, "AD" }, true },
        { "last of the table", { C, PRINTABLE, "ZW" }, true },
        { "country as UTF8String", { C, UTF8, "US" }, false },
        { "64 characters", { O, UTF8, C64 }, true },
        { "65 characters", { O, UTF8, C64 "x" }, false },
        { "64 characters in 124 octets",
          { O, UTF8, UTF8_TEN UTF8_TEN UTF8_TEN UTF8_TEN UTF8_TEN UTF8_TEN "abcd" },
          true },
        { "65 characters in 125 octets",
          { O, UTF8, UTF8_TEN UTF8_TEN UTF8_TEN UTF8_TEN UTF8_TEN UTF8_TEN "abcde" },
          false },
        { "128 characters", { ST, UTF8, C64 C64 }, true },
        { "129 characters", { ST, UTF8, C64 C64 "x" }, false },
        { "locality of 128", { L, PRINTABLE, C64 C64 }, true },
        { "locality of 129", { L, PRINTABLE, C64 C64 "x" }, false },
        { "postal code of 40", { POSTAL, UTF8, TEN TEN TEN TEN }, true },
        { "postal code of 41", { POSTAL, UTF8, TEN TEN TEN TEN "x" }, false },
        { "street of 128", { STREET, UTF8, C64 C64 }, true },
        { "street of 129", { STREET, UTF8, C64 C64 "x" }, false },
        { "serialNumber of 64", { SERIAL, PRINTABLE, C64 }, true },
        { "serialNumber of 65", { SERIAL, PRINTABLE, C64 "x" }, false },
        { "serialNumber as UTF8String", { SERIAL, UTF8, "1" }, false },
        { "jurisdiction XX", { JC, PRINTABLE, "XX" }, false },
        { "jurisdiction as UTF8String", { JC, UTF8, "US" }, false },
        { "jurisdiction state of 128", { JST, UTF8, C64 C64 }, true },
        { "jurisdiction state of 129", { JST, UTF8, C64 C64 "x" }, false },
        { "jurisdiction locality of 128", { JL, UTF8, C64 C64 }, true },
        { "jurisdiction locality of 129", { JL, UTF8, C64 C64 "x" }, false },
        { "category of 128", { BC, UTF8, C64 C64 }, true },
        { "category of 129", { BC, UTF8, C64 C64 "x" }, false },
        { "surname of 64", { SN, UTF8, C64 }, true },
        { "surname of 65", { SN, UTF8, C64 "x" }, false },
        { "given name of 65", { GN, UTF8, C64 "x" }, false },
        { "TeletexString", { O, TELETEX, "Acme" }, false },
        { "IA5String", { O, IA5, "Acme" }, false },
        { "BMPString", { O, 0x1e, "\1A\1B" }, false },
        { "empty", { O, UTF8, "" }, false },
        { "hyphen", { O, UTF8, "-" }, false },
        { "dot", { ST, UTF8, "." }, false },
        { "space", { L, UTF8, " " }, false },
        { "a row of them", { STREET, UTF8, " .-. _, " }, false },
        { "N/A", { ST, UTF8, "N/A" }, false },
        { "not applicable", { ST, UTF8, " Not Applicable " }, false },
        { "one letter", { O, UTF8, "X" }, true },
        { "one digit", { STREET, UTF8, "-1-" }, true },
        { "one letter beyond ASCII", { L, UTF8, "\u00c5" }, true },
    };
    static const struct attribute base[] = {
        US,  XST, XL,  { POSTAL, UTF8, "1" }, { STREET, UTF8, "2" },   XO, XSN, XGN,
        XSE, XBC, XJC, { JST, UTF8, "Ohio" }, { JL, UTF8, "Columbus" }
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct attribute a[N_OF(base)];
        memcpy(a, base, sizeof a);
        for (size_t k = 0; k < N_OF(a); k++)
            if (strcmp(a[k].oid, rows[i].a.oid) == 0)
                a[k] = rows[i].a;
        subject_request(OV, a, N_OF(a));
        check(CS_RULE_T12, rows[i].row, rows[i].ok, cs_show_attribute(&H->arena, cs_span_str(rows[i].a.oid)));
    }
    assert_false(cs_is_country(cs_span_of("AE", 1)));
    assert_false(cs_is_country(cs_span_str("AAA")));

    static const struct attribute one[] = { US, XL, XO };
    subject_request(OV, one, N_OF(one));
    H->tbs.attribute[2].rdn = 1;
    check(CS_RULE_T12, "two attributes in one RDN", false, "subject:O");
}
