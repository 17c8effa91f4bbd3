/*
 * Tables of the test corpus: a header line, tabs between columns, no quoting. For tests.
 */
#ifndef CS_TESTS_TSV_H
#define CS_TESTS_TSV_H

#include "proxy/base/bytes.h"

enum { TSV_COLUMNS_MAX = 32 };

struct tsv {
    struct cs_buf text;
    char *header[TSV_COLUMNS_MAX];
    char *cell[TSV_COLUMNS_MAX]; /* of the row that tsv_next read */
    size_t n_columns;
    char *at;
};

/* file_read reads a whole file below folder; ends the program when it cannot. */
void file_read(struct cs_buf *out, const char *folder, const char *path);

void tsv_open(struct tsv *t, const char *folder, const char *path);
/* tsv_next reads the next row; false at the end. */
bool tsv_next(struct tsv *t);
/* tsv_get is the cell of the row in this column; a missing column ends the program. */
const char *tsv_get(const struct tsv *t, const char *column);
void tsv_done(struct tsv *t);

#endif
