/*
 * Texts of a report: cleaned when they are taken from the ledger, escaped where they are written.
 */
#ifndef CS_REPORT_TEXT_H
#define CS_REPORT_TEXT_H

#include "proxy/base/arena.h"
#include "proxy/gate/der/tbs.h"

/* cs_clean copies s: well-formed UTF-8 as it is; invalid octets become \xNN; control characters, line and
 * paragraph separators, zero-width and bidirectional marks become \u{NNNN}. "" when memory runs out. */
const char *cs_clean(struct cs_arena *a, struct cs_span s);
const char *cs_clean_hex(struct cs_arena *a, struct cs_span s);
/* An id: its text when nothing had to be changed in it, else "hex:" and its digits. */
const char *cs_clean_id(struct cs_arena *a, struct cs_span s);
/* RFC 3339 in UTC; to the minute: "2026-11-21 22:08 UTC". */
const char *cs_clean_time(struct cs_arena *a, int64_t unix_s);
const char *cs_clean_minute(struct cs_arena *a, int64_t unix_s);
/* A Name as RFC 4514 escapes it, but in the order of the bytes: "C=DE, O=Example\, Inc.". */
const char *cs_clean_name(struct cs_arena *a, const struct cs_attribute *attribute, uint32_t n);
/* An iPAddress. */
const char *cs_clean_ip(struct cs_arena *a, struct cs_span octets);

/* cs_put_html escapes for element content and quoted attribute values. */
void cs_put_html(struct cs_buf *out, const char *text);
/* cs_put_code writes a Markdown code span; its fence is longer than any run of backticks inside. */
void cs_put_code(struct cs_buf *out, const char *text);
/* cs_put_prose escapes what Markdown takes for more than text inside a line: markup, HTML, entities, table
 * cells, addresses that become links. It must not stand at the start of a line. */
void cs_put_prose(struct cs_buf *out, const char *text);
/* cs_put_cell writes a quoted CSV field (RFC 4180) and what follows it; text that a spreadsheet takes for a
 * formula gets an apostrophe in front. */
void cs_put_cell(struct cs_buf *out, const char *text, bool last);

#endif
