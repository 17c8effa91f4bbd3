/*
 * A folder of tiles (C2SP tlog-tiles) as 'ledger export' writes it: checkpoint, tile/<L>/<N>, and either
 * tile/entries/<N> (full) or record/<N> (public: redacted records). Verified from the files alone.
 */
#ifndef CS_CLIENT_CLI_TILE_DIR_H
#define CS_CLIENT_CLI_TILE_DIR_H

#include <jansson.h>

#include "countersign/ledger/v1/entry.pb-c.h"
#include "proxy/ledger/verify.h"

struct cs_tile_dir_report {
    uint64_t size;
    struct cs_sha256 root;
    bool has_entries, has_records;
};

/* cs_tile_dir_verify: the checkpoint is signed by checks->log (required) and cosigned by each witness, its
 * root is that of the level 0 tiles, each higher tile that of the ones below, entries and records are those
 * of the leaves, and what is known from elsewhere agrees. STORE_CORRUPT with a note on the first fault, IO
 * when the folder cannot be read. */
CS_RESULT cs_tile_dir_verify(const char *dir, const struct cs_ledger_checks *checks,
                             cs_ledger_progress progress, void *ctx, struct cs_tile_dir_report *out,
                             struct cs_note *note);

/* cs_record_put appends the public record of an entry, one line of JSON: what docs/transparency.md lists. */
CS_RESULT cs_record_put(struct cs_buf *out, const Countersign__Ledger__V1__Entry *e,
                        const struct cs_sha256 *leaf);
/* "record/<N>[.p/<W>]". */
void cs_record_path(uint64_t n, unsigned width, char out[80]);

#endif
