#include "hsm/algorithm.h"

#define DER(text)                                 \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }
#define PSS(hash, salt)                                                                            \
    DER("\x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34\xa0\x0f\x30\x0d\x06\x09"     \
        "\x60\x86\x48\x01\x65\x03\x04\x02" hash "\x05\x00\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48"     \
        "\x86\xf7\x0d\x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02" hash "\x05\x00" \
        "\xa2\x03\x02\x01" salt)
#define PKCS1(last) DER("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01" last "\x05\x00")
#define ECDSA(last) DER("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03" last)

static const struct cs_algorithm rows[] = {
    { "ECDSA P-256 SHA-256", ECDSA("\x02"), CS_SCHEME_ECDSA, CS_KEY_P256, CS_HASH_SHA256 },
    { "ECDSA P-384 SHA-384", ECDSA("\x03"), CS_SCHEME_ECDSA, CS_KEY_P384, CS_HASH_SHA384 },
    { "ECDSA P-521 SHA-512", ECDSA("\x04"), CS_SCHEME_ECDSA, CS_KEY_P521, CS_HASH_SHA512 },
    { "RSA PKCS#1 v1.5 SHA-256", PKCS1("\x0b"), CS_SCHEME_PKCS1, CS_KEY_RSA, CS_HASH_SHA256 },
    { "RSA PKCS#1 v1.5 SHA-384", PKCS1("\x0c"), CS_SCHEME_PKCS1, CS_KEY_RSA, CS_HASH_SHA384 },
    { "RSA PKCS#1 v1.5 SHA-512", PKCS1("\x0d"), CS_SCHEME_PKCS1, CS_KEY_RSA, CS_HASH_SHA512 },
    { "RSASSA-PSS SHA-256", PSS("\x01", "\x20"), CS_SCHEME_PSS, CS_KEY_RSA, CS_HASH_SHA256 },
    { "RSASSA-PSS SHA-384", PSS("\x02", "\x30"), CS_SCHEME_PSS, CS_KEY_RSA, CS_HASH_SHA384 },
    { "RSASSA-PSS SHA-512", PSS("\x03", "\x40"), CS_SCHEME_PSS, CS_KEY_RSA, CS_HASH_SHA512 },
};

const struct cs_algorithm *cs_algorithm_of(struct cs_span der)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (cs_span_eq(rows[i].der, der))
            return &rows[i];
    return NULL;
}

const char *cs_key_kind_name(enum cs_key_kind kind)
{
    switch (kind) {
    case CS_KEY_RSA:
        return "RSA";
    case CS_KEY_P256:
        return "P-256";
    case CS_KEY_P384:
        return "P-384";
    case CS_KEY_P521:
        return "P-521";
    }
    return "unknown";
}
