/*
 * Log: JSON lines (docs: one object per line, UTC with nanosecond digits) on standard error. Text
 * that came from outside is escaped and bounded here, so callers pass it as it is. Only main loops log.
 */
#ifndef CS_BASE_LOG_H
#define CS_BASE_LOG_H

#include "proxy/base/bytes.h"

enum cs_log_level { CS_LOG_DEBUG, CS_LOG_INFO, CS_LOG_WARNING, CS_LOG_ERROR };

/* cs_log_init names the process ("gate", "signer-0"); levels below min are dropped. */
void cs_log_init(const char *process, enum cs_log_level min);

/* A line: cs_log_begin, any number of fields, cs_log_end. Not thread-safe by design: one thread of
 * a process logs. Field names are literals. */
void cs_log_begin(enum cs_log_level level, const char *event);
void cs_log_str(const char *field, const char *value);
void cs_log_span(const char *field, struct cs_span value); /* untrusted text */
void cs_log_hex(const char *field, struct cs_span value);
void cs_log_int(const char *field, int64_t value);
void cs_log_result(cs_result r); /* fields "result" and "result_text" */
void cs_log_end(void);

/* cs_log is the short form: an event and one message. */
void cs_log(enum cs_log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
