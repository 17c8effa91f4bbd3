#include "client/cli/lint_report.h"

#include "client/cli/pbjson.h"
#include "proxy/gate/evidence/form.h"

enum { NAME_MAX_LEN = 128 };

enum cs_lint_form cs_lint_form_of(const char *name)
{
    return strcmp(name, "zlint") == 0     ? CS_LINT_ZLINT
           : strcmp(name, "pkilint") == 0 ? CS_LINT_PKILINT
                                          : CS_LINT_NONE;
}

void cs_lint_report_done(struct cs_lint_report *r)
{
    json_decref(r->findings);
    *r = (struct cs_lint_report){ 0 };
}

/* A word of a table, and the count it adds to. */
struct severity {
    const char *word;
    size_t count; /* offset in the report; NOWHERE: does not count */
    bool finding;
};
#define COUNT(member) offsetof(struct cs_lint_report, member)
#define NOWHERE       SIZE_MAX

static const struct severity zlint_words[] = {
    { "fatal", COUNT(fatals), true },
    { "error", COUNT(errors), true },
    { "warn", COUNT(warnings), true },
    { "info", COUNT(notices), false },
    { "pass", COUNT(passes), false },
    { "NA", NOWHERE, false },
    { "NE", NOWHERE, false } /* not effective on this date */,
    { NULL, 0, false },
};
static const struct severity pkilint_words[] = {
    { "FATAL", COUNT(fatals), true },
    { "ERROR", COUNT(errors), true },
    { "WARNING", COUNT(warnings), true },
    { "NOTICE", COUNT(notices), false },
    { "INFO", COUNT(notices), false },
    { "DEBUG", NOWHERE, false },
    { NULL, 0, false },
};

static bool is_name(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++)
        if (name[i] < 0x21 || name[i] > 0x7e)
            return false;
    return len >= 1 && len <= NAME_MAX_LEN;
}

static CS_RESULT add_finding(struct cs_lint_report *r, const char *name, struct cs_note *note)
{
    for (size_t i = 0; i < json_array_size(r->findings); i++)
        if (strcmp(json_string_value(json_array_get(r->findings, i)), name) == 0)
            return CS_OK;
    if (json_array_size(r->findings) == CS_FINDINGS_MAX) {
        cs_note_set(note, "more than %d findings", CS_FINDINGS_MAX);
        return CS_ERR(LIMIT);
    }
    return json_array_append_new(r->findings, json_string(name)) == 0 ? CS_OK : CS_ERR(NO_MEMORY);
}

static CS_RESULT add(struct cs_lint_report *r, const struct severity *words, const char *name,
                     const json_t *word, struct cs_note *note)
{
    const char *text = json_is_string(word) ? json_string_value(word) : "";
    if (!is_name(name)) {
        cs_note_set(note, "a lint's name is not 1 to %d visible ASCII characters", NAME_MAX_LEN);
        return CS_ERR(FORM);
    }
    for (const struct severity *s = words; s->word != NULL; s++) {
        if (strcmp(s->word, text) != 0)
            continue;
        uint32_t *count = s->count != NOWHERE ? (uint32_t *)(void *)((char *)r + s->count) : NULL;
        if (count != NULL)
            ++*count;
        return s->finding ? add_finding(r, name, note) : CS_OK;
    }
    cs_note_set(note, "%s: '%.40s' is no result of this linter", name, text);
    return CS_ERR(FORM);
}

static CS_RESULT read_zlint(struct cs_lint_report *r, json_t *root, struct cs_note *note)
{
    const char *name;
    json_t *lint;
    json_object_foreach(root, name, lint)
        CS_TRY(add(r, zlint_words, name, json_object_get(lint, "result"), note));
    if (r->fatals + r->errors + r->warnings + r->notices + r->passes == 0) {
        cs_note_set(note, "no lint looked at the certificate");
        return CS_ERR(FORM);
    }
    return CS_OK;
}

static CS_RESULT read_pkilint(struct cs_lint_report *r, json_t *root, struct cs_note *note)
{
    const json_t *results = json_object_get(root, "results");
    if (!json_is_array(results) || json_object_size(root) != 1) {
        cs_note_set(note, "needed: one member, the list 'results'");
        return CS_ERR(FORM);
    }
    for (size_t i = 0; i < json_array_size(results); i++) {
        const json_t *list = json_object_get(json_array_get(results, i), "finding_descriptions");
        if (!json_is_array(list)) {
            cs_note_set(note, "results[%zu]: needs a list 'finding_descriptions'", i);
            return CS_ERR(FORM);
        }
        for (size_t k = 0; k < json_array_size(list); k++, r->n_findings++) {
            const json_t *one = json_array_get(list, k), *code = json_object_get(one, "code");
            CS_TRY(add(r, pkilint_words, json_is_string(code) ? json_string_value(code) : "",
                       json_object_get(one, "severity"), note));
        }
    }
    return CS_OK;
}

CS_RESULT cs_lint_report_read(enum cs_lint_form form, struct cs_span text, struct cs_lint_report *out,
                              struct cs_note *note)
{
    json_t *root;
    CS_TRY(cs_pbjson_load(text, &root, note));
    struct cs_lint_report r = { .findings = json_array() };
    cs_result done = r.findings == NULL      ? CS_ERR(NO_MEMORY)
                     : form == CS_LINT_ZLINT ? read_zlint(&r, root, note)
                                             : read_pkilint(&r, root, note);
    json_decref(root);
    if (!cs_ok(done)) {
        cs_lint_report_done(&r);
        return done;
    }
    *out = r;
    return CS_OK;
}
