/*
 * SCTs: what the list in a final certificate is worth, by the logs of the issuer's policy. OpenSSL's CT
 * reader takes the list apart (and must put it together again to the same bytes); what the logs signed is
 * built from the TBS that is judged, never from a re-encoding. OpenSSL's own validation is not used: it
 * would re-encode a whole certificate, and its log store can only be filled from a file.
 */
#ifndef CS_GATE_SCTS_H
#define CS_GATE_SCTS_H

#include "proxy/gate/rules/judge.h"

/* cs_facts_of_scts fills f->scts_flaw, n_scts and sct from f->tbs, f->issuer and f->policy. A failure
 * result means memory or the library; what the list says never fails. */
CS_RESULT cs_facts_of_scts(struct cs_facts *f);

#endif
