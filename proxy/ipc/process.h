/*
 * What the parent promises a child: fixed descriptor numbers and the lifeline. The lifeline is one
 * end of a socket pair whose other end the parent holds: end of file there means the parent is gone
 * or wants the child to end; the byte 'D' means drain (finish running work, take none), 'T' brings the
 * front new TLS material.
 */
#ifndef CS_IPC_PROCESS_H
#define CS_IPC_PROCESS_H

/* A child finds its descriptors at these numbers, closed ones missing; nothing else is open but
 * standard error. Signers of the gate start at CS_FD_GATE_SIGNER, one each. */
enum {
    CS_FD_LIFELINE = 3,

    CS_FD_FRONT_GATE = 4,   /* front: channel to the gate */
    CS_FD_FRONT_CONF = 5,   /* front: front configuration (frontconf.h), read and closed */
    CS_FD_FRONT_TLS = 6,    /* front: TLS material (material.h), read and closed; may be empty */
    CS_FD_FRONT_LISTEN = 7, /* front: first listening socket; the configuration says how many follow */

    CS_FD_GATE_FRONT = 4,      /* gate: channel to the front */
    CS_FD_GATE_POLICY = 5,     /* gate: policy document, readable from its start */
    CS_FD_GATE_LEDGER_KEY = 6, /* gate: checkpoint key, read to end of file and closed; empty: none */
    CS_FD_GATE_SIGNER = 7,     /* gate: first signer channel; argv says how many */

    /* gate: behind its signers the channel to the courier, when the policy has witnesses */

    CS_FD_COURIER_GATE = 4,   /* courier: channel to the gate */
    CS_FD_COURIER_ROUTES = 5, /* courier: addresses of the witnesses (errand.h), read to its end and closed */

    CS_FD_SIGNER_GATE = 4,    /* signer: channel to the gate */
    CS_FD_SIGNER_PIN = 5,     /* signer: PIN, read to end of file and closed */
    CS_FD_SIGNER_KEYS = 6,    /* signer: key table (keytable.h), read to end of file and closed */
    CS_FD_SIGNER_WITNESS = 7, /* signer: witness file, opened for appending */
};

enum {
    CS_LIFELINE_DRAIN = 'D',
    CS_LIFELINE_READY = 'R', /* child -> parent: serving */
    CS_LIFELINE_TLS = 'T',   /* to the front, with one descriptor (SCM_RIGHTS): new TLS material */
};

#endif
