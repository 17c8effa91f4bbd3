/* Requests whose fate is not known. PKCS#11 has no word for "ask again for the same": a caller that got
 * CKR_DEVICE_ERROR starts a new operation. With the id of the first it gets what was recorded, where a
 * new id would be refused for the serial number it used. */
#include <errno.h>
#include <sys/random.h>

#include "client/pkcs11/module.h"

bool cs_p11_random(uint8_t *out, size_t len)
{
    while (len > 0) {
        ssize_t n = getrandom(out, len, 0);
        if (n < 0 && errno != EINTR)
            return false;
        out += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

static struct cs_p11_unsettled *row_of(struct cs_p11 *m, struct cs_span key)
{
    for (size_t i = 0; i < CS_P11_UNSETTLED_MAX; i++)
        if (m->unsettled[i].data.len > 0 && cs_span_eq(cs_buf_span(&m->unsettled[i].data), key))
            return &m->unsettled[i];
    return NULL;
}

CK_RV cs_p11_id_for(struct cs_p11 *m, struct cs_span key, uint8_t out[CS_P11_REQUEST_ID_LEN])
{
    (void)pthread_mutex_lock(&m->lock);
    const struct cs_p11_unsettled *row = row_of(m, key);
    if (row != NULL)
        memcpy(out, row->request_id, CS_P11_REQUEST_ID_LEN);
    (void)pthread_mutex_unlock(&m->lock);
    return row != NULL || cs_p11_random(out, CS_P11_REQUEST_ID_LEN) ? CKR_OK : CKR_FUNCTION_FAILED;
}

void cs_p11_settle(struct cs_p11 *m, struct cs_span key, const uint8_t id[CS_P11_REQUEST_ID_LEN],
                   bool settled)
{
    (void)pthread_mutex_lock(&m->lock);
    struct cs_p11_unsettled *row = row_of(m, key);
    if (settled && row != NULL) {
        cs_buf_done(&row->data);
    } else if (!settled && row == NULL) {
        row = &m->unsettled[m->unsettled_at++ % CS_P11_UNSETTLED_MAX];
        cs_buf_done(&row->data);
        cs_buf_put(&row->data, key.at, key.len);
        if (row->data.failed)
            cs_buf_done(&row->data);
        memcpy(row->request_id, id, CS_P11_REQUEST_ID_LEN);
    }
    (void)pthread_mutex_unlock(&m->lock);
}
