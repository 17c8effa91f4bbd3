/*
 * Calls: which stream waits for which answer of the gate. A stream is named by connection number and
 * stream id, never by pointer: the client may be gone when the answer comes. A slot stays taken
 * until the gate has answered, also when nobody waits any more, so the table bounds what the gate
 * has in hand and an ANSWER nobody asked for is seen as such. Timers are libevent's.
 */
#ifndef CS_FRONT_CALLS_H
#define CS_FRONT_CALLS_H

#include "proxy/base/bytes.h"
#include "proxy/ipc/messages.h"

enum {
    CS_CALLS_MAX = 1024,
    CS_CALLS_STREAMING_MAX = CS_CALLS_MAX / 4, /* streaming calls stay long: unary ones always find room */
};

struct event;
struct event_base;

struct cs_call {
    uint64_t id; /* 0 = slot is free; unique over the life of the process */
    bool waited_for;
    bool streaming;
    uint32_t credit; /* streaming: PARTs the gate may still send */
    uint16_t method; /* for the numbers */
    uint16_t share;  /* whose call it is (shares.h) */
    uint64_t conn;   /* connection number; 0: a scrape of the metrics, stream_id is its slot */
    int32_t stream_id;
    int64_t deadline_mono_us;
    uint32_t next_free; /* index + 1, 0 = none */
    struct event *timer;
    struct cs_calls *table;
};

struct cs_calls {
    struct cs_call *slot; /* CS_CALLS_MAX of them */
    uint32_t first_free;  /* index + 1 */
    uint32_t n_taken, n_streaming;
    uint64_t n_ever;
    void (*on_deadline)(void *ctx, struct cs_call *call);
    void *ctx;
};

CS_RESULT cs_calls_init(struct cs_calls *t, struct event_base *base,
                        void (*on_deadline)(void *ctx, struct cs_call *call), void *ctx);
void cs_calls_done(struct cs_calls *t); /* before the event base is freed; safe on zero state */

/* cs_calls_take fills a slot and arms its deadline; FULL when all are taken, or for a streaming call
 * when CS_CALLS_STREAMING_MAX are. A streaming call starts with CS_PARTS_AT_FIRST credits. */
CS_RESULT cs_calls_take(struct cs_calls *t, uint64_t conn, int32_t stream_id, bool streaming,
                        int64_t now_mono_us, int64_t deadline_mono_us, struct cs_call **out);
/* cs_calls_find: the taken slot with this id, or NULL. */
struct cs_call *cs_calls_find(struct cs_calls *t, uint64_t id);
/* cs_calls_abandon: nobody waits any more; the slot stays taken until the answer. */
void cs_calls_abandon(struct cs_call *call);
void cs_calls_free(struct cs_calls *t, struct cs_call *call);

#endif
