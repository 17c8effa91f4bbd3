#include "client/pkcs11/classify.h"

#include <stdlib.h>

#include "proxy/gate/der/tbs.h"

struct cs_p11_class cs_p11_classify(struct cs_span data, struct cs_note *text)
{
    struct cs_der_fault fault = { 0 };
    struct cs_p11_class out = { .kind = cs_data_kind_of(data) };
    struct cs_tbs *t = out.kind == CS_DATA_LIKE_TBS ? malloc(sizeof *t) : NULL;
    if (t != NULL && cs_ok(cs_tbs_parse(data, t, &fault))) {
        out = (struct cs_p11_class){ true, out.kind, t->signature, t->issuer };
        free(t);
        return out;
    }
    cs_note_set(text, "%zu octets are %s", data.len, cs_data_kind_text(out.kind));
    if (t != NULL)
        cs_note_set(text, "%zu octets are %s: %s%s%s at octet %zu", data.len, cs_data_kind_text(out.kind),
                    fault.where != NULL ? fault.where : "",
                    fault.where != NULL && fault.where[0] != '\0' ? ": " : "",
                    fault.what != NULL ? fault.what : "over a limit", fault.offset);
    free(t);
    return out;
}
