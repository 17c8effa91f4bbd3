#include "tests/unit/tlog/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct cs_tlog_signer signer_of(uint8_t byte, const char *name, enum cs_tlog_type type)
{
    uint8_t seed[32], public_key[32];
    size_t len = sizeof public_key;
    memset(seed, byte, sizeof seed);
    struct cs_tlog_signer s = { .private_key =
                                    EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32) };
    assert_non_null(s.private_key);
    assert_int_equal(EVP_PKEY_get_raw_public_key(s.private_key, public_key, &len), 1);
    assert_true(cs_ok(cs_tlog_key_make(cs_span_str(name), type, public_key, &s.key)));
    return s;
}

struct cs_tlog_key key_of(const char *vkey)
{
    struct cs_tlog_key key;
    struct cs_note note = { "" };
    if (!cs_ok(cs_tlog_vkey_parse(cs_span_str(vkey), &key, &note)))
        fail_msg("%s: %s", vkey, note.text);
    return key;
}

struct cs_sha256 leaf_of(unsigned i)
{
    static const char *const hex[] = {
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
    };
    uint8_t bytes[16];
    size_t len = 0;
    assert_true(cs_ok(cs_unhex(cs_span_str(hex[i]), bytes, sizeof bytes, &len)));
    return cs_merkle_leaf(cs_span_of(bytes, len));
}

cs_result node_of_8(void *ctx, unsigned height, uint64_t index, struct cs_sha256 *out)
{
    (void)ctx;
    struct cs_merkle m = { 0 };
    for (uint64_t i = index << height; i < (index + 1) << height; i++) {
        struct cs_sha256 leaf = leaf_of((unsigned)i);
        cs_merkle_append(&m, &leaf);
    }
    *out = cs_merkle_root(&m);
    return CS_OK;
}
