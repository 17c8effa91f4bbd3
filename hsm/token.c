#include "hsm/token.h"

#include <openssl/err.h>

#include "hsm/attributes.h"
#include "hsm/spki.h"

struct cs_span cs_token_canary(void)
{
    return cs_span_str("countersign canary v1: this text proves a key handle and is not a certificate");
}

static cs_result log_in(const struct cs_token *t, const struct cs_seat *seat, const CK_TOKEN_INFO *info,
                        const struct cs_secret *pin, struct cs_why *why)
{
    if (info->flags & CKF_USER_PIN_LOCKED) {
        cs_why_set(why, CKR_PIN_LOCKED, "the token's user PIN is locked");
        return CS_ERR(HSM_PIN);
    }
    if (info->flags & CKF_USER_PIN_FINAL_TRY) {
        cs_why_set(why, CKR_OK, "one wrong PIN more locks the token: log in by hand once, then start again");
        return CS_ERR(HSM_PIN);
    }
    if (!(info->flags & CKF_USER_PIN_INITIALIZED)) {
        cs_why_set(why, CKR_USER_PIN_NOT_INITIALIZED, "the token has no user PIN");
        return CS_ERR(HSM_PIN);
    }
    /* C_Login takes a non-const pointer but does not write (PKCS#11 2.40, 5.6). */
    union {
        const char *text;
        CK_UTF8CHAR *bytes;
    } p = { .text = cs_secret_text(pin) };
    CK_RV rv = t->module.f->C_Login(seat->session, CKU_USER, p.bytes, cs_secret_len(pin));
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
        return CS_OK;
    cs_why_set(why, rv, "C_Login");
    bool pin_refused = rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE ||
                       rv == CKR_PIN_EXPIRED || rv == CKR_PIN_LOCKED;
    return pin_refused ? CS_ERR(HSM_PIN) : CS_ERR(HSM);
}

/* seat_open opens two sessions and keeps one: libp11 0.4.12 waits for ever if the session it opens
 * for itself fails, so the room for it is proven first. */
static cs_result seat_open(struct cs_token *t, CK_SLOT_ID slot, const CK_TOKEN_INFO *info,
                           const struct cs_secret *pin, struct cs_why *why)
{
    CK_FUNCTION_LIST *f = t->module.f;
    struct cs_seat *seat = &t->seat[t->n_seats];
    *seat = (struct cs_seat){ .slot = slot };
    CK_SESSION_HANDLE spare = 0;
    CK_RV rv = f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &seat->session);
    if (rv == CKR_OK)
        rv = f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &spare);
    if (rv == CKR_OK)
        rv = f->C_CloseSession(spare);
    if (rv != CKR_OK) {
        cs_why_set(why, rv, "C_OpenSession (two sessions for each signer process are needed)");
        return CS_ERR(HSM);
    }
    CS_TRY(log_in(t, seat, info, pin, why));
    t->n_seats++;
    return CS_OK;
}

static cs_result seats_open(struct cs_token *t, const struct cs_secret *pin, struct cs_key *k,
                            struct cs_why *why)
{
    CK_SLOT_ID slot = 0;
    CK_TOKEN_INFO info;
    CS_TRY(cs_module_find_token(&t->module, &k->uri, &slot, &info, why));
    size_t i = 0;
    while (i < t->n_seats && t->seat[i].slot != slot)
        i++;
    if (i == t->n_seats)
        CS_TRY(seat_open(t, slot, &info, pin, why));
    k->session = t->seat[i].session;
    return CS_OK;
}

static cs_result enumerate(struct cs_token *t, struct cs_why *why)
{
    if (PKCS11_enumerate_slots(t->ctx, &t->slots, &t->n_slots) != 0) {
        t->slots = NULL;
        cs_why_set(why, cs_key_libp11_error(), "libp11 could not list the slots");
        return CS_ERR(HSM);
    }
    for (size_t s = 0; s < t->n_seats; s++) {
        struct cs_seat *seat = &t->seat[s];
        PKCS11_SLOT *slot = NULL;
        for (unsigned i = 0; i < t->n_slots; i++)
            if (PKCS11_get_slotid_from_slot(&t->slots[i]) == seat->slot)
                slot = &t->slots[i];
        if (slot == NULL || slot->token == NULL ||
            PKCS11_enumerate_keys(slot->token, &seat->keys, &seat->n_keys) != 0) {
            cs_why_set(why, cs_key_libp11_error(), "libp11 could not list the private keys");
            return CS_ERR(HSM);
        }
    }
    return CS_OK;
}

PKCS11_KEY *cs_token_pick(PKCS11_KEY *keys, unsigned n_keys, struct cs_span id, struct cs_span label,
                          unsigned *out_n)
{
    PKCS11_KEY *found = NULL;
    unsigned n = 0;
    for (unsigned i = 0; i < n_keys; i++) {
        struct cs_span key_label = cs_span_str(keys[i].label == NULL ? "" : keys[i].label);
        if (keys[i].isPrivate && cs_span_eq(cs_span_of(keys[i].id, keys[i].id_len), id) &&
            cs_span_eq(key_label, label)) {
            found = &keys[i];
            n++;
        }
    }
    *out_n = n;
    return n == 1 ? found : NULL;
}

/* The key found by its handle must be the only one libp11 can take for it. */
static cs_result take_private(struct cs_token *t, struct cs_key *k, const struct cs_seat *seat,
                              struct cs_why *why)
{
    CS_AUTO_BUF struct cs_buf id = { .max = 2048 }, label = { .max = 2048 };
    cs_result r = cs_module_get(&t->module, k->session, k->handle, CKA_ID, &id, why);
    if (!cs_ok(r) && !cs_is(r, CS_NUM_NOT_FOUND))
        return r;
    r = cs_module_get(&t->module, k->session, k->handle, CKA_LABEL, &label, why);
    if (!cs_ok(r) && !cs_is(r, CS_NUM_NOT_FOUND))
        return r;
    unsigned n = 0;
    PKCS11_KEY *found = cs_token_pick(seat->keys, seat->n_keys, cs_buf_span(&id), cs_buf_span(&label), &n);
    if (found == NULL) {
        cs_why_set(why, CKR_OK, "%u private keys share its id and label, exactly one is needed", n);
        return CS_ERR(HSM_KEY);
    }
    k->private = PKCS11_get_private_key(found);
    CK_RV rv = cs_key_libp11_error();
    if (k->private == NULL) {
        cs_why_set(why, rv, "libp11 could not use the private key");
        return CS_ERR(HSM);
    }
    return CS_OK;
}

static cs_result check_mechanism(const struct cs_token *t, CK_SLOT_ID slot, const struct cs_algorithm *a,
                                 struct cs_why *why)
{
    static const CK_MECHANISM_TYPE mechanism[] = {
        [CS_SCHEME_ECDSA] = CKM_ECDSA, [CS_SCHEME_PKCS1] = CKM_RSA_PKCS, [CS_SCHEME_PSS] = CKM_RSA_PKCS_PSS
    };
    CK_MECHANISM_INFO info = { .flags = 0 };
    CK_RV rv = t->module.f->C_GetMechanismInfo(slot, mechanism[a->scheme], &info);
    if (rv == CKR_OK && (info.flags & CKF_SIGN))
        return CS_OK;
    cs_why_set(why, rv, "the token cannot sign with mechanism 0x%lx, which %s needs", mechanism[a->scheme],
               a->name);
    return CS_ERR(HSM_KEY);
}

static cs_result canary(struct cs_token *t, struct cs_key *k, struct cs_key_algorithm *a, struct cs_why *why)
{
    uint8_t digest[CS_DIGEST_MAX_LEN];
    struct cs_span d = cs_span_of(digest, cs_hash_len(a->row->hash));
    struct cs_signature s;
    cs_hash(a->row->hash, cs_token_canary(), digest);
    CS_TRY(cs_key_sign(&t->module, k, a, d, &s, why));
    cs_result r = cs_key_verify(a, d, &s);
    if (!cs_ok(r))
        cs_why_set(why, CKR_OK, "the canary signature (%s) does not verify with the issuer certificate's key",
                   a->row->name);
    return r;
}

/* key_check needs nothing of libp11, so that its refusals are said in our words. */
static cs_result key_check(struct cs_token *t, struct cs_key *k, struct cs_why *why)
{
    CS_TRY(cs_module_find_key(&t->module, k->session, &k->uri, &k->handle, why));
    CS_TRY(cs_attributes_check(&t->module, k->session, k->handle, why));
    CS_AUTO_BUF struct cs_buf spki = { .max = 8192 };
    enum cs_key_kind kind = k->kind;
    CS_TRY(cs_spki_get(&t->module, k->session, k->handle, &kind, &spki, why));
    if (kind != k->kind || !cs_span_eq(cs_buf_span(&spki), cs_buf_span(&k->issuer_spki))) {
        cs_why_set(why, CKR_OK, "the token's public key (%s) is not the one in the issuer certificate (%s)",
                   cs_key_kind_name(kind), cs_key_kind_name(k->kind));
        return CS_ERR(HSM_KEY);
    }
    return CS_OK;
}

static cs_result key_open(struct cs_token *t, struct cs_key *k, struct cs_why *why)
{
    const struct cs_seat *seat = t->seat;
    while (seat->session != k->session)
        seat++;
    CS_TRY(take_private(t, k, seat, why));
    for (size_t i = 0; i < k->n_algorithms; i++) {
        struct cs_key_algorithm *a = &k->algorithm[i];
        CS_TRY(check_mechanism(t, seat->slot, a->row, why));
        if (a->row->scheme != CS_SCHEME_PSS) {
            a->sign = EVP_PKEY_CTX_new(k->private, NULL);
            if (a->sign == NULL || EVP_PKEY_sign_init(a->sign) <= 0)
                return CS_ERR(CRYPTO);
            CS_TRY(cs_key_params(a->sign, a->row));
        }
        if (!k->quarantined)
            CS_TRY(canary(t, k, a, why));
    }
    return CS_OK;
}

static cs_result name_key(const struct cs_key *k, cs_result r, struct cs_why *why)
{
    if (cs_ok(r) || why == NULL)
        return r;
    struct cs_note inner = why->note;
    cs_note_set(&why->note, "key \"%.*s\" (%.*s): %s", (int)k->row->id.len, (const char *)k->row->id.at,
                (int)(k->row->uri.len > 120 ? 120 : k->row->uri.len), (const char *)k->row->uri.at,
                inner.text);
    return r;
}

static cs_result connect_all(struct cs_token *t, const struct cs_secret *pin, struct cs_key *keys,
                             size_t n_keys, struct cs_why *why)
{
    if (t->module.f == NULL)
        CS_TRY(cs_module_map(&t->module, t->path, why));
    PKCS11_CTX *ctx = PKCS11_CTX_new();
    if (ctx == NULL)
        return CS_ERR(NO_MEMORY);
    if (PKCS11_CTX_load(ctx, t->path) != 0) {
        cs_why_set(why, cs_key_libp11_error(), "PKCS#11 module %s: C_Initialize failed", t->path);
        PKCS11_CTX_free(ctx);
        return CS_ERR(HSM);
    }
    t->ctx = ctx;
    for (size_t i = 0; i < n_keys; i++)
        CS_TRY(name_key(&keys[i], seats_open(t, pin, &keys[i], why), why));
    for (size_t i = 0; i < n_keys; i++)
        CS_TRY(name_key(&keys[i], key_check(t, &keys[i], why), why));
    CS_TRY(enumerate(t, why));
    for (size_t i = 0; i < n_keys; i++)
        CS_TRY(name_key(&keys[i], key_open(t, &keys[i], why), why));
    return CS_OK;
}

CS_RESULT cs_token_connect(struct cs_token *t, const struct cs_secret *pin, struct cs_key *keys,
                           size_t n_keys, struct cs_why *why)
{
    *why = (struct cs_why){ .rv = CKR_OK };
    ERR_clear_error();
    cs_result r = connect_all(t, pin, keys, n_keys, why);
    if (!cs_ok(r))
        cs_token_disconnect(t, keys, n_keys);
    if (!cs_ok(r) && why->note.text[0] == '\0')
        cs_why_set(why, CKR_OK, "%s", cs_result_text(r));
    return r;
}

void cs_token_disconnect(struct cs_token *t, struct cs_key *keys, size_t n_keys)
{
    for (size_t i = 0; i < n_keys; i++) {
        struct cs_key *k = &keys[i];
        for (size_t a = 0; a < k->n_algorithms; a++) {
            EVP_PKEY_CTX_free(k->algorithm[a].sign);
            k->algorithm[a].sign = NULL;
        }
        EVP_PKEY_free(k->private);
        k->private = NULL;
        k->session = k->handle = 0;
    }
    t->n_seats = 0;
    if (t->ctx == NULL)
        return;
    if (t->slots != NULL)
        PKCS11_release_all_slots(t->ctx, t->slots, t->n_slots);
    t->slots = NULL;
    t->n_slots = 0;
    PKCS11_CTX_unload(t->ctx); /* C_Finalize: closes the sessions, also half-open ones */
    PKCS11_CTX_free(t->ctx);
    t->ctx = NULL;
    ERR_clear_error();
}
