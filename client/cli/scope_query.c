#include "client/cli/scope_query.h"

#include <arpa/inet.h>

#include "client/cli/times.h"
#include "proxy/policy/names.h"
#include "proxy/policy/version.h"

typedef struct cs_scope_arguments arguments_t;

void cs_scope_arguments_done(arguments_t *a)
{
    cs_arena_done(&a->arena);
}

static const struct {
    const char *name;
    enum cs_scope_result result;
} results[] = { { "signed", CS_SCOPE_SIGNED },         { "unknown", CS_SCOPE_UNKNOWN },
                { "not-signed", CS_SCOPE_NOT_SIGNED }, { "open", CS_SCOPE_OPEN },
                { "refused", CS_SCOPE_REFUSED },       { "recorded", CS_SCOPE_OTHER } };

const char *cs_scope_result_name(enum cs_scope_result r)
{
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (results[i].result == r)
            return results[i].name;
    return "?";
}

/* ---- values: each reader sets fact and value of *s, whose arena copy is made by the caller ---- */

struct value {
    struct cs_scope_selector s;
    struct cs_buf octets; /* of s.value */
    const char *needed;   /* for the note of a failure */
};

static bool read_name(const char *text, struct value *v)
{
    uint8_t address[16];
    v->needed = "a domain name or an IP address";
    if (inet_pton(AF_INET, text, address) == 1)
        cs_buf_put(&v->octets, address, 4);
    else if (inet_pton(AF_INET6, text, address) == 1)
        cs_buf_put(&v->octets, address, 16);
    else
        cs_fact_lower(cs_span_str(text), &v->octets);
    return v->octets.len != 0;
}

static bool read_suffix(const char *text, struct value *v)
{
    v->needed = "a domain name";
    cs_fact_lower(cs_span_str(*text == '.' ? text + 1 : text), &v->octets);
    return v->octets.len != 0;
}

static bool read_organization(const char *text, struct value *v)
{
    v->needed = "letters or digits";
    cs_fact_folded(cs_span_str(text), &v->octets);
    return v->octets.len != 0;
}

static bool read_text(const char *text, struct value *v)
{
    v->needed = "some text";
    cs_buf_put_str(&v->octets, text);
    return v->octets.len != 0;
}

static bool read_hex(const char *text, struct value *v)
{
    uint8_t octets[256];
    size_t len = 0;
    v->needed = "hexadecimal digits";
    if (!cs_ok(cs_unhex(cs_span_str(text), octets, sizeof octets, &len)) || len == 0)
        return false;
    cs_buf_put(&v->octets, octets, len);
    return true;
}

static bool read_digest(const char *text, struct value *v)
{
    bool read = read_hex(text, v) && v->octets.len == CS_SHA256_LEN;
    v->needed = "64 hexadecimal digits";
    return read;
}

/* The ledger has INTEGER content octets; people leave the leading zero out. */
static bool read_serial(const char *text, struct value *v)
{
    struct value plain = { .octets = { 0 } };
    bool read = read_hex(text, &plain);
    v->needed = plain.needed;
    if (read && plain.octets.at[0] >= 0x80)
        cs_buf_put_u8(&v->octets, 0);
    if (read)
        cs_buf_put(&v->octets, plain.octets.at, plain.octets.len);
    cs_buf_done(&plain.octets);
    return read;
}

static bool read_method(const char *text, struct value *v)
{
    int method = (int)cs_method_of_name(cs_span_str(text));
    v->needed = "a method name such as dcv_acme_http_01";
    cs_buf_put_u8(&v->octets, (uint8_t)method);
    return method != 0;
}

static bool read_role(const char *text, struct value *v)
{
    int role = (int)cs_role_of_name(cs_span_str(text));
    v->needed = "a role such as validation-system";
    cs_buf_put_u8(&v->octets, (uint8_t)role);
    return role != 0;
}

static bool read_profile(const char *text, struct value *v)
{
    int profile = (int)cs_profile_of_name(cs_span_str(text));
    v->needed = "a profile such as organization-validated";
    cs_buf_put_u8(&v->octets, (uint8_t)profile);
    return profile != 0;
}

/* "ID" or "ID:VERSION"; the version stands behind the last colon. */
static bool read_record(const char *text, struct value *v)
{
    const char *colon = strrchr(text, ':');
    uint64_t version = 0;
    v->needed = "ID or ID:VERSION";
    if (colon == NULL || !cs_number_of(colon + 1, UINT64_MAX, &version))
        return read_text(text, v);
    v->s.fact = CS_FACT_RECORD_VERSION;
    cs_buf_put(&v->octets, text, (size_t)(colon - text));
    cs_buf_put_u8(&v->octets, 0);
    cs_buf_put_u64(&v->octets, version);
    return colon != text;
}

/* "NAME", "NAME/VERSION" or "NAME/FROM..TO", either end of which may be left out. */
static bool read_software(const char *text, struct value *v)
{
    const char *slash = strchr(text, '/');
    struct cs_version ignored;
    v->needed = "NAME, NAME/VERSION or NAME/FROM..TO with versions such as 3.6.8";
    if (slash == NULL)
        return read_text(text, v);
    const char *dots = strstr(slash, "..");
    cs_buf_put(&v->octets, text, (size_t)(slash - text));
    if (dots == NULL) {
        v->s.fact = CS_FACT_SOFTWARE_VERSION;
        cs_buf_put_u8(&v->octets, 0);
        cs_buf_put_str(&v->octets, slash + 1);
        return slash != text;
    }
    v->s.version_from = cs_span_of(slash + 1, (size_t)(dots - slash - 1));
    v->s.version_to = cs_span_str(dots + 2);
    return slash != text && (v->s.version_from.len != 0 || v->s.version_to.len != 0) &&
           (v->s.version_from.len == 0 || cs_version_parse(v->s.version_from, &ignored)) &&
           (v->s.version_to.len == 0 || cs_version_parse(v->s.version_to, &ignored));
}

static bool read_kind(const char *text, struct value *v)
{
    static const struct {
        const char *name;
        uint8_t fact, value;
    } kinds[] = {
        { "intent", CS_FACT_KIND, COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT },
        { "precertificate", CS_FACT_SIGN_KIND, COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_PRECERTIFICATE },
        { "certificate", CS_FACT_SIGN_KIND, COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_CERTIFICATE },
        { "refusal", CS_FACT_KIND, COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL },
        { "authorization", CS_FACT_KIND, COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION },
        { "deposit", CS_FACT_KIND, COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT },
        { "hold", CS_FACT_KIND, COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD },
        { "recall", CS_FACT_KIND, COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL },
    };
    v->needed = "intent, precertificate, certificate, refusal, authorization, deposit, hold or recall";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(text, kinds[i].name) == 0) {
            v->s.fact = (enum cs_fact)kinds[i].fact;
            cs_buf_put_u8(&v->octets, kinds[i].value);
            return true;
        }
    return false;
}

/* One row per selecting option; the row's number is the group. */
static const struct {
    const char *option;
    enum cs_fact fact;
    bool (*read)(const char *text, struct value *v);
} rows[] = {
    { "kind", CS_FACT_KIND, read_kind },
    { "name", CS_FACT_NAME, read_name },
    { "suffix", CS_FACT_SUFFIX, read_suffix },
    { "account", CS_FACT_ACCOUNT, read_text },
    { "organization", CS_FACT_ORGANIZATION, read_organization },
    { "record", CS_FACT_RECORD, read_record },
    { "statement", CS_FACT_STATEMENT, read_hex },
    { "evidence", CS_FACT_EVIDENCE, read_digest },
    { "attester", CS_FACT_ATTESTER, read_text },
    { "role", CS_FACT_ROLE, read_role },
    { "person", CS_FACT_PERSON, read_text },
    { "method", CS_FACT_METHOD, read_method },
    { "software", CS_FACT_SOFTWARE, read_software },
    { "perspective", CS_FACT_PERSPECTIVE, read_text },
    { "client", CS_FACT_CLIENT, read_text },
    { "api-version", CS_FACT_API_VERSION, read_text },
    { "issuer", CS_FACT_ISSUER, read_text },
    { "policy", CS_FACT_POLICY, read_digest },
    { "profile", CS_FACT_PROFILE, read_profile },
    { "rule", CS_FACT_RULE, read_text },
    { "key", CS_FACT_KEY, read_digest },
    { "serial", CS_FACT_SERIAL, read_serial },
    { "order", CS_FACT_ORDER, read_text },
};

static CS_RESULT put(arguments_t *a, const struct value *v, struct cs_note *note)
{
    if (a->query.n_selectors == CS_SCOPE_SELECTORS_MAX) {
        cs_note_set(note, "more than %d selectors", (int)CS_SCOPE_SELECTORS_MAX);
        return CS_ERR(ARGUMENT);
    }
    struct cs_scope_selector s = v->s;
    s.value = cs_arena_span(&a->arena, cs_buf_span(&v->octets));
    if (v->octets.failed || s.value.len != v->octets.len)
        return CS_ERR(NO_MEMORY);
    a->selector[a->query.n_selectors++] = s;
    return CS_OK;
}

static CS_RESULT read_row(const struct cs_args *args, unsigned row, arguments_t *a, struct cs_note *note)
{
    const char *text;
    for (uint32_t i = 0; (text = cs_arg_at(args, rows[row].option, i)) != NULL; i++) {
        struct value v = { .s = { .fact = rows[row].fact, .group = (uint8_t)row }, .needed = "a value" };
        cs_result r = CS_ERR(ARGUMENT);
        if (rows[row].read(text, &v))
            r = put(a, &v, note);
        else
            cs_note_set(note, "--%s '%s': needs %s", rows[row].option, text, v.needed);
        cs_buf_done(&v.octets);
        CS_TRY(r);
    }
    return CS_OK;
}

static CS_RESULT read_default_kind(const struct cs_args *args, arguments_t *a, struct cs_note *note)
{
    struct value v = { .s = { .fact = CS_FACT_KIND, .group = 0 } };
    if (cs_arg_has(args, "kind"))
        return CS_OK;
    cs_buf_put_u8(&v.octets, cs_arg_has(args, "rule") ? COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL
                                                      : COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT);
    cs_result r = put(a, &v, note);
    cs_buf_done(&v.octets);
    return r;
}

static CS_RESULT read_time(const struct cs_args *args, const char *name, int64_t now_unix_s, int64_t *out_us,
                           struct cs_note *note)
{
    const char *text = cs_arg_get(args, name);
    int64_t unix_s = 0;
    if (text == NULL)
        return CS_OK;
    if (!cs_time_of(text, now_unix_s, now_unix_s, &unix_s) || unix_s <= 0 || unix_s > INT64_MAX / 1000000) {
        cs_note_set(note, "--%s '%s': needs %s", name, text, CS_TIME_NEEDED);
        return CS_ERR(ARGUMENT);
    }
    *out_us = unix_s * 1000000;
    return CS_OK;
}

static CS_RESULT read_results(const struct cs_args *args, uint32_t *out, struct cs_note *note)
{
    const char *text;
    for (uint32_t i = 0; (text = cs_arg_at(args, "result", i)) != NULL; i++) {
        uint32_t bit = 0;
        for (size_t k = 0; k < sizeof results / sizeof *results; k++)
            if (strcmp(text, results[k].name) == 0)
                bit = (uint32_t)results[k].result;
        if (bit == 0) {
            cs_note_set(note, "--result '%s': needs signed, unknown, not-signed, open, refused or recorded",
                        text);
            return CS_ERR(ARGUMENT);
        }
        *out |= bit;
    }
    return CS_OK;
}

CS_RESULT cs_scope_arguments_read(const struct cs_args *args, int64_t now_unix_s, arguments_t *out,
                                  struct cs_note *note)
{
    out->query = (struct cs_scope_query){ .selector = out->selector };
    out->arena = (struct cs_arena){ 0 };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        CS_TRY(read_row(args, i, out, note));
    CS_TRY(read_default_kind(args, out, note));
    CS_TRY(read_results(args, &out->query.results, note));
    CS_TRY(read_time(args, "from", now_unix_s, &out->query.from_unix_us, note));
    CS_TRY(read_time(args, "until", now_unix_s, &out->query.until_unix_us, note));
    if (out->query.from_unix_us != 0 && out->query.until_unix_us != 0 &&
        out->query.until_unix_us < out->query.from_unix_us) {
        cs_note_set(note, "--until: before --from");
        return CS_ERR(ARGUMENT);
    }
    return CS_OK;
}
