/* countersign-token: makes tokens and keys that countersign-signer accepts. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hsm/tool.h"

static const char help[] =
    "usage: countersign-token COMMAND --module FILE --pin-file FILE [options]\n"
    "\n"
    "  init         make a token in an empty slot\n"
    "                 --token-label TEXT --so-pin-file FILE\n"
    "  keygen       make a key pair that can only sign and never leaves the token; prints its\n"
    "               PKCS#11 URI and public key (PEM)\n"
    "                 --token-label TEXT --key-label TEXT --id HEX\n"
    "                 --type ec-p256|ec-p384|ec-p521|rsa-2048|rsa-3072|rsa-4096\n"
    "  list         print each private key: URI, kind, and \"fit\" or what the signer would refuse\n"
    "                 --token-label TEXT\n"
    "  self-signed  make a CA certificate for tests and CI, signed by the key itself; a certificate\n"
    "               that anyone relies on needs a ceremony instead\n"
    "                 --key URI --subject /C=XX/O=TEXT/CN=TEXT --days N --out FILE --test-ca\n"
    "\n"
    "  --module is the absolute path of the PKCS#11 module. PIN files hold the PIN and perhaps one\n"
    "  newline; \"-\" reads standard input. Exit codes: 0 done, 1 could not, 2 usage, 3 refused.\n";

enum need {
    NEED_TOKEN = 1,
    NEED_SO_PIN = 2,
    NEED_KEYGEN = 4,
    NEED_CERTIFICATE = 8,
};

static const struct command {
    const char *name;
    unsigned needs;
    int (*run)(struct cs_tool *, struct cs_why *);
} commands[] = {
    { "init", NEED_TOKEN | NEED_SO_PIN, cs_tool_init },
    { "keygen", NEED_TOKEN | NEED_KEYGEN, cs_tool_keygen },
    { "list", NEED_TOKEN, cs_tool_list },
    { "self-signed", NEED_CERTIFICATE, cs_tool_self_signed },
};

static int usage(const char *text)
{
    (void)fprintf(stderr, "countersign-token: %s (--help says more)\n", text);
    return CS_EXIT_USAGE;
}

static bool has_options(const struct cs_tool *t, unsigned needs)
{
    bool token = t->token_label != NULL, so_pin = t->so_pin_file != NULL;
    bool keygen = t->key_label != NULL && t->id != NULL && t->type != NULL;
    bool any_keygen = t->key_label != NULL || t->id != NULL || t->type != NULL;
    bool certificate = t->key_uri != NULL && t->subject != NULL && t->days != 0 && t->out != NULL;
    bool any_certificate =
        t->key_uri != NULL || t->subject != NULL || t->days != 0 || t->out != NULL || t->test_ca;
    return t->module != NULL && t->pin_file != NULL && token == ((needs & NEED_TOKEN) != 0) &&
           so_pin == ((needs & NEED_SO_PIN) != 0) && ((needs & NEED_KEYGEN) ? keygen : !any_keygen) &&
           ((needs & NEED_CERTIFICATE) ? certificate : !any_certificate);
}

/* 0, which is refused as missing, for anything but a plain number. */
static int days_of(const char *text)
{
    char *end = NULL;
    long n = strtol(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && n <= 100000 ? (int)n : 0;
}

/* Options are read by their whole names only: an abbreviation such as --pin would invite a PIN. */
static bool parse(int argc, char **argv, struct cs_tool *t)
{
    const char *days = NULL;
    const struct {
        const char *name;
        const char **value;
    } options[] = {
        { "--module", &t->module },
        { "--token-label", &t->token_label },
        { "--pin-file", &t->pin_file },
        { "--so-pin-file", &t->so_pin_file },
        { "--key-label", &t->key_label },
        { "--id", &t->id },
        { "--type", &t->type },
        { "--key", &t->key_uri },
        { "--subject", &t->subject },
        { "--out", &t->out },
        { "--days", &days },
    };
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--test-ca") == 0) {
            t->test_ca = true;
            continue;
        }
        const char **value = NULL;
        for (size_t o = 0; o < sizeof options / sizeof *options; o++)
            if (strcmp(argv[i], options[o].name) == 0)
                value = options[o].value;
        if (value == NULL || *value != NULL || ++i == argc)
            return false; /* unknown, given twice, or without its value */
        *value = argv[i];
    }
    t->days = days == NULL ? 0 : days_of(days);
    return true;
}

int main(int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return fputs(help, stdout) < 0 ? CS_EXIT_FAILED : CS_EXIT_DONE;
    const struct command *command = NULL;
    for (size_t i = 0; argc >= 2 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            command = &commands[i];
    if (command == NULL)
        return usage("no such command");
    struct cs_tool t = { 0 };
    if (!parse(argc - 2, argv + 2, &t) || !has_options(&t, command->needs))
        return usage("options missing, unknown or not for this command");
    if ((command->needs & NEED_CERTIFICATE) && !t.test_ca) {
        (void)fprintf(stderr,
                      "countersign-token: refused: self-signed CA certificates made here are for tests "
                      "and CI only; say --test-ca if this is one\n");
        return CS_EXIT_REFUSED;
    }
    struct cs_why why = { .rv = CKR_OK };
    int code = cs_ok(cs_tool_begin(&t, &why)) ? command->run(&t, &why) : CS_EXIT_FAILED;
    cs_tool_end(&t);
    if (code != CS_EXIT_DONE)
        (void)fprintf(stderr, "countersign-token: %s%s\n", code == CS_EXIT_REFUSED ? "refused: " : "",
                      why.note.text[0] == '\0' ? "failed" : why.note.text);
    /* Exit handlers of a module may crash once OpenSSL has cleaned up (SoftHSM issue 780). */
    if (fflush(stdout) != 0 || fflush(stderr) != 0)
        code = CS_EXIT_FAILED;
    _exit(code);
}
