/* T19: what EVG adds. */
#include "tests/unit/rules/subjects.h"

#include "proxy/base/clock.h"
#include "proxy/gate/rules/profile.h"

static const struct attribute ev[] = { US, XL, XO, XBC, XJC, XSE };
#define ORG(scheme, country, reference) "\x13\x03" scheme "\x13\x02" country "\x0c" reference

void ev_table(void **state)
{
    (void)state;
    assert_int_equal(CS_DAY_2027_09_15, cs_time_from_civil(2027, 9, 15, 0, 0, 0));
    static const struct {
        const char *category;
        bool ok;
    } categories[] = {
        { "Private Organization", true },  { "Government Entity", true },     { "Business Entity", true },
        { "Non-Commercial Entity", true }, { "private organization", false }, { "Business Entity ", false },
        { "V1.0, Clause 5.(b)", false },   { "Non-Commercial", false },
    };
    for (size_t i = 0; i < N_OF(categories); i++) {
        struct attribute a[N_OF(ev)];
        memcpy(a, ev, sizeof a);
        a[3].value = categories[i].category;
        subject_request(EV, a, N_OF(a));
        check(CS_RULE_T19, categories[i].category, categories[i].ok, "subject:businessCategory");
    }

    static const struct {
        const char *name, *subject;
        bool ok;
    } names[] = {
        { "b.example.com", NULL, true },
        { "*.example.com", "dns:*.example.com", false },
    };
    for (size_t i = 0; i < N_OF(names); i++) {
        house_init(H);
        house_name(H, "www.example.com");
        house_name(H, names[i].name);
        house_profile(H, PROFILE(EXTENDED_VALIDATION));
        for (size_t k = 0; k < N_OF(ev); k++)
            house_attribute(H, ev[k].oid, ev[k].tag, ev[k].value);
        house_order(H)->profile = PROFILE(EXTENDED_VALIDATION);
        house_control(H, "example.com", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
        house_identity(H)->profile = PROFILE(EXTENDED_VALIDATION);
        house_last(H)->n_signers = 2;
        house_last(H)->signer[1] = 1;
        check(CS_RULE_T19, names[i].name, names[i].ok, names[i].subject);
    }
    subject_request(EV, ev, N_OF(ev));
    house_name(H, "*." ONION_NAME);
    (void)house_judge(H);
    assert_false(house_has(H, CS_RULE_T19, NULL));
    subject_request(EV, ev, N_OF(ev));
    house_ip(H, "\x01\x02\x03\x04", 4);
    check(CS_RULE_T19, "an address", false, "ip:1.2.3.4");
    H->tbs.name[0] = H->tbs.name[--H->tbs.n_names];
    check(CS_RULE_T19, "addresses only", false, "tbs.subjectAltName");
}

void ev_serial_table(void **state)
{
    (void)state;
    static const struct {
        const char *serial;
        int64_t now;
        bool ok;
    } rows[] = {
        { "31/12/1999", CS_DAY_2027_09_15 - 1, true },
        { "31/12/1999", CS_DAY_2027_09_15, false },
        { "1999-12-31", CS_DAY_2027_09_15, true },
        { "2000-02-29", CS_DAY_2027_09_15, true },
        { "1999-02-29", CS_DAY_2027_09_15, false },
        { "1999-12-32", CS_DAY_2027_09_15, true }, /* no date, so a number */
        { "1999-1-31", CS_DAY_2027_09_15, false },
        { "1999/12/31", CS_DAY_2027_09_15, false },
        { "31.12.1999", CS_DAY_2027_09_15, false },
        { "12-31-1999", CS_DAY_2027_09_15, false },
        { "31 December 1999", CS_DAY_2027_09_15, false },
        { "Dec 31, 1999", CS_DAY_2027_09_15, false },
        { "31-13-1999", CS_DAY_2027_09_15, true },
        { "13-31-1999", CS_DAY_2027_09_15, true },
        { "12-34-5678", CS_DAY_2027_09_15, true },
        { "19991231", CS_DAY_2027_09_15, true },
        { "HRB 12345", CS_DAY_2027_09_15, true },
        { "1 2 3", CS_DAY_2027_09_15, true },
        { "1-2-3-1999", CS_DAY_2027_09_15, true },
        { "Government Entity", CS_DAY_2027_09_15, true },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct attribute a[N_OF(ev)];
        memcpy(a, ev, sizeof a);
        a[5].value = rows[i].serial;
        subject_request(EV, a, N_OF(a));
        H->facts.now_unix_s = rows[i].now;
        (void)house_judge(H);
        if (house_has(H, CS_RULE_T19, "subject:serialNumber") == rows[i].ok)
            fail_msg("%s", rows[i].serial);
    }
}

void ev_identifier_table(void **state)
{
    (void)state;
    static const struct {
        const char *row, *attribute, *extension;
        size_t len;
        bool ok;
    } rows[] = {
#define X(s) s, sizeof s - 1
        { "VAT", "VATDE-123",
          X("\x30\x0e" ORG("VAT", "DE",
                           "\x03"
                           "123")),
          true },
        { "NTR", "NTRGB-1-2",
          X("\x30\x0e" ORG("NTR", "GB",
                           "\x03"
                           "1-2")),
          true },
        { "NTR with state", "NTRUS+CA-123",
          X("\x30\x12\x13\x03"
            "NTR\x13\x02US\x80\x02"
            "CA\x0c\x03"
            "123"),
          true },
        { "PSD", "PSDBE-NBB-1",
          X("\x30\x10" ORG("PSD", "BE",
                           "\x05"
                           "NBB-1")),
          true },
        { "worldwide", "NTRXG-123",
          X("\x30\x0e" ORG("NTR", "XG",
                           "\x03"
                           "123")),
          true },
        { "Greek VAT", "VATEL-123",
          X("\x30\x0e" ORG("VAT", "EL",
                           "\x03"
                           "123")),
          true },
        { "EL outside VAT", "NTREL-123",
          X("\x30\x0e" ORG("NTR", "EL",
                           "\x03"
                           "123")),
          false },
        { "another scheme", "LEIXG-123",
          X("\x30\x0e" ORG("LEI", "XG",
                           "\x03"
                           "123")),
          false },
        { "no country", "VAT99-123",
          X("\x30\x0e" ORG("VAT", "99",
                           "\x03"
                           "123")),
          false },
        { "state outside NTR", "VATUS+CA-123",
          X("\x30\x12\x13\x03"
            "VAT\x13\x02US\x80\x02"
            "CA\x0c\x03"
            "123"),
          false },
        { "state of four", "NTRUS+CALI-123",
          X("\x30\x14\x13\x03"
            "NTR\x13\x02US\x80\x04"
            "CALI\x0c\x03"
            "123"),
          false },
        { "PSD without authority", "PSDBE-123",
          X("\x30\x0e" ORG("PSD", "BE",
                           "\x03"
                           "123")),
          false },
        { "extension absent", "VATDE-123", NULL, 0, false },
        { "attribute absent", NULL,
          X("\x30\x0e" ORG("VAT", "DE",
                           "\x03"
                           "123")),
          false },
        { "one character off", "VATDE-124",
          X("\x30\x0e" ORG("VAT", "DE",
                           "\x03"
                           "123")),
          false },
        { "another scheme there", "VATDE-123",
          X("\x30\x0e" ORG("NTR", "DE",
                           "\x03"
                           "123")),
          false },
        { "another country there", "VATDE-123",
          X("\x30\x0e" ORG("VAT", "NL",
                           "\x03"
                           "123")),
          false },
        { "cut short", "VATDE-123",
          X("\x30\x0d" ORG("VAT", "DE",
                           "\x03"
                           "12")),
          false },
        { "something behind it", "VATDE-123",
          X("\x30\x10" ORG("VAT", "DE",
                           "\x03"
                           "123") "\x05\x00"),
          false },
#undef X
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct attribute a[N_OF(ev) + 1] = { { 0 } };
        memcpy(a, ev, sizeof ev);
        if (rows[i].attribute != NULL)
            a[N_OF(ev)] = (struct attribute){ ORGID, UTF8, rows[i].attribute };
        subject_request(EV, a, N_OF(a));
        if (rows[i].extension != NULL)
            house_extension(H, "\x67\x81\x0c\x03\x01", false, rows[i].extension, rows[i].len)->oid.len = 5;
        check(CS_RULE_T19, rows[i].row, rows[i].ok, NULL);
    }
}
