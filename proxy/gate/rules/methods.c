/* Validation methods: BR 3.2.2.4, 3.2.2.5 and Appendix B, marks of the ADN table (ballot SC-101). */
#include "proxy/gate/rules/rows.h"

#define OPEN  INT64_MAX
#define M(id) COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_##id

enum {
    WILDCARD = 1,
    CHILD = 2,
    CNAME = 4,
    ONION = 8,
    IP = 16,
    MPIC = 32,
    DNS = 64,
    PERSIST = 128,
    VALUE = 256,   /* random value or token */
    LEFT = 512,    /* a value only when a message was left */
    LONGER = 1024, /* the value lives as long as validations are reused, if that is longer */
    EACH = 2048,   /* a value of its own for each message */
    ANY_DNS = WILDCARD | CHILD | CNAME,
    WEB = ONION | MPIC | DNS | VALUE,
    MAIL = ANY_DNS | VALUE | EACH,
    PHONE = ANY_DNS | MPIC | DNS | LEFT,
};
#define MARK(marks, mark) (((marks) & (mark)) != 0)
#define ROW(id, text, until, marks, max_s)                                                                   \
    {                                                                                                        \
        .method = M(id), .section = text, .until_unix_s = until, .for_ip = MARK(marks, IP),                  \
        .wildcard = MARK(marks, WILDCARD), .child_names = MARK(marks, CHILD), .cname = MARK(marks, CNAME),   \
        .onion = MARK(marks, ONION), .max_age_s = max_s, .mpic = MARK(marks, MPIC), .dns = MARK(marks, DNS), \
        .persists = MARK(marks, PERSIST), .value = MARK(marks, VALUE), .value_if_left = MARK(marks, LEFT),   \
        .value_s = MARK(marks, VALUE | LEFT) ? 30 * 86400 : 0, .value_as_reuse = MARK(marks, LONGER),        \
        .value_per_message = MARK(marks, EACH),                                                              \
    }

/* A retired method's evidence dies with it. Where the requirements only forbid new validations the row
 * ends there too; where no day is known it was never allowed. Lifetimes of values: for the ACME methods
 * on IP addresses none is stated, so that of their twins on names is taken. dns: whether the method
 * itself asks the DNS; the MX look-up behind an e-mail address does not count (BR 3.2.2.4.4). */
static const struct cs_method_row methods[] = {
    ROW(DCV_CONSTRUCTED_EMAIL, "3.2.2.4.4", CS_DAY_2028_03_15, MAIL, 0),
    ROW(DCV_DNS_CHANGE, "3.2.2.4.7", OPEN, ANY_DNS | MPIC | DNS | VALUE, 0),
    ROW(DCV_REGISTRAR_DOMAIN_CONTACT, "3.2.2.4.12", OPEN, WILDCARD | CHILD, 0),
    ROW(DCV_EMAIL_CAA_CONTACT, "3.2.2.4.13", CS_DAY_2028_03_15, MAIL | MPIC | DNS, 0),
    ROW(DCV_EMAIL_TXT_CONTACT, "3.2.2.4.14", CS_DAY_2028_03_15, MAIL | MPIC | DNS, 0),
    ROW(DCV_PHONE_TXT_CONTACT, "3.2.2.4.16", CS_DAY_2027_03_15, PHONE, 0),
    ROW(DCV_PHONE_CAA_CONTACT, "3.2.2.4.17", CS_DAY_2027_03_15, PHONE, 0),
    ROW(DCV_HTTP_WEBSITE_V2, "3.2.2.4.18", OPEN, WEB, 0),
    ROW(DCV_ACME_HTTP_01, "3.2.2.4.19", OPEN, WEB, 0),
    ROW(DCV_ACME_TLS_ALPN_01, "3.2.2.4.20", OPEN, WEB, 0),
    ROW(DCV_ACME_DNS_ACCOUNT_01, "3.2.2.4.21", OPEN, WILDCARD | CHILD | MPIC | DNS | VALUE, 0),
    ROW(DCV_DNS_PERSIST_01, "3.2.2.4.22", OPEN, WILDCARD | CHILD | MPIC | DNS | PERSIST, 10 * 86400),
    ROW(DCV_ONION_CSR, "Appendix B 2.b", OPEN, WILDCARD | CHILD | ONION | VALUE, 0),
    ROW(IPCV_HTTP_WEBSITE, "3.2.2.5.1", OPEN, IP | MPIC | VALUE | LONGER, 0),
    ROW(IPCV_IP_CONTACT_MESSAGE, "3.2.2.5.2", CS_DAY_2027_03_15, IP | VALUE | EACH, 0),
    ROW(IPCV_REVERSE_LOOKUP, "3.2.2.5.3", CS_DAY_2027_03_15, IP | MPIC | DNS, 0),
    ROW(IPCV_IP_CONTACT_PHONE, "3.2.2.5.5", CS_DAY_2027_03_15, IP | LEFT, 0),
    ROW(IPCV_ACME_HTTP_01, "3.2.2.5.6", OPEN, IP | MPIC | VALUE, 0),
    ROW(IPCV_ACME_TLS_ALPN_01, "3.2.2.5.7", OPEN, IP | MPIC | VALUE, 0),
    ROW(IPCV_DNS_PERSIST_01, "3.2.2.5.8", OPEN, IP | MPIC | DNS | PERSIST, 10 * 86400),
    ROW(RETIRED_DCV_1_DOMAIN_CONTACT, "3.2.2.4.1", CS_DAY_2018_08_01, 0, 0),
    ROW(RETIRED_DCV_2_CONTACT_MESSAGE, "3.2.2.4.2", CS_DAY_2025_07_15, 0, 0),
    ROW(RETIRED_DCV_3_CONTACT_PHONE, "3.2.2.4.3", CS_DAY_2019_06_01, 0, 0),
    ROW(RETIRED_DCV_5_DOCUMENT, "3.2.2.4.5", CS_DAY_2018_08_01, 0, 0),
    ROW(RETIRED_DCV_6_WEBSITE_V1, "3.2.2.4.6", CS_DAY_2020_06_01, 0, 0),
    ROW(RETIRED_DCV_8_IP_ADDRESS, "3.2.2.4.8", CS_DAY_2026_03_15, 0, 0),
    ROW(RETIRED_DCV_9_TEST_CERT, "3.2.2.4.9", CS_DAY_2019_03_16, 0, 0),
    ROW(RETIRED_DCV_10_TLS_RANDOM, "3.2.2.4.10", INT64_MIN, 0, 0),
    ROW(RETIRED_DCV_11_ANY_OTHER, "3.2.2.4.11", INT64_MIN, 0, 0),
    ROW(RETIRED_DCV_15_CONTACT_PHONE_V2, "3.2.2.4.15", CS_DAY_2025_07_15, 0, 0),
    ROW(RETIRED_IPCV_4_ANY_OTHER, "3.2.2.5.4", CS_DAY_2019_08_01, IP, 0),
};

const struct cs_method_row *cs_method_row(int method)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (methods[i].method == method)
            return &methods[i];
    return NULL;
}

const struct cs_method_row *cs_method_rows(size_t *n)
{
    *n = sizeof methods / sizeof *methods;
    return methods;
}
