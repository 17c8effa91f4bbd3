/*
 * The module between C_Initialize and C_Finalize: connections, issuers, sessions. Private to this folder.
 *
 * Locks: door (module.c) guards the module's coming and going; m->lock its tables and is never held over
 * a call to the gate; a session's lock is held for a whole function, so that one session does one thing at a
 * time. They are taken in the order session, m->lock.
 */
#ifndef CS_CLIENT_PKCS11_MODULE_H
#define CS_CLIENT_PKCS11_MODULE_H

#include <pthread.h>

#include "client/pkcs11/config.h"
#include "client/pkcs11/note.h"
#include "client/pkcs11/objects.h"

enum {
    CS_P11_SLOT = 0,
    CS_P11_SESSIONS_MAX = 4096, /* a power of two: the low bits of a handle are its place */
    CS_P11_IDLE_MAX = 16,       /* connections kept for the next call */
    CS_P11_UNSETTLED_MAX = 64,
    CS_P11_KNOWN_MAX = 1024, /* issuers, also earlier versions of them */
    CS_P11_LIST_AGE_MAX_S = 60,
    CS_P11_REQUEST_ID_LEN = 16,
    CS_P11_DATA_MAX_LEN = 1024 * 1024 - 1024, /* of one request, less what stands around the data */
};

/* A signature being made. */
struct cs_p11_operation {
    bool active, updated;
    const struct cs_p11_mechanism *mechanism;
    size_t digest_len; /* of the parameter of a raw PSS mechanism */
    const struct cs_p11_issuer *issuer;
    struct cs_buf data;
};

struct cs_p11_session {
    CK_SESSION_HANDLE handle;
    CK_FLAGS flags;
    unsigned n_users; /* the table and running functions; under m->lock */
    pthread_mutex_t lock;
    struct cs_p11_operation sign;
    bool finding;
    CK_OBJECT_HANDLE *found;
    size_t n_found, found_at;
};

/* A request whose fate is not known: the same data gets the same request id. */
struct cs_p11_unsettled {
    struct cs_buf data; /* issuer id, algorithm, then what was to be signed */
    uint8_t request_id[CS_P11_REQUEST_ID_LEN];
};

struct cs_p11 {
    struct cs_p11_config config;
    struct cs_p11_log log;
    pthread_mutex_t lock;
    struct countersign *idle[CS_P11_IDLE_MAX];
    size_t n_idle;
    struct cs_p11_issuer *issuer[CS_P11_KNOWN_MAX];
    size_t n_issuers;
    int64_t listed_mono_us; /* 0: never */
    struct cs_p11_session *session[CS_P11_SESSIONS_MAX];
    size_t n_sessions;
    uint64_t n_sessions_ever;
    bool logged_in;
    struct cs_p11_unsettled unsettled[CS_P11_UNSETTLED_MAX];
    size_t unsettled_at;
};

/* cs_p11_enter returns the module and keeps C_Finalize waiting until cs_p11_leave; NULL when this process
 * has not initialised it. */
struct cs_p11 *cs_p11_enter(void);
void cs_p11_leave(void);

/* cs_p11_connect takes an idle connection or opens one; CKR_DEVICE_ERROR with a line in the log. */
CK_RV cs_p11_connect(struct cs_p11 *m, struct countersign **out);
/* cs_p11_release keeps it for later. NULL-safe. */
void cs_p11_release(struct cs_p11 *m, struct countersign *c);

/* cs_p11_list asks the gate for its issuers unless it was asked lately. When it does not answer, what is
 * known stays; CKR_DEVICE_ERROR if nothing is. */
CK_RV cs_p11_list(struct cs_p11 *m);
/* cs_p11_object_of resolves a handle; NULL if there is none. */
const struct cs_p11_issuer *cs_p11_object_of(struct cs_p11 *m, CK_OBJECT_HANDLE handle,
                                             enum cs_p11_object *what);
/* cs_p11_handles fills the handles of objects that match; CKR_HOST_MEMORY. *out is the caller's. */
CK_RV cs_p11_handles(struct cs_p11 *m, const CK_ATTRIBUTE *template, size_t n, CK_OBJECT_HANDLE **out,
                     size_t *n_out);

/* ---- session.c ---- */

/* cs_p11_session_take finds a session and locks it; NULL if there is none. */
struct cs_p11_session *cs_p11_session_take(struct cs_p11 *m, CK_SESSION_HANDLE handle);
void cs_p11_session_give(struct cs_p11 *m, struct cs_p11_session *s);
void cs_p11_sessions_close(struct cs_p11 *m);

/* ---- settle.c ---- */

/* cs_p11_id_for fills the request id of an earlier, unsettled request for the same data, or a new one. */
CK_RV cs_p11_id_for(struct cs_p11 *m, struct cs_span key, uint8_t out[CS_P11_REQUEST_ID_LEN]);
/* cs_p11_settle remembers the id (settled false) or forgets it. */
void cs_p11_settle(struct cs_p11 *m, struct cs_span key, const uint8_t id[CS_P11_REQUEST_ID_LEN],
                   bool settled);

/* cs_p11_random fills from the kernel. */
bool cs_p11_random(uint8_t *out, size_t len);

#endif
