/* V01: every name has a statement that passes all control rows; if not, why the nearest one does not. */
#include "proxy/gate/rules/rows.h"

#include "countersign/ledger/v1/entry.pb-c.h"

static void cover_name(struct cs_case *c, uint32_t i, const struct cs_control *k)
{
    if (c->order == NULL)
        return; /* nobody's evidence covers nothing */
    const struct cs_cover cover = {
        .subject = cs_show_san(c, i),
        .part = COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_NAME,
        .index = i,
        .evidence = k->index,
        .method = (int)k->said->method,
        .age_s = cs_age_s(c->f->now_unix_s, k->earliest_unix_s),
        .good_until_unix_s = k->good_until_unix_s,
    };
    cs_verdict_cover(c->v, &cover);
}

static void say_why_not(struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach,
                        const char *subject)
{
    size_t n;
    const struct cs_control_row *rows = cs_control_rows(&n);
    enum cs_rule mine = c->rule;
    for (size_t i = 0; i < n; i++) {
        if (rows[i].holds(c, k, reach))
            continue;
        c->rule = rows[i].rule;
        rows[i].say(c, k, reach, subject);
    }
    c->rule = mine;
}

bool cs_names_are_covered(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    const struct cs_name_case *names = cs_name_cases(c);
    if (names == NULL)
        return false;
    bool ok = true;
    for (uint32_t i = 0; i < t->n_names; i++) {
        const struct cs_control *nearest = names[i].nearest_control;
        if (names[i].control != NULL) {
            cover_name(c, i, names[i].control);
            continue;
        }
        const char *subject = cs_show_san(c, i);
        const char *account =
            c->order != NULL ? cs_arena_printf(c->arena, "account %s", cs_show_text(c->arena, c->account))
                             : "the account that orders";
        ok = cs_refuse(c, subject,
                       nearest != NULL ? cs_arena_printf(c->arena, "nothing that counts; %s is nearest",
                                                         nearest->evidence->label)
                                       : "no domain or IP evidence for it",
                       "a live DomainControl statement of %s that covers %s", account, subject);
        if (nearest != NULL)
            say_why_not(c, nearest, &names[i].reach, subject);
    }
    return ok;
}
