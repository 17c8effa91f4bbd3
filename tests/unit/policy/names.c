/* Names: every value of every list has one, and it reads back. A value added to the schema without a
 * name fails here. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/ipc/messages.h"
#include "proxy/policy/names.h"

static void each_enum_value(const ProtobufCEnumDescriptor *d, int (*of_name)(struct cs_span),
                            const char *(*name)(int))
{
    assert_true(d->n_values > 1);
    for (unsigned i = 0; i < d->n_values; i++) {
        int value = d->values[i].value;
        const char *text = name(value);
        if (value == 0) {
            assert_string_equal(text, "?");
            continue;
        }
        if (strcmp(text, "?") == 0 || of_name(cs_span_str(text)) != value)
            fail_msg("%s has no name that reads back: %s", d->values[i].name, text);
    }
    assert_string_equal(name(999), "?");
    assert_string_equal(name(-1), "?");
    assert_int_equal(of_name(cs_span_str("?")), 0);
    assert_int_equal(of_name(cs_span_str("")), 0);
}

static int method_of(struct cs_span s)
{
    return (int)cs_method_of_name(s);
}
static int role_of(struct cs_span s)
{
    return (int)cs_role_of_name(s);
}
static int profile_of(struct cs_span s)
{
    return (int)cs_profile_of_name(s);
}

static void schema_enums(void **state)
{
    (void)state;
    each_enum_value(&countersign__v1__validation_method__descriptor, method_of, cs_method_name);
    each_enum_value(&countersign__v1__role__descriptor, role_of, cs_role_name);
    each_enum_value(&countersign__v1__profile__descriptor, profile_of, cs_profile_name);
}

/* A method's name is the schema's, in lower case and without the prefix. */
static void method_names_are_the_schemas(void **state)
{
    (void)state;
    const ProtobufCEnumDescriptor *d = &countersign__v1__validation_method__descriptor;
    for (unsigned i = 0; i < d->n_values; i++) {
        if (d->values[i].value == 0)
            continue;
        char want[128];
        (void)snprintf(want, sizeof want, "%s", d->values[i].name + strlen("VALIDATION_METHOD_"));
        for (char *c = want; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        assert_string_equal(cs_method_name(d->values[i].value), want);
        assert_true(d->values[i].value < 192); /* cs_method_set */
    }
}

static void method_sets(void **state)
{
    (void)state;
    struct cs_method_set set = { 0 };
    static const int in[] = { 4, 63, 64, 101, 144, 191 };
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        cs_method_set_add(&set, in[i]);
    int n = 0;
    for (int m = -5; m < 300; m++)
        n += cs_method_set_has(&set, m);
    assert_int_equal(n, sizeof in / sizeof *in);
    struct cs_method_set before = set;
    cs_method_set_add(&set, 0);
    cs_method_set_add(&set, -1);
    cs_method_set_add(&set, 192);
    assert_memory_equal(&set, &before, sizeof set);
}

static void aliases(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int value;
    } rows[] = {
        { "dv", COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED },
        { "iv", COUNTERSIGN__V1__PROFILE__PROFILE_INDIVIDUAL_VALIDATED },
        { "ov", COUNTERSIGN__V1__PROFILE__PROFILE_ORGANIZATION_VALIDATED },
        { "ev", COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION },
        { "DV", 0 },
        { "domain_validated", 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(profile_of(cs_span_str(rows[i].name)), rows[i].value);
    assert_string_equal(cs_profile_name(COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED),
                        "domain-validated");
}

static void algorithms(void **state)
{
    (void)state;
    for (int a = 1; a < CS_ALG_COUNT; a++) {
        struct cs_span der = cs_algorithm_der((enum cs_algorithm)a);
        assert_true(der.len > 2 && der.at[0] == 0x30 && der.at[1] == der.len - 2);
        assert_int_equal(cs_algorithm_of_der(der), a);
        assert_int_equal(cs_algorithm_of_der(cs_span_of(der.at, der.len - 1)), CS_ALG_NONE);
        assert_int_equal(cs_algorithm_of_name(cs_span_str(cs_algorithm_name((enum cs_algorithm)a))), a);
    }
    for (unsigned a = 1; a < CS_ALG_COUNT; a++) { /* the name ends in the hash's bits */
        const char *name = cs_algorithm_name((enum cs_algorithm)a);
        assert_int_equal(8 * cs_hash_len(cs_algorithm_hash((enum cs_algorithm)a)),
                         atoi(name + strlen(name) - 3));
    }
    assert_int_equal(cs_algorithm_der(CS_ALG_NONE).len, 0);
    assert_int_equal(cs_algorithm_der(CS_ALG_COUNT).len, 0);
    assert_int_equal(cs_algorithm_of_der((struct cs_span){ 0 }), CS_ALG_NONE);
    static const uint8_t sha1_rsa[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                        0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00 };
    assert_int_equal(cs_algorithm_of_der(cs_span_of(sha1_rsa, sizeof sha1_rsa)), CS_ALG_NONE);
    assert_string_equal(cs_algorithm_name(CS_ALG_NONE), "?");
    assert_int_equal(cs_algorithm_of_name(cs_span_str("sha1")), CS_ALG_NONE);
}

static void purposes_and_attester_algorithms(void **state)
{
    (void)state;
    for (uint32_t p = CS_PURPOSE_LEAF; p <= CS_PURPOSE_LEDGER; p <<= 1)
        assert_int_equal(cs_purpose_of_name(cs_span_str(cs_purpose_name(p))), p);
    assert_string_equal(cs_purpose_name(0), "?");
    assert_string_equal(cs_purpose_name(3), "?");
    assert_string_equal(cs_purpose_name(UINT32_MAX), "?");
    assert_int_equal(cs_purpose_of_name(cs_span_str("LEAF")), 0);
    for (int a = CS_ATTESTER_ED25519; a <= CS_ATTESTER_ECDSA_P256_SHA256; a++) {
        const char *name = cs_attester_algorithm_name((enum cs_attester_algorithm)a);
        assert_int_equal(cs_attester_algorithm_of_name(cs_span_str(name)), a);
    }
    assert_string_equal(cs_attester_algorithm_name(CS_ATTESTER_NONE), "?");
    assert_int_equal(cs_attester_algorithm_of_name(cs_span_str("rsa")), CS_ATTESTER_NONE);
}

static void lists_end(void **state)
{
    (void)state;
    static const struct {
        enum cs_name_list list;
        unsigned n;
        const char *first;
    } rows[] = {
        { CS_NAMES_METHOD, 31, "dcv_constructed_email" }, { CS_NAMES_ROLE, 7, "validation-system" },
        { CS_NAMES_PROFILE, 8, "domain-validated" },      { CS_NAMES_ALGORITHM, 9, "rsa-sha256" },
        { CS_NAMES_ATTESTER_ALGORITHM, 2, "ed25519" },    { CS_NAMES_PURPOSE, 5, "leaf" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned n = 0;
        while (cs_name_at(rows[i].list, n) != NULL)
            n++;
        assert_int_equal(n, rows[i].n);
        assert_string_equal(cs_name_at(rows[i].list, 0), rows[i].first);
    }
    assert_null(cs_name_at((enum cs_name_list)77, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema_enums), cmocka_unit_test(method_names_are_the_schemas),
        cmocka_unit_test(method_sets),  cmocka_unit_test(aliases),
        cmocka_unit_test(algorithms),   cmocka_unit_test(purposes_and_attester_algorithms),
        cmocka_unit_test(lists_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
