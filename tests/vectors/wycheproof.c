/* Project Wycheproof: what it calls valid is accepted; invalid and merely acceptable are refused.
 * Argument: folder of the external corpus; without it the test is skipped. */
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>
#include <openssl/x509.h>

#include "proxy/gate/evidence/dsse.h"

enum { SKIP = 77, FILE_MAX_LEN = 8 * 1024 * 1024 };

static json_t *load_gz(const char *folder, const char *file)
{
    char command[1024];
    if (strchr(folder, '\'') != NULL ||
        snprintf(command, sizeof command, "gzip -dc '%s/wycheproof/%s'", folder, file) >= (int)sizeof command)
        return NULL;
    FILE *pipe = popen(command, "r");
    if (pipe == NULL)
        return NULL;
    struct cs_buf text = { .max = FILE_MAX_LEN };
    uint8_t part[65536];
    for (size_t n; (n = fread(part, 1, sizeof part, pipe)) > 0;)
        cs_buf_put(&text, part, n);
    json_t *root = NULL;
    if (pclose(pipe) == 0 && cs_ok(cs_buf_end(&text)))
        root = json_loadb((const char *)text.at, text.len, 0, NULL);
    cs_buf_done(&text);
    return root;
}

static struct cs_span unhexed(const json_t *object, const char *member, struct cs_arena *a)
{
    const json_t *v = json_object_get(object, member);
    if (!json_is_string(v)) {
        fprintf(stderr, "no member %s\n", member);
        exit(1);
    }
    size_t len = 0, room = json_string_length(v) / 2;
    uint8_t *at = cs_arena_get(a, room);
    if (at == NULL || !cs_ok(cs_unhex(cs_span_str(json_string_value(v)), at, room, &len)))
        exit(1);
    return cs_span_of(at, len);
}

struct count {
    unsigned valid, refused, wrong;
};

static void run_group(const json_t *group, enum cs_attester_algorithm algorithm, struct cs_arena *a,
                      struct count *c)
{
    struct cs_span der = unhexed(group, "publicKeyDer", a);
    const uint8_t *p = der.at;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)der.len);
    if (cs_signature_algorithm_of(key) != algorithm) {
        fprintf(stderr, "group with another kind of key\n");
        c->wrong++;
    }
    const json_t *test;
    size_t i;
    json_array_foreach(json_object_get(group, "tests"), i, test)
    {
        bool valid = strcmp(json_string_value(json_object_get(test, "result")), "valid") == 0;
        struct cs_span message = unhexed(test, "msg", a), sig = unhexed(test, "sig", a);
        bool ok = cs_signature_verify(key, algorithm, message, sig);
        if (ok != valid) {
            fprintf(stderr, "tcId %lld (%s): %s\n",
                    (long long)json_integer_value(json_object_get(test, "tcId")),
                    json_string_value(json_object_get(test, "comment")), ok ? "accepted" : "refused");
            c->wrong++;
        }
        if (valid)
            c->valid++;
        else
            c->refused++;
    }
    EVP_PKEY_free(key);
    cs_arena_reset(a);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *file;
        enum cs_attester_algorithm algorithm;
    } rows[] = {
        { "ecdsa_secp256r1_sha256_test.json.gz", CS_ATTESTER_ECDSA_P256_SHA256 },
        { "ed25519_test.json.gz", CS_ATTESTER_ED25519 },
    };
    if (argc < 2 || argv[1][0] == '\0')
        return SKIP;
    struct count total = { 0 };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_arena a = { 0 };
        struct count c = { 0 };
        json_t *root = load_gz(argv[1], rows[i].file);
        if (root == NULL) {
            fprintf(stderr, "%s: not readable\n", rows[i].file);
            return 1;
        }
        const json_t *group;
        size_t g;
        json_array_foreach(json_object_get(root, "testGroups"), g, group)
            run_group(group, rows[i].algorithm, &a, &c);
        printf("%s: %u valid, %u to refuse, %u wrong\n", rows[i].file, c.valid, c.refused, c.wrong);
        if (c.valid + c.refused != (unsigned)json_integer_value(json_object_get(root, "numberOfTests")))
            c.wrong++;
        total.valid += c.valid;
        total.wrong += c.wrong;
        json_decref(root);
        cs_arena_done(&a);
    }
    return total.wrong == 0 && total.valid > 100 ? 0 : 1;
}
