#include <stdio.h>
#include <stdlib.h>

#include "client/report/gather.h"
#include "client/report/text.h"

/*
 * Lines SERIAL,STATUS[,DATE[,REASON]]; fields may be quoted; empty lines and those that start with # do not
 * count, nor does a first line whose first field is no hex.
 */
enum { LINE_MAX_LEN = 1024, FIELDS = 4 };

static const char *const statuses[] = { "Yes", "Planned", "Delayed", "N/A" };

/* Cuts the line into fields, in place; false when there are more than fit or a quote is open. */
static bool cut(char *line, char *field[FIELDS], unsigned *n)
{
    char *to = line;
    bool quoted = false;
    *n = 1;
    field[0] = line;
    for (char *c = line; *c != '\0'; c++) {
        if (*c == '"' && quoted && c[1] == '"')
            *to++ = *c++;
        else if (*c == '"')
            quoted = !quoted;
        else if (*c == ',' && !quoted) {
            *to++ = '\0';
            if (*n == FIELDS)
                return false;
            field[(*n)++] = to;
        } else {
            *to++ = *c;
        }
    }
    *to = '\0';
    return !quoted;
}

static const char *status_of(const char *text)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (strcmp(text, statuses[i]) == 0)
            return statuses[i];
    return NULL;
}

static bool octets_of(const char *text, uint8_t out[32], size_t *len)
{
    char even[66];
    if (strlen(text) == 0 || strlen(text) > 64)
        return false;
    (void)snprintf(even, sizeof even, "%s%s", strlen(text) % 2 != 0 ? "0" : "", text);
    if (!cs_ok(cs_unhex(cs_span_str(even), out, 32, len)))
        return false;
    size_t zeros = 0;
    while (zeros + 1 < *len && out[zeros] == 0)
        zeros++;
    memmove(out, out + zeros, *len - zeros);
    *len -= zeros;
    return true;
}

static CS_RESULT apply(struct cs_gathering *g, unsigned line, char *field[FIELDS], unsigned n,
                       const struct cs_keymap *serials)
{
    uint8_t serial[32];
    size_t len = 0;
    uint32_t at = UINT32_MAX, i;
    const char *status = n > 1 ? status_of(field[1]) : NULL;
    if (!octets_of(field[0], serial, &len)) {
        if (line == 1)
            return CS_OK;
        cs_note_set(g->note, "%s:%u: needs a serial number in hex first", g->ask->revoked, line);
        return CS_ERR(FORM);
    }
    if (status == NULL) {
        cs_note_set(g->note, "%s:%u: the second field needs Yes, Planned, Delayed or N/A", g->ask->revoked,
                    line);
        return CS_ERR(FORM);
    }
    const char *hex = cs_clean_hex(&g->report->arena, cs_span_of(serial, len));
    while (cs_keymap_next(serials, cs_keymap_hash(0, cs_span_str(hex)), &at, &i))
        if (strcmp(g->report->row[i].serial, hex) == 0)
            g->report->row[i].revocation = (struct cs_report_revocation){
                .status = status,
                .date = n > 2 ? cs_clean(&g->report->arena, cs_span_str(field[2])) : "",
                .reason = n > 3 ? cs_clean(&g->report->arena, cs_span_str(field[3])) : "",
            };
    return CS_OK;
}

CS_RESULT cs_revocations_read(struct cs_gathering *g)
{
    char line[LINE_MAX_LEN];
    struct cs_keymap serials = { 0 };
    cs_result r = CS_OK;
    FILE *f = g->ask->revoked != NULL ? fopen(g->ask->revoked, "re") : NULL;
    if (g->ask->revoked == NULL)
        return CS_OK;
    if (f == NULL) {
        cs_note_set(g->note, "%s: cannot be read", g->ask->revoked);
        return CS_ERR(FORM);
    }
    for (uint32_t i = 0; cs_ok(r) && i < g->report->n_rows; i++) {
        r = cs_keymap_reserve(&serials, 1);
        if (cs_ok(r))
            cs_keymap_put(&serials, cs_keymap_hash(0, cs_span_str(g->report->row[i].serial)), i);
    }
    for (unsigned n_line = 1; cs_ok(r) && fgets(line, sizeof line, f) != NULL; n_line++) {
        char *field[FIELDS];
        unsigned n = 0;
        size_t len = strlen(line);
        if (len + 1 == sizeof line || (len != 0 && line[len - 1] != '\n' && !feof(f))) {
            cs_note_set(g->note, "%s:%u: longer than %d octets", g->ask->revoked, n_line,
                        (int)LINE_MAX_LEN - 2);
            r = CS_ERR(FORM);
            break;
        }
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0' || line[0] == '#')
            continue;
        if (!cut(line, field, &n)) {
            cs_note_set(g->note, "%s:%u: needs SERIAL,STATUS[,DATE[,REASON]]", g->ask->revoked, n_line);
            r = CS_ERR(FORM);
        } else {
            r = apply(g, n_line, field, n, &serials);
        }
    }
    g->report->revocations_given = cs_ok(r);
    cs_keymap_done(&serials);
    (void)fclose(f);
    return r;
}
