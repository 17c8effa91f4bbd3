#include "client/cli/incident_query.h"

#include "proxy/base/clock.h"
#include "proxy/policy/names.h"

enum { SELECTED_MAX = 256 }; /* values in one list of a selector (proxy/gate/evidence/form.h) */

struct field {
    const char *option, *member;
};

static void add_once(json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
            return;
    json_array_append_new(list, json_string(text));
}

/* A list that fits is set, one that is empty or too long is not. */
static bool set_list(json_t *selector, const char *member, json_t *list)
{
    if (json_array_size(list) == 0 || json_array_size(list) > SELECTED_MAX) {
        json_decref(list);
        return false;
    }
    json_t *there = json_object_get(selector, member);
    if (there != NULL) {
        json_array_extend(there, list);
        json_decref(list);
        return json_array_size(there) <= SELECTED_MAX;
    }
    return json_object_set_new(selector, member, list) == 0;
}

static json_t *body_of(json_t *selector, const char *title)
{
    if (json_object_size(selector) == 0) {
        json_decref(selector);
        return NULL;
    }
    return json_pack("{s:o, s:s}", "selector", selector, "reason", title);
}

static json_t *texts_of(const struct cs_report *r, bool organizations)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_rows && json_array_size(list) <= SELECTED_MAX; i++) {
        const char *text = organizations ? r->row[i].organization : r->row[i].account;
        if (text[0] != '\0')
            add_once(list, text);
    }
    return list;
}

/* "ov" by its whole name. */
static json_t *profiles_of(const struct cs_incident_query *q)
{
    json_t *list = json_array();
    const char *text;
    for (uint32_t i = 0; (text = cs_arg_at(&q->args, "profile", i)) != NULL; i++)
        add_once(list, cs_profile_name((int)cs_profile_of_name(cs_span_str(text))));
    return list;
}

json_t *cs_incident_hold(const struct cs_incident_query *q, const struct cs_report *r, const char *title)
{
    static const struct field fields[] = {
        { "account", "accounts" },         { "suffix", "name_suffixes" },  { "attester", "attesters" },
        { "method", "methods" },           { "client", "clients" },        { "issuer", "issuers" },
        { "api-version", "api_versions" }, { "serial", "serial_numbers" }, { "order", "order_ids" },
    };
    json_t *selector = json_object();
    const char *name;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        json_t *asked = json_object_get(q->asked, fields[i].option);
        if (asked != NULL)
            (void)set_list(selector, fields[i].member, json_deep_copy(asked));
    }
    if (cs_arg_has(&q->args, "profile"))
        (void)set_list(selector, "profiles", profiles_of(q));
    /* Both kinds of names in one list would be OR where the question says AND: suffixes alone are wider. */
    if (json_object_get(selector, "name_suffixes") == NULL && cs_arg_has(&q->args, "name")) {
        json_t *names = json_array();
        for (uint32_t i = 0; (name = cs_arg_at(&q->args, "name", i)) != NULL; i++)
            add_once(names, strncmp(name, "*.", 2) == 0 ? name + 2 : name);
        (void)set_list(selector, "name_suffixes", names);
    }
    /* A hold compares octets where the question folded punctuation: what the certificates say. */
    if (cs_arg_has(&q->args, "organization"))
        (void)set_list(selector, "organizations", texts_of(r, true));
    if (json_object_size(selector) == 0)
        (void)set_list(selector, "accounts", texts_of(r, false));
    return body_of(selector, title);
}

/* ---- recall ---- */

/* Statements by a digest of their envelope, or all that name the organisation. */
static json_t *statements_of(const struct cs_incident_query *q, const struct cs_report *r)
{
    json_t *list = json_array();
    json_t *digests = json_object_get(q->asked, "evidence");
    bool organizations = cs_arg_has(&q->args, "organization") && !cs_arg_has(&q->args, "evidence") &&
                         !cs_arg_has(&q->args, "record") && !cs_arg_has(&q->args, "statement");
    for (uint32_t i = 0; i < r->n_rows && json_array_size(list) <= SELECTED_MAX; i++)
        for (uint32_t k = 0; k < r->row[i].n_relied; k++) {
            const struct cs_report_evidence *e = r->row[i].relied[k].evidence;
            bool wanted = organizations && e->is_organization;
            for (size_t d = 0; d < json_array_size(digests); d++)
                wanted |= strcasecmp(json_string_value(json_array_get(digests, d)), e->sha256) == 0;
            if (wanted)
                add_once(list, e->statement_id);
        }
    return list;
}

/* "NAME", "NAME/VERSION", "NAME/FROM..TO". */
static void set_software(json_t *selector, const char *text, bool *ends)
{
    const char *slash = strchr(text, '/');
    if (slash == NULL) {
        json_object_set_new(selector, "software_name", json_string(text));
        return;
    }
    const char *dots = strstr(slash, "..");
    json_object_set_new(selector, "software_name", json_stringn(text, (size_t)(slash - text)));
    const char *to = dots != NULL ? dots + 2 : slash + 1;
    size_t from_len = dots != NULL ? (size_t)(dots - slash - 1) : strlen(slash + 1);
    if (from_len != 0)
        json_object_set_new(selector, "software_version_from", json_stringn(slash + 1, from_len));
    if (to[0] != '\0')
        json_object_set_new(selector, "software_version_to", json_string(to));
    *ends |= to[0] != '\0';
}

/* "ID" or "ID:VERSION". */
static void set_record(json_t *selector, const char *text, bool *ends)
{
    const char *colon = strrchr(text, ':');
    uint64_t version = 0;
    if (colon == NULL || !cs_number_of(colon + 1, INT64_MAX, &version)) {
        json_object_set_new(selector, "organization_record_id", json_string(text));
        return;
    }
    json_object_set_new(selector, "organization_record_id", json_stringn(text, (size_t)(colon - text)));
    json_object_set_new(selector, "organization_record_version", json_integer((json_int_t)version));
    *ends = true;
}

/* Members that hold one value take no second one: then there is no one recall for the question. */
static bool has_two(const struct cs_incident_query *q)
{
    static const char *const singles[] = { "record", "software", "role" };
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        if (cs_arg_at(&q->args, singles[i], 0) != NULL && cs_arg_at(&q->args, singles[i], 1) != NULL)
            return true;
    return false;
}

json_t *cs_incident_recall(const struct cs_incident_query *q, const struct cs_report *r, const char *title)
{
    static const struct field fields[] = { { "attester", "attesters" },
                                           { "method", "methods" },
                                           { "perspective", "perspective_ids" },
                                           { "statement", "statement_ids" } };
    json_t *selector = json_object();
    bool ends = cs_arg_has(&q->args, "statement");
    if (has_two(q)) {
        json_decref(selector);
        return NULL;
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        json_t *asked = json_object_get(q->asked, fields[i].option);
        if (asked != NULL)
            (void)set_list(selector, fields[i].member, json_deep_copy(asked));
    }
    if (cs_arg_has(&q->args, "role"))
        json_object_set_new(selector, "role", json_string(cs_arg_get(&q->args, "role")));
    if (cs_arg_has(&q->args, "software"))
        set_software(selector, cs_arg_get(&q->args, "software"), &ends);
    if (cs_arg_has(&q->args, "record"))
        set_record(selector, cs_arg_get(&q->args, "record"), &ends);
    ends |= set_list(selector, "statement_ids", statements_of(q, r));
    if (json_object_size(selector) == 0)
        return body_of(selector, title);
    if (cs_arg_has(&q->args, "account"))
        (void)set_list(selector, "accounts", json_deep_copy(json_object_get(q->asked, "account")));
    if (!ends) { /* a recall must end somewhere: what was seen by the last entry */
        char at[CS_TIME_TEXT_LEN];
        cs_time_text(r->cover.last_unix_us / 1000000 + 1, at);
        json_object_set_new(selector, "observed_until_unix_s", json_string(at));
    }
    return body_of(selector, title);
}
