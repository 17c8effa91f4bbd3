#include "hsm/module.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>

#define ROW(name)   \
    {               \
        name, #name \
    }
static const struct {
    CK_RV rv;
    const char *name;
} ckr_names[] = {
    ROW(CKR_CANCEL),
    ROW(CKR_HOST_MEMORY),
    ROW(CKR_SLOT_ID_INVALID),
    ROW(CKR_GENERAL_ERROR),
    ROW(CKR_FUNCTION_FAILED),
    ROW(CKR_ARGUMENTS_BAD),
    ROW(CKR_ATTRIBUTE_SENSITIVE),
    ROW(CKR_ATTRIBUTE_TYPE_INVALID),
    ROW(CKR_ATTRIBUTE_VALUE_INVALID),
    ROW(CKR_DATA_INVALID),
    ROW(CKR_DATA_LEN_RANGE),
    ROW(CKR_DEVICE_ERROR),
    ROW(CKR_DEVICE_MEMORY),
    ROW(CKR_DEVICE_REMOVED),
    ROW(CKR_FUNCTION_CANCELED),
    ROW(CKR_FUNCTION_NOT_SUPPORTED),
    ROW(CKR_KEY_HANDLE_INVALID),
    ROW(CKR_KEY_SIZE_RANGE),
    ROW(CKR_KEY_TYPE_INCONSISTENT),
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED),
    ROW(CKR_MECHANISM_INVALID),
    ROW(CKR_MECHANISM_PARAM_INVALID),
    ROW(CKR_OBJECT_HANDLE_INVALID),
    ROW(CKR_OPERATION_ACTIVE),
    ROW(CKR_OPERATION_NOT_INITIALIZED),
    ROW(CKR_PIN_INCORRECT),
    ROW(CKR_PIN_INVALID),
    ROW(CKR_PIN_LEN_RANGE),
    ROW(CKR_PIN_EXPIRED),
    ROW(CKR_PIN_LOCKED),
    ROW(CKR_SESSION_CLOSED),
    ROW(CKR_SESSION_COUNT),
    ROW(CKR_SESSION_HANDLE_INVALID),
    ROW(CKR_SESSION_READ_ONLY),
    ROW(CKR_SESSION_EXISTS),
    ROW(CKR_TEMPLATE_INCOMPLETE),
    ROW(CKR_TEMPLATE_INCONSISTENT),
    ROW(CKR_TOKEN_NOT_PRESENT),
    ROW(CKR_TOKEN_NOT_RECOGNIZED),
    ROW(CKR_TOKEN_WRITE_PROTECTED),
    ROW(CKR_USER_ALREADY_LOGGED_IN),
    ROW(CKR_USER_NOT_LOGGED_IN),
    ROW(CKR_USER_PIN_NOT_INITIALIZED),
    ROW(CKR_USER_TYPE_INVALID),
    ROW(CKR_BUFFER_TOO_SMALL),
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED),
    ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED),
};

const char *cs_ckr_name(CK_RV rv)
{
    static char other[32];
    for (size_t i = 0; i < sizeof ckr_names / sizeof *ckr_names; i++)
        if (ckr_names[i].rv == rv)
            return ckr_names[i].name;
    (void)snprintf(other, sizeof other, "CKR_0x%lx", rv);
    return other;
}

bool cs_ckr_is_loss(CK_RV rv)
{
    switch (rv) {
    case CKR_DEVICE_ERROR:
    case CKR_DEVICE_MEMORY:
    case CKR_DEVICE_REMOVED:
    case CKR_SESSION_CLOSED:
    case CKR_SESSION_COUNT:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_SLOT_ID_INVALID:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
    case CKR_KEY_HANDLE_INVALID: /* objects of a token that came back have new handles */
    case CKR_OBJECT_HANDLE_INVALID:
    case CKR_OPERATION_ACTIVE: /* a failed call left the session in the middle of something */
    case CKR_OPERATION_NOT_INITIALIZED:
    case CKR_GENERAL_ERROR: /* what network modules say when the line is cut */
    case CKR_FUNCTION_FAILED:
        return true;
    default:
        return false;
    }
}

void cs_why_set(struct cs_why *why, CK_RV rv, const char *format, ...)
{
    if (why == NULL)
        return;
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    why->rv = rv;
    if (rv == CKR_OK)
        cs_note_set(&why->note, "%s", text);
    else
        cs_note_set(&why->note, "%s: %s", text, cs_ckr_name(rv));
}

CS_RESULT cs_module_map(struct cs_module *m, const char *path, struct cs_why *why)
{
    if (path[0] != '/') {
        cs_why_set(why, CKR_OK, "PKCS#11 module: the path is not absolute");
        return CS_ERR(HSM);
    }
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (object == NULL) {
        cs_why_set(why, CKR_OK, "PKCS#11 module: %s", dlerror());
        return CS_ERR(HSM);
    }
    CK_C_GetFunctionList get = NULL;
    void *symbol = dlsym(object, "C_GetFunctionList");
    memcpy(&get, &symbol, sizeof get);
    CK_FUNCTION_LIST *f = NULL;
    CK_RV rv = get == NULL ? CKR_OK : get(&f);
    if (rv != CKR_OK || f == NULL || f->version.major != 2) {
        cs_why_set(why, rv, "PKCS#11 module %s: no PKCS#11 2.x function list", path);
        return CS_ERR(HSM);
    }
    m->f = f;
    return CS_OK;
}

static bool token_is(const struct cs_uri *u, const CK_TOKEN_INFO *info)
{
    return cs_uri_field_is(&u->token, info->label, sizeof info->label) &&
           cs_uri_field_is(&u->serial, info->serialNumber, sizeof info->serialNumber) &&
           cs_uri_field_is(&u->manufacturer, info->manufacturerID, sizeof info->manufacturerID) &&
           cs_uri_field_is(&u->model, info->model, sizeof info->model);
}

CS_RESULT cs_module_find_token(const struct cs_module *m, const struct cs_uri *u, CK_SLOT_ID *out_slot,
                               CK_TOKEN_INFO *out_info, struct cs_why *why)
{
    enum { SLOTS_MAX = 256 };
    CK_SLOT_ID slot[SLOTS_MAX];
    CK_ULONG n_slots = 0;
    /* The length query first: modules refresh their slot list only on it (PKCS#11 2.40, 5.5). */
    CK_RV rv = m->f->C_GetSlotList(CK_TRUE, NULL, &n_slots);
    n_slots = SLOTS_MAX;
    if (rv == CKR_OK)
        rv = m->f->C_GetSlotList(CK_TRUE, slot, &n_slots);
    if (rv != CKR_OK) {
        cs_why_set(why, rv, "C_GetSlotList");
        return CS_ERR(HSM);
    }
    size_t n = 0;
    CK_SLOT_ID found = 0;
    CK_TOKEN_INFO found_info = { .flags = 0 };
    for (CK_ULONG i = 0; i < n_slots; i++) {
        CK_TOKEN_INFO info;
        rv = m->f->C_GetTokenInfo(slot[i], &info);
        if (rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_TOKEN_NOT_RECOGNIZED)
            continue; /* another slot's token may be pulled at any time */
        if (rv != CKR_OK) {
            cs_why_set(why, rv, "C_GetTokenInfo");
            return CS_ERR(HSM);
        }
        if (!(info.flags & CKF_TOKEN_INITIALIZED) || !token_is(u, &info))
            continue;
        n++;
        found = slot[i];
        found_info = info;
    }
    if (n != 1) {
        cs_why_set(why, n == 0 ? CKR_TOKEN_NOT_PRESENT : CKR_OK,
                   "%zu tokens fit the PKCS#11 URI, exactly one is needed", n);
        return CS_ERR(NOT_FOUND);
    }
    *out_slot = found;
    if (out_info != NULL)
        *out_info = found_info;
    return CS_OK;
}

CS_RESULT cs_module_find(const struct cs_module *m, CK_SESSION_HANDLE session, CK_ATTRIBUTE *want,
                         CK_ULONG n_want, CK_OBJECT_HANDLE *out, size_t max, size_t *out_n,
                         struct cs_why *why)
{
    CK_RV rv = m->f->C_FindObjectsInit(session, want, n_want);
    if (rv != CKR_OK) {
        cs_why_set(why, rv, "C_FindObjectsInit");
        return CS_ERR(HSM);
    }
    size_t n = 0;
    for (;;) {
        CK_OBJECT_HANDLE got[16];
        CK_ULONG n_got = 0;
        rv = m->f->C_FindObjects(session, got, sizeof got / sizeof *got, &n_got);
        if (rv != CKR_OK || n_got == 0 || n_got > sizeof got / sizeof *got)
            break;
        for (CK_ULONG i = 0; i < n_got; i++, n++)
            if (n < max)
                out[n] = got[i];
    }
    CK_RV final = m->f->C_FindObjectsFinal(session);
    if (rv != CKR_OK || final != CKR_OK) {
        cs_why_set(why, rv != CKR_OK ? rv : final, "C_FindObjects");
        return CS_ERR(HSM);
    }
    *out_n = n;
    return CS_OK;
}

CS_RESULT cs_module_find_key(const struct cs_module *m, CK_SESSION_HANDLE session, const struct cs_uri *u,
                             CK_OBJECT_HANDLE *out, struct cs_why *why)
{
    CK_OBJECT_CLASS private = CKO_PRIVATE_KEY;
    struct cs_uri_value object = u->object, id = u->id;
    CK_ATTRIBUTE want[3] = { { CKA_CLASS, &private, sizeof private } };
    CK_ULONG n_want = 1;
    if (object.len != 0)
        want[n_want++] = (CK_ATTRIBUTE){ CKA_LABEL, object.at, object.len };
    if (id.len != 0)
        want[n_want++] = (CK_ATTRIBUTE){ CKA_ID, id.at, id.len };
    CK_OBJECT_HANDLE found = 0;
    size_t n = 0;
    CS_TRY(cs_module_find(m, session, want, n_want, &found, 1, &n, why));
    if (n != 1) {
        cs_why_set(why, CKR_OK, "%zu private keys fit the PKCS#11 URI, exactly one is needed", n);
        return CS_ERR(NOT_FOUND);
    }
    *out = found;
    return CS_OK;
}

CS_RESULT cs_module_get(const struct cs_module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                        CK_ATTRIBUTE_TYPE type, struct cs_buf *out, struct cs_why *why)
{
    uint8_t value[2048];
    CK_ATTRIBUTE a = { type, value, sizeof value };
    CK_RV rv = m->f->C_GetAttributeValue(session, object, &a, 1);
    if (rv == CKR_ATTRIBUTE_TYPE_INVALID || (rv == CKR_OK && a.ulValueLen == CK_UNAVAILABLE_INFORMATION))
        return CS_ERR(NOT_FOUND);
    if (rv != CKR_OK || a.ulValueLen > sizeof value) {
        cs_why_set(why, rv, "C_GetAttributeValue of attribute 0x%lx", type);
        return CS_ERR(HSM);
    }
    cs_buf_put(out, value, a.ulValueLen);
    return cs_buf_end(out);
}

CS_RESULT cs_module_get_ulong(const struct cs_module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                              CK_ATTRIBUTE_TYPE type, CK_ULONG *out, struct cs_why *why)
{
    CS_AUTO_BUF struct cs_buf b = { .max = 64 };
    CS_TRY(cs_module_get(m, session, object, type, &b, why));
    if (b.len != sizeof *out) {
        cs_why_set(why, CKR_OK, "attribute 0x%lx has %zu bytes, %zu are needed", type, b.len, sizeof *out);
        return CS_ERR(HSM);
    }
    memcpy(out, b.at, sizeof *out);
    return CS_OK;
}
