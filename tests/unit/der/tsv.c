#include "tests/unit/der/tsv.h"

#include <stdio.h>
#include <stdlib.h>

void file_read(struct cs_buf *out, const char *folder, const char *path)
{
    char name[4096];
    (void)snprintf(name, sizeof name, "%s/%s", folder, path);
    FILE *f = fopen(name, "rb");
    if (f == NULL) {
        perror(name);
        abort();
    }
    uint8_t block[16384];
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        cs_buf_put(out, block, n);
    if (ferror(f) || fclose(f) != 0)
        abort();
}

static size_t line_split(char **at, char *cells[TSV_COLUMNS_MAX])
{
    size_t n = 0;
    char *line = *at, *end = strchr(line, '\n');
    *at = end == NULL ? line + strlen(line) : end + 1;
    if (end != NULL)
        *end = '\0';
    for (char *c = line; c != NULL && n < TSV_COLUMNS_MAX;) {
        cells[n++] = c;
        c = strchr(c, '\t');
        if (c != NULL)
            *c++ = '\0';
    }
    return n;
}

void tsv_open(struct tsv *t, const char *folder, const char *path)
{
    *t = (struct tsv){ .n_columns = 0 };
    file_read(&t->text, folder, path);
    cs_buf_put_u8(&t->text, 0);
    t->at = (char *)t->text.at;
    t->n_columns = line_split(&t->at, t->header);
}

bool tsv_next(struct tsv *t)
{
    if (*t->at == '\0')
        return false;
    size_t n = line_split(&t->at, t->cell);
    if (n != t->n_columns) {
        fprintf(stderr, "row with %zu of %zu cells: %s\n", n, t->n_columns, t->cell[0]);
        abort();
    }
    return true;
}

const char *tsv_get(const struct tsv *t, const char *column)
{
    for (size_t i = 0; i < t->n_columns; i++)
        if (strcmp(t->header[i], column) == 0)
            return t->cell[i];
    fprintf(stderr, "no column %s\n", column);
    abort();
}

void tsv_done(struct tsv *t)
{
    cs_buf_done(&t->text);
}
