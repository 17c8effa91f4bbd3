#include "client/pkcs11/config.h"

#include <stdlib.h>

#include "proxy/base/io.h"

void cs_p11_config_done(struct cs_p11_config *c)
{
    char **texts[] = { &c->connect,  &c->tls_ca, &c->tls_certificate, &c->tls_key,
                       &c->tls_name, &c->log,    &c->label,           &c->issuers };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(*texts[i]);
    *c = (struct cs_p11_config){ 0 };
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct cs_span trimmed(struct cs_span s)
{
    while (s.len > 0 && is_space(s.at[0]))
        s = cs_span_of(s.at + 1, s.len - 1);
    while (s.len > 0 && is_space(s.at[s.len - 1]))
        s.len--;
    return s;
}

/* Takes what stands before the first c; the rest begins behind it, empty if there is none. */
static struct cs_span cut(struct cs_span *rest, uint8_t c)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->at, c, rest->len) : NULL;
    struct cs_span first = end != NULL ? cs_span_of(rest->at, (size_t)(end - rest->at)) : *rest;
    *rest =
        end != NULL ? cs_span_of(end + 1, rest->len - first.len - 1) : cs_span_of(rest->at + rest->len, 0);
    return first;
}

static cs_result read_timeout(const char *value, struct cs_p11_config *out)
{
    char *end;
    unsigned long s =
        strspn(value, "0123456789") == strlen(value) && strlen(value) <= 3 ? strtoul(value, &end, 10) : 0;
    if (s < 1 || s > 600)
        return CS_ERR(CONFIG);
    out->timeout_ms = (uint32_t)s * 1000;
    return CS_OK;
}

static cs_result read_raw(const char *value, struct cs_p11_config *out)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return CS_ERR(CONFIG);
    out->raw = strcmp(value, "yes") == 0;
    return CS_OK;
}

static cs_result read_issuers(const char *value, struct cs_p11_config *out)
{
    struct cs_span rest = cs_span_str(value);
    size_t n = 0;
    do {
        struct cs_span id = trimmed(cut(&rest, ','));
        if (id.len == 0 || ++n > CS_P11_ISSUERS_MAX)
            return CS_ERR(CONFIG);
    } while (rest.len > 0);
    if (value[strlen(value) - 1] == ',')
        return CS_ERR(CONFIG);
    (void)out;
    return CS_OK;
}

static cs_result read_label(const char *value, struct cs_p11_config *out)
{
    (void)out;
    return strlen(value) <= CS_P11_LABEL_MAX_LEN ? CS_OK : CS_ERR(CONFIG);
}

static const struct key {
    const char *name;
    size_t text; /* offset of a char * that keeps the value, or SIZE_MAX */
    cs_result (*read)(const char *value, struct cs_p11_config *out);
    const char *needed;
} keys[] = {
    { "connect", offsetof(struct cs_p11_config, connect), NULL, "unix:PATH or tls:HOST:PORT" },
    { "tls_ca", offsetof(struct cs_p11_config, tls_ca), NULL, "a file" },
    { "tls_certificate", offsetof(struct cs_p11_config, tls_certificate), NULL, "a file" },
    { "tls_key", offsetof(struct cs_p11_config, tls_key), NULL, "a file" },
    { "tls_name", offsetof(struct cs_p11_config, tls_name), NULL, "a name" },
    { "log", offsetof(struct cs_p11_config, log), NULL, "a file, stderr or none" },
    { "label", offsetof(struct cs_p11_config, label), read_label, "at most 32 octets" },
    { "issuers", offsetof(struct cs_p11_config, issuers), read_issuers, "issuer ids with commas between" },
    { "timeout_s", SIZE_MAX, read_timeout, "seconds from 1 to 600" },
    { "raw", SIZE_MAX, read_raw, "yes or no" },
};
enum { N_KEYS = sizeof keys / sizeof *keys };

static cs_result take(const struct key *key, struct cs_span value, struct cs_p11_config *out)
{
    char *copy = strndup((const char *)value.at, value.len);
    if (copy == NULL)
        return CS_ERR(NO_MEMORY);
    cs_result r = key->read != NULL ? key->read(copy, out) : CS_OK;
    if (cs_ok(r) && key->text != SIZE_MAX)
        memcpy((char *)out + key->text, &copy, sizeof copy);
    else
        free(copy);
    return r;
}

static cs_result read_line(const char *name, unsigned line, struct cs_span text, bool seen[N_KEYS],
                           struct cs_p11_config *out, struct cs_note *note)
{
    text = trimmed(text);
    if (text.len == 0 || text.at[0] == '#')
        return CS_OK;
    struct cs_span value = text, word = trimmed(cut(&value, '='));
    bool has_value = word.len < text.len && memchr(text.at, '=', text.len) != NULL;
    value = trimmed(value);
    for (size_t i = 0; i < N_KEYS; i++) {
        if (!cs_span_is(word, keys[i].name))
            continue;
        if (seen[i]) {
            cs_note_set(note, "%s:%u: %s stands there twice, needed once", name, line, keys[i].name);
            return CS_ERR(CONFIG);
        }
        seen[i] = true;
        cs_result r = has_value && value.len > 0 ? take(&keys[i], value, out) : CS_ERR(CONFIG);
        if (!cs_ok(r))
            cs_note_set(note, "%s:%u: %s: needs %s", name, line, keys[i].name, keys[i].needed);
        return r;
    }
    CS_AUTO_BUF struct cs_buf shown = { 0 };
    cs_text_put(&shown, word, 64);
    cs_note_set(note, "%s:%u: '%.*s' is no key of this file", name, line, (int)shown.len,
                shown.at != NULL ? (const char *)shown.at : "");
    return CS_ERR(CONFIG);
}

CS_RESULT cs_p11_config_parse(const char *name, struct cs_span text, struct cs_p11_config *out,
                              struct cs_note *note)
{
    bool seen[N_KEYS] = { false };
    *out = (struct cs_p11_config){ .timeout_ms = CS_P11_TIMEOUT_DEFAULT_S * 1000, .raw = true };
    cs_result r = CS_OK;
    if (text.len > 0 && memchr(text.at, 0, text.len) != NULL) {
        cs_note_set(note, "%s: there is a NUL octet in it", name);
        r = CS_ERR(CONFIG);
    }
    for (unsigned line = 1; cs_ok(r) && text.len > 0; line++)
        r = read_line(name, line, cut(&text, '\n'), seen, out, note);
    if (cs_ok(r) && out->connect == NULL) {
        cs_note_set(note, "%s: connect is missing, needs %s", name, keys[0].needed);
        r = CS_ERR(CONFIG);
    }
    if (!cs_ok(r))
        cs_p11_config_done(out);
    return r;
}

CS_RESULT cs_p11_config_load(struct cs_p11_config *out, struct cs_note *note)
{
    const char *path = secure_getenv(CS_P11_CONFIG_VARIABLE);
    if (path == NULL || path[0] == '\0')
        path = CS_P11_CONFIG_DEFAULT;
    if (strcmp(path, "-") == 0) { /* would be the host's standard input */
        cs_note_set(note, CS_P11_CONFIG_VARIABLE " '-': needs a file");
        return CS_ERR(CONFIG);
    }
    CS_AUTO_BUF struct cs_buf text = { 0 };
    CS_TRY(cs_read_file(path, CS_P11_CONFIG_MAX_LEN, &text, note));
    return cs_p11_config_parse(path, cs_buf_span(&text), out, note);
}

bool cs_p11_config_shows(const struct cs_p11_config *c, struct cs_span issuer_id)
{
    if (c->issuers == NULL)
        return true;
    struct cs_span rest = cs_span_str(c->issuers);
    while (rest.len > 0)
        if (cs_span_eq(trimmed(cut(&rest, ',')), issuer_id))
            return true;
    return false;
}
