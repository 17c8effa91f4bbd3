/*
 * Reader: single entries and envelopes of a ledger file, read-only, also beside a running gate. For
 * those who ask the ledger about the past (proxy/scope); it trusts nothing in the file.
 */
#ifndef CS_LEDGER_READER_H
#define CS_LEDGER_READER_H

#include "proxy/ledger/ledger.h"

struct cs_ledger_reader;

CS_RESULT cs_ledger_reader_open(const char *path, struct cs_ledger_reader **out, struct cs_note *note);
void cs_ledger_reader_close(struct cs_ledger_reader *r); /* NULL-safe */

/* cs_ledger_reader_begin takes a new snapshot, ending the one before, and sets *out to its head. A
 * snapshot that is held keeps the gate's log from being emptied: hold it for seconds, not for hours. */
CS_RESULT cs_ledger_reader_begin(struct cs_ledger_reader *r, struct cs_ledger_head *out,
                                 struct cs_note *note);
void cs_ledger_reader_end(struct cs_ledger_reader *r);

/* The views live until the next call with this reader. NOT_FOUND when there is none; STORE,
 * STORE_CORRUPT with a note. An envelope is not compared with its digest here. */
CS_RESULT cs_ledger_reader_entry(struct cs_ledger_reader *r, uint64_t seq, struct cs_span *out,
                                 struct cs_note *note);
CS_RESULT cs_ledger_reader_evidence(struct cs_ledger_reader *r, struct cs_span digest, struct cs_span *out,
                                    struct cs_note *note);
/* Sequence of the Outcome that closes an intent, 0 while it is open. */
CS_RESULT cs_ledger_reader_outcome(struct cs_ledger_reader *r, uint64_t intent_seq, uint64_t *out_seq,
                                   struct cs_note *note);
/* Size and note of the newest signed checkpoint, without cosignatures; size 0 when there is none. */
CS_RESULT cs_ledger_reader_checkpoint(struct cs_ledger_reader *r, uint64_t *out_size,
                                      struct cs_span *out_note, struct cs_note *note);

/* cs_ledger_entry_parse decodes canonical bytes of the entry seq into the arena; STORE_CORRUPT unless
 * they are one. */
CS_RESULT cs_ledger_entry_parse(struct cs_span bytes, uint64_t seq, struct cs_arena *arena,
                                const Countersign__Ledger__V1__Entry **out);
/* cs_ledger_entry_time reads only the time, of an entry of 1970 or later. */
CS_RESULT cs_ledger_entry_time(struct cs_span bytes, int64_t *out_unix_us);

#endif
