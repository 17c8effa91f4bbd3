#include "client/cli/mpic_answer.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#include "countersign/v1/common.pb-c.h"

#define M(id) COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_##id

/* Names of the service, and ours for names and addresses; 0: it does not validate those. The service's
 * ip-address compares address records, which BR 3.2.2.4.8 allowed until 2026-03-15: it is not in the list. */
static const struct {
    const char *name;
    int for_name, for_ip;
} methods[] = {
    { "acme-http-01", M(DCV_ACME_HTTP_01), M(IPCV_ACME_HTTP_01) },
    { "acme-dns-01", M(DCV_DNS_CHANGE), 0 },
    { "dns-change", M(DCV_DNS_CHANGE), 0 },
    { "acme-tls-alpn-01", M(DCV_ACME_TLS_ALPN_01), M(IPCV_ACME_TLS_ALPN_01) },
    { "website-change", M(DCV_HTTP_WEBSITE_V2), M(IPCV_HTTP_WEBSITE) },
    { "website-change-v2", M(DCV_HTTP_WEBSITE_V2), M(IPCV_HTTP_WEBSITE) },
    { "contact-email-caa", M(DCV_EMAIL_CAA_CONTACT), 0 },
    { "contact-email-txt", M(DCV_EMAIL_TXT_CONTACT), 0 },
    { "contact-phone-txt", M(DCV_PHONE_TXT_CONTACT), 0 },
    { "contact-phone-caa", M(DCV_PHONE_CAA_CONTACT), 0 },
    { "dns-account-01", M(DCV_ACME_DNS_ACCOUNT_01), 0 },
    { "dns-persistent", M(DCV_DNS_PERSIST_01), 0 },
    { "reverse-address-lookup", 0, M(IPCV_REVERSE_LOOKUP) },
};

static CS_RESULT refuse(struct cs_note *note, const char *format, ...) __attribute__((format(printf, 2, 3)));
static CS_RESULT refuse(struct cs_note *note, const char *format, ...)
{
    char text[sizeof note->text];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    cs_note_set(note, "%s", text);
    return CS_ERR(FORM);
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text != NULL ? text : "";
}

/* ---- perspectives ---- */

/* The object that holds the result: the perspective itself, or its check_response. */
static const json_t *result_of(const json_t *perspective)
{
    static const char *const members[] = { "check_completed", "check_passed", "timestamp_ns" };
    const json_t *inner = json_object_get(perspective, "check_response");
    if (inner == NULL)
        return perspective;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (json_object_get(perspective, members[i]) != NULL)
            return NULL;
    return json_is_object(inner) ? inner : NULL;
}

static CS_RESULT read_remote(const json_t *perspective, size_t i, const char *check_type,
                             struct cs_mpic_answer *out, const struct cs_sites *sites, struct cs_note *note)
{
    const char *code = text_of(perspective, "perspective_code");
    struct cs_mpic_remote *to = &out->remote[out->n_remotes];
    if (code[0] == '\0')
        return refuse(note, "perspectives[%zu]: needs a perspective_code", i);
    to->site = cs_site_of_code(sites, cs_span_str(code));
    if (to->site == NULL)
        return refuse(note, "perspectives[%zu]: '%.64s' is not in the table of perspectives", i, code);
    for (uint32_t k = 0; k < out->n_remotes; k++)
        if (out->remote[k].site == to->site)
            return refuse(note, "perspectives[%zu]: '%.64s' stands there twice", i, code);
    const json_t *result = result_of(perspective);
    if (result == NULL)
        return refuse(note,
                      "perspectives[%zu]: '%.64s' has a result in check_response and beside it, or none", i,
                      code);
    const json_t *completed = json_object_get(result, "check_completed"),
                 *passed = json_object_get(result, "check_passed"),
                 *at = json_object_get(result, "timestamp_ns"), *type = json_object_get(result, "check_type");
    if (!json_is_boolean(completed) || !json_is_boolean(passed))
        return refuse(note,
                      "perspectives[%zu]: '%.64s' needs check_completed and check_passed, true or false", i,
                      code);
    if (type != NULL && strcmp(json_is_string(type) ? json_string_value(type) : "", check_type) != 0)
        return refuse(note, "perspectives[%zu]: '%.64s' has another check_type", i, code);
    to->passed = json_is_true(completed) && json_is_true(passed);
    to->has_time = json_is_integer(at) && json_integer_value(at) > 0;
    to->observed_unix_s = to->has_time ? json_integer_value(at) / INT64_C(1000000000) : 0;
    if (!to->has_time && (to->passed || (at != NULL && !json_is_null(at))))
        return refuse(note, "perspectives[%zu]: '%.64s' needs a timestamp_ns", i, code);
    out->n_remotes++;
    return CS_OK;
}

static CS_RESULT read_remotes(const json_t *root, const char *check_type, struct cs_mpic_answer *out,
                              const struct cs_sites *sites, struct cs_note *note)
{
    const json_t *list = json_object_get(root, "perspectives");
    size_t n = json_array_size(list);
    if (n == 0 || n > CS_MPIC_REMOTES_MAX)
        return refuse(note, "perspectives: %zu in the list; needs 1 to %d", n, CS_MPIC_REMOTES_MAX);
    const json_t *count =
        json_object_get(json_object_get(root, "actual_orchestration_parameters"), "perspective_count");
    if (count != NULL && (!json_is_integer(count) || json_integer_value(count) != (json_int_t)n))
        return refuse(note,
                      "perspectives: %zu in the list, and actual_orchestration_parameters speaks of others",
                      n);
    for (size_t i = 0; i < n; i++)
        CS_TRY(read_remote(json_array_get(list, i), i, check_type, out, sites, note));
    return CS_OK;
}

/* ---- what was checked ---- */

static CS_RESULT read_dcv(const json_t *root, struct cs_mpic_answer *out, struct cs_note *note)
{
    const char *name = text_of(json_object_get(root, "dcv_check_parameters"), "validation_method");
    if (name[0] == '\0')
        return refuse(note, "dcv_check_parameters: needs a validation_method");
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (strcmp(methods[i].name, name) != 0)
            continue;
        out->method = out->ip ? methods[i].for_ip : methods[i].for_name;
        if (out->method == 0)
            return refuse(note, "validation_method '%s' does not validate %s", name,
                          out->ip ? "addresses" : "names");
        return CS_OK;
    }
    return refuse(note, "validation_method '%.64s' is none that is allowed today", name);
}

static CS_RESULT read_caa(const json_t *root, struct cs_mpic_answer *out, struct cs_note *note)
{
    const json_t *parameters = json_object_get(root, "caa_check_parameters"),
                 *type = json_object_get(parameters, "certificate_type");
    out->caa_domains = json_object_get(parameters, "caa_domains");
    if (out->ip)
        return refuse(note, "domain_or_ip_target: an address, which has no CAA records");
    if (json_array_size(out->caa_domains) == 0)
        return refuse(note,
                      "caa_check_parameters.caa_domains: needs the issuer domains asked for; those of the "
                      "service's own configuration are not known here");
    for (size_t i = 0; i < json_array_size(out->caa_domains); i++)
        if (!json_is_string(json_array_get(out->caa_domains, i)))
            return refuse(note, "caa_check_parameters.caa_domains[%zu]: needs a string", i);
    if (type != NULL && !json_is_null(type) &&
        strcmp(json_is_string(type) ? json_string_value(type) : "", "tls-server") != 0)
        return refuse(note, "caa_check_parameters.certificate_type: needs tls-server");
    return CS_OK;
}

static CS_RESULT read_attempt(const json_t *root, struct cs_mpic_answer *out, struct cs_note *note)
{
    const json_t *n =
        json_object_get(json_object_get(root, "actual_orchestration_parameters"), "attempt_count");
    out->attempt = 1;
    if (n == NULL || json_is_null(n))
        return CS_OK;
    if (!json_is_integer(n) || json_integer_value(n) < 1 || json_integer_value(n) > 1000)
        return refuse(note, "actual_orchestration_parameters.attempt_count: needs a number from 1 to 1000");
    out->attempt = (uint32_t)json_integer_value(n);
    return CS_OK;
}

CS_RESULT cs_mpic_answer_read(const json_t *root, const struct cs_sites *sites, struct cs_mpic_answer *out,
                              struct cs_note *note)
{
    const char *type = text_of(root, "check_type");
    struct cs_mpic_answer a = { .target = text_of(root, "domain_or_ip_target") };
    uint8_t octets[16];
    a.caa = strcmp(type, "caa") == 0;
    if (!a.caa && strcmp(type, "dcv") != 0)
        return refuse(note, "check_type '%.64s': needs dcv or caa", type);
    if (a.target[0] == '\0')
        return refuse(note, "domain_or_ip_target: missing");
    if (!json_is_true(json_object_get(root, "mpic_completed")))
        return refuse(note, "mpic_completed is not true: the service did not finish");
    a.wildcard = strncmp(a.target, "*.", 2) == 0;
    a.ip = inet_pton(AF_INET, a.target, octets) == 1 || inet_pton(AF_INET6, a.target, octets) == 1;
    CS_TRY(a.caa ? read_caa(root, &a, note) : read_dcv(root, &a, note));
    CS_TRY(read_attempt(root, &a, note));
    CS_TRY(read_remotes(root, type, &a, sites, note));
    *out = a;
    return CS_OK;
}
