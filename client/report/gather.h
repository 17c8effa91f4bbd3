/*
 * Gathering, inside this folder: rows from hits, what is read behind them, and the span around them.
 */
#ifndef CS_REPORT_GATHER_H
#define CS_REPORT_GATHER_H

#include "client/report/report.h"
#include "proxy/gate/selectors/keymap.h"

struct cs_gathering {
    const struct cs_report_ask *ask;
    struct cs_report *report;
    struct cs_ledger_reader *reader;
    struct cs_keymap pairs;    /* pair_sha256 -> row */
    struct cs_keymap accounts; /* of the rows -> any row with it */
    struct cs_keymap seen;     /* digest of an envelope -> item of evidence */
    struct cs_evidence_slot *evidence;
    uint32_t n_evidence, room_evidence;
    struct cs_arena scratch;
    bool completing; /* the second query: only other halves of known pairs */
    struct cs_note *note;
};

/* cs_rows_put takes one hit into its row; a visitor of cs_scope_run. */
cs_result cs_rows_put(void *gathering, const struct cs_scope_hit *hit);
/* cs_rows_complete asks for the other halves of pairs, by serial number. */
CS_RESULT cs_rows_complete(struct cs_gathering *g);
/* account: cleaned. */
bool cs_rows_has_account(const struct cs_gathering *g, const char *account);

/* cs_evidence_of reads and describes an envelope of the ledger, once. STORE_CORRUPT with a note when it is
 * missing or does not digest to its name. */
CS_RESULT cs_evidence_of(struct cs_gathering *g, struct cs_span digest,
                         const struct cs_report_evidence **out);
void cs_evidence_done(struct cs_gathering *g);
/* cs_evidence_reason appends the reason that a hold or recall gives, cleaned into the report's arena. */
CS_RESULT cs_evidence_reason(struct cs_gathering *g, struct cs_span digest, const char **out);

/* cs_span_read counts issuance by day and collects events, once the rows are complete. */
CS_RESULT cs_span_read(struct cs_gathering *g);

/* cs_revocations_read applies ask->revoked to the rows. FORM with a note that names file and line. */
CS_RESULT cs_revocations_read(struct cs_gathering *g);

#endif
