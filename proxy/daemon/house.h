/*
 * House: the processes of one proxy, how they are wired, started one after the other, watched and
 * ended. Any child gone unasked ends all of them; the service manager starts the house again.
 */
#ifndef CS_DAEMON_HOUSE_H
#define CS_DAEMON_HOUSE_H

#include <sys/types.h>

#include "proxy/daemon/config.h"
#include "proxy/daemon/listen.h"
#include "proxy/daemon/tls_files.h"
#include "proxy/policy/policy.h"

/* How long the parent waits, milliseconds. */
struct cs_patience {
    uint32_t start_ms; /* for a child's "ready" */
    uint32_t drain_ms; /* for the front to finish running calls */
    uint32_t end_ms;   /* for gate and signers to end when asked */
    uint32_t fall_ms;  /* for all, when one is gone */
    uint32_t watch_ms; /* between two looks at the revocation lists */
};

enum { CS_EXIT_DONE = 0, CS_EXIT_CONFIG = 2, CS_EXIT_FAILED = 3 };

struct cs_child {
    char label[24]; /* "signer-0", "gate", "front", "courier" */
    pid_t pid;      /* 0 when not running */
    int lifeline;   /* our end; -1 when closed */
    bool ready;
    bool babbled; /* wrote what it may not */
    int status;   /* of waitpid, once gone */
};

enum { CS_CHILDREN_MAX = CS_SIGNERS_MAX + 3 };

struct cs_house {
    const struct cs_config *config;
    const struct cs_policy *policy;
    struct cs_span document; /* of the policy */
    const char *libexec;
    const struct cs_patience *patience;
    int front_gate[2];                  /* [0] the front's end, [1] the gate's; -1 once handed over */
    int gate_signer[CS_SIGNERS_MAX][2]; /* [0] the gate's end, [1] the signer's */
    int gate_courier[2];                /* [0] the gate's end, [1] the courier's */
    struct cs_listener listener[CS_LISTEN_MAX + 1];
    uint32_t
        n_children; /* in the order of their start: signers, gate, front, courier (with witnesses only) */
    struct cs_child child[CS_CHILDREN_MAX];
    int signal_fd;
    bool asked_to_end;    /* SIGTERM or SIGINT came */
    bool asked_to_reload; /* SIGHUP came */
    struct cs_tls_stamps stamps;
};

/* cs_house_open makes sockets and channels; IO, EXISTS with a note. Everything it made is closed by
 * cs_house_close, which also removes the listening sockets; call it after a failure too. */
CS_RESULT cs_house_open(struct cs_house *h, struct cs_note *note);
void cs_house_close(struct cs_house *h);
/* cs_house_spawn starts child i and closes our copies of what it got. */
CS_RESULT cs_house_spawn(struct cs_house *h, uint32_t i, struct cs_note *note);
/* cs_house_open_pin opens the PIN for reading. CONFIG, IO with a note. *out is the caller's. */
CS_RESULT cs_house_open_pin(const struct cs_config *c, int *out, struct cs_note *note);

/* cs_house_open_ledger_key opens the checkpoint key for reading, or an empty file when none is configured. */
CS_RESULT cs_house_open_ledger_key(const struct cs_config *c, int *out, struct cs_note *note);

/* cs_house_run starts everything, serves until a signal or a child's end, ends everything. Returns the
 * exit code of the process and has logged why. */
int cs_house_run(struct cs_house *h);

#endif
