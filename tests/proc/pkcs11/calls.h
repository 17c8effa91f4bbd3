/*
 * A PKCS#11 host for tests: the module by dlopen, and the files that test_module.py laid out. Files
 * of the folder (argument 1): tbs (of issuer ec), tbs-rsa, tbs-big ..., count (sign requests so far).
 */
#ifndef CS_TESTS_PKCS11_CALLS_H
#define CS_TESTS_PKCS11_CALLS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <p11-kit/pkcs11.h>

#include "proxy/base/bytes.h"

extern CK_FUNCTION_LIST *p11;

/* file_of reads a file of the folder; ends the test when it cannot. */
struct cs_buf file_of(const char *name);
/* n_requests is how many sign requests have reached the gate. */
unsigned n_requests(void);

/* session opens one; key finds the private key with this label. */
CK_SESSION_HANDLE session_open(void);
CK_OBJECT_HANDLE key_of(CK_SESSION_HANDLE s, const char *label);

/* sign_whole initialises and signs with room enough; returns the code of the last call. */
CK_RV sign_whole(CK_SESSION_HANDLE s, const char *label, CK_MECHANISM_TYPE type, struct cs_span data,
                 uint8_t *out, CK_ULONG *out_len);

/* The tests of the other files. */
void threads_sign(void **state);
void threads_churn(void **state);
void finalize_waits(void **state);
void forked(void **state);
void forked_in_the_middle(void **state);

#endif
