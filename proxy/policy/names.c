#include "proxy/policy/names.h"

#include <pthread.h>

#include "proxy/ipc/messages.h"

struct row {
    int value;
    const char *name;
};

#define METHOD(value) COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_##value
static const struct row methods[] = {
    { METHOD(DCV_CONSTRUCTED_EMAIL), "dcv_constructed_email" },
    { METHOD(DCV_DNS_CHANGE), "dcv_dns_change" },
    { METHOD(DCV_REGISTRAR_DOMAIN_CONTACT), "dcv_registrar_domain_contact" },
    { METHOD(DCV_EMAIL_CAA_CONTACT), "dcv_email_caa_contact" },
    { METHOD(DCV_EMAIL_TXT_CONTACT), "dcv_email_txt_contact" },
    { METHOD(DCV_PHONE_TXT_CONTACT), "dcv_phone_txt_contact" },
    { METHOD(DCV_PHONE_CAA_CONTACT), "dcv_phone_caa_contact" },
    { METHOD(DCV_HTTP_WEBSITE_V2), "dcv_http_website_v2" },
    { METHOD(DCV_ACME_HTTP_01), "dcv_acme_http_01" },
    { METHOD(DCV_ACME_TLS_ALPN_01), "dcv_acme_tls_alpn_01" },
    { METHOD(DCV_ACME_DNS_ACCOUNT_01), "dcv_acme_dns_account_01" },
    { METHOD(DCV_DNS_PERSIST_01), "dcv_dns_persist_01" },
    { METHOD(DCV_ONION_CSR), "dcv_onion_csr" },
    { METHOD(IPCV_HTTP_WEBSITE), "ipcv_http_website" },
    { METHOD(IPCV_IP_CONTACT_MESSAGE), "ipcv_ip_contact_message" },
    { METHOD(IPCV_REVERSE_LOOKUP), "ipcv_reverse_lookup" },
    { METHOD(IPCV_IP_CONTACT_PHONE), "ipcv_ip_contact_phone" },
    { METHOD(IPCV_ACME_HTTP_01), "ipcv_acme_http_01" },
    { METHOD(IPCV_ACME_TLS_ALPN_01), "ipcv_acme_tls_alpn_01" },
    { METHOD(IPCV_DNS_PERSIST_01), "ipcv_dns_persist_01" },
    { METHOD(RETIRED_DCV_1_DOMAIN_CONTACT), "retired_dcv_1_domain_contact" },
    { METHOD(RETIRED_DCV_2_CONTACT_MESSAGE), "retired_dcv_2_contact_message" },
    { METHOD(RETIRED_DCV_3_CONTACT_PHONE), "retired_dcv_3_contact_phone" },
    { METHOD(RETIRED_DCV_5_DOCUMENT), "retired_dcv_5_document" },
    { METHOD(RETIRED_DCV_6_WEBSITE_V1), "retired_dcv_6_website_v1" },
    { METHOD(RETIRED_DCV_8_IP_ADDRESS), "retired_dcv_8_ip_address" },
    { METHOD(RETIRED_DCV_9_TEST_CERT), "retired_dcv_9_test_cert" },
    { METHOD(RETIRED_DCV_10_TLS_RANDOM), "retired_dcv_10_tls_random" },
    { METHOD(RETIRED_DCV_11_ANY_OTHER), "retired_dcv_11_any_other" },
    { METHOD(RETIRED_DCV_15_CONTACT_PHONE_V2), "retired_dcv_15_contact_phone_v2" },
    { METHOD(RETIRED_IPCV_4_ANY_OTHER), "retired_ipcv_4_any_other" },
};
#undef METHOD

#define ROLE(value) COUNTERSIGN__V1__ROLE__ROLE_##value
static const struct row roles[] = {
    { ROLE(VALIDATION_SYSTEM), "validation-system" },
    { ROLE(VETTING_SPECIALIST), "vetting-specialist" },
    { ROLE(ORDER_AUTHORITY), "order-authority" },
    { ROLE(LINT_SERVICE), "lint-service" },
    { ROLE(RA_OFFICER), "ra-officer" },
    { ROLE(CEREMONY_OFFICER), "ceremony-officer" },
    { ROLE(OPERATOR), "operator" },
};
#undef ROLE

/* The first name of a value is the one that is written. */
#define PROFILE(value) COUNTERSIGN__V1__PROFILE__PROFILE_##value
static const struct row profiles[] = {
    { PROFILE(DOMAIN_VALIDATED), "domain-validated" },
    { PROFILE(INDIVIDUAL_VALIDATED), "individual-validated" },
    { PROFILE(ORGANIZATION_VALIDATED), "organization-validated" },
    { PROFILE(EXTENDED_VALIDATION), "extended-validation" },
    { PROFILE(DOMAIN_VALIDATED), "dv" },
    { PROFILE(INDIVIDUAL_VALIDATED), "iv" },
    { PROFILE(ORGANIZATION_VALIDATED), "ov" },
    { PROFILE(EXTENDED_VALIDATION), "ev" },
};
#undef PROFILE

static const struct row algorithms[] = {
#define X(id, name, hex) { CS_ALG_##id, name },
    CS_ALGORITHMS(X)
#undef X
};

static const struct row attester_algorithms[] = {
    { CS_ATTESTER_ED25519, "ed25519" },
    { CS_ATTESTER_ECDSA_P256_SHA256, "ecdsa-p256-sha256" },
};

static const struct row purposes[] = {
    { CS_PURPOSE_LEAF, "leaf" }, { CS_PURPOSE_CA, "ca" },         { CS_PURPOSE_CRL, "crl" },
    { CS_PURPOSE_OCSP, "ocsp" }, { CS_PURPOSE_LEDGER, "ledger" },
};

#define N(table) (sizeof(table) / sizeof *(table))

static int value_of(const struct row *rows, size_t n, struct cs_span name)
{
    for (size_t i = 0; i < n; i++)
        if (cs_span_is(name, rows[i].name))
            return rows[i].value;
    return 0;
}

static const char *name_of(const struct row *rows, size_t n, int value)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].value == value)
            return rows[i].name;
    return "?";
}

void cs_method_set_add(struct cs_method_set *s, int method)
{
    if (method > 0 && method < 192)
        s->bit[method / 64] |= UINT64_C(1) << (method % 64);
}

Countersign__V1__ValidationMethod cs_method_of_name(struct cs_span name)
{
    return (Countersign__V1__ValidationMethod)value_of(methods, N(methods), name);
}

const char *cs_method_name(int method)
{
    return name_of(methods, N(methods), method);
}

Countersign__V1__Role cs_role_of_name(struct cs_span name)
{
    return (Countersign__V1__Role)value_of(roles, N(roles), name);
}

const char *cs_role_name(int role)
{
    return name_of(roles, N(roles), role);
}

Countersign__V1__Profile cs_profile_of_name(struct cs_span name)
{
    return (Countersign__V1__Profile)value_of(profiles, N(profiles), name);
}

const char *cs_profile_name(int profile)
{
    return name_of(profiles, N(profiles), profile);
}

enum cs_algorithm cs_algorithm_of_name(struct cs_span name)
{
    return (enum cs_algorithm)value_of(algorithms, N(algorithms), name);
}

const char *cs_algorithm_name(enum cs_algorithm a)
{
    return name_of(algorithms, N(algorithms), (int)a);
}

enum cs_attester_algorithm cs_attester_algorithm_of_name(struct cs_span name)
{
    return (enum cs_attester_algorithm)value_of(attester_algorithms, N(attester_algorithms), name);
}

const char *cs_attester_algorithm_name(enum cs_attester_algorithm a)
{
    return name_of(attester_algorithms, N(attester_algorithms), (int)a);
}

uint32_t cs_purpose_of_name(struct cs_span name)
{
    return (uint32_t)value_of(purposes, N(purposes), name);
}

const char *cs_purpose_name(uint32_t purpose)
{
    return name_of(purposes, N(purposes), purpose <= CS_PURPOSE_LEDGER ? (int)purpose : 0);
}

const char *cs_name_at(enum cs_name_list list, unsigned n)
{
    static const struct {
        const struct row *rows;
        size_t n;
    } lists[] = {
        [CS_NAMES_METHOD] = { methods, N(methods) },
        [CS_NAMES_ROLE] = { roles, N(roles) },
        [CS_NAMES_PROFILE] = { profiles, N(profiles) },
        [CS_NAMES_ALGORITHM] = { algorithms, N(algorithms) },
        [CS_NAMES_ATTESTER_ALGORITHM] = { attester_algorithms, N(attester_algorithms) },
        [CS_NAMES_PURPOSE] = { purposes, N(purposes) },
    };
    return (size_t)list < N(lists) && n < lists[list].n ? lists[list].rows[n].name : NULL;
}

/* ---- AlgorithmIdentifiers: decoded from the table once ---- */

static struct {
    uint8_t byte[80];
    size_t len;
} der[CS_ALG_COUNT];

static void decode_table(void)
{
    static const char *const hex[CS_ALG_COUNT] = {
#define X(id, name, text) [CS_ALG_##id] = text,
        CS_ALGORITHMS(X)
#undef X
    };
    for (size_t a = 1; a < CS_ALG_COUNT; a++)
        if (!cs_ok(cs_unhex(cs_span_str(hex[a]), der[a].byte, sizeof der[a].byte, &der[a].len)))
            der[a].len = 0;
}

struct cs_span cs_algorithm_der(enum cs_algorithm a)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, decode_table);
    if ((unsigned)a == CS_ALG_NONE || (unsigned)a >= CS_ALG_COUNT)
        return (struct cs_span){ 0 };
    return cs_span_of(der[a].byte, der[a].len);
}

enum cs_algorithm cs_algorithm_of_der(struct cs_span identifier)
{
    for (unsigned a = 1; a < CS_ALG_COUNT && identifier.len != 0; a++)
        if (cs_span_eq(cs_algorithm_der((enum cs_algorithm)a), identifier))
            return (enum cs_algorithm)a;
    return CS_ALG_NONE;
}

enum cs_hash cs_algorithm_hash(enum cs_algorithm a)
{
    switch (a) {
    case CS_ALG_RSA_SHA384:
    case CS_ALG_RSA_PSS_SHA384:
    case CS_ALG_ECDSA_SHA384:
        return CS_HASH_SHA384;
    case CS_ALG_RSA_SHA512:
    case CS_ALG_RSA_PSS_SHA512:
    case CS_ALG_ECDSA_SHA512:
        return CS_HASH_SHA512;
    case CS_ALG_NONE:
    case CS_ALG_RSA_SHA256:
    case CS_ALG_RSA_PSS_SHA256:
    case CS_ALG_ECDSA_SHA256:
    case CS_ALG_COUNT:
    default:
        return CS_HASH_SHA256;
    }
}
