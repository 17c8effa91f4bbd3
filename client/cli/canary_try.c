/* The work of one client's process: every case at every issuer, until one is not refused. */
#include "client/cli/canary.h"
#include "client/cli/keys.h"
#include "client/cli/pbjson.h"

struct trying {
    const struct cs_canary_job *job;
    struct countersign *connection;
    struct cs_arena *arena;
    int fd;
    bool alarmed;
};

struct issuer {
    const char *id;
    struct cs_span certificate, algorithm;
};

struct result {
    enum cs_canary_outcome outcome;
    const char *text; /* may be NULL */
    const struct countersign_answer *answer;
    const struct cs_canary_request *request; /* NULL: nothing was sent */
};

/* ---- telling ---- */

static json_t *rules_of(const struct countersign_answer *a)
{
    json_t *all = json_array();
    for (size_t i = 0; a != NULL && i < a->n_reasons; i++) {
        bool again = false;
        for (size_t k = 0; k < i && !again; k++)
            again = strcmp(a->reasons[k].rule, a->reasons[i].rule) == 0;
        if (!again)
            json_array_append_new(all, json_string(a->reasons[i].rule));
    }
    return all;
}

static json_t *base64(struct cs_span bytes)
{
    return cs_bytes_write(CS_BYTES_BASE64, bytes);
}

static void add_request(json_t *line, const struct cs_canary_request *q)
{
    json_t *evidence = json_array();
    for (uint32_t i = 0; i < q->n_evidence; i++)
        json_array_append_new(evidence, base64(q->evidence[i]));
    json_object_set_new(line, "tbs", base64(q->tbs));
    json_object_set_new(line, "evidence", evidence);
}

static void tell(struct trying *t, const char *issuer, enum cs_canary_case which, const struct result *r)
{
    const struct countersign_answer *a = r->answer;
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:I}", "client", t->job->client->name, "issuer",
                  issuer, "case", cs_canary_case_name(which), "outcome", cs_canary_outcome_name(r->outcome),
                  "status", a != NULL ? a->grpc_status_name : "", "rules", rules_of(a), "text",
                  r->text != NULL ? r->text : "", "ledger_entry",
                  (json_int_t)(a != NULL ? a->ledger_entry : 0));
    if (line != NULL && t->job->requests && r->request != NULL)
        add_request(line, r->request);
    if (line != NULL && r->outcome == CS_CANARY_ALARM && a != NULL && a->certificate.len != 0)
        json_object_set_new(line, "certificate", base64(cs_span_of(a->certificate.at, a->certificate.len)));
    t->alarmed = t->alarmed || r->outcome == CS_CANARY_ALARM;
    cs_canary_say(t->fd, line);
}

static void tell_untried(struct trying *t, const char *issuer, enum cs_canary_case which, const char *why)
{
    const struct result r = { .outcome = CS_CANARY_NOT_TRIED, .text = why };
    tell(t, issuer, which, &r);
}

/* ---- one case ---- */

static struct countersign_bytes bytes_of(struct cs_span s)
{
    return (struct countersign_bytes){ s.at, s.len };
}

static int send_request(struct trying *t, const struct issuer *i, enum cs_canary_case which,
                        const struct cs_canary_request *q, struct countersign_answer **answer,
                        struct countersign_error *error)
{
    struct countersign_bytes evidence[CS_CANARY_EVIDENCE_MAX];
    struct countersign_request request = { .size = sizeof request, .issuer = bytes_of(cs_span_str(i->id)) };
    for (uint32_t k = 0; k < q->n_evidence; k++)
        evidence[k] = bytes_of(q->evidence[k]);
    if (which == CS_CANARY_DIGEST) {
        request.digest = bytes_of(q->digest);
        request.signature_algorithm = bytes_of(q->algorithm);
        return countersign_sign_authorized(t->connection, &request, answer, error);
    }
    request.tbs_certificate = bytes_of(q->tbs);
    request.evidence = evidence;
    request.n_evidence = q->n_evidence;
    return countersign_sign(t->connection, &request, answer, error);
}

static void try_one(struct trying *t, const struct issuer *i, enum cs_canary_case which)
{
    struct cs_canary_request q = { 0 };
    const char *missing = NULL;
    struct countersign_error error = { "" };
    struct countersign_answer *answer = NULL;
    struct result r = { 0 };
    cs_result made = cs_canary_request_make(t->job->config, t->job->material, which, i->certificate,
                                            i->algorithm, t->arena, &q, &missing);
    if (t->alarmed)
        missing = "not asked after the alarm";
    else if (!cs_ok(made))
        missing = cs_arena_printf(t->arena, "the request cannot be made: %s", cs_result_text(made));
    if (missing != NULL) {
        tell_untried(t, i->id, which, missing);
        return;
    }
    int outcome = send_request(t, i, which, &q, &answer, &error);
    r.outcome =
        cs_canary_judge(t->job->client, which, q.n_evidence, outcome, answer, &error, t->arena, &r.text);
    r.answer = answer;
    r.request = &q;
    tell(t, i->id, which, &r);
    countersign_answer_free(answer);
}

static void try_issuer(struct trying *t, const struct issuer *i)
{
    for (unsigned c = 0; c < CS_CANARY_STRANGER; c++)
        if (t->job->config->wanted[c])
            try_one(t, i, (enum cs_canary_case)c);
}

/* ---- issuers ---- */

static void no_issuer(struct trying *t, const char *issuer, const char *why)
{
    for (unsigned c = 0; c < CS_CANARY_STRANGER; c++)
        if (t->job->config->wanted[c])
            tell_untried(t, issuer, (enum cs_canary_case)c, why);
}

static void try_configured(struct trying *t)
{
    const struct cs_canary_config *config = t->job->config;
    for (uint32_t k = 0; k < config->n_issuers; k++) {
        CS_AUTO_BUF struct cs_buf der = { 0 };
        struct cs_note note = { 0 };
        char label[64];
        if (!cs_ok(cs_der_read(config->issuer[k].certificate, &der, label, sizeof label, &note))) {
            no_issuer(t, config->issuer[k].id, note.text);
            continue;
        }
        const struct issuer i = { config->issuer[k].id, cs_buf_span(&der),
                                  cs_algorithm_der(config->issuer[k].algorithm) };
        try_issuer(t, &i);
    }
}

static void try_listed(struct trying *t, const struct countersign_answer *a)
{
    for (size_t k = 0; k < a->n_issuers; k++) {
        const struct countersign_issuer *from = &a->issuers[k];
        const char *id = cs_arena_copy(t->arena, cs_span_of(from->id.at, from->id.len));
        if (id == NULL || from->n_signature_algorithms == 0) {
            no_issuer(t, id != NULL ? id : "-", "it has no signature algorithm");
            continue;
        }
        const struct issuer i = { id, cs_span_of(from->certificate.at, from->certificate.len),
                                  cs_span_of(from->signature_algorithms[0].at,
                                             from->signature_algorithms[0].len) };
        try_issuer(t, &i);
    }
    if (a->n_issuers == 0)
        no_issuer(t, "-", "the gate lists no issuer for it");
}

static void try_client(struct trying *t)
{
    struct countersign_answer *answer = NULL;
    struct countersign_error error = { "" };
    if (t->job->config->n_issuers != 0) {
        try_configured(t);
        return;
    }
    int outcome = countersign_list_issuers(t->connection, &answer, &error);
    if (outcome == COUNTERSIGN_DONE)
        try_listed(t, answer);
    else
        no_issuer(t, "-",
                  cs_arena_printf(t->arena, "ListIssuers: %s; the configuration's issuers stand in for it",
                                  error.text));
    countersign_answer_free(answer);
}

/* Nothing is wrong with this call but who asks. */
static void try_stranger(struct trying *t)
{
    struct countersign_answer *answer = NULL;
    struct countersign_error error = { "" };
    struct result r = { 0 };
    int outcome = countersign_list_issuers(t->connection, &answer, &error);
    r.outcome =
        cs_canary_judge(t->job->client, CS_CANARY_STRANGER, 0, outcome, answer, &error, t->arena, &r.text);
    r.answer = answer;
    tell(t, "-", CS_CANARY_STRANGER, &r);
    countersign_answer_free(answer);
}

void cs_canary_try(const void *given, int fd)
{
    const struct cs_canary_job *job = given;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct trying t = { .job = job, .arena = &arena, .fd = fd };
    struct countersign_options options = cs_canary_options(job->config, &job->client->peer);
    struct countersign_error error = { "" };
    int outcome = countersign_open(&options, &t.connection, &error);
    if (outcome != COUNTERSIGN_DONE && job->client->stranger)
        tell_untried(&t, "-", CS_CANARY_STRANGER, error.text);
    else if (outcome != COUNTERSIGN_DONE)
        no_issuer(&t, "-", error.text);
    else if (job->client->stranger)
        try_stranger(&t);
    else
        try_client(&t);
    countersign_close(t.connection);
}
