#include "client/cli/tbs_file.h"

#include "client/cli/keys.h"
#include "proxy/gate/der/tbs.h"

CS_RESULT cs_tbs_of_certificate(const char *path, struct cs_buf *out, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf der = { 0 };
    char label[64];
    struct cs_span tbs, algorithm, signature;
    struct cs_der_fault fault = { 0 };
    CS_TRY(cs_der_read(path, &der, label, sizeof label, note));
    cs_result r = cs_certificate_parse(cs_buf_span(&der), &tbs, &algorithm, &signature, &fault);
    if (!cs_ok(r)) {
        cs_note_set(note, "%s: no strict DER certificate: %s at offset %zu", path,
                    fault.what != NULL ? fault.what : cs_result_text(r), fault.offset);
        return r;
    }
    cs_buf_put(out, tbs.at, tbs.len);
    return cs_buf_end(out);
}

CS_RESULT cs_tbs_read(const struct cs_args *args, struct cs_buf *out, struct cs_note *note)
{
    const char *tbs = cs_arg_get(args, "tbs"), *of = cs_arg_get(args, "tbs-of");
    char label[64];
    if ((tbs == NULL) == (of == NULL)) {
        cs_note_set(note, "--tbs, --tbs-of: %s given, needs one of them", tbs == NULL ? "none" : "both");
        return CS_ERR(ARGUMENT);
    }
    return tbs != NULL ? cs_der_read(tbs, out, label, sizeof label, note)
                       : cs_tbs_of_certificate(of, out, note);
}
