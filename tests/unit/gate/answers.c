/* One answer serves SignCertificate and SignAuthorized: their responses are the same octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "countersign/v1/signing_service.pb-c.h"

static void responses_are_the_same_octets(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *a = &countersign__v1__sign_certificate_response__descriptor;
    const ProtobufCMessageDescriptor *b = &countersign__v1__sign_authorized_response__descriptor;
    assert_int_equal(a->n_fields, b->n_fields);
    for (unsigned i = 0; i < a->n_fields; i++) {
        const ProtobufCFieldDescriptor *x = &a->fields[i], *y = &b->fields[i];
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->id, y->id);
        assert_int_equal(x->type, y->type);
        assert_int_equal(x->label, y->label);
        assert_int_equal(x->flags, y->flags);
        assert_ptr_equal(x->descriptor, y->descriptor);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(responses_are_the_same_octets) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
