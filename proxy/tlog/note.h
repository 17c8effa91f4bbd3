/*
 * Signed note (C2SP signed-note): a text and the lines of those who signed it. Parsing says only that
 * the form is right; who signed is asked line by line, with the keys one trusts.
 */
#ifndef CS_TLOG_NOTE_H
#define CS_TLOG_NOTE_H

#include "proxy/tlog/key.h"

enum {
    CS_TLOG_NOTE_MAX_LEN = 64 * 1024,
    CS_TLOG_LINES_MAX = 64,      /* signature lines */
    CS_TLOG_BLOB_MAX_LEN = 8192, /* key ID and signature of one line; unknown types are larger than ours */
};

struct cs_tlog_line {
    struct cs_span name;
    uint32_t id;
    struct cs_span signature; /* base64 text of key ID and signature, as in the note */
};

/* Views of the parsed bytes. */
struct cs_tlog_note {
    struct cs_span text;       /* with its last newline, without the empty line */
    struct cs_span signatures; /* all signature lines as they stand there */
    uint32_t n_lines;
    struct cs_tlog_line line[CS_TLOG_LINES_MAX];
};

/* cs_tlog_note_parse: FORM unless the bytes are UTF-8 without control characters but newline, a text
 * that ends in a newline, an empty line (the last one counts), and one or more signature lines with a
 * valid name and strict base64 of at least five bytes; LIMIT past the caps. */
CS_RESULT cs_tlog_note_parse(struct cs_span bytes, struct cs_tlog_note *out);

enum cs_tlog_found {
    CS_TLOG_ABSENT = 0, /* no line of this key */
    CS_TLOG_GOOD,
    CS_TLOG_BAD, /* a line with its name and ID does not verify: the whole note is refused */
};
/* cs_tlog_note_signed_by looks at every line with the key's name and ID. Cosignatures carry the time;
 * *out_unix_s is the newest of them (may be NULL; unchanged unless GOOD and of that type). */
enum cs_tlog_found cs_tlog_note_signed_by(const struct cs_tlog_note *n, const struct cs_tlog_key *key,
                                          uint64_t *out_unix_s);

/* cs_tlog_note_sign appends one signature line for text; unix_s is used by cosignatures only. FORM when
 * the text may not stand in a note. */
CS_RESULT cs_tlog_note_sign(const struct cs_tlog_signer *s, struct cs_span text, uint64_t unix_s,
                            struct cs_buf *out_line);

/* cs_tlog_lines_parse reads signature lines alone (an answer of a witness), as a note without text. */
CS_RESULT cs_tlog_lines_parse(struct cs_span lines, struct cs_span text, struct cs_tlog_note *out);

#endif
