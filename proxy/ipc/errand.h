/*
 * Errands: what the gate has the courier carry to witnesses (C2SP tlog-witness), and what came back. The
 * gate names a witness by its number; where that is, the courier knows from the parent alone.
 */
#ifndef CS_IPC_ERRAND_H
#define CS_IPC_ERRAND_H

#include "proxy/ipc/channel.h"

enum {
    CS_WITNESSES_MAX = 16,
    CS_ROUTE_URL_MAX_LEN = 1024,
    CS_ROUTES_MAX_LEN = 40 * 1024,
    CS_ERRAND_BODY_MAX_LEN = 16 * 1024, /* 64 lines of proof and a checkpoint with one line: under 4 KiB */
    CS_ERRAND_ANSWER_MAX_LEN = 64 * 1024,
    CS_ERRAND_TROUBLE_MAX_LEN = 300,
    CS_MSG_ERRAND_MAX_LEN = CS_ERRAND_BODY_MAX_LEN + 16,
    CS_MSG_ERRAND_DONE_MAX_LEN = CS_ERRAND_ANSWER_MAX_LEN + CS_ERRAND_TROUBLE_MAX_LEN + 16,
};

/* Beside the types of messages.h. */
enum cs_errand_type {
    CS_MSG_ERRAND = 30,      /* gate -> courier; id = errand, counted up by the gate */
    CS_MSG_ERRAND_DONE = 31, /* courier -> gate; id = same; exactly one per ERRAND */
};

/* The whole addresses of one witness: http or https. */
struct cs_route {
    struct cs_span add_url;  /* POST: a checkpoint */
    struct cs_span read_url; /* GET: the newest checkpoint it has cosigned of this log */
};
struct cs_routes {
    uint32_t n; /* from 1 */
    struct cs_route route[CS_WITNESSES_MAX];
};
/* ARGUMENT on put, FORM, TRUNCATED, TRAILING on get, which views in and leaves *out on failure. */
CS_RESULT cs_routes_put(struct cs_buf *out, const struct cs_routes *r);
CS_RESULT cs_routes_get(struct cs_span in, struct cs_routes *out);

enum cs_errand_kind { CS_ERRAND_ADD = 1, CS_ERRAND_READ };
struct cs_errand {
    uint8_t kind;        /* enum cs_errand_kind */
    uint32_t witness;    /* number of its route */
    struct cs_span body; /* ADD only */
};
CS_RESULT cs_errand_put(struct cs_chan *c, uint64_t id, const struct cs_errand *m);
CS_RESULT cs_errand_get(struct cs_span in, struct cs_errand *out);

struct cs_errand_done {
    uint32_t status;        /* HTTP status; 0: no whole answer came, trouble says why */
    bool is_size;           /* Content-Type text/x.tlog.size */
    struct cs_span body;    /* unparsed; empty unless the status is 200 or is_size */
    struct cs_span trouble; /* a sentence for people */
};
CS_RESULT cs_errand_done_put(struct cs_chan *c, uint64_t id, const struct cs_errand_done *m);
CS_RESULT cs_errand_done_get(struct cs_span in, struct cs_errand_done *out);

#endif
