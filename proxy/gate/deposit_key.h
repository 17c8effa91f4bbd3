/*
 * Deposit keys: how stored evidence is found again. A key is a tag, the account where the evidence
 * is bound to one, and what it speaks about; the ledger only compares the octets.
 */
#ifndef CS_GATE_DEPOSIT_KEY_H
#define CS_GATE_DEPOSIT_KEY_H

#include "proxy/gate/evidence/evidence.h"
#include "proxy/ledger/ledger.h"

enum cs_deposit_tag {
    CS_DEPOSIT_ORDER_OF_KEY = 'K', /* value: SPKI SHA-256; no account: it is what is looked for */
    CS_DEPOSIT_ORDER_OF_ID = 'I',  /* value: order id; no account */
    CS_DEPOSIT_DOMAIN = 'D',       /* value: ADN, or the name applied for */
    CS_DEPOSIT_IP = 'P',           /* value: 4 or 16 octets */
    CS_DEPOSIT_CAA = 'C',          /* value: domain; checks that forbid stand under the next */
    CS_DEPOSIT_CAA_FORBIDS = 'F',  /* value: domain; looked up by the time of the check */
    CS_DEPOSIT_ORGANIZATION = 'G', /* value: empty */
    CS_DEPOSIT_APPROVAL = 'A',     /* value: order id */
    CS_DEPOSIT_OBJECTION =
        'X',               /* a rejected or withdrawn approval, whatever account it names; value: order id */
    CS_DEPOSIT_LINT = 'L', /* value: TBS SHA-256; no account */
};

struct cs_deposit_key {
    uint8_t byte[CS_LEDGER_KEY_MAX_LEN];
    size_t len;
};

/* cs_deposit_key composes tag || len(account) || account || value. LIMIT when it does not fit. */
CS_RESULT cs_deposit_key(enum cs_deposit_tag tag, struct cs_span account, struct cs_span value,
                         struct cs_deposit_key *out);

static inline struct cs_span cs_deposit_key_span(const struct cs_deposit_key *k)
{
    return cs_span_of(k->byte, k->len);
}

/* cs_deposit_keys_of lists the keys under which a statement is stored; at most max. */
enum { CS_DEPOSIT_KEYS_MAX = 4 };
CS_RESULT cs_deposit_keys_of(const Countersign__V1__Statement *s,
                             struct cs_deposit_key out[CS_DEPOSIT_KEYS_MAX], uint32_t *out_n);

/* cs_deposit_found_before is what the ledger takes for the expiry of its keys. An objection is found for
 * ever. Of a CAA check that forbids it is the second behind the check: who looks for those made since a
 * time finds them, whether their statement has expired or not. */
int64_t cs_deposit_found_before(const Countersign__V1__Statement *s);

#endif
