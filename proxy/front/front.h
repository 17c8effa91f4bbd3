/*
 * Front: the process that speaks gRPC over HTTP/2 to clients and passes whole unary requests to the
 * gate. It moves bytes: it parses no protobuf, decides nothing, and holds no secret.
 *
 * One thread, one libevent loop run turn by turn. Callbacks read and queue; cs_front_turn_end writes
 * once per connection and frees what died. So a pointer to a connection or a stream is good within
 * one callback only; across turns connections go by number and streams by id.
 */
#ifndef CS_FRONT_FRONT_H
#define CS_FRONT_FRONT_H

#include <nghttp2/nghttp2.h>

#include "proxy/front/budget.h"
#include "proxy/front/calls.h"
#include "proxy/front/counts.h"
#include "proxy/front/grpc.h"
#include "proxy/front/headers.h"
#include "proxy/front/ping.h"
#include "proxy/front/wire.h"
#include "proxy/front/shares.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/dispatch.h"
#include "proxy/ipc/frontconf.h"
#include "proxy/ipc/messages.h"

enum {
    CS_FRONT_CONNS_MAX = 1024,
    CS_FRONT_SLOTS = CS_FRONT_CONNS_MAX + 64,      /* closed ones stay until the end of the turn */
    CS_FRONT_SCRAPES_MAX = 8,                      /* connections on listeners of metrics */
    CS_FRONT_STREAMS_MAX = 100,                    /* open at once on one connection */
    CS_FRONT_READ_LEN = 64 * 1024,                 /* from one connection in one turn */
    CS_FRONT_GATHER_LEN = 256 * 1024,              /* frames of one connection for one write */
    CS_FRONT_HELD_READ_LEN = 1024 * 1024,          /* answers waiting above it: nothing more is read */
    CS_FRONT_HELD_MAX_LEN = 16 * 1024 * 1024,      /* answers of one connection waiting; then it is closed */
    CS_FRONT_HELD_ALL_MAX_LEN = 256 * 1024 * 1024, /* of all connections; then the largest is closed */
    CS_FRONT_BODIES_MAX_LEN = 64 * 1024 * 1024,    /* unfinished requests of all connections */
    CS_FRONT_GATE_UNSENT_MAX_LEN = 16 * 1024 * 1024,

    CS_FRONT_CALL_MAX_S = 30, /* own maximum when the client allows more; of a streaming call: its request */
    CS_FRONT_STREAMING_MAX_S = 365 * 86400, /* a streaming call without a deadline */
    CS_FRONT_NUMBERS_MAX_S = 2,             /* for the gate's metrics */
    CS_FRONT_TALK_MAX_S = 600,              /* a reflection stream */
    CS_FRONT_SHAKE_MAX_S = 10,              /* connect to the end of the TLS handshake */
    CS_FRONT_PREFACE_MAX_S = 10,            /* connect, or the handshake's end, to first SETTINGS */
    CS_FRONT_HEAD_MAX_S = 10,               /* first to last frame of a header block */
    CS_FRONT_STALL_MAX_S = 30,              /* no byte of an answer taken */
    CS_FRONT_IDLE_MAX_S = 600,              /* no stream open */
    CS_FRONT_NOTICE_MAX_S = 1,              /* for the round trip after the shutdown notice */
    CS_FRONT_DRAIN_MAX_S = 40,              /* then connections are cut */
    CS_FRONT_GRACE_MAX_S = 40,              /* past the maximum age; then streaming calls are ended */

    CS_FRONT_RESET_BURST = 100, /* RST_STREAM from a client (CVE-2023-44487) */
    CS_FRONT_RESETS_PER_S = 10,
    CS_FRONT_CONTINUATIONS_MAX = 8,
    CS_FRONT_ACKS_MAX = 128, /* PING and SETTINGS acknowledgements waiting */
};

struct event;
struct event_base;
struct cs_front;
struct cs_conn;
struct cs_reflection;
struct cs_scrape;

enum cs_stream_state {
    CS_STREAM_HEAD,     /* header block coming */
    CS_STREAM_BODY,     /* message coming */
    CS_STREAM_WAITING,  /* CALL sent, answer awaited */
    CS_STREAM_TALKING,  /* reflection: each message is answered as it comes */
    CS_STREAM_ANSWERED, /* answer submitted; whatever comes is dropped */
};

struct cs_stream {
    struct cs_stream *next, **link; /* list of the connection */
    struct cs_conn *conn;
    int32_t id;
    enum cs_stream_state state;
    bool half_closed;         /* the client sent END_STREAM */
    int64_t since_mono_us;    /* when the state was entered */
    int64_t deadline_mono_us; /* set with state BODY */
    uint64_t call;            /* set with state WAITING */
    struct cs_head head;
    struct cs_grpc_in in;
    struct cs_buf out; /* messages of the answer with their prefixes; the first out_at bytes have gone */
    size_t out_at;
    bool streaming;    /* any number of messages */
    bool head_sent;    /* the answer's headers are submitted: only trailers can end it */
    bool ended;        /* trailers are set; they follow the last byte of out */
    bool deferred;     /* nghttp2 waits for more */
    uint64_t out_base; /* bytes dropped from the front of out so far */
    uint64_t
        part_end[CS_PARTS_AT_FIRST]; /* where the messages of the gate in out end, counted from the first */
    unsigned part_first, n_parts;    /* ring */
    struct cs_grpc_trailers trailers;
};

struct cs_conn {
    struct cs_front *front;
    uint64_t number; /* never used twice */
    uint32_t slot;
    int fd;
    struct event *read_event, *write_event;
    struct cs_wire wire;
    nghttp2_session *session;              /* NULL while the TLS handshake runs */
    struct cs_peer peer;                   /* names live in the wire */
    const struct cs_listener_facts *facts; /* of the listener it came by */
    struct cs_stream *streams;
    unsigned n_streams;
    struct cs_ping_guard ping;
    struct cs_budget budget;
    uint16_t share;
    struct cs_buf out;
    size_t out_at;
    size_t held_len; /* sum of the streams' out.len */
    int64_t open_mono_us, idle_mono_us, moved_mono_us;
    bool settled; /* first SETTINGS came */
    bool te_logged;
    bool dead; /* closed at the end of the turn */
    const char *dead_why;
    bool close_when_sent;
    bool reading, writing;   /* events armed */
    bool goaway;             /* final GOAWAY submitted */
    bool evicted;            /* one last write, then closed */
    bool joined;             /* counted in share */
    int64_t max_age_us;      /* 0: none; from the listener, with jitter */
    int64_t leaving_mono_us; /* when the shutdown notice went out, or 0 */
    struct cs_conn *next_touched;
    bool touched;
};

/* Handshakes that came to nothing. */
struct cs_tls_refusals {
    uint64_t n;
    int64_t window_mono_us; /* of the log */
    unsigned n_logged, n_unlogged;
};

struct cs_front {
    struct event_base *base;
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option, *tls_option;
    struct cs_frontconf conf; /* listener i is conf.listener[i] */
    struct cs_tls *tls;       /* NULL when no listener has it */
    uint64_t n_tls_accepted;
    struct cs_tls_refusals tls_refusals;
    struct event *listen_event[CS_FRONT_LISTEN_MAX];
    bool listening;
    struct event *tick_event, *lifeline_event, *gate_read_event, *gate_write_event;
    bool gate_writing;
    struct cs_chan gate;
    struct cs_dispatch gate_table[5];
    struct cs_calls calls;
    struct cs_shares shares;
    struct cs_counts counts;
    struct cs_reflection *reflection;
    struct cs_scrape *scrape[CS_FRONT_SCRAPES_MAX];
    struct cs_conn *conn[CS_FRONT_SLOTS]; /* slot = number % CS_FRONT_SLOTS */
    unsigned n_conns;
    unsigned n_dead; /* of n_conns: closed at the end of the turn */
    uint64_t n_conns_ever;
    struct cs_conn *touched;
    size_t bodies_len; /* of all streams */
    size_t held_len;   /* of all connections */
    bool draining;
    int64_t drain_mono_us;
    bool end;
    int exit_code;
    uint8_t read_at[CS_FRONT_READ_LEN];
};

/* ---- server.c ---- */

/* cs_front_open takes the descriptors of process.h and says HELLO to the gate. On failure
 * cs_front_close frees what there is. */
CS_RESULT cs_front_open(struct cs_front *f);
void cs_front_close(struct cs_front *f);
/* cs_front_run serves until the lifeline, a drain or a failure ends it; returns the exit code. */
int cs_front_run(struct cs_front *f);
/* cs_front_serve starts accepting and tells the parent; called once, after the gate's HELLO. */
CS_RESULT cs_front_serve(struct cs_front *f);
void cs_front_drain(struct cs_front *f);
void cs_front_end(struct cs_front *f, int exit_code);

/* ---- conn.c ---- */

CS_RESULT cs_conn_open(struct cs_front *f, unsigned listener, int take_fd);
/* cs_conn_find: the living connection with this number, or NULL. */
struct cs_conn *cs_conn_find(struct cs_front *f, uint64_t number);
/* cs_conn_touch asks for a write at the end of the turn; cs_conn_kill for the close. */
void cs_conn_touch(struct cs_conn *c);
void cs_conn_kill(struct cs_conn *c, const char *why);
/* cs_conn_tick looks at the timers of a connection, once a second. */
void cs_conn_tick(struct cs_conn *c, int64_t now_mono_us);
/* cs_conn_turn_end writes once and frees the connection if it is over. */
void cs_conn_turn_end(struct cs_conn *c);
void cs_conn_free(struct cs_conn *c);

/* ---- handshake.c: TLS before and beside HTTP/2 ---- */

/* cs_front_first_material reads what the parent handed over and closes it; before the sandbox. */
CS_RESULT cs_front_first_material(struct cs_front *f);
/* cs_front_take_material puts new material into use and drops connections whose certificate is no longer
 * good by it. Material that cannot be used leaves the old in place and a line in the log. */
void cs_front_take_material(struct cs_front *f, int take_fd);
/* cs_conn_shake_open begins; PEER_GONE when the listener takes nobody now (logged). */
CS_RESULT cs_conn_shake_open(struct cs_conn *c);
/* cs_conn_shake goes on; at the end the connection has peer and session, or is killed. */
void cs_conn_shake(struct cs_conn *c);
void cs_conn_shake_tick(struct cs_conn *c, int64_t now_mono_us);
/* cs_conn_expire sends GOAWAY once the client's certificate is past its notAfter. */
void cs_conn_expire(struct cs_conn *c);
/* cs_tls_log_peer adds who it is to the line being written. */
void cs_tls_log_peer(const struct cs_conn *c);

/* ---- session.c: nghttp2 ---- */

CS_RESULT cs_session_setup(struct cs_front *f); /* callbacks and options, shared by all sessions */
CS_RESULT cs_session_new(struct cs_conn *c);
void cs_session_goaway(struct cs_conn *c);
void cs_session_shutdown_notice(struct cs_conn *c); /* the final GOAWAY follows a round trip later */
void cs_stream_free(struct cs_stream *s);

/* ---- crowd.c: whom a full table lets in ---- */

/* cs_crowd_room makes room for one more connection of a peer, by closing another if need be: of the peer
 * that holds more than its share, else of all; first the oldest that never spoke, then the one that was
 * idle longest. False when every one has calls: the newcomer is refused. */
bool cs_crowd_room(struct cs_front *f, const struct cs_peer *peer);
/* cs_crowd_shed closes the connection that is missed least; false when every one has calls. */
bool cs_crowd_shed(struct cs_front *f);
/* cs_crowd_join counts the connection for its peer. Called again when TLS has proven who the peer is: the
 * connection moves, and is closed when that peer has more than its share. */
CS_RESULT cs_crowd_join(struct cs_conn *c);
void cs_crowd_leave(struct cs_conn *c);
/* cs_crowd_held notes that answers waiting for c grew or shrank by n; may close connections. */
void cs_crowd_held(struct cs_conn *c, size_t more, size_t less);

/* ---- life.c: age and drain ---- */

/* cs_life_begin fixes the age at which c is asked to go: max_age_s of its listener, +/- 10 %. */
void cs_life_begin(struct cs_conn *c, uint32_t max_age_s);
void cs_life_tick(struct cs_conn *c, int64_t now_mono_us);

/* ---- parts.c: answers of many messages ---- */

/* cs_parts_begin submits the answer's headers, once; messages follow until the stream is ended. */
void cs_parts_begin(struct cs_stream *s);
/* cs_parts_put queues one message; of_gate: the gate gets credit when the message has gone. */
void cs_parts_put(struct cs_stream *s, struct cs_span message, bool of_gate);
/* cs_parts_end: the trailers of s are set; they leave behind the last message. */
void cs_parts_end(struct cs_stream *s);
/* cs_parts_unsent: bytes queued that nghttp2 has not taken yet. */
static inline size_t cs_parts_unsent(const struct cs_stream *s)
{
    return s->out.len - s->out_at;
}

/* ---- reflect.c: grpc.reflection on the streams of this process ---- */

CS_RESULT cs_reflect_open(struct cs_front *f);
void cs_reflect_begin(struct cs_stream *s);
/* cs_reflect_feed takes bytes of the request; cs_reflect_end its end. */
void cs_reflect_feed(struct cs_stream *s, struct cs_span chunk);
void cs_reflect_end(struct cs_stream *s);

/* ---- scrape.c: GET /metrics on listeners of their own ---- */

void cs_scrape_open(struct cs_front *f, int take_fd);
/* cs_scrape_answer: what the gate said, or NULL when it did not in time. */
void cs_scrape_answer(struct cs_front *f, unsigned slot, const struct cs_msg_answer *m);
void cs_scrape_tick(struct cs_front *f, int64_t now_mono_us);
void cs_scrape_close_all(struct cs_front *f);

/* ---- respond.c: each ends the stream's waiting; a failure kills the connection ---- */

void cs_respond_http(struct cs_stream *s, const char *status);
void cs_respond_status(struct cs_stream *s, uint32_t status, const char *text);
void cs_respond_unencoded(struct cs_stream *s); /* status 12 with grpc-accept-encoding: identity */
void cs_respond_answer(struct cs_stream *s, const struct cs_msg_answer *m);

/* ---- gate_link.c ---- */

CS_RESULT cs_gate_open(struct cs_front *f, int take_fd);
void cs_gate_close(struct cs_front *f);
/* cs_gate_call sends the whole request of s, or answers it: status 8 when too many calls are in
 * flight, 14 when the gate does not take more. */
void cs_gate_call(struct cs_front *f, struct cs_stream *s);
void cs_gate_cancel(struct cs_front *f, uint64_t call);
/* cs_gate_more gives the gate credit for n more messages of a streaming call; false when it cannot be told.
 */
bool cs_gate_more(struct cs_front *f, uint64_t call, uint32_t n);
/* cs_gate_numbers asks for the gate's metrics on behalf of a scrape; false when that is impossible now. */
bool cs_gate_numbers(struct cs_front *f, unsigned scrape, uint64_t *out_call);
/* cs_gate_flush writes what the turn collected. */
void cs_gate_flush(struct cs_front *f);

#endif
