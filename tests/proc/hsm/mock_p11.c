/*
 * Mock PKCS#11 module: SoftHSM's function list with some calls made to fail or to wait. Each line of
 * the file named by CS_MOCK_P11_RULES is one rule, "<function> <nth> <count> <what>": calls nth ..
 * nth+count-1 of that function, counted since the file was written, do <what>:
 *   a hexadecimal number  return it without reaching SoftHSM;
 *   corrupt               reach SoftHSM and have one bit of the output flipped (C_Sign);
 *   hold-before           wait, then reach SoftHSM (C_Sign);
 *   hold-after            reach SoftHSM, then wait (C_Sign).
 * A call that waits leaves a file <rules>.held and goes on when the rules file changes. An empty file
 * changes nothing. The file is read again on every call, so that a test can switch while it runs.
 *
 * When CS_MOCK_P11_CALLS names a file, each C_Sign that is about to reach SoftHSM adds a line there
 * with its input in hexadecimal: the HSM's own count of what it was asked to sign.
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

enum outcome { PASS, FAIL, CORRUPT, HOLD_BEFORE, HOLD_AFTER };
enum { RULES_MAX = 8, TEXT_MAX_LEN = 512 };

static char rules[TEXT_MAX_LEN]; /* as the last call found them */
static unsigned n_calls[RULES_MAX];

static void read_rules(char text[TEXT_MAX_LEN])
{
    const char *path = getenv("CS_MOCK_P11_RULES");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, TEXT_MAX_LEN - 1);
    text[n < 0 ? 0 : n] = '\0';
    if (fd >= 0)
        (void)close(fd);
}

/* hold waits until the rules change. */
static void hold(void)
{
    char text[TEXT_MAX_LEN], held[4096];
    (void)snprintf(held, sizeof held, "%s.held", getenv("CS_MOCK_P11_RULES"));
    int fd = open(held, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)close(fd);
    do {
        (void)usleep(2000);
        read_rules(text);
    } while (strcmp(text, rules) == 0);
}

static enum outcome rule_outcome(const char *what, CK_RV *rv)
{
    if (strcmp(what, "corrupt") == 0)
        return CORRUPT;
    if (strcmp(what, "hold-before") == 0)
        return HOLD_BEFORE;
    if (strcmp(what, "hold-after") == 0)
        return HOLD_AFTER;
    *rv = strtoul(what, NULL, 16);
    return FAIL;
}

static enum outcome outcome_of(const char *function, CK_RV *rv)
{
    char text[TEXT_MAX_LEN], name[64], what[32];
    read_rules(text);
    if (strcmp(text, rules) != 0) {
        memset(n_calls, 0, sizeof n_calls);
        memcpy(rules, text, sizeof rules);
    }
    const char *line = text;
    for (unsigned i = 0; line != NULL && i < RULES_MAX; i++) {
        unsigned nth = 0, count = 0;
        bool mine =
            sscanf(line, "%63s %u %u %31s", name, &nth, &count, what) == 4 && strcmp(name, function) == 0;
        if (mine && ++n_calls[i] >= nth && n_calls[i] - nth < count)
            return rule_outcome(what, rv);
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return PASS;
}

static void count_call(const CK_BYTE *data, CK_ULONG data_len)
{
    const char *path = getenv("CS_MOCK_P11_CALLS");
    char line[2 * 512 + 2];
    if (path == NULL || data_len > 512)
        return;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    for (CK_ULONG i = 0; i < data_len; i++)
        (void)snprintf(line + 2 * i, 3, "%02x", data[i]);
    line[2 * data_len] = '\n';
    if (fd < 0 || write(fd, line, 2 * data_len + 1) < 0)
        abort(); /* a count that misses a call would prove nothing */
    (void)close(fd);
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
        count_call(data, data_len);
        (void)real->C_Sign(session, data, data_len, dropped, &len);
        return rv;
    }
    if (o == HOLD_BEFORE)
        hold();
    count_call(data, data_len);
    rv = real->C_Sign(session, data, data_len, signature, signature_len);
    if (o == HOLD_AFTER)
        hold();
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
