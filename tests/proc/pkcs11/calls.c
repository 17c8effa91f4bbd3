/* All 68 functions through dlopen, with and without arguments, in and out of order. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/proc/pkcs11/calls.h"
#include "proxy/base/io.h"

CK_FUNCTION_LIST *p11;
static const char *folder, *module_path;

struct cs_buf file_of(const char *name)
{
    char path[512];
    struct cs_buf out = { 0 };
    struct cs_note note = { 0 };
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!cs_ok(cs_read_file(path, 16 << 20, &out, &note)))
        fail_msg("%s", note.text);
    return out;
}

unsigned n_requests(void)
{
    CS_AUTO_BUF struct cs_buf text = file_of("count");
    cs_buf_put_u8(&text, 0);
    return (unsigned)atoi((const char *)text.at);
}

CK_SESSION_HANDLE session_open(void)
{
    CK_SESSION_HANDLE s = 0;
    assert_int_equal(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s), CKR_OK);
    return s;
}

CK_OBJECT_HANDLE key_of(CK_SESSION_HANDLE s, const char *label)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof class },
                                { CKA_LABEL, (void *)(uintptr_t)label, strlen(label) } };
    CK_OBJECT_HANDLE found[2] = { 0 };
    CK_ULONG n = 0;
    assert_int_equal(p11->C_FindObjectsInit(s, template, 2), CKR_OK);
    assert_int_equal(p11->C_FindObjects(s, found, 2, &n), CKR_OK);
    assert_int_equal(p11->C_FindObjectsFinal(s), CKR_OK);
    assert_int_equal(n, 1);
    return found[0];
}

CK_RV sign_whole(CK_SESSION_HANDLE s, const char *label, CK_MECHANISM_TYPE type, struct cs_span data,
                 uint8_t *out, CK_ULONG *out_len)
{
    CK_MECHANISM m = { type, NULL, 0 };
    CK_RV rv = p11->C_SignInit(s, &m, key_of(s, label));
    return rv != CKR_OK ? rv : p11->C_Sign(s, (CK_BYTE *)(uintptr_t)data.at, data.len, out, out_len);
}

static int initialised(void **state)
{
    (void)state;
    return p11->C_Initialize(NULL) != CKR_OK;
}

static int finalised(void **state)
{
    (void)state;
    return p11->C_Finalize(NULL) != CKR_OK;
}

/* ---- without C_Initialize, and what is never there ---- */

typedef CK_RV (*any_function)(CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG);

/* The list as the standard lays it out: a version, then pointers. */
static void all_pointers(void **state)
{
    (void)state;
    enum { N = (sizeof(CK_FUNCTION_LIST) - offsetof(CK_FUNCTION_LIST, C_Initialize)) / sizeof(void *) };
    void *at[N];
    memcpy(at, (const char *)p11 + offsetof(CK_FUNCTION_LIST, C_Initialize), sizeof at);
    assert_int_equal(N, 68);
    unsigned n_unsupported = 0;
    for (size_t i = 0; i < N; i++) {
        any_function f;
        assert_non_null(at[i]);
        memcpy(&f, &at[i], sizeof f);
        if (at[i] == (void *)p11->C_GetFunctionList || at[i] == (void *)p11->C_Initialize)
            continue;
        CK_RV rv = f(0, 0, 0, 0, 0, 0, 0, 0); /* every argument 0 or NULL, more than any function takes */
        n_unsupported += rv == CKR_FUNCTION_NOT_SUPPORTED;
        if (rv != CKR_FUNCTION_NOT_SUPPORTED && rv != CKR_CRYPTOKI_NOT_INITIALIZED &&
            rv != CKR_ARGUMENTS_BAD && rv != CKR_RANDOM_SEED_NOT_SUPPORTED && rv != CKR_USER_TYPE_INVALID)
            fail_msg("function %zu: 0x%lx", i, rv);
    }
    assert_int_equal(n_unsupported, 68 - 24 - 1);
    assert_int_equal(p11->C_SeedRandom(0, NULL, 0), CKR_RANDOM_SEED_NOT_SUPPORTED);
    assert_int_equal(p11->C_GetFunctionList(NULL), CKR_ARGUMENTS_BAD);
}

static void not_initialised(void **state)
{
    (void)state;
    CK_INFO info;
    CK_ULONG n = 0;
    CK_SESSION_HANDLE s;
    uint8_t byte;
    assert_int_equal(p11->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_int_equal(p11->C_GetSlotList(0, NULL, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_int_equal(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_int_equal(p11->C_GenerateRandom(1, &byte, 1), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_int_equal(p11->C_Login(1, CKU_USER, NULL, 0), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_int_equal(p11->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static CK_RV no_mutex(void *m)
{
    (void)m;
    return CKR_OK;
}

static CK_RV no_create(void **m)
{
    (void)m;
    return CKR_OK;
}

static void initialise_arguments(void **state)
{
    (void)state;
    CK_C_INITIALIZE_ARGS rows[] = {
        { .flags = 0 },
        { .flags = CKF_OS_LOCKING_OK },
        { .flags = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS },
        { no_create, no_mutex, no_mutex, no_mutex, 0, NULL },
        { no_create, no_mutex, no_mutex, no_mutex, CKF_OS_LOCKING_OK, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(p11->C_Initialize(&rows[i]), CKR_OK);
        assert_int_equal(p11->C_Initialize(&rows[i]), CKR_CRYPTOKI_ALREADY_INITIALIZED);
        assert_int_equal(p11->C_Finalize(&rows[i]), CKR_ARGUMENTS_BAD);
        assert_int_equal(p11->C_Finalize(NULL), CKR_OK);
    }
    CK_C_INITIALIZE_ARGS some = { no_create, NULL, no_mutex, no_mutex, 0, NULL },
                         reserved = { .pReserved = &some };
    assert_int_equal(p11->C_Initialize(&some), CKR_ARGUMENTS_BAD);
    assert_int_equal(p11->C_Initialize(&reserved), CKR_ARGUMENTS_BAD);
}

/* ---- slots, sessions, objects ---- */

static void slots(void **state)
{
    (void)state;
    CK_ULONG n = 0;
    CK_SLOT_ID slot = 77;
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO token;
    CK_MECHANISM_TYPE types[32];
    CK_MECHANISM_INFO info;
    assert_int_equal(p11->C_GetSlotList(1, NULL, &n), CKR_OK);
    assert_int_equal(n, 1);
    n = 0;
    assert_int_equal(p11->C_GetSlotList(1, &slot, &n), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(n, 1);
    assert_int_equal(p11->C_GetSlotList(0, &slot, &n), CKR_OK);
    assert_int_equal(slot, 0);
    assert_int_equal(p11->C_GetSlotInfo(1, &slot_info), CKR_SLOT_ID_INVALID);
    assert_int_equal(p11->C_GetTokenInfo(1, &token), CKR_SLOT_ID_INVALID);
    assert_int_equal(p11->C_GetTokenInfo(0, &token), CKR_OK);
    assert_memory_equal(token.label, "countersign                     ", 32);
    assert_false(token.flags & CKF_LOGIN_REQUIRED);
    n = 14;
    assert_int_equal(p11->C_GetMechanismList(0, types, &n), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(n, 15);
    assert_int_equal(p11->C_GetMechanismList(0, types, &n), CKR_OK);
    for (CK_ULONG i = 0; i < n; i++)
        assert_int_equal(p11->C_GetMechanismInfo(0, types[i], &info), CKR_OK);
    assert_int_equal(p11->C_GetMechanismInfo(0, CKM_RSA_X_509, &info), CKR_MECHANISM_INVALID);
    assert_int_equal(p11->C_OpenSession(0, 0, NULL, NULL, &n), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    assert_int_equal(p11->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &n), CKR_SLOT_ID_INVALID);
}

static void sessions(void **state)
{
    (void)state;
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE rw, s = session_open();
    assert_int_equal(p11->C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &rw), CKR_OK);
    assert_int_equal(p11->C_GetSessionInfo(s, &info), CKR_OK);
    assert_int_equal(info.state, CKS_RO_PUBLIC_SESSION);
    assert_int_equal(p11->C_Login(s, CKU_SO, NULL, 0), CKR_USER_TYPE_INVALID);
    assert_int_equal(p11->C_Logout(s), CKR_USER_NOT_LOGGED_IN);
    assert_int_equal(p11->C_Login(s, CKU_USER, (CK_BYTE *)(uintptr_t) "any", 3), CKR_OK);
    assert_int_equal(p11->C_Login(rw, CKU_USER, NULL, 0), CKR_USER_ALREADY_LOGGED_IN);
    assert_int_equal(p11->C_GetSessionInfo(rw, &info), CKR_OK);
    assert_int_equal(info.state, CKS_RW_USER_FUNCTIONS);
    assert_int_equal(p11->C_Logout(rw), CKR_OK);
    uint8_t a[64] = { 0 }, b[64] = { 0 };
    assert_int_equal(p11->C_GenerateRandom(s, a, sizeof a), CKR_OK);
    assert_int_equal(p11->C_GenerateRandom(s, b, sizeof b), CKR_OK);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(p11->C_CloseSession(s), CKR_OK);
    assert_int_equal(p11->C_CloseSession(s), CKR_SESSION_HANDLE_INVALID);
    assert_int_equal(p11->C_GenerateRandom(s, a, sizeof a), CKR_SESSION_HANDLE_INVALID);
    assert_int_equal(p11->C_Login(rw, CKU_USER, NULL, 0), CKR_OK);
    assert_int_equal(p11->C_CloseAllSessions(0), CKR_OK);
    assert_int_equal(p11->C_GetSessionInfo(rw, &info), CKR_SESSION_HANDLE_INVALID);
    s = session_open();
    assert_int_equal(p11->C_GetSessionInfo(s, &info), CKR_OK);
    assert_int_equal(info.state, CKS_RO_PUBLIC_SESSION); /* the last one closed logged out */
    for (unsigned i = 1; i < 4096; i++)
        (void)session_open();
    assert_int_equal(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s), CKR_SESSION_COUNT);
}

static void objects(void **state)
{
    (void)state;
    CK_SESSION_HANDLE s = session_open();
    CK_OBJECT_HANDLE found[32];
    CK_ULONG n = 0, total = 0;
    assert_int_equal(p11->C_FindObjects(s, found, 1, &n), CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(p11->C_FindObjectsFinal(s), CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(p11->C_FindObjectsInit(s, NULL, 1), CKR_ARGUMENTS_BAD);
    assert_int_equal(p11->C_FindObjectsInit(s, NULL, 0), CKR_OK);
    assert_int_equal(p11->C_FindObjectsInit(s, NULL, 0), CKR_OPERATION_ACTIVE);
    do {
        assert_int_equal(p11->C_FindObjects(s, found + total, 5, &n), CKR_OK);
        total += n;
    } while (n == 5);
    assert_int_equal(total, 12); /* four issuers */
    assert_int_equal(p11->C_FindObjectsFinal(s), CKR_OK);

    CK_OBJECT_HANDLE key = key_of(s, "ec");
    uint8_t label[8], point[256], small[1];
    CK_BBOOL sensitive = 0;
    CK_MECHANISM_TYPE allowed[8];
    CK_ATTRIBUTE mixed[] = {
        { CKA_LABEL, label, sizeof label },
        { CKA_VALUE, label, sizeof label },
        { 0x7fffffff, NULL, 0 },
        { CKA_SENSITIVE, &sensitive, sizeof sensitive },
        { CKA_ID, small, sizeof small },
        { CKA_EC_PARAMS, NULL, 0 },
        { CKA_MODULUS, point, sizeof point },
        { CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed },
    };
    CK_RV rv = p11->C_GetAttributeValue(s, key, mixed, sizeof mixed / sizeof *mixed);
    assert_true(rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
                rv == CKR_BUFFER_TOO_SMALL);
    assert_int_equal(mixed[0].ulValueLen, 2);
    assert_memory_equal(label, "ec", 2);
    assert_int_equal(mixed[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(mixed[2].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(mixed[3].ulValueLen, 1);
    assert_int_equal(sensitive, CK_TRUE);
    assert_int_equal(mixed[4].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(mixed[5].ulValueLen, 10);
    assert_int_equal(mixed[6].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(mixed[7].ulValueLen, 2 * sizeof(CK_ULONG));
    assert_int_equal(allowed[0], CKM_ECDSA_SHA256);
    assert_int_equal(allowed[1], CKM_ECDSA);
    assert_int_equal(p11->C_GetAttributeValue(s, 0, mixed, 1), CKR_OBJECT_HANDLE_INVALID);
    assert_int_equal(p11->C_GetAttributeValue(s, 13, mixed, 1), CKR_OBJECT_HANDLE_INVALID);
    assert_int_equal(p11->C_GetAttributeValue(s, key, NULL, 1), CKR_ARGUMENTS_BAD);
}

/* ---- signing ---- */

static void sizes_spend_nothing(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf tbs = file_of("tbs");
    CK_SESSION_HANDLE s = session_open();
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    unsigned before = n_requests();
    uint8_t out[64];
    CK_ULONG len = 0;
    assert_int_equal(p11->C_SignInit(s, &m, key_of(s, "ec")), CKR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(p11->C_Sign(s, tbs.at, tbs.len, NULL, &len), CKR_OK);
        assert_int_equal(len, 64);
        len = 63;
        assert_int_equal(p11->C_Sign(s, tbs.at, tbs.len, out, &len), CKR_BUFFER_TOO_SMALL);
        assert_int_equal(len, 64);
        assert_int_equal(n_requests(), before);
    }
    assert_int_equal(p11->C_Sign(s, tbs.at, tbs.len, out, &len), CKR_OK);
    assert_int_equal(n_requests(), before + 1);
    assert_int_equal(p11->C_Sign(s, tbs.at, tbs.len, out, &len), CKR_OPERATION_NOT_INITIALIZED);

    assert_int_equal(p11->C_SignInit(s, &m, key_of(s, "ec")), CKR_OK);
    for (size_t at = 0; at < tbs.len; at += 100)
        assert_int_equal(p11->C_SignUpdate(s, tbs.at + at, tbs.len - at < 100 ? tbs.len - at : 100), CKR_OK);
    assert_int_equal(p11->C_SignFinal(s, NULL, &len), CKR_OK);
    len = 0;
    assert_int_equal(p11->C_SignFinal(s, out, &len), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(len, 64);
    assert_int_equal(n_requests(), before + 1);
    assert_int_equal(p11->C_SignFinal(s, out, &len), CKR_OK);
    assert_int_equal(n_requests(), before + 2);
    assert_int_equal(p11->C_SignFinal(s, out, &len), CKR_OPERATION_NOT_INITIALIZED);
}

static void operations(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf tbs = file_of("tbs");
    CK_SESSION_HANDLE s = session_open();
    CK_OBJECT_HANDLE key = key_of(s, "ec"), rsa = key_of(s, "rsa");
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    uint8_t out[512];
    CK_ULONG len = sizeof out;
    static const struct {
        CK_MECHANISM_TYPE type;
        bool with_rsa;
        CK_RV rv;
    } rows[] = {
        { CKM_ECDSA_SHA384, false, CKR_MECHANISM_INVALID }, /* not allowed with this key */
        { CKM_SHA256_RSA_PKCS, false, CKR_KEY_TYPE_INCONSISTENT },
        { CKM_ECDSA_SHA256, true, CKR_KEY_TYPE_INCONSISTENT },
        { CKM_RSA_X_509, true, CKR_MECHANISM_INVALID },
        { CKM_SHA1_RSA_PKCS, true, CKR_MECHANISM_INVALID },
        { CKM_SHA256, true, CKR_MECHANISM_INVALID },
        { CKM_RSA_PKCS_PSS, true, CKR_MECHANISM_PARAM_INVALID },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CK_MECHANISM other = { rows[i].type, NULL, 0 };
        assert_int_equal(p11->C_SignInit(s, &other, rows[i].with_rsa ? rsa : key), rows[i].rv);
    }
    assert_int_equal(p11->C_SignInit(s, NULL, key), CKR_ARGUMENTS_BAD);
    assert_int_equal(p11->C_SignInit(s, &m, 999), CKR_KEY_HANDLE_INVALID);
    assert_int_equal(p11->C_SignInit(s, &m, key + 1), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_int_equal(p11->C_SignInit(s + 1, &m, key), CKR_SESSION_HANDLE_INVALID);
    assert_int_equal(p11->C_SignUpdate(s, tbs.at, tbs.len), CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(p11->C_SignInit(s, &m, key), CKR_OK);
    assert_int_equal(p11->C_SignInit(s, &m, key), CKR_OPERATION_ACTIVE);
    assert_int_equal(p11->C_Sign(s, tbs.at, tbs.len, out, NULL), CKR_ARGUMENTS_BAD);
    assert_int_equal(p11->C_SignInit(s, &m, key), CKR_OK); /* the failure ended it */
    assert_int_equal(p11->C_Sign(s, NULL, 5, out, &len), CKR_ARGUMENTS_BAD);
    assert_int_equal(p11->C_SignInit(s, &m, key), CKR_OK);
    assert_int_equal(p11->C_SignUpdate(s, tbs.at, tbs.len), CKR_OK);
    assert_int_equal(p11->C_Sign(s, tbs.at, tbs.len, out, &len), CKR_OPERATION_ACTIVE);
    assert_int_equal(p11->C_SignInit(s, &m, key), CKR_OK);
    assert_int_equal(p11->C_CloseSession(s), CKR_OK);
}

static void too_long(void **state)
{
    (void)state;
    CK_SESSION_HANDLE s = session_open();
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_OBJECT_HANDLE key = key_of(s, "ec");
    enum { MAX = 1024 * 1024 - 1024, STEP = 1025 };
    uint8_t *data = calloc(1, MAX + 1), out[64];
    CK_ULONG len = sizeof out, sent = 0;
    CK_RV rv;
    unsigned before = n_requests();
    assert_non_null(data);
    assert_int_equal(p11->C_SignInit(s, &m, key), CKR_OK);
    for (rv = CKR_OK; rv == CKR_OK; sent += STEP)
        rv = p11->C_SignUpdate(s, data, STEP);
    assert_int_equal(rv, CKR_DATA_LEN_RANGE);
    assert_true(sent > MAX && sent <= MAX + STEP);
    assert_int_equal(p11->C_SignFinal(s, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(p11->C_SignInit(s, &m, key), CKR_OK);
    assert_int_equal(p11->C_Sign(s, data, MAX + 1, out, &len), CKR_DATA_LEN_RANGE);
    assert_int_equal(p11->C_SignInit(s, &m, key), CKR_OK);
    assert_int_equal(p11->C_Sign(s, data, MAX, out, &len), CKR_DATA_INVALID);
    assert_int_equal(n_requests(), before);
    free(data);
}

/* Each file of the folder that is no TBS of this key, under the mechanism that would sign one. */
static void only_a_tbs(void **state)
{
    (void)state;
    static const struct {
        const char *file, *label;
        CK_MECHANISM_TYPE type;
        CK_RV rv;
        unsigned asked;
    } rows[] = {
        { "tbs", "ec", CKM_ECDSA_SHA256, CKR_OK, 1 },
        { "tbs-rsa", "rsa", CKM_SHA256_RSA_PKCS, CKR_OK, 1 },
        { "tbs-refused", "ec", CKM_ECDSA_SHA256, CKR_FUNCTION_REJECTED, 1 },
        { "tbs", "p384", CKM_ECDSA_SHA384, CKR_DATA_INVALID, 0 }, /* another algorithm, another issuer */
        { "tbs-other-issuer", "ec", CKM_ECDSA_SHA256, CKR_DATA_INVALID, 0 },
        { "tbs-rsa", "rsa", CKM_SHA384_RSA_PKCS, CKR_DATA_INVALID, 0 },
        { "crl", "ec", CKM_ECDSA_SHA256, CKR_DATA_INVALID, 0 },
        { "csr", "ec", CKM_ECDSA_SHA256, CKR_DATA_INVALID, 0 },
        { "text", "ec", CKM_ECDSA_SHA256, CKR_DATA_INVALID, 0 },
        { "text", "rsa", CKM_RSA_PKCS, CKR_DATA_INVALID, 0 },
        { "text", "ec", CKM_ECDSA, CKR_DATA_LEN_RANGE, 0 },
        { "digest-unknown", "ec", CKM_ECDSA, CKR_FUNCTION_REJECTED, 1 },
        { "digest", "ec", CKM_ECDSA, CKR_OK, 1 },
        { "digest", "ec", CKM_ECDSA, CKR_FUNCTION_REJECTED, 1 }, /* it was spent */
        { "digest", "p384", CKM_ECDSA, CKR_DATA_INVALID, 0 },    /* SHA-256 is not for this key */
        { "digest-info", "rsa", CKM_RSA_PKCS, CKR_OK, 1 },
    };
    CK_SESSION_HANDLE s = session_open();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf data = file_of(rows[i].file);
        uint8_t out[512];
        CK_ULONG len = sizeof out;
        unsigned before = n_requests();
        CK_RV rv = sign_whole(s, rows[i].label, rows[i].type, cs_buf_span(&data), out, &len);
        if (rv != rows[i].rv || n_requests() - before != rows[i].asked)
            fail_msg("row %zu, %s with %s: 0x%lx, %u requests", i, rows[i].file, rows[i].label, rv,
                     n_requests() - before);
    }
}

static void unloaded(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        CK_C_GetFunctionList get;
        CK_FUNCTION_LIST *list;
        void *handle = dlopen(module_path, RTLD_NOW | RTLD_LOCAL);
        assert_non_null(handle);
        void *found = dlsym(handle, "C_GetFunctionList");
        memcpy(&get, &found, sizeof get);
        assert_int_equal(get(&list), CKR_OK);
        assert_int_equal(list->C_Initialize(NULL), CKR_OK);
        assert_int_equal(list->C_Finalize(NULL), CKR_OK);
        assert_int_equal(dlclose(handle), 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_pointers),
        cmocka_unit_test(not_initialised),
        cmocka_unit_test(initialise_arguments),
        cmocka_unit_test_setup_teardown(slots, initialised, finalised),
        cmocka_unit_test_setup_teardown(sessions, initialised, finalised),
        cmocka_unit_test_setup_teardown(objects, initialised, finalised),
        cmocka_unit_test_setup_teardown(sizes_spend_nothing, initialised, finalised),
        cmocka_unit_test_setup_teardown(operations, initialised, finalised),
        cmocka_unit_test_setup_teardown(too_long, initialised, finalised),
        cmocka_unit_test_setup_teardown(only_a_tbs, initialised, finalised),
        cmocka_unit_test_setup_teardown(threads_sign, initialised, finalised),
        cmocka_unit_test_setup_teardown(threads_churn, initialised, finalised),
        cmocka_unit_test(finalize_waits),
        cmocka_unit_test_setup_teardown(forked, initialised, finalised),
        cmocka_unit_test_setup_teardown(forked_in_the_middle, initialised, finalised),
        cmocka_unit_test(unloaded),
    };
    if (argc < 3)
        return 2;
    module_path = argv[1];
    folder = argv[2];
    void *handle = dlopen(module_path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        (void)fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    CK_C_GetFunctionList get;
    void *found = dlsym(handle, "C_GetFunctionList");
    memcpy(&get, &found, sizeof get);
    if (get(&p11) != CKR_OK)
        return 2;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return dlclose(handle) != 0 ? 2 : failed;
}
