#include "client/report/gather.h"
#include "client/report/text.h"

/* The order of the first eleven is fixed (CCADB incident report 3.2, appendix); ours stand at the right. */
static const char *const columns[] = {
    "Precertificate SHA-256 hash",
    "Certificate SHA-256 hash",
    "Subject",
    "Issuer",
    "Not before",
    "Not after",
    "Serial # (hex)",
    "dNSNames",
    "Is revoked?",
    "Revocation date",
    "Revocation reason",
    "profile",
    "order",
    "account",
    "client",
    "API version",
    "entry",
    "evidence ids",
    "revocation deadline",
    "iPAddresses",
    "issued at",
    "signature on record",
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

static void put_row(const struct cs_report_ask *ask, const struct cs_report_row *row, struct cs_arena *arena,
                    struct cs_buf *out)
{
    CS_AUTO_BUF struct cs_buf ids = { 0 };
    int64_t by = cs_report_revoke_by(ask, row);
    uint64_t entry = row->certificate_seq != 0 ? row->certificate_seq : row->precertificate_seq;
    for (uint32_t i = 0; i < row->n_relied; i++)
        cs_buf_printf(&ids, "%s%s", i != 0 ? " " : "", row->relied[i].evidence->statement_id);
    const char *const cells[N_COLUMNS] = {
        row->precertificate_sha256,
        row->certificate_sha256,
        row->subject,
        row->issuer_dn,
        cs_clean_time(arena, row->not_before_unix_s),
        cs_clean_time(arena, row->not_after_unix_s),
        row->serial,
        row->dns_names,
        row->revocation.status,
        row->revocation.date,
        row->revocation.reason,
        row->profile,
        row->order,
        row->account,
        row->client,
        row->api_version,
        cs_arena_printf(arena, "%llu", (unsigned long long)entry),
        cs_clean(arena, cs_buf_span(&ids)),
        row->short_lived ? "exempt (short-lived)"
        : by != 0        ? cs_clean_time(arena, by)
                         : "",
        row->ip_addresses,
        cs_clean_time(arena, row->issued_unix_s),
        row->unknown ? "not for all: the key may have been used" : "yes",
    };
    for (int c = 0; c < N_COLUMNS; c++)
        cs_put_cell(out, cells[c], c + 1 == N_COLUMNS);
    out->failed |= ids.failed;
}

void cs_report_appendix(const struct cs_report_ask *ask, const struct cs_report *r, struct cs_buf *out)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    for (int c = 0; c < N_COLUMNS; c++)
        cs_put_cell(out, columns[c], c + 1 == N_COLUMNS);
    for (uint32_t i = 0; i < r->n_rows; i++) {
        cs_arena_reset(&arena);
        put_row(ask, &r->row[i], &arena, out);
    }
}
