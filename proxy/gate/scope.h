/*
 * Scope: the accounts a client may ask for (clients[].accounts of the policy), applied before the
 * judgement. Orders of other accounts are no orders for it: it can neither use nor sound them out.
 */
#ifndef CS_GATE_SCOPE_H
#define CS_GATE_SCOPE_H

#include "proxy/gate/rules/judge.h"

/* cs_scope_keep_orders drops the orders of foreign accounts from f. True when the request is foreign: it
 * means an order of another account (the order id it asks for, or every order there is). Then v holds
 * that one reason (N02) and nothing else. */
bool cs_scope_keep_orders(struct cs_facts *f, struct cs_verdict *v);

#endif
