/*
 * V04: the random value or token was fresh when control was seen, and is not used again (BR 1.6.1,
 * 3.2.2.4); a persistent record still held then, and was made for this CA (3.2.2.4.22). V05, the part on
 * mailboxes that are constructed from the domain (3.2.2.4.4).
 */
#include "proxy/gate/rules/rows.h"

#include <strings.h>

enum value_flaw {
    FITS = 0,
    NO_VALUE,
    FROM_THE_FUTURE,
    TOO_OLD,
    SPENT,
    NO_ACCOUNT,
    RECORD_ENDED,
    RECORD_OF_OTHERS,
};

/* The row of the day the value was used on, not of today: so the requirement reads. */
static uint32_t value_limit_s(const struct cs_case *c, const struct cs_control *k)
{
    uint32_t limit_s = k->work->value_s;
    if (!k->work->value_as_reuse)
        return limit_s;
    uint32_t reuse_s = cs_period_at(k->said->observed_at_unix_s)->domain_age_s;
    uint32_t policy_s = cs_policy_age_s(c->f, CS_AGE_DOMAIN);
    if (policy_s != 0 && policy_s < reuse_s)
        reuse_s = policy_s;
    return reuse_s > limit_s ? reuse_s : limit_s;
}

static bool has_value(const Countersign__V1__Challenge *ch)
{
    return ch != NULL && ch->kind != COUNTERSIGN__V1__CHALLENGE_KIND__CHALLENGE_KIND_NONE &&
           ch->kind != COUNTERSIGN__V1__CHALLENGE_KIND__CHALLENGE_KIND_UNSPECIFIED;
}

static enum value_flaw record_flaw(const struct cs_case *c, const Countersign__V1__DomainControl *d)
{
    if (d->account_uri.len == 0)
        return NO_ACCOUNT;
    if (d->persist_until_unix_s != 0 && d->persist_until_unix_s < d->observed_at_unix_s)
        return RECORD_ENDED;
    return cs_issuer_is_caa_identity(c->f->issuer, cs_bytes(d->issuer_domain)) ? FITS : RECORD_OF_OTHERS;
}

static enum value_flaw value_flaw(const struct cs_case *c, const struct cs_control *k)
{
    const Countersign__V1__DomainControl *d = k->said;
    if (c->f->token_spent != NULL && c->f->token_spent[k->index])
        return SPENT;
    if (k->work == NULL)
        return FITS; /* V02 refuses */
    if (k->work->persists)
        return record_flaw(c, d);
    if (!has_value(d->challenge))
        return k->work->value ? NO_VALUE : FITS;
    if (k->work->value_s == 0)
        return FITS;
    int64_t age_s = cs_age_s(d->observed_at_unix_s, d->challenge->created_at_unix_s);
    if (age_s < 0)
        return FROM_THE_FUTURE;
    return age_s > value_limit_s(c, k) ? TOO_OLD : FITS;
}

bool cs_value_was_fresh_and_unused(const struct cs_case *c, const struct cs_control *k,
                                   const struct cs_reach *reach)
{
    (void)reach;
    return value_flaw(c, k) == FITS;
}

void cs_say_value(struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach,
                  const char *subject)
{
    (void)reach;
    const Countersign__V1__DomainControl *d = k->said;
    const char *who = cs_show_control(c, k), *seen = cs_show_time(c->arena, d->observed_at_unix_s);
    switch (value_flaw(c, k)) {
    case NO_VALUE:
        (void)cs_refuse(c, subject, cs_arena_printf(c->arena, "%s rests on no random value or token", who),
                        "a random value or token, for this method");
        break;
    case FROM_THE_FUTURE:
        (void)cs_refuse(c, subject,
                        cs_arena_printf(c->arena, "%s saw at %s a value made at %s", who, seen,
                                        cs_show_time(c->arena, d->challenge->created_at_unix_s)),
                        "a value made before it was seen");
        break;
    case TOO_OLD:
        (void)cs_refuse(c, subject,
                        cs_arena_printf(c->arena, "%s saw at %s a value made at %s, %s before", who, seen,
                                        cs_show_time(c->arena, d->challenge->created_at_unix_s),
                                        cs_show_duration(c->arena,
                                                         cs_age_s(d->observed_at_unix_s,
                                                                  d->challenge->created_at_unix_s))),
                        "a value at most %s old when it is seen",
                        cs_show_duration(c->arena, value_limit_s(c, k)));
        break;
    case SPENT:
        (void)cs_refuse(c, subject,
                        cs_arena_printf(c->arena, "%s rests on the value %s, which another validation used",
                                        who,
                                        d->challenge != NULL
                                            ? cs_show_hex(c->arena, cs_bytes(d->challenge->sha256))
                                            : "given"),
                        "a value of its own");
        break;
    case NO_ACCOUNT:
        (void)cs_refuse(c, subject, cs_arena_printf(c->arena, "%s names no account URI", who),
                        "the account URI of the persistent record");
        break;
    case RECORD_ENDED:
        (void)cs_refuse(c, subject,
                        cs_arena_printf(c->arena, "%s saw at %s a record that held until %s", who, seen,
                                        cs_show_time(c->arena, d->persist_until_unix_s)),
                        "a record whose persistUntil is not before the check");
        break;
    case RECORD_OF_OTHERS:
        (void)cs_refuse(c, subject,
                        cs_arena_printf(c->arena, "%s saw a record for the issuer domain \"%s\"", who,
                                        cs_show_text(c->arena, cs_bytes(d->issuer_domain))),
                        "one of the caa_identities that the policy gives issuer %s",
                        cs_show_text(c->arena, c->f->issuer->id));
        break;
    case FITS:
        break;
    }
}

/* ---- one-time tokens ---- */

static struct cs_sha256 message_of(const Countersign__V1__Header *h, const Countersign__V1__DomainControl *d)
{
    const uint8_t len[2] = { (uint8_t)(h->account.len >> 8), (uint8_t)h->account.len };
    const struct cs_span parts[] = { cs_span_str("message"), cs_span_of(len, sizeof len),
                                     cs_bytes(h->account), cs_bytes(d->contact) };
    return cs_sha256_parts(parts, sizeof parts / sizeof *parts);
}

bool cs_token_of(const struct cs_evidence *e, struct cs_sha256 *token, struct cs_sha256 *bound)
{
    if (e->statement->body_case != COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL)
        return false;
    const Countersign__V1__DomainControl *d = e->statement->domain_control;
    if (d->challenge == NULL || d->challenge->sha256.len != sizeof token->byte)
        return false;
    const struct cs_method_row *row = cs_method_row(
        (int)(d->inner_method != COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_UNSPECIFIED
                  ? d->inner_method
                  : d->method));
    if (d->challenge->kind == COUNTERSIGN__V1__CHALLENGE_KIND__CHALLENGE_KIND_SINGLE_USE_TOKEN)
        *bound = e->payload_sha256;
    else if (d->challenge->kind == COUNTERSIGN__V1__CHALLENGE_KIND__CHALLENGE_KIND_RANDOM_VALUE &&
             row != NULL && row->value_per_message)
        *bound = message_of(e->statement->header, d);
    else
        return false;
    memcpy(token->byte, d->challenge->sha256.data, sizeof token->byte);
    return true;
}

/* ---- V05: constructed mailboxes ---- */

static bool is_constructed_for(struct cs_span contact, struct cs_span domain)
{
    static const char *const locals[] = { "admin", "administrator", "webmaster", "hostmaster", "postmaster" };
    for (size_t i = 0; i < sizeof locals / sizeof *locals; i++) {
        size_t n = strlen(locals[i]);
        if (contact.len == n + 1 + domain.len && contact.at[n] == '@' &&
            strncasecmp((const char *)contact.at, locals[i], n) == 0 &&
            cs_dns_cmp(cs_span_of(contact.at + n + 1, domain.len), domain) == 0)
            return true;
    }
    return false;
}

bool cs_mailbox_is_of_the_domain(const struct cs_case *c, const struct cs_control *k,
                                 const struct cs_reach *reach)
{
    (void)c;
    (void)reach;
    return k->said->method != COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_CONSTRUCTED_EMAIL ||
           cs_control_is_ip(k) || is_constructed_for(cs_bytes(k->said->contact), cs_bytes(k->said->domain));
}

void cs_say_mailbox(struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach,
                    const char *subject)
{
    (void)reach;
    (void)cs_refuse(c, subject,
                    cs_arena_printf(c->arena, "%s went to \"%s\"", cs_show_control(c, k),
                                    cs_show_text(c->arena, cs_bytes(k->said->contact))),
                    "admin, administrator, webmaster, hostmaster or postmaster at %s",
                    cs_show_text(c->arena, cs_bytes(k->said->domain)));
}
