/*
 * Past: a ledger file as the gate saw it before some entry, read-only, also beside a running gate. The
 * questions of ledger.h have the answers they had then; nothing can be appended or put (STORE).
 *
 * Uses, subjects, outcomes, deposits, holds and recalls are those of earlier entries, whether or not their
 * commit had come: as the gate sees the appends of its own turn. Tokens are those of the commits up to and
 * with the entry's own. Envelopes and statement ids have no time: what was put stays, and none is ever bound
 * anew.
 */
#ifndef CS_LEDGER_PAST_H
#define CS_LEDGER_PAST_H

#include "proxy/ledger/ledger.h"

/* cs_ledger_open_past opens a ledger file; it stands before entry 1, and its head is the file's last. Close
 * it with cs_ledger_close. STORE, STORE_CORRUPT with a note. */
CS_RESULT cs_ledger_open_past(const char *path, struct cs_ledger **out, struct cs_note *note);

/* cs_ledger_past_set moves it before the entry seq, in any direction. Costs some look-ups. */
CS_RESULT cs_ledger_past_set(struct cs_ledger *l, uint64_t seq);

/* cs_ledger_past_checkpoint finds the first kept checkpoint that covers `size` entries or more, wherever l
 * stands; the note lives in the arena. NOT_FOUND when there is none. */
CS_RESULT cs_ledger_past_checkpoint(struct cs_ledger *l, uint64_t size, struct cs_arena *arena,
                                    uint64_t *out_size, struct cs_span *out_note);

#endif
