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

void cs_say_why_not(struct cs_case *c, const struct cs_trial *t, const char *subject)
{
    enum cs_rule mine = c->rule;
    for (size_t i = 0; i < t->n_rows; i++) {
        if (t->holds(c, t, i))
            continue;
        c->rule = t->rule(i);
        t->say(c, t, i, subject);
    }
    c->rule = mine;
}

static const struct cs_control_row *control_row(size_t row)
{
    size_t n;
    return &cs_control_rows(&n)[row];
}
static enum cs_rule control_rule(size_t row)
{
    return control_row(row)->rule;
}
static bool control_holds(const struct cs_case *c, const struct cs_trial *t, size_t row)
{
    return control_row(row)->holds(c, t->control, t->reach);
}
static void say_control(struct cs_case *c, const struct cs_trial *t, size_t row, const char *subject)
{
    control_row(row)->say(c, t->control, t->reach, subject);
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
        struct cs_trial trial = { .rule = control_rule,
                                  .holds = control_holds,
                                  .say = say_control,
                                  .control = nearest,
                                  .reach = &names[i].reach };
        if (nearest != NULL) {
            (void)cs_control_rows(&trial.n_rows);
            cs_say_why_not(c, &trial, subject);
        }
    }
    return ok;
}
