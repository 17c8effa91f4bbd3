/*
 * Wire: the bytes of one connection, plain or inside TLS. It never waits: what cannot be done yet says
 * so, and the caller arms the event that the wire wants.
 */
#ifndef CS_FRONT_WIRE_H
#define CS_FRONT_WIRE_H

#include "proxy/front/tls.h"

enum cs_wire_io {
    CS_WIRE_MOVED,  /* some bytes, or the handshake is done */
    CS_WIRE_WAIT,   /* nothing now; wants_write says for what */
    CS_WIRE_END,    /* the peer sends no more */
    CS_WIRE_BROKEN, /* the connection failed, or TLS did */
};

struct cs_wire {
    int fd;           /* borrowed */
    SSL *ssl;         /* owned; NULL: plain */
    bool shaking;     /* the TLS handshake runs */
    bool wants_write; /* shaking or receiving goes on once the socket takes bytes */
    bool broken;      /* nothing may be said any more */
    struct cs_tls_shake shake;
};

/* CS_WIRE_RECV_MIN_LEN bytes of room make sure that no byte stays behind inside TLS, where no event tells
 * of it: a record is taken whole. */
enum { CS_WIRE_RECV_MIN_LEN = 16 * 1024 };

/* cs_wire_shake goes on with the handshake; MOVED ends it. Not on plain wires. */
enum cs_wire_io cs_wire_shake(struct cs_wire *w);
/* cs_wire_recv fills at most room bytes, room >= CS_WIRE_RECV_MIN_LEN. *out_len is set with MOVED. */
enum cs_wire_io cs_wire_recv(struct cs_wire *w, uint8_t *at, size_t room, size_t *out_len);
/* cs_wire_send sends a first part of the len bytes. After WAIT the same bytes come again. */
enum cs_wire_io cs_wire_send(struct cs_wire *w, const uint8_t *at, size_t len, size_t *out_len);
/* cs_wire_done says good-bye if it may and frees; the descriptor stays open. */
void cs_wire_done(struct cs_wire *w);

#endif
