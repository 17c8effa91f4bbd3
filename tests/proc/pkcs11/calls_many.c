/* Threads and forks. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/proc/pkcs11/calls.h"

enum { N_THREADS = 8, N_EACH = 25 };

static _Atomic unsigned n_good, n_bad, n_inside;
static _Atomic bool go_on;

static void *sign_many(void *arg)
{
    CK_OBJECT_HANDLE key = *(CK_OBJECT_HANDLE *)arg;
    struct cs_buf tbs = file_of("tbs");
    CK_SESSION_HANDLE s;
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    if (p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s) != CKR_OK) {
        n_bad++;
        cs_buf_done(&tbs);
        return NULL;
    }
    for (int i = 0; i < N_EACH; i++) {
        uint8_t out[64];
        CK_ULONG len = sizeof out;
        bool good =
            p11->C_SignInit(s, &m, key) == CKR_OK && p11->C_Sign(s, tbs.at, tbs.len, out, &len) == CKR_OK;
        n_good += good;
        n_bad += !good;
    }
    if (p11->C_CloseSession(s) != CKR_OK)
        n_bad++;
    cs_buf_done(&tbs);
    return NULL;
}

void threads_sign(void **state)
{
    (void)state;
    pthread_t thread[N_THREADS];
    CK_OBJECT_HANDLE key = key_of(session_open(), "ec");
    unsigned before = n_requests();
    n_good = n_bad = 0;
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, sign_many, &key), 0);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_int_equal(n_bad, 0);
    assert_int_equal(n_good, N_THREADS * N_EACH);
    assert_int_equal(n_requests() - before, N_THREADS * N_EACH);
}

/* One session under several threads, opened and closed under their feet: codes, not crashes. */
static _Atomic CK_SESSION_HANDLE shared;

static void *churn(void *arg)
{
    CK_OBJECT_HANDLE key = *(CK_OBJECT_HANDLE *)arg, found;
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    uint8_t part[100] = { 0 }, out[64];
    while (atomic_load(&go_on)) {
        CK_SESSION_HANDLE s = atomic_load(&shared);
        CK_ULONG len = sizeof out, n;
        CK_SESSION_INFO info;
        (void)p11->C_FindObjectsInit(s, NULL, 0);
        (void)p11->C_SignInit(s, &m, key);
        (void)p11->C_SignUpdate(s, part, sizeof part);
        (void)p11->C_FindObjects(s, &found, 1, &n);
        (void)p11->C_SignFinal(s, out, &len); /* no TBS: refused without a request */
        (void)p11->C_FindObjectsFinal(s);
        (void)p11->C_GetSessionInfo(s, &info);
        n_good++;
    }
    return NULL;
}

void threads_churn(void **state)
{
    (void)state;
    pthread_t thread[4];
    CK_OBJECT_HANDLE key = key_of(session_open(), "ec");
    unsigned before = n_requests();
    go_on = true;
    n_good = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, churn, &key), 0);
    while (n_good < 2000) {
        CK_SESSION_HANDLE s = session_open();
        shared = s;
        (void)sched_yield();
        assert_int_equal(p11->C_CloseSession(s), CKR_OK);
    }
    assert_int_equal(p11->C_CloseAllSessions(0), CKR_OK);
    go_on = false;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_int_equal(n_requests(), before);
}

/* Signs until the module is finalised; then every call says so. */
static void *until_gone(void *arg)
{
    CK_OBJECT_HANDLE key = *(CK_OBJECT_HANDLE *)arg;
    struct cs_buf tbs = file_of("tbs");
    CK_SESSION_HANDLE s = 0;
    CK_MECHANISM m = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_RV rv = p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s);
    n_inside++;
    while (rv == CKR_OK) {
        uint8_t out[64];
        CK_ULONG len = sizeof out;
        rv = p11->C_SignInit(s, &m, key);
        if (rv == CKR_OK)
            rv = p11->C_Sign(s, tbs.at, tbs.len, out, &len);
        n_good += rv == CKR_OK;
    }
    if (rv != CKR_CRYPTOKI_NOT_INITIALIZED)
        n_bad++;
    cs_buf_done(&tbs);
    return NULL;
}

void finalize_waits(void **state)
{
    (void)state;
    pthread_t thread[N_THREADS];
    assert_int_equal(p11->C_Initialize(NULL), CKR_OK);
    CK_OBJECT_HANDLE key = key_of(session_open(), "ec");
    n_good = n_bad = n_inside = 0;
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, until_gone, &key), 0);
    while (n_inside < N_THREADS || n_good < N_THREADS)
        (void)usleep(1000);
    assert_int_equal(p11->C_Finalize(NULL), CKR_OK);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_int_equal(n_bad, 0);
}

/* ---- fork ---- */

/* What a child does; its exit code says where it stopped. */
static int child(CK_SESSION_HANDLE inherited)
{
    CS_AUTO_BUF struct cs_buf tbs = file_of("tbs");
    CK_SESSION_INFO info;
    uint8_t out[64];
    CK_ULONG len = sizeof out;
    CK_SLOT_ID slot;
    CK_ULONG n = 1;
    if (p11->C_GetSlotList(0, &slot, &n) != CKR_CRYPTOKI_NOT_INITIALIZED ||
        p11->C_GetSessionInfo(inherited, &info) != CKR_CRYPTOKI_NOT_INITIALIZED ||
        p11->C_Finalize(NULL) != CKR_CRYPTOKI_NOT_INITIALIZED)
        return 1;
    if (p11->C_Initialize(NULL) != CKR_OK || p11->C_Initialize(NULL) != CKR_CRYPTOKI_ALREADY_INITIALIZED)
        return 2;
    CK_SESSION_HANDLE s = 0;
    if (p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s) != CKR_OK)
        return 3;
    if (sign_whole(s, "ec", CKM_ECDSA_SHA256, cs_buf_span(&tbs), out, &len) != CKR_OK)
        return 4;
    return p11->C_Finalize(NULL) == CKR_OK ? 0 : 5;
}

static void expect_child(pid_t pid)
{
    int status = -1;
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

void forked(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf tbs = file_of("tbs");
    CK_SESSION_HANDLE s = session_open();
    uint8_t out[64];
    CK_ULONG len = sizeof out;
    assert_int_equal(sign_whole(s, "ec", CKM_ECDSA_SHA256, cs_buf_span(&tbs), out, &len), CKR_OK);
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(child(s));
        expect_child(pid);
        /* The parent's connection is as good as before. */
        assert_int_equal(sign_whole(s, "ec", CKM_ECDSA_SHA256, cs_buf_span(&tbs), out, &len), CKR_OK);
    }
}

/* While other threads hold whatever locks there are: but glibc's allocator is made for that, and the
 * sanitizer's is not, so that its child may wait for ever for memory. */
void forked_in_the_middle(void **state)
{
    (void)state;
#ifdef CS_TEST_SANITIZED
    skip();
#endif
    pthread_t thread[4];
    CK_OBJECT_HANDLE key = key_of(session_open(), "ec");
    shared = session_open();
    go_on = true;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, churn, &key), 0);
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(child(shared));
        expect_child(pid);
    }
    go_on = false;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
}
