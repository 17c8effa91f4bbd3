#include "proxy/ipc/messages.h"

/* Fixed fields are written through a small stack buffer, long fields are passed on as spans. */
struct head {
    uint8_t at[64];
    size_t len;
};

static void head_put(struct head *h, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h->at[h->len++] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

static struct cs_span head_span(const struct head *h)
{
    return cs_span_of(h->at, h->len);
}

static struct cs_sha256 get_sha256(struct cs_reader *r)
{
    struct cs_sha256 d = { { 0 } };
    struct cs_span raw = cs_get_raw(r, sizeof d.byte);
    if (raw.len == sizeof d.byte)
        memcpy(d.byte, raw.at, raw.len);
    return d;
}

CS_RESULT cs_hello_put(struct cs_chan *c, const struct cs_hello *m)
{
    struct head h = { .len = 0 };
    head_put(&h, m->version, 4);
    struct cs_span parts[] = { head_span(&h), cs_sha256_span(&m->subject) };
    return cs_chan_put(c, CS_MSG_HELLO, 0, parts, 2);
}

CS_RESULT cs_hello_get(struct cs_span in, struct cs_hello *out)
{
    struct cs_reader r = cs_reader_init(in);
    struct cs_hello m = { .version = cs_get_u32(&r), .subject = get_sha256(&r) };
    CS_TRY(cs_reader_end(&r));
    *out = m;
    return CS_OK;
}

CS_RESULT cs_msg_call_put(struct cs_chan *c, uint64_t id, const struct cs_msg_call *m)
{
    struct head h = { .len = 0 }, agent = { .len = 0 }, request = { .len = 0 };
    head_put(&h, m->method, 2);
    head_put(&h, m->peer.transport, 1);
    head_put(&h, m->peer.listener, 1);
    head_put(&h, m->peer.uid, 4);
    head_put(&h, m->peer.gid, 4);
    head_put(&h, m->peer.pid, 4);
    head_put(&h, (uint64_t)m->deadline_mono_us, 8);
    head_put(&h, m->peer.listener_name.len, 4);
    struct head count = { .len = 0 }, name_len[CS_PEER_NAMES_MAX] = { 0 };
    if (m->peer.n_names > CS_PEER_NAMES_MAX)
        return CS_ERR(LIMIT);
    head_put(&count, m->peer.n_names, 4);
    struct cs_span parts[8 + 2 * CS_PEER_NAMES_MAX];
    size_t n = 0;
    parts[n++] = head_span(&h);
    parts[n++] = m->peer.listener_name;
    parts[n++] = cs_sha256_span(&m->peer.spki_sha256);
    parts[n++] = head_span(&count);
    for (uint32_t i = 0; i < m->peer.n_names; i++) {
        head_put(&name_len[i], m->peer.name[i].len, 4);
        parts[n++] = head_span(&name_len[i]);
        parts[n++] = m->peer.name[i];
    }
    head_put(&agent, m->user_agent.len, 4);
    head_put(&request, m->request.len, 4);
    parts[n++] = head_span(&agent);
    parts[n++] = m->user_agent;
    parts[n++] = head_span(&request);
    parts[n++] = m->request;
    return cs_chan_put(c, CS_MSG_CALL, id, parts, n);
}

CS_RESULT cs_msg_call_get(struct cs_span in, struct cs_msg_call *out)
{
    struct cs_reader r = cs_reader_init(in);
    struct cs_msg_call m = { .method = cs_get_u16(&r) };
    m.peer.transport = cs_get_u8(&r);
    m.peer.listener = cs_get_u8(&r);
    m.peer.uid = cs_get_u32(&r);
    m.peer.gid = cs_get_u32(&r);
    m.peer.pid = cs_get_u32(&r);
    m.deadline_mono_us = (int64_t)cs_get_u64(&r);
    m.peer.listener_name = cs_get_span(&r, CS_LISTENER_NAME_MAX_LEN);
    m.peer.spki_sha256 = get_sha256(&r);
    m.peer.n_names = cs_get_u32(&r);
    if (m.peer.n_names > CS_PEER_NAMES_MAX)
        return CS_ERR(FORM);
    for (uint32_t i = 0; i < m.peer.n_names; i++)
        m.peer.name[i] = cs_get_span(&r, CS_PEER_NAME_MAX_LEN);
    m.user_agent = cs_get_span(&r, CS_USER_AGENT_MAX_LEN);
    m.request = cs_get_span(&r, CS_REQUEST_MAX_LEN);
    CS_TRY(cs_reader_end(&r));
    *out = m;
    return CS_OK;
}

CS_RESULT cs_msg_part_put(struct cs_chan *c, uint64_t call, struct cs_span message)
{
    if (message.len > CS_ANSWER_MAX_LEN)
        return CS_ERR(LIMIT);
    return cs_chan_put(c, CS_MSG_PART, call, &message, 1);
}

CS_RESULT cs_msg_more_put(struct cs_chan *c, uint64_t call, uint32_t n)
{
    struct head h = { .len = 0 };
    head_put(&h, n, 4);
    struct cs_span part = head_span(&h);
    return cs_chan_put(c, CS_MSG_MORE, call, &part, 1);
}

CS_RESULT cs_msg_more_get(struct cs_span in, uint32_t *out_n)
{
    struct cs_reader r = cs_reader_init(in);
    uint32_t n = cs_get_u32(&r);
    CS_TRY(cs_reader_end(&r));
    *out_n = n;
    return CS_OK;
}

CS_RESULT cs_msg_answer_put(struct cs_chan *c, uint64_t id, const struct cs_msg_answer *m)
{
    struct head status = { .len = 0 }, details = { .len = 0 }, response = { .len = 0 };
    head_put(&status, m->status, 4);
    head_put(&status, m->text.len, 4);
    head_put(&details, m->details.len, 4);
    head_put(&response, m->response.len, 4);
    struct cs_span parts[] = { head_span(&status),   m->text,    head_span(&details), m->details,
                               head_span(&response), m->response };
    return cs_chan_put(c, CS_MSG_ANSWER, id, parts, 6);
}

CS_RESULT cs_msg_answer_get(struct cs_span in, struct cs_msg_answer *out)
{
    struct cs_reader r = cs_reader_init(in);
    struct cs_msg_answer m = { .status = cs_get_u32(&r) };
    m.text = cs_get_span(&r, CS_STATUS_TEXT_MAX_LEN);
    m.details = cs_get_span(&r, CS_DETAILS_MAX_LEN);
    m.response = cs_get_span(&r, CS_ANSWER_MAX_LEN);
    CS_TRY(cs_reader_end(&r));
    *out = m;
    return CS_OK;
}

CS_RESULT cs_msg_sign_put(struct cs_chan *c, uint64_t seq, const struct cs_msg_sign *m)
{
    struct head h = { .len = 0 }, tbs = { .len = 0 };
    head_put(&h, m->key, 4);
    head_put(&h, m->kind, 1);
    head_put(&h, m->algorithm.len, 4);
    head_put(&tbs, m->tbs.len, 4);
    struct cs_span parts[] = { head_span(&h), m->algorithm, head_span(&tbs), m->tbs };
    return cs_chan_put(c, CS_MSG_SIGN, seq, parts, 4);
}

CS_RESULT cs_msg_sign_get(struct cs_span in, struct cs_msg_sign *out)
{
    struct cs_reader r = cs_reader_init(in);
    struct cs_msg_sign m = { .key = cs_get_u32(&r) };
    m.kind = cs_get_u8(&r);
    m.algorithm = cs_get_span(&r, CS_ALGORITHM_MAX_LEN);
    m.tbs = cs_get_span(&r, CS_TBS_MAX_LEN);
    CS_TRY(cs_reader_end(&r));
    *out = m;
    return CS_OK;
}

CS_RESULT cs_msg_signed_put(struct cs_chan *c, uint64_t seq, const struct cs_msg_signed *m)
{
    struct head len = { .len = 0 };
    head_put(&len, m->signature.len, 4);
    struct cs_span parts[] = { cs_sha256_span(&m->tbs_sha256), head_span(&len), m->signature };
    return cs_chan_put(c, CS_MSG_SIGNED, seq, parts, 3);
}

CS_RESULT cs_msg_signed_get(struct cs_span in, struct cs_msg_signed *out)
{
    struct cs_reader r = cs_reader_init(in);
    struct cs_msg_signed m = { .tbs_sha256 = get_sha256(&r) };
    m.signature = cs_get_span(&r, CS_SIGNATURE_MAX_LEN);
    CS_TRY(cs_reader_end(&r));
    *out = m;
    return CS_OK;
}

CS_RESULT cs_msg_event_put(struct cs_chan *c, uint32_t type, uint64_t id, const struct cs_msg_event *m)
{
    struct head h = { .len = 0 };
    head_put(&h, m->code, 4);
    head_put(&h, m->ck_rv, 8);
    head_put(&h, m->text.len, 4);
    struct cs_span parts[] = { head_span(&h), m->text };
    return cs_chan_put(c, type, id, parts, 2);
}

CS_RESULT cs_msg_event_get(struct cs_span in, struct cs_msg_event *out)
{
    struct cs_reader r = cs_reader_init(in);
    struct cs_msg_event m = { .code = cs_get_u32(&r) };
    m.ck_rv = cs_get_u64(&r);
    m.text = cs_get_span(&r, CS_STATUS_TEXT_MAX_LEN);
    CS_TRY(cs_reader_end(&r));
    *out = m;
    return CS_OK;
}
