#include "hsm/tool.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <unistd.h>

#include "hsm/attributes.h"
#include "hsm/spki.h"
#include "proxy/base/io.h"

static cs_result read_pin(const char *path, struct cs_secret **out, struct cs_why *why)
{
    if (path == NULL)
        return CS_OK;
    CS_AUTO_FD int opened = strcmp(path, "-") == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    cs_result r = cs_secret_read_fd(strcmp(path, "-") == 0 ? STDIN_FILENO : opened, out);
    if (!cs_ok(r))
        cs_why_set(why, CKR_OK, "%s: not a readable, non-empty PIN file", path);
    return r;
}

CS_RESULT cs_tool_begin(struct cs_tool *t, struct cs_why *why)
{
    CS_TRY(read_pin(t->pin_file, &t->pin, why));
    CS_TRY(read_pin(t->so_pin_file, &t->so_pin, why));
    CS_TRY(cs_module_map(&t->m, t->module, why));
    CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
    CK_RV rv = t->m.f->C_Initialize(&args);
    if (rv != CKR_OK) {
        cs_why_set(why, rv, "C_Initialize");
        return CS_ERR(HSM);
    }
    t->initialised = true;
    return CS_OK;
}

void cs_tool_end(struct cs_tool *t)
{
    if (t->initialised)
        (void)t->m.f->C_Finalize(NULL);
    t->initialised = false;
    cs_secret_free(t->pin);
    cs_secret_free(t->so_pin);
    t->pin = t->so_pin = NULL;
}

/* PIN as PKCS#11 wants it: not const, though never written. */
static CK_UTF8CHAR *pin_bytes(const struct cs_secret *s)
{
    union {
        const char *text;
        CK_UTF8CHAR *bytes;
    } p = { .text = cs_secret_text(s) };
    return p.bytes;
}

CS_RESULT cs_tool_session(struct cs_tool *t, const struct cs_uri *u, CK_SESSION_HANDLE *out,
                          CK_TOKEN_INFO *out_info, struct cs_why *why)
{
    CK_SLOT_ID slot = 0;
    CS_TRY(cs_module_find_token(&t->m, u, &slot, out_info, why));
    CK_RV rv = t->m.f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, out);
    if (rv != CKR_OK) {
        cs_why_set(why, rv, "C_OpenSession");
        return CS_ERR(HSM);
    }
    rv = t->m.f->C_Login(*out, CKU_USER, pin_bytes(t->pin), cs_secret_len(t->pin));
    if (rv != CKR_OK) {
        cs_why_set(why, rv, "C_Login");
        return CS_ERR(HSM_PIN);
    }
    return CS_OK;
}

static bool token_uri(const char *label, struct cs_uri *out, struct cs_why *why)
{
    size_t len = strlen(label);
    if (len == 0 || len > 32 || !cs_utf8_valid(cs_span_str(label))) {
        cs_why_set(why, CKR_OK, "token label must be 1 to 32 bytes of UTF-8");
        return false;
    }
    *out = (struct cs_uri){ .token = { .len = len } };
    memcpy(out->token.at, label, len);
    return true;
}

static cs_result empty_slot(const struct cs_tool *t, CK_SLOT_ID *out, struct cs_why *why)
{
    CK_SLOT_ID slot[64];
    CK_ULONG n = 0;
    CK_RV rv = t->m.f->C_GetSlotList(CK_TRUE, NULL, &n);
    n = sizeof slot / sizeof *slot;
    if (rv == CKR_OK)
        rv = t->m.f->C_GetSlotList(CK_TRUE, slot, &n);
    for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++) {
        CK_TOKEN_INFO info;
        if (t->m.f->C_GetTokenInfo(slot[i], &info) == CKR_OK && !(info.flags & CKF_TOKEN_INITIALIZED)) {
            *out = slot[i];
            return CS_OK;
        }
    }
    cs_why_set(why, rv, "no slot with an uninitialised token");
    return CS_ERR(NOT_FOUND);
}

static cs_result set_pin(struct cs_tool *t, const struct cs_uri *u, struct cs_why *why)
{
    CK_SLOT_ID slot = 0;
    CK_SESSION_HANDLE session = 0;
    CS_TRY(cs_module_find_token(&t->m, u, &slot, NULL, why)); /* a new token may have a new slot */
    const char *call = "C_OpenSession";
    CK_RV rv = t->m.f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
    if (rv == CKR_OK) {
        call = "C_Login as security officer";
        rv = t->m.f->C_Login(session, CKU_SO, pin_bytes(t->so_pin), cs_secret_len(t->so_pin));
    }
    if (rv == CKR_OK) {
        call = "C_InitPIN";
        rv = t->m.f->C_InitPIN(session, pin_bytes(t->pin), cs_secret_len(t->pin));
    }
    if (rv == CKR_OK)
        return CS_OK;
    cs_why_set(why, rv, "%s", call);
    return CS_ERR(HSM);
}

int cs_tool_init(struct cs_tool *t, struct cs_why *why)
{
    struct cs_uri u;
    CK_SLOT_ID slot = 0;
    if (!token_uri(t->token_label, &u, why))
        return CS_EXIT_USAGE;
    cs_result r = cs_module_find_token(&t->m, &u, &slot, NULL, why);
    if (cs_ok(r) || (cs_is(r, CS_NUM_NOT_FOUND) && why->rv != CKR_TOKEN_NOT_PRESENT)) {
        cs_why_set(why, CKR_OK, "a token with label \"%s\" exists already", t->token_label);
        return CS_EXIT_REFUSED;
    }
    if (!cs_is(r, CS_NUM_NOT_FOUND) || !cs_ok(empty_slot(t, &slot, why)))
        return CS_EXIT_FAILED;
    CK_UTF8CHAR label[32];
    memset(label, ' ', sizeof label);
    memcpy(label, u.token.at, u.token.len);
    CK_RV rv = t->m.f->C_InitToken(slot, pin_bytes(t->so_pin), cs_secret_len(t->so_pin), label);
    if (rv != CKR_OK) {
        cs_why_set(why, rv, "C_InitToken");
        return CS_EXIT_FAILED;
    }
    return cs_ok(set_pin(t, &u, why)) ? CS_EXIT_DONE : CS_EXIT_FAILED;
}

static const struct key_type {
    const char *name;
    enum cs_key_kind kind;
    CK_ULONG rsa_bits;
} key_types[] = {
    { "ec-p256", CS_KEY_P256, 0 },    { "ec-p384", CS_KEY_P384, 0 },    { "ec-p521", CS_KEY_P521, 0 },
    { "rsa-2048", CS_KEY_RSA, 2048 }, { "rsa-3072", CS_KEY_RSA, 3072 }, { "rsa-4096", CS_KEY_RSA, 4096 },
};

/* taken: a second key with this id or label would make URIs ambiguous. */
static cs_result taken(struct cs_tool *t, CK_SESSION_HANDLE session, CK_ATTRIBUTE_TYPE type,
                       struct cs_span value, struct cs_why *why)
{
    uint8_t room[128];
    memcpy(room, value.at, value.len);
    CK_ATTRIBUTE want = { type, room, value.len };
    CK_OBJECT_HANDLE found;
    size_t n = 0;
    CS_TRY(cs_module_find(&t->m, session, &want, 1, &found, 1, &n, why));
    if (n == 0)
        return CS_OK;
    cs_why_set(why, CKR_OK, "%zu objects on the token have this %s already", n,
               type == CKA_ID ? "id" : "label");
    return CS_ERR(EXISTS);
}

static cs_result print_key(struct cs_tool *t, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                           const CK_TOKEN_INFO *info, bool pem, struct cs_why *why)
{
    CS_AUTO_BUF struct cs_buf id = { .max = 2048 }, label = { .max = 2048 }, text = { .max = 16384 };
    CS_AUTO_BUF struct cs_buf spki = { .max = 8192 };
    cs_result r = cs_module_get(&t->m, session, key, CKA_ID, &id, why);
    if (!cs_ok(r) && !cs_is(r, CS_NUM_NOT_FOUND))
        return r;
    r = cs_module_get(&t->m, session, key, CKA_LABEL, &label, why);
    if (!cs_ok(r) && !cs_is(r, CS_NUM_NOT_FOUND))
        return r;
    size_t token_len = sizeof info->label;
    while (token_len != 0 && info->label[token_len - 1] == ' ')
        token_len--;
    cs_uri_put(&text, cs_span_of(info->label, token_len), cs_buf_span(&label), cs_buf_span(&id));
    enum cs_key_kind kind = CS_KEY_RSA;
    if (!pem) {
        struct cs_why unfit = { .rv = CKR_OK };
        cs_result fit = cs_attributes_check(&t->m, session, key, &unfit);
        if (cs_ok(fit))
            fit = cs_spki_get(&t->m, session, key, &kind, &spki, &unfit);
        cs_buf_printf(&text, "\t%s\t%s\n", cs_ok(fit) ? cs_key_kind_name(kind) : "-",
                      cs_ok(fit) ? "fit" : unfit.note.text);
    } else {
        CS_TRY(cs_spki_get(&t->m, session, key, &kind, &spki, why));
        cs_buf_put_u8(&text, '\n');
        CS_AUTO_BUF struct cs_buf base64 = { .max = 16384 };
        cs_base64_put(&base64, cs_buf_span(&spki), true);
        cs_buf_put_str(&text, "-----BEGIN PUBLIC KEY-----\n");
        for (size_t at = 0; at < base64.len; at += 64) {
            cs_buf_put(&text, base64.at + at, base64.len - at < 64 ? base64.len - at : 64);
            cs_buf_put_u8(&text, '\n');
        }
        cs_buf_put_str(&text, "-----END PUBLIC KEY-----\n");
    }
    CS_TRY(cs_buf_end(&text));
    return cs_write_all(STDOUT_FILENO, cs_buf_span(&text));
}

static int exit_of(cs_result r)
{
    return cs_ok(r)                                              ? CS_EXIT_DONE
           : cs_is(r, CS_NUM_EXISTS) || cs_is(r, CS_NUM_HSM_KEY) ? CS_EXIT_REFUSED
                                                                 : CS_EXIT_FAILED;
}

static cs_result keygen(struct cs_tool *t, const struct cs_uri *u, const struct cs_generate *g,
                        struct cs_why *why)
{
    CK_SESSION_HANDLE session = 0;
    CK_TOKEN_INFO info;
    CS_TRY(cs_tool_session(t, u, &session, &info, why));
    CS_TRY(taken(t, session, CKA_ID, g->id, why));
    CS_TRY(taken(t, session, CKA_LABEL, g->label, why));
    CK_OBJECT_HANDLE private_key = 0, public_key = 0;
    CS_TRY(cs_attributes_generate(&t->m, session, g, &private_key, &public_key, why));
    cs_result r = cs_attributes_check(&t->m, session, private_key, why);
    if (!cs_ok(r)) { /* the token did not do as it was told: keep nothing */
        (void)t->m.f->C_DestroyObject(session, private_key);
        (void)t->m.f->C_DestroyObject(session, public_key);
        return r;
    }
    return print_key(t, session, private_key, &info, true, why);
}

int cs_tool_keygen(struct cs_tool *t, struct cs_why *why)
{
    struct cs_uri u;
    uint8_t id[32];
    size_t id_len = 0, label_len = strlen(t->key_label);
    const struct key_type *type = NULL;
    for (size_t i = 0; i < sizeof key_types / sizeof *key_types; i++)
        if (strcmp(key_types[i].name, t->type) == 0)
            type = &key_types[i];
    if (!token_uri(t->token_label, &u, why))
        return CS_EXIT_USAGE;
    if (type == NULL || !cs_ok(cs_unhex(cs_span_str(t->id), id, sizeof id, &id_len)) || id_len == 0 ||
        label_len == 0 || label_len > 128) {
        cs_why_set(why, CKR_OK,
                   "--type is one of ec-p256 ec-p384 ec-p521 rsa-2048 rsa-3072 rsa-4096, --id is 1 to 32 "
                   "bytes in hexadecimal, --key-label is 1 to 128 bytes");
        return CS_EXIT_USAGE;
    }
    struct cs_generate g = { .type = type->kind == CS_KEY_RSA ? CKK_RSA : CKK_EC,
                             .curve_der = cs_spki_curve_der(type->kind),
                             .rsa_bits = type->rsa_bits,
                             .label = cs_span_of(t->key_label, label_len),
                             .id = cs_span_of(id, id_len) };
    return exit_of(keygen(t, &u, &g, why));
}

static cs_result list(struct cs_tool *t, const struct cs_uri *u, struct cs_why *why)
{
    enum { LIST_MAX = 1024 };
    CK_SESSION_HANDLE session = 0;
    CK_TOKEN_INFO info;
    CS_TRY(cs_tool_session(t, u, &session, &info, why));
    CK_OBJECT_CLASS private = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE want = { CKA_CLASS, &private, sizeof private };
    CK_OBJECT_HANDLE key[LIST_MAX];
    size_t n = 0;
    CS_TRY(cs_module_find(&t->m, session, &want, 1, key, LIST_MAX, &n, why));
    for (size_t i = 0; i < n && i < LIST_MAX; i++)
        CS_TRY(print_key(t, session, key[i], &info, false, why));
    if (n <= LIST_MAX)
        return CS_OK;
    cs_why_set(why, CKR_OK, "%zu private keys, only the first %d were listed", n, (int)LIST_MAX);
    return CS_ERR(LIMIT);
}

int cs_tool_list(struct cs_tool *t, struct cs_why *why)
{
    struct cs_uri u;
    if (!token_uri(t->token_label, &u, why))
        return CS_EXIT_USAGE;
    return exit_of(list(t, &u, why));
}
