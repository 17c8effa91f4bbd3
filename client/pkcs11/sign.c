/* Signing. A whole message is a TBS for SignCertificate; a digest is asked for with SignAuthorized, and
 * the gate signs the TBS it stands for. Nothing is sent before there is room for the signature. */
#include <stdio.h>
#include <stdlib.h>

#include "client/pkcs11/classify.h"
#include "client/pkcs11/module.h"
#include "proxy/gate/der/tbs.h"

/* One request to the gate, and what came of it. */
struct asked {
    const struct cs_p11_operation *op;
    const struct cs_p11_algorithm *algorithm;
    struct cs_span tbs, digest; /* one of the two */
    uint8_t request_id[CS_P11_REQUEST_ID_LEN];
    struct countersign_answer *answer; /* NULL: none came */
    struct countersign_error error;
};

static void operation_end(struct cs_p11_operation *op)
{
    cs_buf_done(&op->data);
    *op = (struct cs_p11_operation){ .data.max = op->data.max };
}

static CK_RV refuse(struct cs_p11 *m, const struct cs_p11_operation *op, CK_RV rv, const char *outcome,
                    const char *text)
{
    cs_p11_log_put(&m->log, &(struct cs_p11_line){ .warning = true,
                                                   .event = "refused",
                                                   .key_id = cs_buf_span(&op->issuer->id),
                                                   .outcome = outcome,
                                                   .text = text });
    return rv;
}

/* ---- what the input is ---- */

static CK_RV take_tbs(struct cs_p11 *m, struct asked *q, struct cs_span data)
{
    struct cs_note text = { 0 };
    struct cs_p11_class is = cs_p11_classify(data, &text);
    q->algorithm = cs_p11_algorithm_for(q->op->mechanism->scheme, q->op->mechanism->digest_len,
                                        q->op->issuer->algorithms);
    if (is.is_tbs && (q->algorithm == NULL || !cs_span_eq(is.algorithm, q->algorithm->der))) {
        is.is_tbs = false;
        cs_note_set(&text,
                    "the tbsCertificate names another signature algorithm than the mechanism makes (%s)",
                    q->algorithm != NULL ? q->algorithm->name : "none");
    }
    if (is.is_tbs && !cs_span_eq(is.issuer, q->op->issuer->subject)) {
        is.is_tbs = false;
        cs_note_set(&text, "the issuer in the tbsCertificate is not the subject of this key's certificate");
    }
    if (!is.is_tbs)
        return refuse(m, q->op, CKR_DATA_INVALID, "CKR_DATA_INVALID", text.text);
    q->tbs = data;
    return CKR_OK;
}

static CK_RV take_digest(struct cs_p11 *m, struct asked *q, struct cs_span data)
{
    CK_RV rv = cs_p11_digest_of(q->op->mechanism, q->op->digest_len, data, &q->digest);
    if (rv == CKR_OK) {
        q->algorithm =
            cs_p11_algorithm_for(q->op->mechanism->scheme, q->digest.len, q->op->issuer->algorithms);
        if (q->algorithm == NULL)
            rv = CKR_DATA_INVALID;
    }
    if (rv == CKR_OK)
        return CKR_OK;
    char text[160];
    (void)snprintf(
        text, sizeof text,
        "%zu octets under mechanism 0x%lx: no SHA-256, SHA-384 or SHA-512 of an algorithm this key may use",
        data.len, q->op->mechanism->type);
    return refuse(m, q->op, rv, rv == CKR_DATA_INVALID ? "CKR_DATA_INVALID" : "CKR_DATA_LEN_RANGE", text);
}

/* ---- what the answer is ---- */

static bool answer_fits(const struct asked *q)
{
    struct cs_span tbs, algorithm, signature;
    const struct countersign_answer *a = q->answer;
    if (!cs_ok(cs_certificate_parse(cs_span_of(a->certificate.at, a->certificate.len), &tbs, &algorithm,
                                    &signature, NULL)))
        return false;
    return cs_span_eq(algorithm, q->algorithm->der) &&
           cs_span_eq(signature, cs_span_of(a->signature.at, a->signature.len)) &&
           (q->tbs.len == 0 || cs_span_eq(tbs, q->tbs));
}

static bool put_signature(const struct asked *q, uint8_t *out)
{
    size_t want_len = q->op->issuer->signature_len;
    struct cs_span got = cs_span_of(q->answer->signature.at, q->answer->signature.len);
    if (q->algorithm->scheme == CS_P11_ECDSA)
        return cs_p11_ecdsa_plain(got, want_len / 2, out);
    if (got.len != want_len)
        return false;
    memcpy(out, got.at, want_len);
    return true;
}

/* gRPC status to PKCS#11; protocols 1.3. settled: the same request id would not give a signature. */
static CK_RV rv_of(uint32_t status, bool *settled, const char **name)
{
    *settled = true;
    switch (status) {
    case 3: /* INVALID_ARGUMENT */
        *name = "CKR_DATA_INVALID";
        return CKR_DATA_INVALID;
    case 5:  /* NOT_FOUND */
    case 6:  /* ALREADY_EXISTS */
    case 7:  /* PERMISSION_DENIED */
    case 9:  /* FAILED_PRECONDITION */
    case 16: /* UNAUTHENTICATED */
        *name = "CKR_FUNCTION_REJECTED";
        return CKR_FUNCTION_REJECTED;
    default:
        *settled = false;
        *name = "CKR_DEVICE_ERROR";
        return CKR_DEVICE_ERROR;
    }
}

static CK_RV conclude(struct cs_p11 *m, const struct asked *q, int outcome, bool *settled, uint8_t *out)
{
    struct cs_p11_line line = { .warning = true,
                                .event = "failed",
                                .key_id = cs_buf_span(&q->op->issuer->id),
                                .request_id = cs_span_of(q->request_id, sizeof q->request_id),
                                .outcome = "CKR_DEVICE_ERROR",
                                .answer = q->answer,
                                .text = q->error.text };
    CK_RV rv = CKR_DEVICE_ERROR;
    *settled = false;
    if (outcome == COUNTERSIGN_REFUSED) {
        rv = rv_of(q->answer->grpc_status, settled, &line.outcome);
        line.event = rv == CKR_DEVICE_ERROR ? "failed" : "refused";
    } else if (outcome == COUNTERSIGN_DONE && answer_fits(q) && put_signature(q, out)) {
        rv = CKR_OK;
        *settled = true;
        line.warning = false;
        line.event = "signed";
        line.outcome = "OK";
        line.text = q->answer->replayed ? "recorded earlier" : NULL;
    } else if (outcome == COUNTERSIGN_DONE) {
        line.text = "the gate's answer does not fit the request";
    }
    cs_p11_log_put(&m->log, &line);
    return rv;
}

static int ask(struct countersign *c, struct asked *q)
{
    struct countersign_request r = { .size = sizeof r,
                                     .request_id = { q->request_id, sizeof q->request_id },
                                     .issuer = { q->op->issuer->id.at, q->op->issuer->id.len } };
    if (q->tbs.len > 0) {
        r.tbs_certificate = (struct countersign_bytes){ q->tbs.at, q->tbs.len };
        return countersign_sign(c, &r, &q->answer, &q->error);
    }
    r.digest = (struct countersign_bytes){ q->digest.at, q->digest.len };
    r.signature_algorithm = (struct countersign_bytes){ q->algorithm->der.at, q->algorithm->der.len };
    return countersign_sign_authorized(c, &r, &q->answer, &q->error);
}

/* Writes signature_len octets to out, or says why not. */
static CK_RV sign_now(struct cs_p11 *m, const struct cs_p11_operation *op, struct cs_span data, uint8_t *out)
{
    struct asked q = { .op = op };
    struct countersign *c;
    bool settled;
    CK_RV rv = cs_p11_mechanism_is_raw(op->mechanism) ? take_digest(m, &q, data) : take_tbs(m, &q, data);
    if (rv != CKR_OK)
        return rv;
    CS_AUTO_BUF struct cs_buf key = { 0 };
    cs_buf_put_span(&key, cs_buf_span(&op->issuer->id));
    cs_buf_put_span(&key, q.algorithm->der);
    cs_buf_put(&key, data.at, data.len);
    if (key.failed)
        return CKR_HOST_MEMORY;
    rv = cs_p11_id_for(m, cs_buf_span(&key), q.request_id);
    if (rv == CKR_OK)
        rv = cs_p11_connect(m, &c);
    if (rv != CKR_OK)
        return rv;
    int outcome = ask(c, &q);
    rv = conclude(m, &q, outcome, &settled, out);
    cs_p11_settle(m, cs_buf_span(&key), q.request_id, settled);
    countersign_answer_free(q.answer);
    cs_p11_release(m, c);
    return rv;
}

/* ---- the functions ---- */

static CK_RV sign_init(struct cs_p11 *m, struct cs_p11_operation *op, const CK_MECHANISM *mechanism,
                       CK_OBJECT_HANDLE key)
{
    enum cs_p11_object what;
    size_t digest_len;
    if (op->active)
        return CKR_OPERATION_ACTIVE;
    const struct cs_p11_mechanism *found = cs_p11_mechanism_of(mechanism->mechanism, m->config.raw);
    if (found == NULL || found->scheme == CS_P11_DIGEST)
        return CKR_MECHANISM_INVALID;
    const struct cs_p11_issuer *issuer = cs_p11_object_of(m, key, &what);
    if (issuer == NULL)
        return CKR_KEY_HANDLE_INVALID;
    if (what != CS_P11_PRIVATE_KEY)
        return what == CS_P11_PUBLIC_KEY ? CKR_KEY_FUNCTION_NOT_PERMITTED : CKR_KEY_HANDLE_INVALID;
    if ((found->scheme == CS_P11_ECDSA) != (issuer->key_type == CKK_EC))
        return CKR_KEY_TYPE_INCONSISTENT;
    CK_RV rv = cs_p11_parameter_check(found, mechanism, &digest_len);
    if (rv != CKR_OK)
        return rv;
    if (!cs_p11_mechanism_fits(found, issuer->algorithms))
        return CKR_MECHANISM_INVALID; /* CKA_ALLOWED_MECHANISMS does not have it */
    op->active = true;
    op->updated = false;
    op->mechanism = found;
    op->digest_len = digest_len;
    op->issuer = issuer;
    cs_buf_reset(&op->data);
    return CKR_OK;
}

CK_RV C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    if (mechanism == NULL || (mechanism->pParameter == NULL && mechanism->ulParameterLen > 0))
        return CKR_ARGUMENTS_BAD;
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    struct cs_p11_session *s = cs_p11_session_take(m, session);
    CK_RV rv = s != NULL ? sign_init(m, &s->sign, mechanism, key) : CKR_SESSION_HANDLE_INVALID;
    if (s != NULL)
        cs_p11_session_give(m, s);
    cs_p11_leave();
    return rv;
}

/* The end of C_Sign and C_SignFinal: a question about the size, or the signature. */
static CK_RV finish(struct cs_p11 *m, struct cs_p11_operation *op, struct cs_span data,
                    unsigned char *signature, CK_ULONG *signature_len)
{
    CK_ULONG need_len = op->issuer->signature_len, room = *signature_len;
    uint8_t *made = NULL;
    if (signature == NULL || room < need_len) {
        *signature_len = need_len;
        return signature == NULL ? CKR_OK : CKR_BUFFER_TOO_SMALL; /* the operation goes on */
    }
    CK_RV rv = (made = malloc(need_len)) != NULL ? sign_now(m, op, data, made) : CKR_HOST_MEMORY;
    if (rv == CKR_OK) {
        memcpy(signature, made, need_len);
        *signature_len = need_len;
    }
    free(made);
    operation_end(op);
    return rv;
}

static CK_RV sign_update(struct cs_p11_operation *op, struct cs_span part)
{
    op->updated = true;
    cs_buf_put(&op->data, part.at, part.len);
    if (!op->data.failed)
        return CKR_OK;
    bool too_long = part.len > op->data.max - op->data.len;
    operation_end(op);
    return too_long ? CKR_DATA_LEN_RANGE : CKR_HOST_MEMORY;
}

enum step { STEP_SIGN, STEP_UPDATE, STEP_FINAL };

static CK_RV do_step(struct cs_p11 *m, struct cs_p11_operation *op, enum step step, struct cs_span data,
                     unsigned char *signature, CK_ULONG *signature_len)
{
    if (!op->active)
        return CKR_OPERATION_NOT_INITIALIZED;
    bool no_data = data.at == NULL && data.len > 0, no_room = step != STEP_UPDATE && signature_len == NULL;
    if (no_data || no_room) {
        operation_end(op);
        return CKR_ARGUMENTS_BAD;
    }
    if (step == STEP_UPDATE)
        return sign_update(op, data);
    if (step == STEP_FINAL)
        return finish(m, op, cs_buf_span(&op->data), signature, signature_len);
    if (op->updated) { /* C_Sign cannot end what C_SignUpdate began (PKCS#11 2.40 5.11) */
        operation_end(op);
        return CKR_OPERATION_ACTIVE;
    }
    if (data.len > CS_P11_DATA_MAX_LEN) {
        operation_end(op);
        return CKR_DATA_LEN_RANGE;
    }
    return finish(m, op, data, signature, signature_len);
}

static CK_RV run_step(CK_SESSION_HANDLE session, enum step step, struct cs_span data,
                      unsigned char *signature, CK_ULONG *signature_len)
{
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    struct cs_p11_session *s = cs_p11_session_take(m, session);
    CK_RV rv =
        s != NULL ? do_step(m, &s->sign, step, data, signature, signature_len) : CKR_SESSION_HANDLE_INVALID;
    if (s != NULL)
        cs_p11_session_give(m, s);
    cs_p11_leave();
    return rv;
}

CK_RV C_Sign(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG data_len, unsigned char *signature,
             CK_ULONG *signature_len)
{
    return run_step(session, STEP_SIGN, cs_span_of(data, data_len), signature, signature_len);
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE session, unsigned char *part, CK_ULONG part_len)
{
    return run_step(session, STEP_UPDATE, cs_span_of(part, part_len), NULL, NULL);
}

CK_RV C_SignFinal(CK_SESSION_HANDLE session, unsigned char *signature, CK_ULONG *signature_len)
{
    return run_step(session, STEP_FINAL, (struct cs_span){ 0 }, signature, signature_len);
}
