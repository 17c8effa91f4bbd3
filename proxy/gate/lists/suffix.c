/* Public suffixes through libpsl, top-level domains from the root zone list or from the suffixes. */
#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/clock.h"
#include "proxy/gate/lists/parts.h"

enum { RULE_MAX_LEN = 200 };

bool cs_line_next(struct cs_span *rest, struct cs_span *out, uint32_t *line_number)
{
    if (rest->len == 0)
        return false;
    const uint8_t *end = memchr(rest->at, '\n', rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->at) : rest->len, taken = end != NULL ? len + 1 : len;
    *out = cs_span_of(rest->at, len);
    *rest = cs_span_of(rest->at + taken, rest->len - taken);
    ++*line_number;
    return true;
}

static bool begins(struct cs_span s, const char *text)
{
    size_t len = strlen(text);
    return s.len >= len && memcmp(s.at, text, len) == 0;
}

/* n decimal digits. */
static bool number_at(struct cs_span s, size_t at, size_t n, int *out)
{
    if (s.len < at + n)
        return false;
    *out = 0;
    for (size_t i = at; i < at + n; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        *out = *out * 10 + (s.at[i] - '0');
    }
    return true;
}

static bool date_of(int year, int month, int day, int64_t *out_unix_s)
{
    if (year < 1990 || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    *out_unix_s = cs_time_from_civil(year, month, day, 0, 0, 0);
    return true;
}

/* ---- PSL ---- */

/* The ICANN section alone goes to libpsl, without comments: it cuts lines at 255 octets, and an exact
 * rule of the private section would hide a wildcard of the ICANN section from it. */
struct suffix_reader {
    struct cs_buf *icann;
    uint64_t n_rules;
    unsigned n_begins, n_ends;
    int64_t dated_unix_s;
    bool dated;
};

static void read_comment(struct suffix_reader *r, struct cs_span comment)
{
    int year, month, day;
    if (begins(comment, "// ===BEGIN ICANN DOMAINS==="))
        r->n_begins++;
    else if (begins(comment, "// ===END ICANN DOMAINS==="))
        r->n_ends++;
    else if (begins(comment, "// VERSION: ") && number_at(comment, 12, 4, &year) &&
             number_at(comment, 17, 2, &month) && number_at(comment, 20, 2, &day))
        r->dated = date_of(year, month, day, &r->dated_unix_s);
}

static const char *read_rule(struct suffix_reader *r, struct cs_span line)
{
    size_t len = 0;
    while (len < line.len && line.at[len] != ' ' && line.at[len] != '\t')
        len++;
    struct cs_span rule = cs_span_of(line.at, len);
    if (len == 0)
        return len == line.len ? NULL : "a line begins with white space";
    if (len > RULE_MAX_LEN || !cs_utf8_valid(rule))
        return len > RULE_MAX_LEN ? "a rule is longer than 200 octets" : "a rule is not UTF-8";
    for (size_t i = 0; i < len; i++)
        if (rule.at[i] < 0x20 || rule.at[i] == 0x7f)
            return "a rule holds a control character";
    if (r->n_begins == 1 && r->n_ends == 0) {
        cs_buf_put(r->icann, rule.at, rule.len);
        cs_buf_put_u8(r->icann, '\n');
        r->n_rules++;
    }
    return NULL;
}

static CS_RESULT load_psl(const struct cs_buf *text, psl_ctx_t **out)
{
    char *copy = malloc(text->len);
    if (copy == NULL)
        return CS_ERR(NO_MEMORY);
    memcpy(copy, text->at, text->len);
    FILE *f = fmemopen(copy, text->len, "r");
    psl_ctx_t *psl = f != NULL ? psl_load_fp(f) : NULL;
    if (f != NULL)
        (void)fclose(f);
    free(copy);
    *out = psl;
    return psl != NULL ? CS_OK : CS_ERR(NO_MEMORY);
}

static int text_cmp(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static CS_RESULT tlds_alloc(struct cs_tld_list *t, size_t text_len)
{
    t->text = malloc(text_len + 1); /* a NUL for each line's end */
    t->tld = malloc((text_len / 2 + 1) * sizeof *t->tld);
    return t->text != NULL && t->tld != NULL ? CS_OK : CS_ERR(NO_MEMORY);
}

/* One label in lower case and NUL to *to, or a flaw. */
static const char *read_tld(struct cs_span line, char *to)
{
    if (line.len == 0 || line.len > 63)
        return "a label has 1 to 63 octets";
    for (size_t i = 0; i < line.len; i++) {
        uint8_t b = line.at[i];
        b = b >= 'A' && b <= 'Z' ? (uint8_t)(b | 0x20) : b;
        if (!((b >= 'a' && b <= 'z') || (b >= '0' && b <= '9') || b == '-'))
            return "a label is made of letters, digits and hyphens";
        to[i] = (char)b;
    }
    to[line.len] = '\0';
    return NULL;
}

/* The last labels of all rules: for some top-level domains, like za, there are only rules below them.
 * Labels in other scripts are left out here; they have rules of their own, which libpsl knows as
 * P-labels. */
static CS_RESULT collect_tlds(struct cs_span rules, struct cs_tld_list *t)
{
    struct cs_span line = { 0 };
    uint32_t number = 0;
    CS_TRY(tlds_alloc(t, rules.len));
    char *at = t->text;
    while (cs_line_next(&rules, &line, &number)) {
        const uint8_t *dot = memrchr(line.at, '.', line.len);
        size_t drop = dot != NULL ? (size_t)(dot - line.at) + 1 : 0;
        struct cs_span label = cs_span_of(line.at + drop, line.len - drop);
        if (read_tld(label, at) != NULL)
            continue;
        t->tld[t->n++] = at;
        at += label.len + 1;
    }
    if (t->n > 1)
        qsort(t->tld, t->n, sizeof *t->tld, text_cmp);
    return CS_OK;
}

CS_RESULT cs_suffixes_parse(struct cs_lists *l, struct cs_span file, int64_t *out_dated_unix_s,
                            struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf icann = { 0 };
    struct suffix_reader r = { .icann = &icann };
    struct cs_span line;
    uint32_t number = 0;
    while (cs_line_next(&file, &line, &number)) {
        const char *flaw = NULL;
        if (begins(line, "//"))
            read_comment(&r, line);
        else
            flaw = read_rule(&r, line);
        if (flaw != NULL) {
            cs_note_set(note, "line %u: %s", number, flaw);
            return CS_ERR(CONFIG);
        }
    }
    if (r.n_begins != 1 || r.n_ends != 1 || r.n_rules == 0) {
        cs_note_set(note, "no public suffix list: it needs one ICANN section (===BEGIN ICANN DOMAINS=== to "
                          "===END ICANN DOMAINS===) with rules");
        return CS_ERR(CONFIG);
    }
    CS_TRY(cs_buf_end(&icann));
    CS_TRY(load_psl(&icann, &l->psl));
    CS_TRY(collect_tlds(cs_buf_span(&icann), &l->suffix_tlds));
    l->state[CS_LIST_PUBLIC_SUFFIX].n_entries = r.n_rules;
    if (r.dated)
        *out_dated_unix_s = r.dated_unix_s;
    return CS_OK;
}

/* ---- root zone ---- */

CS_RESULT cs_tlds_parse(struct cs_lists *l, struct cs_span file, int64_t *out_dated_unix_s,
                        struct cs_note *note)
{
    static const char version[] = "# Version ";
    struct cs_span rest = file, line = { 0 };
    uint32_t number = 0;
    int year, month, day;
    if (!cs_line_next(&rest, &line, &number) || !begins(line, version) ||
        !number_at(line, sizeof version - 1, 4, &year) || !number_at(line, sizeof version + 3, 2, &month) ||
        !number_at(line, sizeof version + 5, 2, &day) || !date_of(year, month, day, out_dated_unix_s)) {
        cs_note_set(note, "line 1: needed: # Version YYYYMMDDnn, Last Updated ..., as IANA writes it");
        return CS_ERR(CONFIG);
    }
    struct cs_tld_list *t = &l->tlds;
    CS_TRY(tlds_alloc(t, rest.len));
    char *at = t->text;
    while (cs_line_next(&rest, &line, &number)) {
        const char *flaw = read_tld(line, at);
        if (flaw != NULL) {
            cs_note_set(note, "line %u: %s", number, flaw);
            return CS_ERR(CONFIG);
        }
        t->tld[t->n++] = at;
        at += line.len + 1;
    }
    if (t->n == 0) {
        cs_note_set(note, "it lists no top-level domain");
        return CS_ERR(CONFIG);
    }
    qsort(t->tld, t->n, sizeof *t->tld, text_cmp);
    l->state[CS_LIST_TLD].n_entries = t->n;
    return CS_OK;
}

/* ---- look-ups ---- */

struct name {
    char text[CS_NAME_MAX_LEN + 1];
};

static bool name_copy(struct cs_span from, struct name *to)
{
    if (from.len == 0 || from.len > CS_NAME_MAX_LEN || from.at[0] == '.' || from.at[from.len - 1] == '.')
        return false;
    for (size_t i = 0; i < from.len; i++) {
        uint8_t b = from.at[i];
        b = b >= 'A' && b <= 'Z' ? (uint8_t)(b | 0x20) : b;
        bool dot = b == '.' && from.at[i - 1] != '.'; /* the first is none */
        if (!((b >= 'a' && b <= 'z') || (b >= '0' && b <= '9') || b == '-' || b == '_' || dot))
            return false;
        to->text[i] = (char)b;
    }
    to->text[from.len] = '\0';
    return true;
}

static bool tlds_have(const struct cs_tld_list *t, const char *label)
{
    return t->n != 0 && bsearch(&label, t->tld, t->n, sizeof *t->tld, text_cmp) != NULL;
}

bool cs_lists_tld_known(const struct cs_lists *l, struct cs_span name)
{
    struct name n;
    if (!name_copy(name, &n))
        return false;
    const char *dot = strrchr(n.text, '.');
    const char *label = dot != NULL ? dot + 1 : n.text;
    if (l->tlds.n != 0)
        return tlds_have(&l->tlds, label);
    return tlds_have(&l->suffix_tlds, label) ||
           psl_is_public_suffix2(l->psl, label, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) == 1;
}

bool cs_lists_is_public_suffix(const struct cs_lists *l, struct cs_span name)
{
    struct name n;
    return name_copy(name, &n) && psl_is_public_suffix2(l->psl, n.text, PSL_TYPE_ANY) == 1;
}

/* Offsets of the public suffix and of the base domain; the same when there is no base domain. */
static bool find_suffix(const struct cs_lists *l, struct cs_span name, size_t *out_suffix, size_t *out_base)
{
    struct name n;
    if (!name_copy(name, &n))
        return false;
    size_t base = 0, at = 0;
    while (psl_is_public_suffix2(l->psl, n.text + at, PSL_TYPE_ANY) != 1) {
        const char *dot = strchr(n.text + at, '.');
        if (dot == NULL)
            return false;
        base = at;
        at = (size_t)(dot - n.text) + 1;
    }
    *out_suffix = at;
    *out_base = at == 0 ? 0 : base;
    return true;
}

struct cs_span cs_lists_public_suffix(const struct cs_lists *l, struct cs_span name)
{
    size_t suffix, base;
    if (!find_suffix(l, name, &suffix, &base))
        return cs_span_of(NULL, 0);
    return cs_span_of(name.at + suffix, name.len - suffix);
}

struct cs_span cs_lists_base_domain(const struct cs_lists *l, struct cs_span name)
{
    size_t suffix, base;
    if (!find_suffix(l, name, &suffix, &base) || suffix == 0)
        return cs_span_of(NULL, 0);
    return cs_span_of(name.at + base, name.len - base);
}
