/*
 * Fuzz target: any octets as TBSCertificate, Certificate and Name. Whatever is accepted has its views
 * inside the input and one encoding only.
 */
#include <stdlib.h>

#include "proxy/gate/der/spki.h"
#include "tests/fuzz/replay.h"
#include "tests/unit/der/view_check.h"

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void tbs_try(struct cs_span in)
{
    static struct cs_tbs t;
    struct cs_der_fault fault = { SIZE_MAX, NULL, NULL };
    cs_result r = cs_tbs_parse(in, &t, &fault);
    if (!cs_ok(r)) {
        need(cs_class(r) == CS_CLASS_CALLER && fault.what != NULL && fault.where != NULL &&
             fault.offset <= in.len);
        return;
    }
    need(view_is_inside(&t, in) && fault.what == NULL);
    struct cs_spki_facts facts;
    r = cs_spki_inspect(&t, &facts);
    need(cs_ok(r) || cs_is(r, CS_NUM_LIMIT));
    struct cs_sha256 pair = cs_tbs_pair_sha256(&t), plain = cs_sha256(in);
    need((memcmp(&pair, &plain, sizeof pair) != 0) == (t.has_poison || t.has_sct_list));
    for (uint32_t i = 0; i < t.n_extensions; i++) {
        char text[40];
        cs_oid_text(t.extension[i].oid, text, sizeof text);
        need(cs_tbs_find(&t, t.extension[i].oid) == &t.extension[i]);
    }
    static struct cs_attribute attribute[CS_TBS_ATTRIBUTES_MAX];
    uint32_t n;
    need(cs_ok(cs_name_parse(t.subject, attribute, CS_TBS_ATTRIBUTES_MAX, &n, NULL)) && n == t.n_attributes);
    need(cs_ok(cs_name_parse(t.issuer, attribute, CS_TBS_ATTRIBUTES_MAX, &n, NULL)));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct cs_span in = cs_span_of(at, len), tbs, algorithm, signature;
    tbs_try(in);
    if (cs_ok(cs_certificate_parse(in, &tbs, &algorithm, &signature, NULL))) {
        CS_AUTO_BUF struct cs_buf again = { 0 };
        cs_certificate_put(&again, tbs, algorithm, signature);
        need(cs_span_eq(cs_buf_span(&again), in));
        tbs_try(tbs);
    }
    static struct cs_attribute attribute[8];
    uint32_t n = 99;
    bool is_name = cs_ok(cs_name_parse(in, attribute, 8, &n, NULL));
    need(is_name ? n <= 8 : n == 99);
    for (uint32_t i = 0; is_name && i < n; i++)
        need(span_is_inside(in, attribute[i].oid) && span_is_inside(in, attribute[i].value));
    return 0;
}
