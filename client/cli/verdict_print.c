#include "client/cli/call.h"
#include "client/cli/pbjson.h"
#include "proxy/base/clock.h"

static void print_line(struct cs_cli *cli, const char *label, const char *text)
{
    if (text[0] == '\0')
        return;
    fprintf(cli->out, "      %-9s ", label);
    cs_cli_text(cli->out, cs_span_str(text));
    fputs("\n", cli->out);
}

void cs_reasons_print(struct cs_cli *cli, size_t n, Countersign__V1__Reason *const *reason)
{
    for (size_t i = 0; i < n; i++) {
        const Countersign__V1__Reason *r = reason[i];
        fprintf(cli->out, "\n%s", cs_cli_bold(cli));
        cs_cli_text(cli->out, cs_span_str(r->rule));
        fprintf(cli->out, "%s   ", cs_cli_plain(cli));
        cs_cli_text(cli->out, cs_span_str(r->title));
        fputs("\n", cli->out);
        print_line(cli, "concerns", r->subject);
        print_line(cli, "there is", r->found);
        print_line(cli, "needed", r->needed);
        print_line(cli, "remedy", r->remedy);
        print_line(cli, "clause", r->clause);
    }
}

static void print_covers(struct cs_cli *cli, const Countersign__V1__Verdict *v)
{
    if (v->n_covers == 0)
        return;
    fprintf(cli->out, "\n%-40s %-26s %-20s %8s  %-20s %s\n", "COVERED", "METHOD", "ATTESTER", "AGE", "UNTIL",
            "EVIDENCE");
    for (size_t i = 0; i < v->n_covers; i++) {
        const Countersign__V1__Cover *c = v->covers[i];
        char until[CS_TIME_TEXT_LEN], method[CS_PBJSON_ENUM_MAX_LEN], evidence[17] = "";
        CS_AUTO_BUF struct cs_buf subject = { 0 };
        CS_AUTO_BUF struct cs_buf attester = { 0 };
        cs_text_put(&subject, cs_span_str(c->subject), 200);
        cs_text_put(&attester, cs_span_of(c->attester.data, c->attester.len), 64);
        cs_time_text(c->good_until_unix_s, until);
        if (c->evidence_sha256.len >= 8)
            cs_hex(cs_span_of(c->evidence_sha256.data, 8), evidence);
        fprintf(cli->out, "%-40.*s %-26s %-20.*s %6lld h  %-20s %s\n", (int)subject.len,
                subject.len != 0 ? (const char *)subject.at : "",
                c->method == 0 ? "-"
                               : cs_pbjson_enum_name(&countersign__v1__validation_method__descriptor,
                                                     (int)c->method, method),
                (int)attester.len, attester.len != 0 ? (const char *)attester.at : "",
                (long long)(c->age_s / 3600), until, evidence);
    }
}

void cs_verdict_print(struct cs_cli *cli, const Countersign__V1__Verdict *v)
{
    if (v->admitted)
        fprintf(cli->out, "%sadmitted%s", cs_cli_green(cli), cs_cli_plain(cli));
    else
        fprintf(cli->out, "%srefused%s: %zu reason(s)", cs_cli_red(cli), cs_cli_plain(cli), v->n_reasons);
    if (v->order_id.len != 0) {
        fputs(", order ", cli->out);
        cs_cli_text(cli->out, cs_span_of(v->order_id.data, v->order_id.len));
    }
    if (v->account.len != 0) {
        fputs(", account ", cli->out);
        cs_cli_text(cli->out, cs_span_of(v->account.data, v->account.len));
    }
    fputs("\n", cli->out);
    cs_reasons_print(cli, v->n_reasons, v->reasons);
    print_covers(cli, v);
}
