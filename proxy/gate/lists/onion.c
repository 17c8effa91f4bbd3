#include <openssl/evp.h>

#include "proxy/gate/lists/lists.h"

enum { LABEL_LEN = 56, KEY_LEN = 32, SUM_LEN = 2, ADDRESS_LEN = 35, DIGEST_LEN = 32 };

static int base32_digit(uint8_t b)
{
    if (b >= 'A' && b <= 'Z')
        return b - 'A';
    if (b >= 'a' && b <= 'z')
        return b - 'a';
    return b >= '2' && b <= '7' ? b - '2' + 26 : -1;
}

/* 56 digits are 35 octets exactly: key, checksum, version. */
static bool unbase32(struct cs_span label, uint8_t out[ADDRESS_LEN])
{
    uint32_t kept = 0, n_bits = 0;
    for (size_t i = 0, o = 0; i < LABEL_LEN; i++) {
        int digit = base32_digit(label.at[i]);
        if (digit < 0)
            return false;
        kept = kept << 5 | (uint32_t)digit;
        n_bits += 5;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[o++] = (uint8_t)(kept >> n_bits);
        }
    }
    return true;
}

bool cs_onion_label_is_v3(struct cs_span label)
{
    static const char prefix[] = ".onion checksum";
    uint8_t address[ADDRESS_LEN], text[sizeof prefix - 1 + KEY_LEN + 1], digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    if (label.len != LABEL_LEN || !unbase32(label, address) || address[ADDRESS_LEN - 1] != 3)
        return false;
    memcpy(text, prefix, sizeof prefix - 1);
    memcpy(text + sizeof prefix - 1, address, KEY_LEN);
    text[sizeof text - 1] = 3;
    return EVP_Digest(text, sizeof text, digest, &digest_len, EVP_sha3_256(), NULL) == 1 &&
           digest_len == DIGEST_LEN && memcmp(digest, address + KEY_LEN, SUM_LEN) == 0;
}
