/*
 * Module: direct PKCS#11 calls on the module that libp11 drives as well, for what libp11 does not
 * offer: attributes, exact matches, PSS, key generation. The shared object stays mapped until the
 * process ends, because SoftHSM does not survive being unmapped and mapped again.
 */
#ifndef CS_HSM_MODULE_H
#define CS_HSM_MODULE_H

#include <p11-kit/pkcs11.h>

#include "hsm/uri.h"

/* Why something failed: the PKCS#11 return value (CKR_OK if none was involved) and a sentence. */
struct cs_why {
    CK_RV rv;
    struct cs_note note;
};

/* cs_why_set fills why (which may be NULL) and appends the name of rv unless it is CKR_OK. */
void cs_why_set(struct cs_why *why, CK_RV rv, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* cs_ckr_name is "CKR_DEVICE_ERROR" or, for a value without a name here, "CKR_0x..." in a static
 * buffer. cs_ckr_is_loss holds when the value means that token, session or login are gone, or may be:
 * the answer is to build all of them anew. */
const char *cs_ckr_name(CK_RV rv);
bool cs_ckr_is_loss(CK_RV rv);

struct cs_module {
    CK_FUNCTION_LIST *f;
};

/* cs_module_map maps the shared object at an absolute path and takes its function list; nothing is
 * initialised. Failure: HSM. */
CS_RESULT cs_module_map(struct cs_module *m, const char *path, struct cs_why *why);

/* cs_module_find_token finds the one initialised token that u names. NOT_FOUND if there is none or
 * several (why says how many); out_info may be NULL. */
CS_RESULT cs_module_find_token(const struct cs_module *m, const struct cs_uri *u, CK_SLOT_ID *out_slot,
                               CK_TOKEN_INFO *out_info, struct cs_why *why);

/* cs_module_find lists at most max objects that have all attributes; *out_n counts every one found,
 * also those beyond max. */
CS_RESULT cs_module_find(const struct cs_module *m, CK_SESSION_HANDLE session, CK_ATTRIBUTE *want,
                         CK_ULONG n_want, CK_OBJECT_HANDLE *out, size_t max, size_t *out_n,
                         struct cs_why *why);

/* cs_module_find_key finds the one private key that u names. NOT_FOUND for none or several. */
CS_RESULT cs_module_find_key(const struct cs_module *m, CK_SESSION_HANDLE session, const struct cs_uri *u,
                             CK_OBJECT_HANDLE *out, struct cs_why *why);

/* cs_module_get appends the value of one attribute (at most 2048 bytes). NOT_FOUND when the token
 * does not report it; then why is untouched. */
CS_RESULT cs_module_get(const struct cs_module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                        CK_ATTRIBUTE_TYPE type, struct cs_buf *out, struct cs_why *why);
CS_RESULT cs_module_get_ulong(const struct cs_module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                              CK_ATTRIBUTE_TYPE type, CK_ULONG *out, struct cs_why *why);

#endif
