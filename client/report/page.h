/*
 * Parts of the page, inside this folder.
 */
#ifndef CS_REPORT_PAGE_H
#define CS_REPORT_PAGE_H

#include "client/report/report.h"

/* cs_page_plot writes the figure: issuance and affected share by day, and the numbers as a table. */
void cs_page_plot(const struct cs_report *r, struct cs_buf *out);
/* cs_page_rows writes the table of certificates with the evidence behind each. */
void cs_page_rows(const struct cs_report_ask *ask, const struct cs_report *r, struct cs_buf *out);

#endif
