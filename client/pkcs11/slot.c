/* One slot with one token, always present: what is behind it the gate decides. */
#include <string.h>

#include "client/pkcs11/module.h"

#define MANUFACTURER "countersign"

static void pad(unsigned char *out, size_t room, const char *text)
{
    size_t len = strlen(text);
    memset(out, ' ', room);
    memcpy(out, text, len < room ? len : room);
}

static CK_RV with_slot(CK_SLOT_ID slot, const void *out)
{
    if (out == NULL)
        return CKR_ARGUMENTS_BAD;
    if (cs_p11_enter() == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    if (slot == CS_P11_SLOT)
        return CKR_OK;
    cs_p11_leave();
    return CKR_SLOT_ID_INVALID;
}

CK_RV C_GetInfo(CK_INFO *info)
{
    CK_RV rv = with_slot(CS_P11_SLOT, info);
    if (rv != CKR_OK)
        return rv;
    *info =
        (CK_INFO){ .cryptokiVersion = { 2, 40 }, .libraryVersion = { CS_VERSION_MAJOR, CS_VERSION_MINOR } };
    pad(info->manufacturerID, sizeof info->manufacturerID, MANUFACTURER);
    pad(info->libraryDescription, sizeof info->libraryDescription, "countersign PKCS#11 module");
    cs_p11_leave();
    return CKR_OK;
}

CK_RV C_GetSlotList(unsigned char token_present, CK_SLOT_ID *list, CK_ULONG *count)
{
    (void)token_present; /* the token is always present */
    CK_RV rv = with_slot(CS_P11_SLOT, count);
    if (rv != CKR_OK)
        return rv;
    if (list != NULL && *count < 1)
        rv = CKR_BUFFER_TOO_SMALL;
    else if (list != NULL)
        list[0] = CS_P11_SLOT;
    *count = 1;
    cs_p11_leave();
    return rv;
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
    CK_RV rv = with_slot(slot, info);
    if (rv != CKR_OK)
        return rv;
    *info = (CK_SLOT_INFO){ .flags = CKF_TOKEN_PRESENT | CKF_HW_SLOT,
                            .firmwareVersion = { CS_VERSION_MAJOR, CS_VERSION_MINOR } };
    pad(info->slotDescription, sizeof info->slotDescription, "countersign gate");
    pad(info->manufacturerID, sizeof info->manufacturerID, MANUFACTURER);
    cs_p11_leave();
    return CKR_OK;
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    if (info == NULL)
        return CKR_ARGUMENTS_BAD;
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    if (slot != CS_P11_SLOT) {
        cs_p11_leave();
        return CKR_SLOT_ID_INVALID;
    }
    /* Not CKF_LOGIN_REQUIRED: the connection says who calls, and there is no PIN. */
    *info = (CK_TOKEN_INFO){ .flags = CKF_RNG | CKF_WRITE_PROTECTED | CKF_USER_PIN_INITIALIZED |
                                      CKF_TOKEN_INITIALIZED,
                             .ulMaxSessionCount = CS_P11_SESSIONS_MAX,
                             .ulMaxRwSessionCount = CS_P11_SESSIONS_MAX,
                             .ulMaxPinLen = 255,
                             .ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION,
                             .ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
                             .ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
                             .ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
                             .firmwareVersion = { CS_VERSION_MAJOR, CS_VERSION_MINOR } };
    (void)pthread_mutex_lock(&m->lock);
    info->ulSessionCount = m->n_sessions;
    for (size_t i = 0; m->n_sessions > 0 && i < CS_P11_SESSIONS_MAX; i++)
        info->ulRwSessionCount += m->session[i] != NULL && (m->session[i]->flags & CKF_RW_SESSION) != 0;
    (void)pthread_mutex_unlock(&m->lock);
    pad(info->label, sizeof info->label, m->config.label != NULL ? m->config.label : "countersign");
    pad(info->manufacturerID, sizeof info->manufacturerID, MANUFACTURER);
    pad(info->model, sizeof info->model, "gate");
    pad(info->serialNumber, sizeof info->serialNumber, "1");
    pad(info->utcTime, sizeof info->utcTime, "");
    cs_p11_leave();
    return CKR_OK;
}

CK_RV C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
    if (count == NULL)
        return CKR_ARGUMENTS_BAD;
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    CK_RV rv = slot == CS_P11_SLOT ? CKR_OK : CKR_SLOT_ID_INVALID;
    CK_ULONG n = 0;
    while (cs_p11_mechanism_at(n, m->config.raw) != NULL)
        n++;
    if (rv == CKR_OK && list != NULL && *count < n)
        rv = CKR_BUFFER_TOO_SMALL;
    for (CK_ULONG i = 0; rv == CKR_OK && list != NULL && i < n; i++)
        list[i] = cs_p11_mechanism_at(i, m->config.raw)->type;
    if (rv != CKR_SLOT_ID_INVALID)
        *count = n;
    cs_p11_leave();
    return rv;
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    if (info == NULL)
        return CKR_ARGUMENTS_BAD;
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    const struct cs_p11_mechanism *found = cs_p11_mechanism_of(type, m->config.raw);
    CK_RV rv = slot != CS_P11_SLOT ? CKR_SLOT_ID_INVALID : found == NULL ? CKR_MECHANISM_INVALID : CKR_OK;
    if (rv == CKR_OK)
        *info = found->info;
    cs_p11_leave();
    return rv;
}
