/*
 * Results: "could not" is a cs_result, "may not" is a verdict (proxy/gate/rules/judge.h); a refusal
 * is never an error. A cs_result of 0 is success. The high half of a code is its class: callers
 * branch on the class, the exact code is for logs and tests. Only the main loop of a process logs
 * a failure, once.
 */
#ifndef CS_BASE_RESULT_H
#define CS_BASE_RESULT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t code; /* 0 = done; high half = class, low half = number */
} cs_result;

enum cs_class {
    CS_CLASS_NONE = 0,
    CS_CLASS_CALLER, /* the input is wrong: malformed, over a limit, contradictory */
    CS_CLASS_BUSY,   /* a bound of ours is reached: memory, queue, descriptor */
    CS_CLASS_STORE,  /* ledger, file or disk */
    CS_CLASS_HSM,    /* token, session, key */
    CS_CLASS_PEER,   /* another process of ours, or the network */
    CS_CLASS_CONFIG, /* policy or configuration */
    CS_CLASS_BUG,    /* an invariant of ours does not hold */
};

/* One row owns each failure: name, class, text for people. Append only; codes appear in logs. */
#define CS_RESULTS(X)                                                  \
    X(FORM, CALLER, "malformed input")                                 \
    X(TRUNCATED, CALLER, "input ends too early")                       \
    X(TRAILING, CALLER, "bytes left over after the end")               \
    X(LIMIT, CALLER, "input exceeds a size limit")                     \
    X(DER, CALLER, "not strict DER")                                   \
    X(TBS_FORM, CALLER, "not a tbsCertificate")                        \
    X(PROTO, CALLER, "not a canonical protobuf message")               \
    X(ARGUMENT, CALLER, "argument not acceptable")                     \
    X(NOT_FOUND, CALLER, "no such object")                             \
    X(EXISTS, CALLER, "object exists already")                         \
    X(NO_MEMORY, BUSY, "memory bound reached")                         \
    X(FULL, BUSY, "queue or buffer bound reached")                     \
    X(AGAIN, BUSY, "not yet: would block")                             \
    X(IO, STORE, "input/output failed")                                \
    X(STORE, STORE, "ledger operation failed")                         \
    X(STORE_CORRUPT, STORE, "ledger content contradicts itself")       \
    X(CLOCK_BACK, STORE, "clock is behind the ledger's last entry")    \
    X(HSM, HSM, "PKCS#11 operation failed")                            \
    X(HSM_KEY, HSM, "key attributes not acceptable")                   \
    X(HSM_PIN, HSM, "PIN missing or refused")                          \
    X(HSM_FAULT, HSM, "signature does not verify with the public key") \
    X(KEY_PURPOSE, HSM, "key may not sign this kind")                  \
    X(SEQ_SPENT, HSM, "sequence number already spent")                 \
    X(PEER_GONE, PEER, "peer process or connection is gone")           \
    X(PEER_ERRS, PEER, "peer broke the message protocol")              \
    X(TIMEOUT, PEER, "deadline passed")                                \
    X(CONFIG, CONFIG, "configuration not acceptable")                  \
    X(CRYPTO, BUG, "cryptographic library failed")                     \
    X(BUG, BUG, "internal invariant broken")

enum cs_result_number {
    CS_NUM_OK_ = 0,
#define X(name, cls, text) CS_NUM_##name,
    CS_RESULTS(X)
#undef X
        CS_NUM_COUNT
};

#define CS_OK               ((cs_result){ 0 })
#define CS_ERR_OF(cls, num) ((cs_result){ ((uint32_t)(cls) << 16) | (uint32_t)(num) })

/* CS_ERR(TRUNCATED) is the result value of the row TRUNCATED. */
#define CS_ERR(name) CS_ERR_OF(cs_result_class_of_number(CS_NUM_##name), CS_NUM_##name)

/* cs_result_class_of_number returns the class of a row; CS_CLASS_BUG for a number without one. */
enum cs_class cs_result_class_of_number(enum cs_result_number num);

static inline bool cs_ok(cs_result r)
{
    return r.code == 0;
}
static inline enum cs_class cs_class(cs_result r)
{
    return (enum cs_class)(r.code >> 16);
}
static inline bool cs_is(cs_result r, enum cs_result_number num)
{
    return (r.code & 0xffffu) == num;
}

/* cs_result_name and cs_result_text return static strings, also for unknown codes. */
const char *cs_result_name(cs_result r);
const char *cs_result_text(cs_result r);

#define CS_RESULT __attribute__((warn_unused_result)) cs_result /* for prototypes */

/* The only macro that returns. */
#define CS_TRY(expr)           \
    do {                       \
        cs_result r_ = (expr); \
        if (r_.code != 0)      \
            return r_;         \
    } while (0)

/*
 * A note carries one sentence for a person beside a failure: which object, what is there, what was
 * needed. Functions that read what people wrote (policy, configuration, flags) fill one.
 */
struct cs_note {
    char text[512];
};

/* cs_note_set formats into note (NULL allowed), cutting at its size. */
void cs_note_set(struct cs_note *note, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
