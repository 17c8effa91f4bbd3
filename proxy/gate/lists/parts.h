/*
 * The parts of the lists; private to this folder.
 */
#ifndef CS_GATE_LISTS_PARTS_H
#define CS_GATE_LISTS_PARTS_H

#include <libpsl.h>

#include "proxy/gate/lists/lists.h"
#include "proxy/gate/lists/weak.h"

enum { CS_NAME_MAX_LEN = 253 };

/* Top-level domains in lower case, each ended by NUL, sorted; of the suffix rules they stand there as
 * often as rules end in them. */
struct cs_tld_list {
    char *text;       /* owned */
    const char **tld; /* owned; views of text */
    uint32_t n;       /* 0: there is no list */
};

struct cs_lists {
    psl_ctx_t *psl;
    struct cs_tld_list tlds, suffix_tlds; /* of the root zone list; of the suffix rules */
    struct cs_buf weak_file;
    struct cs_weak_list weak;
    struct cs_sha256 *compromised; /* sorted; owned */
    size_t n_compromised;
    bool has_compromised;
    struct cs_list_state state[CS_LIST_COUNT];
};

/* Parsers of whole files. CONFIG with a note without the path. *out_dated_unix_s is the date of the
 * file's own header, unchanged when it has none. On failure *l is still fit for cs_lists_close. */
CS_RESULT cs_suffixes_parse(struct cs_lists *l, struct cs_span file, int64_t *out_dated_unix_s,
                            struct cs_note *note);
CS_RESULT cs_tlds_parse(struct cs_lists *l, struct cs_span file, int64_t *out_dated_unix_s,
                        struct cs_note *note);
CS_RESULT cs_compromised_parse(struct cs_lists *l, struct cs_span file, struct cs_note *note);

/* One line without its end; false at the end of the file. line_number counts from 1. */
bool cs_line_next(struct cs_span *rest, struct cs_span *out, uint32_t *line_number);

#endif
