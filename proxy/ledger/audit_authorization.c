/* Verifying authorizations: their index rows, and the one request that each of them served. */
#include "proto/canonical.h"
#include "proxy/ledger/audit.h"

typedef Countersign__Ledger__V1__Entry entry_t;
typedef Countersign__Ledger__V1__Authorization authorization_t;

static CS_RESULT digest_row_holds(struct cs_audit *a, uint64_t seq, const authorization_t *m)
{
    sqlite3_stmt *s = a->statement[CS_AUDIT_AUTHORIZATION_DIGEST_ROW];
    bool row = false;
    cs_bind_span(s, 1, cs_proto_span(m->for_client));
    cs_bind_span(s, 2, cs_proto_span(m->issuer));
    cs_bind_span(s, 3, cs_proto_span(m->digest));
    cs_bind_u64(s, 4, seq);
    cs_result r = cs_audit_step(a, CS_AUDIT_AUTHORIZATION_DIGEST_ROW, &row);
    bool fits = row && sqlite3_column_int64(s, 0) == m->expires_at_unix_s;
    (void)sqlite3_reset(s);
    CS_TRY(r);
    return fits ? CS_OK
                : cs_audit_bad(a, seq, "its authorization_digest row is missing or says something else");
}

/* Its own row, and no earlier one of the same request. */
static CS_RESULT request_row_holds(struct cs_audit *a, uint64_t seq, const authorization_t *m)
{
    sqlite3_stmt *s = a->statement[CS_AUDIT_AUTHORIZATION_REQUEST_ROWS];
    bool row = false;
    uint64_t n = 0, last = 0;
    cs_bind_span(s, 1, cs_proto_span(m->caller->client));
    cs_bind_span(s, 2, cs_proto_span(m->request_id));
    cs_bind_u64(s, 3, seq);
    cs_result r = cs_audit_step(a, CS_AUDIT_AUTHORIZATION_REQUEST_ROWS, &row);
    for (; cs_ok(r) && row; n++) {
        last = cs_column_u64(s, 0);
        r = cs_audit_step(a, CS_AUDIT_AUTHORIZATION_REQUEST_ROWS, &row);
    }
    (void)sqlite3_reset(s);
    CS_TRY(r);
    if (n > 1)
        return cs_audit_bad(a, seq, "its request id authorised something before");
    return n == 1 && last == seq ? CS_OK : cs_audit_bad(a, seq, "has no authorization_request row");
}

CS_RESULT cs_audit_authorization(struct cs_audit *a, const entry_t *e)
{
    const authorization_t *m = e->authorization;
    if (!cs_authorization_is_of_its_tbs(m))
        return cs_audit_bad(a, e->seq, "its digest is not that of its TBS");
    if (m->expires_at_unix_s > e->time_unix_us / 1000000 + CS_AUTHORIZATION_LIFE_MAX_S)
        return cs_audit_bad(a, e->seq, "lasts longer than %d s", CS_AUTHORIZATION_LIFE_MAX_S);
    CS_TRY(digest_row_holds(a, e->seq, m));
    CS_TRY(request_row_holds(a, e->seq, m));
    for (size_t i = 0; i < m->n_evidence_sha256s; i++)
        CS_TRY(cs_audit_needs_put(a, e->seq, CS_AUDIT_EVIDENCE_PUT_OF, m->evidence_sha256s[i], "evidence"));
    a->report.n_authorizations++;
    return CS_OK;
}

/* The entry it names was checked when it came by; only what joins the two is asked here. */
static CS_RESULT names_one_that_allows_it(struct cs_audit *a, const entry_t *e)
{
    sqlite3_stmt *s = a->statement[CS_AUDIT_ENTRY_AT];
    unsigned long long named = e->intent->authorization_seq;
    const entry_t *there = NULL;
    bool row = false, allows = false;
    cs_bind_u64(s, 1, named);
    cs_result r = cs_audit_step(a, CS_AUDIT_ENTRY_AT, &row);
    if (cs_ok(r) && row)
        r = cs_entry_unpack(cs_column_span(s, 0), &a->arena, &there);
    if (cs_ok(r) && there != NULL)
        allows = there->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION &&
                 there->seq == named && cs_authorization_allows(there, e);
    (void)sqlite3_reset(s);
    if (!cs_ok(r) && !cs_is(r, CS_NUM_STORE_CORRUPT))
        return r;
    return allows ? CS_OK : cs_audit_bad(a, e->seq, "entry %llu does not authorise it", named);
}

CS_RESULT cs_audit_authorized(struct cs_audit *a, const entry_t *e)
{
    const Countersign__Ledger__V1__Intent *m = e->intent;
    if (m->authorization_seq == 0)
        return CS_OK;
    CS_TRY(names_one_that_allows_it(a, e));
    struct cs_sha256 token = cs_authorization_token(m->authorization_seq);
    struct cs_sha256 bound =
        cs_authorization_bound(cs_proto_span(m->caller->client), cs_proto_span(m->request_id));
    CS_TRY(cs_audit_needs_put(a, e->seq, CS_AUDIT_TOKEN_PUT_OF, cs_proto_bytes(cs_sha256_span(&token)),
                              "token"));
    uint64_t put = 0;
    struct cs_sha256 there;
    CS_TRY(cs_audit_bound_put(a, CS_AUDIT_TOKEN_PUT_OF, cs_sha256_span(&token), &put, &there));
    bool fits = put != 0 && cs_span_eq(cs_sha256_span(&there), cs_sha256_span(&bound));
    return fits ? CS_OK
                : cs_audit_bad(a, e->seq, "another request spent its authorization %llu",
                               (unsigned long long)m->authorization_seq);
}
