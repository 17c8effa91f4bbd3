#include "client/cli/lint_certificate.h"

#include "client/cli/derput.h"
#include "proxy/gate/der/tbs.h"
#include "proxy/policy/names.h"

enum { RSA_SIGNATURE_LEN = 256, SIGNATURE_MAX_LEN = 512 };

static const char filler[] = "no signature: made by countersign lint-request for a linter. ";

static void fill(uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)filler[i % (sizeof filler - 1)];
}

static size_t coordinate_len(enum cs_algorithm a)
{
    return a == CS_ALG_ECDSA_SHA256   ? 32
           : a == CS_ALG_ECDSA_SHA384 ? 48
           : a == CS_ALG_ECDSA_SHA512 ? 66
                                      : 0; /* RSA */
}

static void put_signature(enum cs_algorithm a, struct cs_buf *out)
{
    uint8_t value[RSA_SIGNATURE_LEN];
    size_t len = coordinate_len(a);
    fill(value, sizeof value);
    if (len == 0) {
        cs_buf_put(out, value, sizeof value);
        return;
    }
    value[0] = len == 66 ? 1 : value[0]; /* 521 bits */
    size_t both = cs_derput_open(out, CS_DER_SEQUENCE);
    cs_derput_unsigned(out, cs_span_of(value, len));
    cs_derput_unsigned(out, cs_span_of(value, len));
    cs_derput_close(out, both);
}

CS_RESULT cs_lint_certificate_put(struct cs_span tbs, struct cs_buf *out, struct cs_note *note)
{
    struct cs_tbs view;
    struct cs_der_fault fault = { 0 };
    cs_result r = cs_tbs_parse(tbs, &view, &fault);
    if (!cs_ok(r)) {
        cs_note_set(note, "no strict DER TBSCertificate: %s at offset %zu%s%s",
                    fault.what != NULL ? fault.what : cs_result_text(r), fault.offset,
                    fault.where != NULL && fault.where[0] != '\0' ? ", " : "",
                    fault.where != NULL ? fault.where : "");
        return CS_ERR(FORM);
    }
    enum cs_algorithm a = cs_algorithm_of_der(view.signature);
    if (a == CS_ALG_NONE) {
        cs_note_set(note, "the TBSCertificate's signature algorithm is none that an issuer may use");
        return CS_ERR(FORM);
    }
    CS_AUTO_BUF struct cs_buf bits = { .max = SIGNATURE_MAX_LEN };
    cs_buf_put_u8(&bits, 0); /* no unused bits */
    put_signature(a, &bits);
    CS_TRY(cs_buf_end(&bits));
    size_t whole = cs_derput_open(out, CS_DER_SEQUENCE);
    cs_buf_put(out, tbs.at, tbs.len);
    cs_buf_put(out, view.signature.at, view.signature.len);
    cs_derput(out, CS_DER_BIT_STRING, cs_buf_span(&bits));
    cs_derput_close(out, whole);
    return cs_buf_end(out);
}
