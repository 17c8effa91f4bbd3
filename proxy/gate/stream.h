/*
 * Streams: calls whose answer is any number of messages before the final status. A bounded table; a
 * stream's owner gives a pump, which is asked at the end of every turn, and when the reader made room,
 * whether there is something to send. Nothing is sent ahead of the reader: cs_answer_part uses up credit,
 * and the front gives more (CS_MSG_MORE) when messages left.
 *
 * A stream ends once, by cs_stream_end: the front waits for exactly one final answer of every call. A
 * cancelled call is ended with CANCELLED before its pump is asked again.
 */
#ifndef CS_GATE_STREAM_H
#define CS_GATE_STREAM_H

#include "proxy/gate/gate.h"

enum { CS_STREAMS_MAX = 256 };

struct cs_stream;
/* A pump sends what there is, as long as cs_answer_part does not say AGAIN, or ends the stream. */
typedef cs_result (*cs_stream_pump)(struct cs_gate *g, struct cs_stream *s);

struct cs_stream {
    uint64_t call; /* 0: free */
    const struct cs_client *client;
    uint32_t credit; /* parts that may be sent */
    cs_stream_pump pump;
    void *state; /* the owner's */
    void (*state_free)(void *state);
};

struct cs_streams {
    uint32_t n;
    struct cs_stream row[CS_STREAMS_MAX];
};

/* cs_stream_open makes a stream of the call; its pump is asked at the end of this turn at the latest. NULL
 * when all are taken: state is still the caller's then, else the stream's, which frees it with state_free
 * (may be NULL). */
struct cs_stream *cs_stream_open(struct cs_gate *g, const struct cs_call *call, cs_stream_pump pump,
                                 void *state, void (*state_free)(void *state));
struct cs_stream *cs_stream_of_call(struct cs_gate *g, uint64_t call); /* NULL: none */

/* cs_answer_part sends one message of a stream. AGAIN when the reader has to make room first, or none is
 * open for the call: nothing was sent. */
CS_RESULT cs_answer_part(struct cs_gate *g, uint64_t call, const ProtobufCMessage *message);
/* The same with a message that is packed already. */
CS_RESULT cs_answer_part_packed(struct cs_gate *g, uint64_t call, struct cs_span packed);
/* cs_stream_end sends the final status and frees the stream. */
CS_RESULT cs_stream_end(struct cs_gate *g, struct cs_stream *s, uint32_t status, const char *text);
/* cs_stream_more gives credit and asks the pump. Nothing for a call that is no open stream: it ended. */
CS_RESULT cs_stream_more(struct cs_gate *g, uint64_t call, uint32_t n);
/* cs_streams_turn asks every pump. */
CS_RESULT cs_streams_turn(struct cs_gate *g);
/* Frees what the owners left, without a word to the front. */
void cs_streams_done(struct cs_streams *s);

#endif
