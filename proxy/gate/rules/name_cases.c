/*
 * Control and CAA check of each name, chosen together: the control that covers longest among those for
 * which there is a CAA check that agrees with it (C03, C04). C01: every dNSName has such a check.
 */
#include "proxy/gate/rules/rows.h"

#include "countersign/ledger/v1/entry.pb-c.h"

enum { TRIES_MAX = 64 }; /* controls of one name for which a check is looked for */

struct agreeing {
    const struct cs_case *c;
    const struct cs_caa_index *checks;
    struct cs_caa_ask ask;
    unsigned tries;
};

static bool has_a_check_that_agrees(void *ctx, const struct cs_control *k)
{
    struct agreeing *g = ctx;
    const struct cs_caa *nearest;
    g->ask.control = k;
    return g->tries++ < TRIES_MAX && cs_caa_find(g->c, g->checks, &g->ask, &nearest) != NULL;
}

static void look_up(const struct cs_case *c, const struct cs_control_index *controls,
                    const struct cs_caa_index *checks, const struct cs_san *name, struct cs_name_case *out)
{
    const struct cs_control *nearest;
    struct cs_reach reach;
    bool exempt = c->f->caa_exempt_by_logged_precertificate && c->f->kind == CS_LEAF_CERTIFICATE;
    struct agreeing g = {
        .c = c,
        .checks = checks,
        .ask = { .name = name->value, .wildcard = cs_dns_is_wildcard(name->value) },
    };
    out->needs_caa = !exempt && name->tag == CS_SAN_DNS && !cs_dns_is_onion(name->value);
    if (out->needs_caa) {
        const struct cs_control_filter agreeing = { has_a_check_that_agrees, &g };
        out->control = cs_control_find(c, controls, name, &agreeing, &nearest, &reach);
    }
    if (out->control == NULL)
        out->control = cs_control_find(c, controls, name, NULL, &out->nearest_control, &out->reach);
    if (out->needs_caa) {
        g.ask.control = out->control;
        out->caa = cs_caa_find(c, checks, &g.ask, &out->nearest_caa);
    }
}

const struct cs_name_case *cs_name_cases(struct cs_case *c)
{
    if (c->names != NULL)
        return c->names;
    const struct cs_tbs *t = c->f->tbs;
    struct cs_control_index *controls = NULL;
    struct cs_caa_index *checks = NULL;
    struct cs_name_case *names = cs_arena_get(c->arena, (t->n_names + 1) * sizeof *names);
    if (names == NULL || !cs_ok(cs_control_index_new(c, &controls)) || !cs_ok(cs_caa_index_new(c, &checks))) {
        c->no_memory = true;
        return NULL;
    }
    for (uint32_t i = 0; i < t->n_names; i++)
        look_up(c, controls, checks, &t->name[i], &names[i]);
    c->names = names;
    return names;
}

/* ---- C01 ---- */

static void cover_caa(struct cs_case *c, uint32_t i, const struct cs_caa *a)
{
    if (c->order == NULL)
        return;
    const struct cs_cover cover = {
        .subject = cs_arena_printf(c->arena, "caa:%s", cs_show_san(c, i) + strlen("dns:")),
        .part = COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_CAA,
        .index = i,
        .evidence = a->index,
        .age_s = cs_age_s(c->f->now_unix_s, a->said->checked_at_unix_s),
        .good_until_unix_s = a->good_until_unix_s,
    };
    cs_verdict_cover(c->v, &cover);
}

static const struct cs_caa_row *caa_row(size_t row)
{
    size_t n;
    return &cs_caa_rows(&n)[row];
}
static enum cs_rule caa_rule(size_t row)
{
    return caa_row(row)->rule;
}
static bool caa_holds(const struct cs_case *c, const struct cs_trial *t, size_t row)
{
    return caa_row(row)->holds(c, t->caa, t->ask);
}
static void say_caa(struct cs_case *c, const struct cs_trial *t, size_t row, const char *subject)
{
    caa_row(row)->say(c, t->caa, t->ask, subject);
}

/* Says C01 itself only when no row of the nearest check does. */
static void say_why_unchecked(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask,
                              const char *subject)
{
    struct cs_trial trial = { .rule = caa_rule, .holds = caa_holds, .say = say_caa, .caa = a, .ask = ask };
    (void)cs_caa_rows(&trial.n_rows);
    bool said = false;
    for (size_t i = 0; a != NULL && i < trial.n_rows; i++)
        said = said || (caa_rule(i) == c->rule && !caa_holds(c, &trial, i));
    if (!said)
        (void)cs_refuse(c, subject,
                        a != NULL ? cs_arena_printf(c->arena, "nothing that counts; %s is nearest",
                                                    a->evidence->label)
                                  : "no CAA check of this name",
                        "a CaaCheck statement of its own, property %s, that permits issuance",
                        ask->wildcard ? "issuewild" : "issue");
    if (a != NULL)
        cs_say_why_not(c, &trial, subject);
}

bool cs_names_are_caa_checked(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    const struct cs_name_case *names = cs_name_cases(c);
    if (names == NULL)
        return false;
    bool ok = true;
    for (uint32_t i = 0; i < t->n_names; i++) {
        if (names[i].caa != NULL)
            cover_caa(c, i, names[i].caa);
        if (!names[i].needs_caa || names[i].caa != NULL)
            continue;
        const struct cs_caa_ask ask = { t->name[i].value, cs_dns_is_wildcard(t->name[i].value),
                                        names[i].control };
        say_why_unchecked(c, names[i].nearest_caa, &ask, cs_show_san(c, i));
        ok = false;
    }
    return ok;
}
