#include <arpa/inet.h>
#include <stdio.h>

#include "client/cli/attest.h"
#include "client/cli/oid.h"
#include "client/cli/times.h"
#include "proxy/base/clock.h"

CS_RESULT cs_attest_put(json_t *body, const char *path, json_t *value)
{
    char name[64];
    json_t *at = body;
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
        json_t *inner = json_object_get(at, name);
        if (!json_is_object(inner)) {
            inner = json_object();
            if (json_object_set_new(at, name, inner) != 0) {
                json_decref(value);
                return CS_ERR(NO_MEMORY);
            }
        }
        at = inner;
    }
    return json_object_set_new(at, path, value) == 0 ? CS_OK : CS_ERR(NO_MEMORY);
}

static CS_RESULT refuse(struct cs_attest *a, const struct cs_attest_flag *f, const char *text,
                        const char *needed)
{
    cs_note_set(&a->note, "--%s '%.120s': needs %s", f->name, text, needed);
    return CS_ERR(ARGUMENT);
}

static json_t *time_value(struct cs_attest *a, const char *text)
{
    int64_t unix_s;
    if (!cs_time_of(text, a->now_unix_s, a->issued_at_unix_s, &unix_s))
        return NULL;
    return json_integer(unix_s);
}

/* Cuts text at commas into n fields; the last one keeps further commas. */
static bool fields_of(const char *text, char *room, size_t room_len, unsigned n, const char **field)
{
    size_t len = strlen(text);
    if (len >= room_len)
        return false;
    memcpy(room, text, len + 1);
    for (unsigned i = 0; i < n; i++) {
        field[i] = room;
        room = strchr(room, ',');
        if (i + 1 == n)
            return true;
        if (room == NULL)
            return false;
        *room++ = '\0';
    }
    return false;
}

/* "52.370216" to millionths of a degree; at most six decimals. */
static bool microdegrees_of(const char *text, int64_t limit_degrees, int64_t *out)
{
    bool negative = *text == '-';
    int64_t whole = 0, micro = 0, scale = 100000;
    text += negative ? 1 : 0;
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        if ((whole = whole * 10 + (*text - '0')) > limit_degrees)
            return false;
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++, scale /= 10) {
            if (scale == 0)
                return false;
            micro += (*text - '0') * scale;
        }
    micro += whole * 1000000;
    if (*text != '\0' || micro > limit_degrees * 1000000)
        return false;
    *out = negative ? -micro : micro;
    return true;
}

static json_t *perspective_value(struct cs_attest *a, const char *text)
{
    char room[512];
    const char *f[6];
    int64_t latitude, longitude;
    if (!fields_of(text, room, sizeof room, 6, f) || !microdegrees_of(f[2], 90, &latitude) ||
        !microdegrees_of(f[3], 180, &longitude))
        return NULL;
    bool passed = strcmp(f[4], "passed") == 0;
    if (!passed && strcmp(f[4], "failed") != 0)
        return NULL;
    json_t *seen = time_value(a, f[5]);
    return seen == NULL ? NULL
                        : json_pack("{s:s, s:s, s:I, s:I, s:b, s:o}", "id", f[0], "rir", f[1],
                                    "latitude_microdegrees", (json_int_t)latitude, "longitude_microdegrees",
                                    (json_int_t)longitude, "passed", passed, "observed_at_unix_s", seen);
}

static json_t *attribute_value(const char *text)
{
    char type_text[80];
    const char *equals = strchr(text, '=');
    if (equals == NULL || (size_t)(equals - text) >= sizeof type_text)
        return NULL;
    memcpy(type_text, text, (size_t)(equals - text));
    type_text[equals - text] = '\0';
    char *string_type = strchr(type_text, ':');
    if (string_type != NULL)
        *string_type++ = '\0';
    const struct cs_attribute_type *type = cs_attribute_type_of(type_text);
    uint8_t oid[CS_OID_MAX_LEN];
    size_t oid_len;
    if (type == NULL && !cs_oid_of_dotted(type_text, oid, &oid_len))
        return NULL;
    if (string_type == NULL)
        return json_pack("{s:s, s:s, s:s}", "oid", type != NULL ? type->dotted : type_text, "string_type",
                         type != NULL && type->printable_only ? "printable" : "utf8", "value", equals + 1);
    return json_pack("{s:s, s:s, s:s}", "oid", type != NULL ? type->dotted : type_text, "string_type",
                     string_type, "value", equals + 1);
}

static json_t *source_value(struct cs_attest *a, const char *text)
{
    char room[1024];
    const char *f[4];
    if (!fields_of(text, room, sizeof room, 4, f))
        return NULL;
    json_t *retrieved = time_value(a, f[3]);
    return retrieved == NULL ? NULL
                             : json_pack("{s:s, s:s, s:s, s:o}", "kind", f[0], "name", f[1], "reference",
                                         f[2], "retrieved_at_unix_s", retrieved);
}

static json_t *authenticity_value(struct cs_attest *a, const char *text)
{
    char room[1024];
    const char *f[3];
    if (!fields_of(text, room, sizeof room, 3, f))
        return NULL;
    json_t *confirmed = time_value(a, f[2]);
    return confirmed == NULL ? NULL
                             : json_pack("{s:s, s:s, s:o}", "method", f[0], "contact_source", f[1],
                                         "confirmed_at_unix_s", confirmed);
}

static json_t *profile_value(const char *text)
{
    static const struct {
        const char *alias, *name;
    } rows[] = { { "dv", "domain_validated" },
                 { "iv", "individual_validated" },
                 { "ov", "organization_validated" },
                 { "ev", "extended_validation" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].alias, text) == 0)
            return json_string(rows[i].name);
    return json_string(text);
}

static json_t *number_value(const char *text)
{
    uint64_t n;
    return cs_number_of(text, INT64_MAX, &n) ? json_integer((json_int_t)n) : NULL;
}

/* NULL with *needed when the text does not fit the form. */
static json_t *value_of(struct cs_attest *a, enum cs_attest_form form, const char *text, const char **needed)
{
    *needed = "valid UTF-8";
    switch (form) {
    case CS_ATTEST_TEXT:
    case CS_ATTEST_SUBJECT:
        return json_string(text);
    case CS_ATTEST_TIME:
        *needed = CS_TIME_NEEDED;
        return time_value(a, text);
    case CS_ATTEST_NUMBER:
        *needed = "a number, 0 or more";
        return number_value(text);
    case CS_ATTEST_TRUE:
        return json_true();
    case CS_ATTEST_PROFILE:
        return profile_value(text);
    case CS_ATTEST_PERSPECTIVE:
        *needed = "ID,RIR,LATITUDE,LONGITUDE,passed|failed,TIME (degrees, at most six decimals)";
        return perspective_value(a, text);
    case CS_ATTEST_ATTRIBUTE:
        *needed = "TYPE=VALUE with a dotted OID or a short name such as O";
        return attribute_value(text);
    case CS_ATTEST_SOURCE:
        *needed = "KIND,NAME,REFERENCE,TIME";
        return source_value(a, text);
    case CS_ATTEST_AUTHENTICITY:
        *needed = "METHOD,CONTACT SOURCE,TIME";
        return authenticity_value(a, text);
    case CS_ATTEST_FILE:
        break;
    }
    return NULL;
}

/* Sets a member of an inner object unless --from has set it; takes value. */
static CS_RESULT put_default(json_t *body, const char *object, const char *member, json_t *value)
{
    char path[64];
    if (json_object_get(json_object_get(body, object), member) != NULL) {
        json_decref(value);
        return CS_OK;
    }
    snprintf(path, sizeof path, "%s.%s", object, member);
    return cs_attest_put(body, path, value);
}

/* The subject of DomainControl is a oneof: the flag replaces whatever --from chose. */
static CS_RESULT put_subject(struct cs_attest *a, const char *text, json_t *value)
{
    uint8_t octets[16];
    bool is_ip = inet_pton(AF_INET, text, octets) == 1 || inet_pton(AF_INET6, text, octets) == 1;
    json_object_del(a->body, "domain");
    json_object_del(a->body, "ip_address");
    return cs_attest_put(a->body, is_ip ? "ip_address" : "domain", value);
}

/* The first perspective given is the primary, the others are remote. */
static CS_RESULT put_perspective(struct cs_attest *a, uint32_t n, json_t *value)
{
    if (n == 0) {
        CS_TRY(cs_attest_put(a->body, "perspectives.remotes", json_array()));
        CS_TRY(put_default(a->body, "perspectives", "attempt", json_integer(1)));
        return cs_attest_put(a->body, "perspectives.primary", value);
    }
    json_t *remotes = json_object_get(json_object_get(a->body, "perspectives"), "remotes");
    return json_array_append_new(remotes, value) == 0 ? CS_OK : CS_ERR(NO_MEMORY);
}

static CS_RESULT put_repeated(struct cs_attest *a, const struct cs_attest_flag *f, uint32_t n, json_t *value)
{
    if (n == 0)
        CS_TRY(cs_attest_put(a->body, f->member, json_array()));
    const char *dot = strchr(f->member, '.');
    json_t *array = json_object_get(a->body, f->member);
    if (dot != NULL) {
        char outer[64];
        snprintf(outer, sizeof outer, "%.*s", (int)(dot - f->member), f->member);
        array = json_object_get(json_object_get(a->body, outer), dot + 1);
    }
    return json_array_append_new(array, value) == 0 ? CS_OK : CS_ERR(NO_MEMORY);
}

static CS_RESULT put_flag(struct cs_attest *a, const struct cs_attest_flag *f, uint32_t n, const char *text,
                          bool repeated)
{
    const char *needed;
    json_t *value = value_of(a, f->form, text, &needed);
    if (value == NULL)
        return refuse(a, f, text, needed);
    if (f->form == CS_ATTEST_SUBJECT)
        return put_subject(a, text, value);
    if (f->form == CS_ATTEST_PERSPECTIVE)
        return put_perspective(a, n, value);
    return repeated ? put_repeated(a, f, n, value) : cs_attest_put(a->body, f->member, value);
}

CS_RESULT cs_attest_flags(struct cs_attest *a, const struct cs_attest_flag *flags)
{
    if (cs_arg_has(a->args, "challenge-sha256"))
        CS_TRY(put_default(a->body, "challenge", "kind", json_string("random_value")));
    for (const struct cs_attest_flag *f = flags; f->name != NULL; f++) {
        if (f->form == CS_ATTEST_FILE)
            continue;
        uint32_t seen = 0;
        for (uint32_t i = 0; i < a->args->n; i++) {
            const struct cs_arg *arg = &a->args->arg[i];
            if (arg->option != NULL && strcmp(arg->option->name, f->name) == 0)
                CS_TRY(put_flag(a, f, seen++, arg->value, arg->option->kind == CS_OPT_REPEATED));
        }
    }
    return CS_OK;
}
