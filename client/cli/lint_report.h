/*
 * What a linter printed, read strictly: one JSON document in the form of the linter, nothing unknown.
 */
#ifndef CS_CLIENT_CLI_LINT_REPORT_H
#define CS_CLIENT_CLI_LINT_REPORT_H

#include <jansson.h>

#include "proxy/base/bytes.h"

enum cs_lint_form {
    CS_LINT_NONE = 0,
    CS_LINT_ZLINT,   /* {"e_name": {"result": "pass"}, ...} */
    CS_LINT_PKILINT, /* {"results": [{"finding_descriptions": [{"severity": "ERROR", "code": ..}]}]} */
};
enum cs_lint_form cs_lint_form_of(const char *name); /* zlint, pkilint */

enum { CS_LINT_REPORT_MAX_LEN = 4 * 1024 * 1024 };

struct cs_lint_report {
    uint32_t fatals, errors, warnings, notices, passes;
    uint32_t n_findings; /* pkilint: reported at all, of whatever severity */
    json_t *findings;    /* names behind fatals, errors and warnings, each once; owned */
};

/* cs_lint_report_read reads the whole output. FORM with a note on anything that is not exactly of the
 * form, also when no lint looked at the certificate at all. *out is the caller's to clean. */
CS_RESULT cs_lint_report_read(enum cs_lint_form form, struct cs_span text, struct cs_lint_report *out,
                              struct cs_note *note);
void cs_lint_report_done(struct cs_lint_report *r); /* the zero state is safe */

#endif
