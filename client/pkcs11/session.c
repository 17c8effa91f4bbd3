#include <stdlib.h>

#include "client/pkcs11/module.h"

enum { PLACE_BITS = 12 };
_Static_assert(CS_P11_SESSIONS_MAX == 1 << PLACE_BITS, "the low bits of a handle are the place in the table");

static void session_free(struct cs_p11_session *s)
{
    cs_buf_done(&s->sign.data);
    free(s->found);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

/* Under m->lock. */
static bool drop_user(struct cs_p11_session *s)
{
    return --s->n_users == 0;
}

/* Takes a session out of the table, under m->lock; returns it when nobody uses it any more. */
static struct cs_p11_session *take_out(struct cs_p11 *m, size_t place)
{
    struct cs_p11_session *s = m->session[place];
    m->session[place] = NULL;
    if (--m->n_sessions == 0)
        m->logged_in = false; /* PKCS#11 2.40 5.6: the last session closed logs out */
    return drop_user(s) ? s : NULL;
}

static struct cs_p11_session *at_handle(struct cs_p11 *m, CK_SESSION_HANDLE handle)
{
    struct cs_p11_session *s = m->session[handle & (CS_P11_SESSIONS_MAX - 1)];
    return s != NULL && s->handle == handle ? s : NULL;
}

struct cs_p11_session *cs_p11_session_take(struct cs_p11 *m, CK_SESSION_HANDLE handle)
{
    (void)pthread_mutex_lock(&m->lock);
    struct cs_p11_session *s = at_handle(m, handle);
    if (s != NULL)
        s->n_users++;
    (void)pthread_mutex_unlock(&m->lock);
    if (s != NULL)
        (void)pthread_mutex_lock(&s->lock);
    return s;
}

void cs_p11_session_give(struct cs_p11 *m, struct cs_p11_session *s)
{
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_mutex_lock(&m->lock);
    bool last = drop_user(s);
    (void)pthread_mutex_unlock(&m->lock);
    if (last)
        session_free(s);
}

void cs_p11_sessions_close(struct cs_p11 *m)
{
    for (size_t i = 0; i < CS_P11_SESSIONS_MAX; i++) {
        (void)pthread_mutex_lock(&m->lock);
        struct cs_p11_session *s = m->session[i] != NULL ? take_out(m, i) : NULL;
        (void)pthread_mutex_unlock(&m->lock);
        if (s != NULL)
            session_free(s);
    }
}

static CK_RV put_in(struct cs_p11 *m, struct cs_p11_session *s)
{
    for (size_t i = 0; i < CS_P11_SESSIONS_MAX; i++) {
        size_t place = (m->n_sessions_ever + i) % CS_P11_SESSIONS_MAX;
        if (m->session[place] != NULL)
            continue;
        m->session[place] = s;
        m->n_sessions++;
        s->handle = ++m->n_sessions_ever << PLACE_BITS | place;
        return CKR_OK;
    }
    return CKR_SESSION_COUNT;
}

static CK_RV open_session(struct cs_p11 *m, CK_SLOT_ID slot, CK_FLAGS flags, CK_SESSION_HANDLE *out)
{
    if (slot != CS_P11_SLOT)
        return CKR_SLOT_ID_INVALID;
    if (!(flags & CKF_SERIAL_SESSION))
        return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    struct cs_p11_session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return CKR_HOST_MEMORY;
    if (pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s);
        return CKR_HOST_MEMORY;
    }
    s->flags = flags & (CKF_SERIAL_SESSION | CKF_RW_SESSION);
    s->n_users = 1;
    s->sign.data.max = CS_P11_DATA_MAX_LEN;
    (void)pthread_mutex_lock(&m->lock);
    CK_RV rv = put_in(m, s);
    (void)pthread_mutex_unlock(&m->lock);
    if (rv == CKR_OK)
        *out = s->handle;
    else
        session_free(s);
    return rv;
}

CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                    CK_SESSION_HANDLE *session)
{
    (void)application, (void)notify; /* nothing here takes long enough to notify of */
    if (session == NULL)
        return CKR_ARGUMENTS_BAD;
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    CK_RV rv = open_session(m, slot, flags, session);
    cs_p11_leave();
    return rv;
}

CK_RV C_CloseSession(CK_SESSION_HANDLE session)
{
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    struct cs_p11_session *unused = NULL;
    (void)pthread_mutex_lock(&m->lock);
    CK_RV rv = at_handle(m, session) != NULL ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
    if (rv == CKR_OK)
        unused = take_out(m, session & (CS_P11_SESSIONS_MAX - 1));
    (void)pthread_mutex_unlock(&m->lock);
    if (unused != NULL)
        session_free(unused);
    cs_p11_leave();
    return rv;
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slot)
{
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    if (slot == CS_P11_SLOT)
        cs_p11_sessions_close(m);
    cs_p11_leave();
    return slot == CS_P11_SLOT ? CKR_OK : CKR_SLOT_ID_INVALID;
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
    if (info == NULL)
        return CKR_ARGUMENTS_BAD;
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    (void)pthread_mutex_lock(&m->lock);
    const struct cs_p11_session *s = at_handle(m, session);
    if (s != NULL) {
        bool rw = (s->flags & CKF_RW_SESSION) != 0;
        *info = (CK_SESSION_INFO){ .slotID = CS_P11_SLOT, .flags = s->flags };
        if (m->logged_in)
            info->state = rw ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
        else
            info->state = rw ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
    }
    (void)pthread_mutex_unlock(&m->lock);
    cs_p11_leave();
    return s != NULL ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

/* There is no PIN; callers that insist on logging in may, with any. */
static CK_RV log_in(CK_SESSION_HANDLE session, bool in)
{
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    CK_RV rv = CKR_OK;
    (void)pthread_mutex_lock(&m->lock);
    if (at_handle(m, session) == NULL)
        rv = CKR_SESSION_HANDLE_INVALID;
    else if (m->logged_in == in)
        rv = in ? CKR_USER_ALREADY_LOGGED_IN : CKR_USER_NOT_LOGGED_IN;
    else
        m->logged_in = in;
    (void)pthread_mutex_unlock(&m->lock);
    cs_p11_leave();
    return rv;
}

CK_RV C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin, CK_ULONG pin_len)
{
    (void)pin, (void)pin_len;
    return user == CKU_USER ? log_in(session, true) : CKR_USER_TYPE_INVALID;
}

CK_RV C_Logout(CK_SESSION_HANDLE session)
{
    return log_in(session, false);
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE session, unsigned char *out, CK_ULONG len)
{
    if (out == NULL && len > 0)
        return CKR_ARGUMENTS_BAD;
    struct cs_p11 *m = cs_p11_enter();
    if (m == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    (void)pthread_mutex_lock(&m->lock);
    CK_RV rv = at_handle(m, session) != NULL ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
    (void)pthread_mutex_unlock(&m->lock);
    if (rv == CKR_OK && !cs_p11_random(out, len))
        rv = CKR_FUNCTION_FAILED;
    cs_p11_leave();
    return rv;
}
