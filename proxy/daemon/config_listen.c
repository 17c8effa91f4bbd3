/* listen and metrics: the sockets of one proxy. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

#include "proxy/daemon/config_parts.h"

enum { TCP_TEXT_MAX_LEN = INET6_ADDRSTRLEN + 8, FDNAME_MAX_LEN = 255 };

/* Octal digits look like a decimal number with a leading zero, so they must stand in quotes. */
static CS_RESULT read_mode(struct cs_config_reading *r, const struct cs_yaml_node *n, unsigned *out)
{
    struct cs_span text;
    CS_TRY(cs_yaml_string(n, 8, &text, r->note));
    bool good = n->style == CS_YAML_QUOTED && text.len == 4 && text.at[0] == '0';
    unsigned mode = 0;
    for (size_t i = 0; i < text.len; i++) {
        good = good && text.at[i] >= '0' && text.at[i] <= '7';
        mode = mode * 8 + (unsigned)(text.at[i] - '0');
    }
    if (!good || (mode & 0111) != 0)
        return cs_yaml_fail(n, r->note, "needed: a mode in quotes, as \"0660\", without execute bits");
    *out = mode;
    return CS_OK;
}

static CS_RESULT read_unix(struct cs_config_reading *r, const struct cs_yaml_node *n, struct cs_listen *l)
{
    CS_TRY(cs_config_path(r, n, &l->path));
    size_t room = sizeof((struct sockaddr_un *)0)->sun_path;
    if (strlen(l->path) >= room)
        return cs_yaml_fail(n, r->note, "%s has %zu bytes; a socket path has at most %zu", l->path,
                            strlen(l->path), room - 1);
    return CS_OK;
}

/* digits without leading zeros, 0 to 65535 */
static bool port_of(const char *text, uint16_t *out)
{
    unsigned v = 0;
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 5 || text[n] != '\0' || (n > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (unsigned)(text[i] - '0');
    *out = (uint16_t)v;
    return v <= UINT16_MAX;
}

/* address_of reads "192.0.2.1:8443" or "[2001:db8::1]:8443": literals only, since a name would let a
 * resolver choose where the door is. */
static bool address_of(char *text, struct cs_listen *l)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    uint16_t port = 0;
    char *colon = strrchr(text, ':');
    if (colon == NULL || !port_of(colon + 1, &port))
        return false;
    *colon = '\0';
    size_t len = strlen(text);
    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        text[len - 1] = '\0';
        in6.sin6_port = htons(port);
        memcpy(&l->address, &in6, sizeof in6);
        l->address_len = sizeof in6;
        return inet_pton(AF_INET6, text + 1, &((struct sockaddr_in6 *)(void *)&l->address)->sin6_addr) == 1;
    }
    in.sin_port = htons(port);
    memcpy(&l->address, &in, sizeof in);
    l->address_len = sizeof in;
    return inet_pton(AF_INET, text, &((struct sockaddr_in *)(void *)&l->address)->sin_addr) == 1;
}

static CS_RESULT read_tcp(struct cs_config_reading *r, const struct cs_yaml_node *n, struct cs_listen *l)
{
    struct cs_span text;
    char copy[TCP_TEXT_MAX_LEN + 1];
    CS_TRY(cs_yaml_string(n, TCP_TEXT_MAX_LEN, &text, r->note));
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (!address_of(copy, l))
        return cs_yaml_fail(n, r->note,
                            "needed: an address and a port, as \"127.0.0.1:8443\" or \"[::1]:8443\"");
    return cs_config_keep(r, text, &l->tcp);
}

static CS_RESULT read_tls(struct cs_config_reading *r, const struct cs_yaml_node *n, struct cs_listen *l)
{
    enum { CERTIFICATE, KEY, REVOCATION, N };
    struct cs_yaml_field f[N] = {
        [CERTIFICATE] = { .key = "certificate", .required = true },
        [KEY] = { .key = "key", .required = true },
        [REVOCATION] = { .key = "revocation" },
    };
    CS_TRY(cs_yaml_fields(n, f, N, r->note));
    l->tls = true;
    CS_TRY(cs_config_path(r, f[CERTIFICATE].value, &l->certificate));
    CS_TRY(cs_config_path(r, f[KEY].value, &l->key));
    if (f[REVOCATION].value == NULL)
        return CS_OK;
    CS_TRY(cs_yaml_sequence(f[REVOCATION].value, 1, CS_REVOCATION_FILES_MAX, r->note));
    for (const struct cs_yaml_node *e = f[REVOCATION].value->first; e != NULL; e = e->next)
        CS_TRY(cs_config_path(r, e, &l->revocation[l->n_revocation++]));
    return CS_OK;
}

static bool same_text(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* Not among those before it; free ports are chosen anew each time. */
static CS_RESULT check_new(struct cs_config_reading *r, const struct cs_yaml_node *n,
                           const struct cs_yaml_node *name, const struct cs_listen *l)
{
    bool free_port = l->tcp != NULL && strlen(l->tcp) > 2 && strcmp(l->tcp + strlen(l->tcp) - 2, ":0") == 0;
    for (uint32_t i = 0; i < r->c->n_listen; i++) {
        const struct cs_listen *o = &r->c->listen[i];
        if (same_text(o->path, l->path))
            return cs_yaml_fail(n, r->note, "listen[%u] has this path", i);
        if (!free_port && o->tcp != NULL && l->tcp != NULL && o->address_len == l->address_len &&
            memcmp(&o->address, &l->address, l->address_len) == 0)
            return cs_yaml_fail(n, r->note, "listen[%u] has this address", i);
        if (same_text(o->systemd, l->systemd))
            return cs_yaml_fail(n, r->note, "listen[%u] takes this descriptor", i);
        if (l->name[0] != '\0' && strcmp(o->name, l->name) == 0)
            return cs_yaml_fail(name, r->note, "listen[%u] has this name", i);
    }
    return CS_OK;
}

static CS_RESULT read_one(struct cs_config_reading *r, const struct cs_yaml_node *n)
{
    enum { UNIX, TCP, SYSTEMD, MODE, NAME, TLS, REFLECTION, AGE, N };
    struct cs_yaml_field f[N] = {
        [UNIX] = { .key = "unix" },
        [TCP] = { .key = "tcp" },
        [SYSTEMD] = { .key = "systemd" },
        [MODE] = { .key = "mode" },
        [NAME] = { .key = "name" },
        [TLS] = { .key = "tls" },
        [REFLECTION] = { .key = "reflection" },
        [AGE] = { .key = "max_connection_age_s" },
    };
    CS_TRY(cs_yaml_fields(n, f, N, r->note));
    struct cs_listen l = { .name = "" };
    const struct cs_yaml_node *where[] = { f[UNIX].value, f[TCP].value, f[SYSTEMD].value };
    if ((where[0] != NULL) + (where[1] != NULL) + (where[2] != NULL) != 1)
        return cs_yaml_fail(n, r->note, "needed: one of unix, tcp and systemd");
    if ((f[UNIX].value != NULL) != (f[MODE].value != NULL))
        return cs_yaml_fail(n, r->note, "mode goes with unix, and unix needs it");
    if (f[TCP].value != NULL && f[TLS].value == NULL)
        return cs_yaml_fail(n, r->note, "tcp needs tls: without it nobody could tell who calls");
    if (f[UNIX].value != NULL && f[TLS].value != NULL)
        return cs_yaml_fail(f[TLS].value, r->note, "on a Unix socket the kernel says who calls; no tls");
    struct cs_span text;
    if (f[UNIX].value != NULL) {
        CS_TRY(read_unix(r, f[UNIX].value, &l));
        CS_TRY(read_mode(r, f[MODE].value, &l.mode));
    } else if (f[TCP].value != NULL) {
        CS_TRY(read_tcp(r, f[TCP].value, &l));
    } else {
        CS_TRY(cs_yaml_id(f[SYSTEMD].value, FDNAME_MAX_LEN, &text, r->note));
        CS_TRY(cs_config_keep(r, text, &l.systemd));
    }
    if (f[NAME].value != NULL) {
        CS_TRY(cs_yaml_id(f[NAME].value, CS_LISTENER_NAME_MAX_LEN, &text, r->note));
        CS_TRY(cs_config_keep(r, text, &l.name));
    }
    if (f[TLS].value != NULL)
        CS_TRY(read_tls(r, f[TLS].value, &l));
    if (f[REFLECTION].value != NULL)
        CS_TRY(cs_yaml_bool(f[REFLECTION].value, &l.reflection, r->note));
    uint64_t age_s = 0;
    if (f[AGE].value != NULL)
        CS_TRY(cs_yaml_u64(f[AGE].value, 0, CS_LISTENER_MAX_AGE_MAX_S, &age_s, r->note));
    l.max_age_s = (uint32_t)age_s;
    CS_TRY(check_new(r,
                     where[0] != NULL   ? where[0]
                     : where[1] != NULL ? where[1]
                                        : where[2],
                     f[NAME].value, &l));
    r->c->listen[r->c->n_listen++] = l;
    return CS_OK;
}

CS_RESULT cs_config_read_listen(struct cs_config_reading *r, const struct cs_yaml_node *n)
{
    CS_TRY(cs_yaml_sequence(n, 1, CS_LISTEN_MAX, r->note));
    for (const struct cs_yaml_node *e = n->first; e != NULL; e = e->next)
        CS_TRY(read_one(r, e));
    return CS_OK;
}

static bool is_loopback(const struct cs_listen *l)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    memcpy(&in, &l->address, sizeof in);
    memcpy(&in6, &l->address, sizeof in6);
    return l->address.ss_family == AF_INET ? ntohl(in.sin_addr.s_addr) >> 24 == 127
                                           : IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

CS_RESULT cs_config_read_metrics(struct cs_config_reading *r, const struct cs_yaml_node *n)
{
    enum { UNIX, MODE, TCP, N };
    struct cs_yaml_field f[N] = {
        [UNIX] = { .key = "unix" }, [MODE] = { .key = "mode" }, [TCP] = { .key = "tcp" }
    };
    CS_TRY(cs_yaml_fields(n, f, N, r->note));
    struct cs_listen l = { .name = "", .metrics = true };
    if ((f[UNIX].value == NULL) == (f[TCP].value == NULL) ||
        (f[UNIX].value != NULL) != (f[MODE].value != NULL))
        return cs_yaml_fail(n, r->note, "needed: either unix and mode, or tcp");
    if (f[UNIX].value != NULL) {
        CS_TRY(read_unix(r, f[UNIX].value, &l));
        CS_TRY(read_mode(r, f[MODE].value, &l.mode));
    } else {
        CS_TRY(read_tcp(r, f[TCP].value, &l));
        if (!is_loopback(&l))
            return cs_yaml_fail(
                f[TCP].value, r->note,
                "the numbers are shown to everybody who connects: an address of 127.0.0.0/8 or [::1]");
    }
    CS_TRY(check_new(r, f[UNIX].value != NULL ? f[UNIX].value : f[TCP].value, NULL, &l));
    r->c->listen[r->c->n_listen++] = l;
    return CS_OK;
}
