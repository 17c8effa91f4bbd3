#include <stdlib.h>

#include "client/lib/library.h"

void cs_address_done(struct cs_address *a)
{
    char **texts[] = { &a->socket_path,      &a->host,     &a->port, &a->ca_file,
                       &a->certificate_file, &a->key_file, &a->name };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(*texts[i]);
    *a = (struct cs_address){ 0 };
}

static cs_result copy(const char *text, char **out)
{
    if (text == NULL)
        return CS_OK;
    *out = strdup(text);
    return *out != NULL ? CS_OK : CS_ERR(NO_MEMORY);
}

static cs_result refuse_address(const char *address, struct cs_note *note)
{
    cs_note_set(note, "address '%.200s': needs unix:/path or tls:host:port", address);
    return CS_ERR(ARGUMENT);
}

/* host:port; an IPv6 address stands in brackets. */
static cs_result read_host(const char *address, const char *text, struct cs_address *out,
                           struct cs_note *note)
{
    const char *host = text, *end, *port;
    if (*text == '[') {
        host++;
        end = strchr(host, ']');
        port = end != NULL && end[1] == ':' ? end + 2 : NULL;
    } else {
        end = strchr(text, ':');
        port = end != NULL ? end + 1 : NULL;
    }
    if (port == NULL || end == host || end - host > 253 || *port == '\0' || strlen(port) > 5 ||
        strspn(port, "0123456789") != strlen(port) || atoi(port) < 1 || atoi(port) > 65535)
        return refuse_address(address, note);
    out->host = strndup(host, (size_t)(end - host));
    out->port = strdup(port);
    return out->host != NULL && out->port != NULL ? CS_OK : CS_ERR(NO_MEMORY);
}

static cs_result read_all(const struct countersign_options *o, struct cs_address *out, struct cs_note *note)
{
    const struct {
        const char *name, *value;
        char **to;
    } files[] = {
        { "tls_ca", o->tls_ca, &out->ca_file },
        { "tls_certificate", o->tls_certificate, &out->certificate_file },
        { "tls_key", o->tls_key, &out->key_file },
    };
    if (o->address == NULL)
        return refuse_address("", note);
    bool tls = strncmp(o->address, "tls:", 4) == 0;
    if (tls)
        CS_TRY(read_host(o->address, o->address + 4, out, note));
    else if (strncmp(o->address, "unix:", 5) == 0 && o->address[5] != '\0')
        CS_TRY(copy(o->address + 5, &out->socket_path));
    else
        return refuse_address(o->address, note);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (tls != (files[i].value != NULL)) {
            cs_note_set(note, "%s: %s", files[i].name,
                        tls ? "missing, needed for a tls: address" : "given, but the address is no tls: one");
            return CS_ERR(ARGUMENT);
        }
        CS_TRY(copy(files[i].value, files[i].to));
    }
    if (!tls && o->tls_name != NULL) {
        cs_note_set(note, "tls_name: given, but the address is no tls: one");
        return CS_ERR(ARGUMENT);
    }
    return copy(o->tls_name, &out->name);
}

CS_RESULT cs_address_read(const struct countersign_options *o, struct cs_address *out, struct cs_note *note)
{
    *out = (struct cs_address){ 0 };
    cs_result r = read_all(o, out, note);
    if (!cs_ok(r))
        cs_address_done(out);
    return r;
}
