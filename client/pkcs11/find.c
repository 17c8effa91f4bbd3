#include <stdlib.h>

#include "client/pkcs11/module.h"

static CK_RV find_init(struct cs_p11 *m, struct cs_p11_session *s, const CK_ATTRIBUTE *template, CK_ULONG n)
{
    if (s->finding)
        return CKR_OPERATION_ACTIVE;
    CK_RV rv = cs_p11_list(m);
    if (rv == CKR_OK)
        rv = cs_p11_handles(m, template, n, &s->found, &s->n_found);
    if (rv == CKR_OK) {
        s->finding = true;
        s->found_at = 0;
    }
    return rv;
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count)
{
    if (template == NULL && count > 0)
        return CKR_ARGUMENTS_BAD;
    for (CK_ULONG i = 0; i < count; i++)
        if (template[i].pValue == NULL && template[i].ulValueLen > 0)
            return CKR_ARGUMENTS_BAD;
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    struct cs_p11_session *s = cs_p11_session_take(m, session);
    CK_RV rv = s != NULL ? find_init(m, s, template, count) : CKR_SESSION_HANDLE_INVALID;
    if (s != NULL)
        cs_p11_session_give(m, s);
    cs_p11_leave();
    return rv;
}

CK_RV C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *object, CK_ULONG max, CK_ULONG *count)
{
    if (count == NULL || (object == NULL && max > 0))
        return CKR_ARGUMENTS_BAD;
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    struct cs_p11_session *s = cs_p11_session_take(m, session);
    CK_RV rv = s == NULL ? CKR_SESSION_HANDLE_INVALID : s->finding ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
    if (rv == CKR_OK) {
        *count = 0;
        while (*count < max && s->found_at < s->n_found)
            object[(*count)++] = s->found[s->found_at++];
    }
    if (s != NULL)
        cs_p11_session_give(m, s);
    cs_p11_leave();
    return rv;
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE session)
{
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    struct cs_p11_session *s = cs_p11_session_take(m, session);
    CK_RV rv = s == NULL ? CKR_SESSION_HANDLE_INVALID : s->finding ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
    if (rv == CKR_OK) {
        free(s->found);
        s->found = NULL;
        s->finding = false;
    }
    if (s != NULL)
        cs_p11_session_give(m, s);
    cs_p11_leave();
    return rv;
}

/* PKCS#11 2.40 5.7: each attribute on its own; the call tells one of the failures. */
static CK_RV get_one(const struct cs_p11_issuer *i, enum cs_p11_object what, CK_ATTRIBUTE *a)
{
    CS_AUTO_BUF struct cs_buf value = { 0 };
    CK_RV rv = cs_p11_attribute(i, what, a->type, &value);
    if (rv == CKR_OK && a->pValue != NULL && a->ulValueLen < value.len)
        rv = CKR_BUFFER_TOO_SMALL;
    if (rv != CKR_OK) {
        a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return rv;
    }
    if (a->pValue != NULL && value.len > 0)
        memcpy(a->pValue, value.at, value.len);
    a->ulValueLen = value.len;
    return CKR_OK;
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template,
                          CK_ULONG count)
{
    if (template == NULL)
        return CKR_ARGUMENTS_BAD;
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    enum cs_p11_object what = CS_P11_PRIVATE_KEY;
    struct cs_p11_session *s = cs_p11_session_take(m, session);
    const struct cs_p11_issuer *i = s != NULL ? cs_p11_object_of(m, object, &what) : NULL;
    CK_RV rv = s == NULL ? CKR_SESSION_HANDLE_INVALID : i == NULL ? CKR_OBJECT_HANDLE_INVALID : CKR_OK;
    for (CK_ULONG n = 0; i != NULL && n < count; n++) {
        CK_RV one = get_one(i, what, &template[n]);
        if (rv == CKR_OK)
            rv = one;
    }
    if (s != NULL)
        cs_p11_session_give(m, s);
    cs_p11_leave();
    return rv;
}
