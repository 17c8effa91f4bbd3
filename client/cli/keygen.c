#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/keys.h"
#include "client/cli/tree.h"
#include "proxy/base/io.h"

const struct cs_option cs_options_keygen[] = {
    { "algorithm", "NAME", "ed25519 or ecdsa-p256-sha256", CS_OPT_REQUIRED },
    { "out", "FILE", "private key, PEM, mode 0600", CS_OPT_REQUIRED },
    { "public", "FILE", "public key, PEM", CS_OPT_VALUE },
    { "force", NULL, "replace existing files", CS_OPT_SWITCH },
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

/* A new file refuses to replace an old one; checked by the open itself. */
static CS_RESULT write_new(const char *path, struct cs_span bytes, mode_t mode, bool force,
                           struct cs_note *note)
{
    if (force)
        return cs_write_file(path, bytes, mode, note);
    CS_AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST) {
        cs_note_set(note, "%s: exists already; --force replaces it", path);
        return CS_ERR(EXISTS);
    }
    if (fd < 0 || !cs_ok(cs_write_all(fd, bytes)) || fsync(fd) != 0) {
        cs_note_set(note, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            (void)unlink(path);
        return CS_ERR(IO);
    }
    return CS_OK;
}

CS_RESULT cs_private_key_write(const EVP_PKEY *key, const char *path, bool force, struct cs_note *note)
{
    BIO *pem = BIO_new(BIO_s_secmem()); /* wiped when freed */
    char *at = NULL;
    cs_result r = CS_ERR(CRYPTO);
    if (pem != NULL && PEM_write_bio_PKCS8PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long len = BIO_get_mem_data(pem, &at);
        r = write_new(path, cs_span_of(at, (size_t)len), 0600, force, note);
    }
    BIO_free(pem);
    return r;
}

static CS_RESULT write_public(const EVP_PKEY *key, const char *path, bool force, struct cs_note *note)
{
    BIO *pem = BIO_new(BIO_s_mem());
    char *at = NULL;
    cs_result r = CS_ERR(CRYPTO);
    if (pem != NULL && PEM_write_bio_PUBKEY(pem, key) == 1) {
        long len = BIO_get_mem_data(pem, &at);
        r = write_new(path, cs_span_of(at, (size_t)len), 0644, force, note);
    }
    BIO_free(pem);
    return r;
}

int cs_cmd_keygen(struct cs_cli *cli, const struct cs_args *args)
{
    const char *algorithm = cs_arg_get(args, "algorithm"), *public_path = cs_arg_get(args, "public");
    bool force = cs_arg_has(args, "force");
    struct cs_note note = { 0 };
    CS_AUTO_PKEY EVP_PKEY *key = NULL;
    if (strcmp(algorithm, "ed25519") == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else if (strcmp(algorithm, "ecdsa-p256-sha256") == 0)
        key = EVP_EC_gen("P-256");
    else
        return cs_cli_usage(cli, "--algorithm '%s': needs ed25519 or ecdsa-p256-sha256", algorithm);
    CS_AUTO_BUF struct cs_buf spki = { 0 };
    if (key == NULL || !cs_ok(cs_spki_of_key(key, &spki)))
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "the library could not make a key");
    if (public_path != NULL && !force && access(public_path, F_OK) == 0)
        return cs_cli_usage(cli, "--public %s: exists already; --force replaces it", public_path);
    if (!cs_ok(cs_private_key_write(key, cs_arg_get(args, "out"), force, &note)))
        return cs_cli_usage(cli, "--out %s", note.text);
    if (public_path != NULL && !cs_ok(write_public(key, public_path, force, &note)))
        return cs_cli_usage(cli, "--public %s", note.text);
    struct cs_sha256 digest = cs_sha256(cs_buf_span(&spki));
    return cs_cli_data(cli, cs_arg_has(args, "json"),
                       json_pack("{s:s, s:o}", "algorithm", algorithm, "spki_sha256",
                                 cs_cli_hex(cs_sha256_span(&digest))),
                       CS_EXIT_DONE);
}
