#include "proxy/policy/perspectives.h"

#include "countersign/v1/common.pb-c.h"

enum { TEXT_MAX_LEN = 64, DOCUMENT_MAX_LEN = 1024 * 1024 };

static int rir_of(struct cs_span name)
{
    static const struct {
        const char *name;
        int rir;
    } rows[] = { { "afrinic", COUNTERSIGN__V1__RIR__RIR_AFRINIC },
                 { "apnic", COUNTERSIGN__V1__RIR__RIR_APNIC },
                 { "arin", COUNTERSIGN__V1__RIR__RIR_ARIN },
                 { "lacnic", COUNTERSIGN__V1__RIR__RIR_LACNIC },
                 { "ripe_ncc", COUNTERSIGN__V1__RIR__RIR_RIPE_NCC } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (cs_span_is(name, rows[i].name))
            return rows[i].rir;
    return 0;
}

bool cs_microdegrees_of(struct cs_span text, int32_t limit_degrees, int32_t *out)
{
    size_t i = text.len != 0 && text.at[0] == '-' ? 1 : 0, digits = i;
    int64_t whole = 0, micro = 0, scale = 100000;
    for (; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++)
        if ((whole = whole * 10 + (text.at[i] - '0')) > limit_degrees)
            return false;
    if (i == digits)
        return false;
    if (i < text.len && text.at[i] == '.')
        for (i++; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++, scale /= 10) {
            if (scale == 0)
                return false;
            micro += (text.at[i] - '0') * scale;
        }
    micro += whole * 1000000;
    if (i != text.len || text.at[i - 1] == '.' || micro > (int64_t)limit_degrees * 1000000)
        return false;
    *out = (int32_t)(text.at[0] == '-' ? -micro : micro);
    return true;
}

static CS_RESULT read_degrees(const struct cs_yaml_node *n, int32_t limit, int32_t *out, struct cs_note *note)
{
    struct cs_span text;
    CS_TRY(cs_yaml_string(n, TEXT_MAX_LEN, &text, note));
    if (!cs_microdegrees_of(text, limit, out))
        return cs_yaml_fail(n, note, "'%.*s'; needed: degrees from -%d to %d with at most six decimals",
                            (int)text.len, (const char *)text.at, limit, limit);
    return CS_OK;
}

static CS_RESULT read_site(const struct cs_yaml_node *n, const struct cs_site *earlier, uint32_t n_earlier,
                           struct cs_site *out, struct cs_note *note)
{
    enum { CODE, ID, RIR, LATITUDE, LONGITUDE, OPERATOR, N };
    struct cs_yaml_field f[N] = {
        [CODE] = { .key = "code", .required = true },
        [ID] = { .key = "id", .required = true },
        [RIR] = { .key = "rir", .required = true },
        [LATITUDE] = { .key = "latitude", .required = true },
        [LONGITUDE] = { .key = "longitude", .required = true },
        [OPERATOR] = { .key = "operator" },
    };
    struct cs_span rir;
    struct cs_site s = { 0 };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    CS_TRY(cs_yaml_string(f[CODE].value, TEXT_MAX_LEN, &s.code, note));
    CS_TRY(cs_yaml_id(f[ID].value, TEXT_MAX_LEN, &s.id, note));
    CS_TRY(cs_yaml_string(f[RIR].value, TEXT_MAX_LEN, &rir, note));
    s.rir = rir_of(rir);
    if (s.rir == 0)
        return cs_yaml_fail(f[RIR].value, note,
                            "'%.*s' is no registry; one of afrinic, apnic, arin, lacnic, ripe_ncc",
                            (int)rir.len, (const char *)rir.at);
    CS_TRY(read_degrees(f[LATITUDE].value, 90, &s.latitude_microdegrees, note));
    CS_TRY(read_degrees(f[LONGITUDE].value, 180, &s.longitude_microdegrees, note));
    if (f[OPERATOR].value != NULL)
        CS_TRY(cs_yaml_string(f[OPERATOR].value, TEXT_MAX_LEN, &s.operator_name, note));
    for (uint32_t i = 0; i < n_earlier; i++) {
        if (cs_span_eq(earlier[i].code, s.code))
            return cs_yaml_fail(f[CODE].value, note, "perspectives[%u] has this code", i);
        if (cs_span_eq(earlier[i].id, s.id))
            return cs_yaml_fail(f[ID].value, note, "perspectives[%u] has this id", i);
    }
    *out = s;
    return CS_OK;
}

CS_RESULT cs_sites_read(const struct cs_yaml_node *n, struct cs_arena *arena, struct cs_sites *out,
                        struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, CS_SITES_MAX, note));
    struct cs_site *site = cs_arena_get(arena, n->n_children * sizeof *site);
    uint32_t n_read = 0;
    if (site == NULL)
        return CS_ERR(NO_MEMORY);
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next, n_read++)
        CS_TRY(read_site(c, site, n_read, &site[n_read], note));
    *out = (struct cs_sites){ n_read, site };
    return CS_OK;
}

CS_RESULT cs_sites_load(struct cs_span document, struct cs_arena *arena, struct cs_sites *out,
                        struct cs_note *note)
{
    const struct cs_yaml_node *root;
    struct cs_yaml_field f[] = { { .key = "perspectives", .required = true } };
    CS_TRY(cs_yaml_read(document, DOCUMENT_MAX_LEN, arena, &root, note));
    CS_TRY(cs_yaml_fields(root, f, 1, note));
    return cs_sites_read(f[0].value, arena, out, note);
}

const struct cs_site *cs_site_of_code(const struct cs_sites *s, struct cs_span code)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (cs_span_eq(s->site[i].code, code))
            return &s->site[i];
    return NULL;
}
