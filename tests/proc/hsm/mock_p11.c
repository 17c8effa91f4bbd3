/*
 * Mock PKCS#11 module: SoftHSM's function list with some calls made to fail. The file named by
 * CS_MOCK_P11_RULES holds one rule, "<function> <nth> <count> <what>": calls nth .. nth+count-1 of
 * that function, counted since the rule was written, return the value <what> (hexadecimal) without
 * reaching SoftHSM, or with "corrupt" reach it and have one bit of the output flipped. An empty file
 * changes nothing. The file is read again on every call, so that a test can switch while it runs.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

static CK_FUNCTION_LIST *real, list;

enum outcome { PASS, FAIL, CORRUPT };

static enum outcome outcome_of(const char *function, CK_RV *rv)
{
    static char last[256];
    static unsigned n_calls;
    char text[256] = "", name[64], what[32];
    unsigned nth = 0, count = 0;
    const char *path = getenv("CS_MOCK_P11_RULES");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = read(fd, text, sizeof text - 1);
        text[n < 0 ? 0 : n] = '\0';
        (void)close(fd);
    }
    if (strcmp(text, last) != 0) {
        n_calls = 0;
        memcpy(last, text, sizeof last);
    }
    if (sscanf(text, "%63s %u %u %31s", name, &nth, &count, what) != 4 || strcmp(name, function) != 0)
        return PASS;
    n_calls++;
    if (n_calls < nth || n_calls - nth >= count)
        return PASS;
    if (strcmp(what, "corrupt") == 0)
        return CORRUPT;
    *rv = strtoul(what, NULL, 16);
    return FAIL;
}

static CK_RV mock_open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                               CK_SESSION_HANDLE *session)
{
    CK_RV rv;
    return outcome_of("C_OpenSession", &rv) == FAIL
               ? rv
               : real->C_OpenSession(slot, flags, application, notify, session);
}

static CK_RV mock_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
    CK_RV rv;
    return outcome_of("C_Login", &rv) == FAIL ? rv : real->C_Login(session, user, pin, pin_len);
}

static CK_RV mock_get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n)
{
    CK_RV rv;
    return outcome_of("C_GetSlotList", &rv) == FAIL ? rv : real->C_GetSlotList(present, slots, n);
}

static CK_RV mock_get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *a,
                                      CK_ULONG n)
{
    CK_RV rv;
    return outcome_of("C_GetAttributeValue", &rv) == FAIL ? rv
                                                          : real->C_GetAttributeValue(session, object, a, n);
}

static CK_RV mock_get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    CK_RV rv;
    return outcome_of("C_GetMechanismInfo", &rv) == FAIL ? rv : real->C_GetMechanismInfo(slot, type, info);
}

static CK_RV mock_sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_RV rv;
    return outcome_of("C_SignInit", &rv) == FAIL ? rv : real->C_SignInit(session, mechanism, key);
}

static CK_RV mock_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature,
                       CK_ULONG *signature_len)
{
    CK_RV rv = CKR_OK;
    enum outcome o = outcome_of("C_Sign", &rv);
    if (o == FAIL) { /* a failed C_Sign ends the operation (PKCS#11 2.40, 5.11) */
        CK_BYTE dropped[1024];
        CK_ULONG len = sizeof dropped;
        (void)real->C_Sign(session, data, data_len, dropped, &len);
        return rv;
    }
    rv = real->C_Sign(session, data, data_len, signature, signature_len);
    if (o == CORRUPT && rv == CKR_OK && signature != NULL)
        signature[*signature_len - 1] ^= 1;
    return rv;
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out);
CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out)
{
    if (real == NULL) {
        void *object = dlopen(CS_SOFTHSM, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        void *symbol = object == NULL ? NULL : dlsym(object, "C_GetFunctionList");
        CK_C_GetFunctionList get = NULL;
        memcpy(&get, &symbol, sizeof get);
        if (get == NULL || get(&real) != CKR_OK)
            return CKR_GENERAL_ERROR;
        list = *real;
        list.C_OpenSession = mock_open_session;
        list.C_Login = mock_login;
        list.C_GetSlotList = mock_get_slot_list;
        list.C_GetAttributeValue = mock_get_attribute_value;
        list.C_GetMechanismInfo = mock_get_mechanism_info;
        list.C_SignInit = mock_sign_init;
        list.C_Sign = mock_sign;
    }
    *out = &list;
    return CKR_OK;
}
