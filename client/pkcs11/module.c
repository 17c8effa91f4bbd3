#include "client/pkcs11/module.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/clock.h"

/*
 * The door. owner is the process that initialised the module, 0 for nobody. A child made by fork(2) sees its
 * parent's number there: what it inherited may be locked or half changed, so it never looks at it;
 * C_Initialize puts it away.
 */
static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t empty = PTHREAD_COND_INITIALIZER;
static struct cs_p11 *present;
static size_t n_inside;
static bool closing;
static _Atomic(pid_t) owner;
static struct cs_p11 *inherited; /* kept reachable, never used */

enum { OWNER_CHANGES = -1 };

struct cs_p11 *cs_p11_enter(void)
{
    if (atomic_load(&owner) != getpid())
        return NULL;
    (void)pthread_mutex_lock(&door);
    struct cs_p11 *m = closing ? NULL : present;
    if (m != NULL)
        n_inside++;
    (void)pthread_mutex_unlock(&door);
    return m;
}

void cs_p11_leave(void)
{
    (void)pthread_mutex_lock(&door);
    if (--n_inside == 0)
        (void)pthread_cond_broadcast(&empty);
    (void)pthread_mutex_unlock(&door);
}

static void disinherit(void)
{
    for (;;) {
        pid_t was = atomic_load(&owner);
        if (was == 0 || was == getpid())
            return;
        if (was == OWNER_CHANGES || !atomic_compare_exchange_strong(&owner, &was, OWNER_CHANGES)) {
            (void)sched_yield();
            continue;
        }
        static const pthread_mutex_t new_door = PTHREAD_MUTEX_INITIALIZER;
        static const pthread_cond_t new_empty = PTHREAD_COND_INITIALIZER;
        memcpy(&door, &new_door, sizeof door);
        memcpy(&empty, &new_empty, sizeof empty);
        inherited = present;
        present = NULL;
        n_inside = 0;
        closing = false;
        atomic_store(&owner, 0);
        return;
    }
}

static void module_free(struct cs_p11 *m)
{
    if (m == NULL)
        return;
    cs_p11_sessions_close(m);
    while (m->n_idle > 0)
        countersign_close(m->idle[--m->n_idle]);
    for (size_t i = 0; i < m->n_issuers; i++)
        cs_p11_issuer_free(m->issuer[i]);
    for (size_t i = 0; i < CS_P11_UNSETTLED_MAX; i++)
        cs_buf_done(&m->unsettled[i].data);
    cs_p11_log_close(&m->log);
    cs_p11_config_done(&m->config);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

static struct cs_p11 *module_new(void)
{
    struct cs_note note = { 0 };
    struct cs_p11_log fallback = { .fd = STDERR_FILENO };
    struct cs_p11 *m = calloc(1, sizeof *m);
    if (m == NULL || pthread_mutex_init(&m->lock, NULL) != 0) {
        free(m);
        return NULL;
    }
    m->log.fd = -1;
    cs_result r = cs_p11_config_load(&m->config, &note);
    if (cs_ok(r))
        r = cs_p11_log_open(&m->log, m->config.log, &note);
    if (!cs_ok(r)) {
        const char *text = note.text[0] != '\0' ? note.text : cs_result_text(r);
        cs_p11_log_put(&fallback, &(struct cs_p11_line){ .warning = true, .event = "failed", .text = text });
        module_free(m);
        return NULL;
    }
    return m;
}

/* Own locks are used whatever the caller offers, which CKF_OS_LOCKING_OK and callbacks both allow in effect:
 * the module waits in poll(2), and only the system's locks are sure to work there. */
static CK_RV arguments_check(const CK_C_INITIALIZE_ARGS *a)
{
    if (a == NULL)
        return CKR_OK;
    bool all =
        a->CreateMutex != NULL && a->DestroyMutex != NULL && a->LockMutex != NULL && a->UnlockMutex != NULL;
    bool any =
        a->CreateMutex != NULL || a->DestroyMutex != NULL || a->LockMutex != NULL || a->UnlockMutex != NULL;
    return a->pReserved != NULL || any != all ? CKR_ARGUMENTS_BAD : CKR_OK;
}

CK_RV C_Initialize(void *arguments)
{
    CK_RV rv = arguments_check(arguments);
    if (rv != CKR_OK)
        return rv;
    disinherit();
    (void)pthread_mutex_lock(&door);
    if (present != NULL) {
        rv = CKR_CRYPTOKI_ALREADY_INITIALIZED;
    } else if ((present = module_new()) != NULL) {
        closing = false;
        atomic_store(&owner, getpid());
    } else {
        rv = CKR_GENERAL_ERROR;
    }
    (void)pthread_mutex_unlock(&door);
    return rv;
}

CK_RV C_Finalize(void *reserved)
{
    if (reserved != NULL)
        return CKR_ARGUMENTS_BAD;
    if (atomic_load(&owner) != getpid())
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    (void)pthread_mutex_lock(&door);
    if (present == NULL || closing) {
        (void)pthread_mutex_unlock(&door);
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    closing = true;
    while (n_inside > 0)
        (void)pthread_cond_wait(&empty, &door);
    struct cs_p11 *m = present;
    present = NULL;
    closing = false;
    atomic_store(&owner, 0);
    (void)pthread_mutex_unlock(&door);
    module_free(m);
    return CKR_OK;
}

/* ---- connections ---- */

CK_RV cs_p11_connect(struct cs_p11 *m, struct countersign **out)
{
    struct countersign *c = NULL;
    (void)pthread_mutex_lock(&m->lock);
    if (m->n_idle > 0)
        c = m->idle[--m->n_idle];
    (void)pthread_mutex_unlock(&m->lock);
    if (c == NULL) {
        struct countersign_error error;
        struct countersign_options o = { .size = sizeof o,
                                         .address = m->config.connect,
                                         .tls_ca = m->config.tls_ca,
                                         .tls_certificate = m->config.tls_certificate,
                                         .tls_key = m->config.tls_key,
                                         .tls_name = m->config.tls_name,
                                         .timeout_ms = m->config.timeout_ms };
        int outcome = countersign_open(&o, &c, &error);
        if (outcome != COUNTERSIGN_DONE) {
            cs_p11_log_put(&m->log, &(struct cs_p11_line){ .warning = true,
                                                           .event = "failed",
                                                           .outcome = "CKR_DEVICE_ERROR",
                                                           .text = error.text });
            return outcome == COUNTERSIGN_NO_MEMORY ? CKR_HOST_MEMORY : CKR_DEVICE_ERROR;
        }
    }
    *out = c;
    return CKR_OK;
}

void cs_p11_release(struct cs_p11 *m, struct countersign *c)
{
    (void)pthread_mutex_lock(&m->lock);
    if (c != NULL && m->n_idle < CS_P11_IDLE_MAX) {
        m->idle[m->n_idle++] = c;
        c = NULL;
    }
    (void)pthread_mutex_unlock(&m->lock);
    countersign_close(c);
}

/* ---- issuers ---- */

static void take_issuer(struct cs_p11 *m, const struct countersign_issuer *from)
{
    struct cs_note note = { 0 };
    if (!cs_p11_config_shows(&m->config, cs_span_of(from->id.at, from->id.len)))
        return;
    for (size_t i = 0; i < m->n_issuers; i++)
        if (cs_p11_issuer_same(m->issuer[i], from)) {
            m->issuer[i]->shown = true;
            return;
        }
    cs_result r = m->n_issuers < CS_P11_KNOWN_MAX ? cs_p11_issuer_new(from, &m->issuer[m->n_issuers], &note)
                                                  : CS_ERR(FULL);
    if (cs_ok(r))
        m->n_issuers++;
    else
        cs_p11_log_put(&m->log,
                       &(struct cs_p11_line){ .warning = true,
                                              .event = "ignored",
                                              .key_id = cs_span_of(from->id.at, from->id.len),
                                              .text = note.text[0] != '\0' ? note.text : cs_result_text(r) });
}

static bool listed_lately(struct cs_p11 *m)
{
    (void)pthread_mutex_lock(&m->lock);
    bool lately = m->listed_mono_us != 0 &&
                  cs_clock_mono_us() - m->listed_mono_us < CS_P11_LIST_AGE_MAX_S * INT64_C(1000000);
    (void)pthread_mutex_unlock(&m->lock);
    return lately;
}

CK_RV cs_p11_list(struct cs_p11 *m)
{
    struct countersign *c = NULL;
    struct countersign_answer *a = NULL;
    struct countersign_error error;
    if (listed_lately(m))
        return CKR_OK;
    CK_RV rv = cs_p11_connect(m, &c);
    if (rv == CKR_OK && countersign_list_issuers(c, &a, &error) != COUNTERSIGN_DONE) {
        cs_p11_log_put(&m->log, &(struct cs_p11_line){ .warning = true,
                                                       .event = "failed",
                                                       .outcome = "CKR_DEVICE_ERROR",
                                                       .answer = a,
                                                       .text = error.text });
        rv = CKR_DEVICE_ERROR;
    }
    (void)pthread_mutex_lock(&m->lock);
    for (size_t i = 0; rv == CKR_OK && i < m->n_issuers; i++)
        m->issuer[i]->shown = false;
    for (size_t i = 0; rv == CKR_OK && i < a->n_issuers; i++)
        take_issuer(m, &a->issuers[i]);
    if (rv == CKR_OK)
        m->listed_mono_us = cs_clock_mono_us();
    else if (m->listed_mono_us != 0)
        rv = CKR_OK;
    (void)pthread_mutex_unlock(&m->lock);
    countersign_answer_free(a);
    if (c != NULL)
        cs_p11_release(m, c);
    return rv;
}

static CK_OBJECT_HANDLE handle_of(size_t issuer, enum cs_p11_object what)
{
    return issuer * CS_P11_N_OBJECTS + (size_t)what + 1;
}

const struct cs_p11_issuer *cs_p11_object_of(struct cs_p11 *m, CK_OBJECT_HANDLE handle,
                                             enum cs_p11_object *what)
{
    const struct cs_p11_issuer *found = NULL;
    (void)pthread_mutex_lock(&m->lock);
    if (handle > 0 && (handle - 1) / CS_P11_N_OBJECTS < m->n_issuers) {
        found = m->issuer[(handle - 1) / CS_P11_N_OBJECTS];
        *what = (enum cs_p11_object)((handle - 1) % CS_P11_N_OBJECTS);
    }
    (void)pthread_mutex_unlock(&m->lock);
    return found;
}

CK_RV cs_p11_handles(struct cs_p11 *m, const CK_ATTRIBUTE *template, size_t n, CK_OBJECT_HANDLE **out,
                     size_t *n_out)
{
    size_t n_found = 0;
    (void)pthread_mutex_lock(&m->lock);
    CK_OBJECT_HANDLE *found = malloc((m->n_issuers + 1) * CS_P11_N_OBJECTS * sizeof *found);
    for (size_t i = 0; found != NULL && i < m->n_issuers; i++)
        for (int what = 0; m->issuer[i]->shown && what < CS_P11_N_OBJECTS; what++)
            if (cs_p11_matches(m->issuer[i], (enum cs_p11_object)what, template, n))
                found[n_found++] = handle_of(i, (enum cs_p11_object)what);
    (void)pthread_mutex_unlock(&m->lock);
    if (found == NULL)
        return CKR_HOST_MEMORY;
    *out = found;
    *n_out = n_found;
    return CKR_OK;
}
