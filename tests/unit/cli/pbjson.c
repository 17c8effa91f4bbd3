/* JSON of messages: every field of every statement there and back, and one refusal per rule. */
#include "tests/unit/cli/house.h"

#include "client/cli/pbjson.h"
#include "countersign/ledger/v1/entry.pb-c.h"
#include "countersign/v1/signing_service.pb-c.h"
#include "countersign/v1/statement.pb-c.h"
#include "proto/canonical.h"

static struct cs_arena arena;

static ProtobufCMessage *filled(const ProtobufCMessageDescriptor *d, uint32_t one_of);

static int some_enum(const ProtobufCEnumDescriptor *d, unsigned n)
{
    unsigned i = n % d->n_values;
    return d->values[i].value != 0 ? d->values[i].value : d->values[(i + 1) % d->n_values].value;
}

/* A value that is not the default and fits the field's form, different for each n. */
static void fill_value(const ProtobufCFieldDescriptor *f, void *at, unsigned n)
{
    uint8_t octets[32];
    size_t len = sizeof octets;
    memset(octets, (int)(0x80 + n), len);
    switch (f->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
        *(int32_t *)at = n % 2 ? INT32_MIN : INT32_MAX;
        return;
    case PROTOBUF_C_TYPE_UINT32:
        *(uint32_t *)at = UINT32_MAX - n;
        return;
    case PROTOBUF_C_TYPE_INT64:
        *(int64_t *)at = 1795000000 + (int64_t)n;
        return;
    case PROTOBUF_C_TYPE_UINT64:
        *(uint64_t *)at = UINT64_MAX - n; /* past what JSON integers of the library hold */
        return;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = 1;
        return;
    case PROTOBUF_C_TYPE_ENUM:
        *(int *)at = some_enum(f->descriptor, n + 1);
        return;
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = cs_arena_copy(&arena, cs_span_str("t\xc3\xa9xt \"quoted\"\n"));
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)at = filled(f->descriptor, 0);
        return;
    case PROTOBUF_C_TYPE_BYTES:
        break;
    default:
        fail_msg("%s: a type no message of the project has", f->name);
    }
    if (cs_bytes_form_of(f) == CS_BYTES_OID)
        memcpy(octets, "\x55\x04\x0a", len = 3);
    else if (cs_bytes_form_of(f) == CS_BYTES_IP)
        len = n % 2 ? 4 : 16;
    else if (cs_bytes_form_of(f) == CS_BYTES_TEXT && n % 2 == 0) /* odd ones are not UTF-8 */
        memcpy(octets, "caf\xc3\xa9", len = 5);
    *(ProtobufCBinaryData *)at = cs_proto_bytes(cs_arena_span(&arena, cs_span_of(octets, len)));
}

static size_t step_of(const ProtobufCFieldDescriptor *f)
{
    return f->type == PROTOBUF_C_TYPE_BYTES ? sizeof(ProtobufCBinaryData)
           : f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_STRING ||
                   f->type == PROTOBUF_C_TYPE_UINT64 || f->type == PROTOBUF_C_TYPE_INT64
               ? 8
               : 4;
}

/* Every field set; of a oneof the field with number one_of, or the first. */
static ProtobufCMessage *filled(const ProtobufCMessageDescriptor *d, uint32_t one_of)
{
    ProtobufCMessage *m = cs_arena_get(&arena, d->sizeof_message);
    d->message_init(m);
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &d->fields[i];
        char *base = (char *)m;
        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            char *items = cs_arena_get(&arena, 3 * step_of(f));
            for (unsigned k = 0; k < 3; k++)
                fill_value(f, items + k * step_of(f), k);
            *(size_t *)(void *)(base + f->quantifier_offset) = 3;
            *(char **)(void *)(base + f->offset) = items;
            continue;
        }
        if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            uint32_t *chosen = (uint32_t *)(void *)(base + f->quantifier_offset);
            if (*chosen != 0 || (one_of != 0 && one_of != f->id))
                continue;
            *chosen = f->id;
        }
        fill_value(f, base + f->offset, i);
    }
    return m;
}

static void there_and_back(const ProtobufCMessage *m, bool defaults)
{
    struct cs_span before, after;
    struct cs_pbjson_fault fault;
    ProtobufCMessage *again;
    json_t *document = cs_pbjson_write(m, defaults);
    assert_non_null(document);
    char *text = json_dumps(document, 0);
    json_decref(document);
    assert_true(cs_ok(cs_pbjson_load(cs_span_str(text), &document, NULL)));
    cs_result r = cs_pbjson_read(m->descriptor, document, &arena, &again, &fault);
    if (!cs_ok(r))
        fail_msg("%s: %s in %s", m->descriptor->name, fault.note.text, text);
    assert_true(cs_ok(cs_proto_pack(m, &arena, &before)));
    assert_true(cs_ok(cs_proto_pack(again, &arena, &after)));
    if (!cs_span_eq(before, after))
        fail_msg("%s: other bytes after %s", m->descriptor->name, text);
    free(text);
    json_decref(document);
}

static void every_field_there_and_back(void **state)
{
    (void)state;
    static const ProtobufCMessageDescriptor *const types[] = {
        &countersign__v1__statement__descriptor,
        &countersign__v1__domain_control__descriptor,
        &countersign__v1__sign_certificate_request__descriptor,
        &countersign__v1__sign_certificate_response__descriptor,
        &countersign__ledger__v1__entry__descriptor,
    };
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (unsigned i = 0; i < types[t]->n_fields; i++) {
            const ProtobufCFieldDescriptor *f = &types[t]->fields[i];
            there_and_back(filled(types[t], f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF ? f->id : 0), false);
            there_and_back(filled(types[t], f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF ? f->id : 0), true);
            cs_arena_reset(&arena);
        }
}

static void defaults_there_and_back(void **state)
{
    (void)state;
    Countersign__V1__Verdict v = COUNTERSIGN__V1__VERDICT__INIT;
    there_and_back(&v.base, true);
    json_t *document = cs_pbjson_write(&v.base, true);
    assert_true(json_is_false(json_object_get(document, "admitted")));
    assert_true(json_is_array(json_object_get(document, "reasons")));
    json_decref(document);
    document = cs_pbjson_write(&v.base, false);
    assert_int_equal(json_object_size(document), 0);
    json_decref(document);
}

static void enum_names(void **state)
{
    (void)state;
    const ProtobufCEnumDescriptor *methods = &countersign__v1__validation_method__descriptor;
    char room[CS_PBJSON_ENUM_MAX_LEN];
    int v = 0;
    assert_string_equal(cs_pbjson_enum_name(methods, 19, room), "dcv_acme_http_01");
    assert_string_equal(cs_pbjson_enum_name(methods, 1000, room), "1000");
    static const struct {
        const char *name;
        int value; /* 0: not found */
    } rows[] = { { "dcv_acme_http_01", 19 },
                 { "dcv-acme-http-01", 19 },
                 { "VALIDATION_METHOD_DCV_ACME_HTTP_01", 19 },
                 { "retired_dcv_6_website_v1", 106 },
                 { "dcv_acme_http_0", 0 },
                 { "dcv_acme_http_011", 0 },
                 { "unspecified", 0 },
                 { "VALIDATION_METHOD_UNSPECIFIED", 0 },
                 { "19", 0 },
                 { "", 0 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        v = 0;
        if (cs_pbjson_enum_of(methods, rows[i].name, &v) != (rows[i].value != 0) || v != rows[i].value)
            fail_msg("row: '%s' gave %d", rows[i].name, v);
    }
}

static void refusals_name_the_path(void **state)
{
    (void)state;
    static const struct {
        const char *json, *path, *part;
    } rows[] = {
        { "{\"surprise\": 1}", "surprise", "no such member" },
        { "{\"order\": {\"oder_id\": \"x\"}}", "order.oder_id", "Order has no such member" },
        { "{\"domain_control\": {\"perspectives\": {\"remotes\": [{}, {\"rir\": \"mars\"}]}}}",
          "domain_control.perspectives.remotes[1].rir", "one of afrinic, apnic" },
        { "{\"domain_control\": {\"perspectives\": {\"remotes\": [{\"passed\": 1}]}}}",
          "domain_control.perspectives.remotes[0].passed", "true or false" },
        { "{\"domain_control\": {\"domain\": \"a\", \"ip_address\": \"192.0.2.1\"}}",
          "domain_control.ip_address", "excludes another member" },
        { "{\"order\": {}, \"lint\": {}}", "lint", "excludes another member" },
        { "{\"domain_control\": {\"ip_address\": \"192.0.2.256\"}}", "domain_control.ip_address", "address" },
        { "{\"domain_control\": {\"method\": null}}", "domain_control.method", "null" },
        { "{\"domain_control\": {\"method\": 19}}", "domain_control.method", "an integer" },
        { "{\"domain_control\": {\"scope\": \"unspecified\"}}", "domain_control.scope", "exact, namespace" },
        { "{\"domain_control\": {\"observed_at_unix_s\": \"2026-02-30T00:00:00Z\"}}",
          "domain_control.observed_at_unix_s", "is no time" },
        { "{\"domain_control\": {\"observed_at_unix_s\": 1.5}}", "domain_control.observed_at_unix_s",
          "a fraction" },
        { "{\"domain_control\": {\"record_sha256\": \"abc\"}}", "domain_control.record_sha256",
          "hex digits" },
        { "{\"domain_control\": {\"record_sha256\": {\"hex\": \"00\", \"base64\": \"AA==\"}}}",
          "domain_control.record_sha256", "one member" },
        { "{\"domain_control\": {\"record_sha256\": {\"base64\": \"A\"}}}", "domain_control.record_sha256",
          "base64" },
        { "{\"lint\": {\"errors\": -1}}", "lint.errors", "0 to 4294967295" },
        { "{\"lint\": {\"errors\": 4294967296}}", "lint.errors", "0 to 4294967295" },
        { "{\"lint\": {\"errors\": \"007\"}}", "lint.errors", "0 to 4294967295" },
        { "{\"lint\": {\"findings\": \"x\"}}", "lint.findings", "an array" },
        { "{\"lint\": []}", "lint", "an object" },
        { "{\"header\": {\"schema\": true}}", "header.schema", "a boolean" },
        { "{\"organization_identity\": {\"attributes\": [{\"oid\": \"2.5.4.01\"}]}}",
          "organization_identity.attributes[0].oid", "dotted OID" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *document;
        struct cs_pbjson_fault fault;
        ProtobufCMessage *m = NULL;
        assert_true(cs_ok(cs_pbjson_load(cs_span_str(rows[i].json), &document, NULL)));
        cs_result r = cs_pbjson_read(&countersign__v1__statement__descriptor, document, &arena, &m, &fault);
        json_decref(document);
        if (!cs_is(r, CS_NUM_FORM) || strcmp(fault.path, rows[i].path) != 0 ||
            strstr(fault.note.text, rows[i].part) == NULL)
            fail_msg("row: %s gave '%s': %s", rows[i].json, fault.path, fault.note.text);
    }
}

static void documents_that_are_no_object(void **state)
{
    (void)state;
    static const char *const rows[] = { "",      "{",  "[]",           "1", "{\"a\": 1, \"a\": 1}",
                                        "{} {}", "{'", "{\"\xff\": 1}" };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *document = NULL;
        struct cs_note note = { 0 };
        if (!cs_is(cs_pbjson_load(cs_span_str(rows[i]), &document, &note), CS_NUM_FORM) ||
            note.text[0] == '\0' || document != NULL)
            fail_msg("row: %s", rows[i]);
    }
}

static void bytes_in_their_forms(void **state)
{
    (void)state;
    static const struct {
        const char *json, *hex;
    } rows[] = {
        { "{\"order_id\": \"A1\"}", "0a024131" },
        { "{\"order_id\": {\"hex\": \"00FF\"}}", "0a0200ff" },
        { "{\"order_id\": {\"base64\": \"AP8=\"}}", "0a0200ff" },
        { "{\"csr_sha256\": \"00ff\"}", "1a0200ff" },
        { "{\"ip_addresses\": [\"192.0.2.1\", \"2001:db8::1\"]}",
          "3204c0000201321020010db8000000000000000000000001" },
        { "{\"latest_not_after_unix_s\": \"1970-01-01T00:00:01Z\"}", "4001" },
        { "{\"latest_not_after_unix_s\": 1}", "4001" },
        { "{\"profile\": \"domain-validated\"}", "3801" },
        { "{}", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *document;
        struct cs_pbjson_fault fault;
        ProtobufCMessage *m;
        struct cs_span bytes;
        char hex[128];
        assert_true(cs_ok(cs_pbjson_load(cs_span_str(rows[i].json), &document, NULL)));
        assert_true(cs_ok(cs_pbjson_read(&countersign__v1__order__descriptor, document, &arena, &m, &fault)));
        assert_true(cs_ok(cs_proto_pack(m, &arena, &bytes)));
        cs_hex(bytes, hex);
        assert_string_equal(hex, rows[i].hex);
        json_decref(document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_there_and_back),
        cmocka_unit_test(defaults_there_and_back),
        cmocka_unit_test(enum_names),
        cmocka_unit_test(refusals_name_the_path),
        cmocka_unit_test(documents_that_are_no_object),
        cmocka_unit_test(bytes_in_their_forms),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cs_arena_done(&arena);
    return failed;
}
