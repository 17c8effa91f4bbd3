#include "proxy/daemon/activation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/io.h"

enum { FIRST_FD = 3 }; /* SD_LISTEN_FDS_START */

/* Decimal digits and nothing else; -1 when it is something else or too large. */
static long number_of(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n > 0 && n <= 9 && text[n] == '\0' ? strtol(text, NULL, 10) : -1;
}

/* The n-th of the names between colons, or "" */
static struct cs_span name_at(const char *names, uint32_t n)
{
    for (; n > 0 && names != NULL; n--) {
        names = strchr(names, ':');
        if (names != NULL)
            names++;
    }
    return names != NULL ? cs_span_of(names, strcspn(names, ":")) : cs_span_str("");
}

static CS_RESULT take_all(struct cs_activation *a, long n, const char *names, struct cs_note *note)
{
    if (n < 0 || n > CS_ACTIVATION_MAX) {
        cs_note_set(note, "LISTEN_FDS: not a number of 0 to %d", CS_ACTIVATION_MAX);
        return CS_ERR(CONFIG);
    }
    for (uint32_t i = 0; i < (uint32_t)n; i++) {
        int fd = FIRST_FD + (int)i;
        struct cs_span name = name_at(names, i);
        if (name.len > CS_ACTIVATION_NAME_MAX_LEN || !cs_ok(cs_set_cloexec(fd, true))) {
            cs_note_set(note, "LISTEN_FDS: descriptor %d is not there, or its name is too long", fd);
            return CS_ERR(CONFIG);
        }
        a->socket[i].fd = fd;
        if (name.len != 0)
            memcpy(a->socket[i].name, name.at, name.len);
        a->n++;
    }
    return CS_OK;
}

CS_RESULT cs_activation_init(struct cs_activation *a, struct cs_note *note)
{
    *a = (struct cs_activation){ 0 };
    const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
    cs_result r = CS_OK;
    if (pid != NULL && n != NULL && number_of(pid) == (long)getpid())
        r = take_all(a, number_of(n), getenv("LISTEN_FDNAMES"), note);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return r;
}

static int option_of(int fd, int name)
{
    int v = -1;
    socklen_t len = sizeof v;
    return getsockopt(fd, SOL_SOCKET, name, &v, &len) == 0 ? v : -1;
}

/* What is wrong with the socket, or NULL. */
static const char *fault_of(int fd, bool tls)
{
    if (option_of(fd, SO_TYPE) != SOCK_STREAM || option_of(fd, SO_ACCEPTCONN) != 1)
        return "is no stream socket that listens (ListenStream=, Accept=no)";
    switch (option_of(fd, SO_DOMAIN)) {
    case AF_UNIX:
        return tls ? "is a Unix socket; no tls there" : NULL;
    case AF_INET:
    case AF_INET6:
        return tls ? NULL : "is a TCP socket, which needs tls: without it nobody could tell who calls";
    default:
        return "is neither a Unix nor a TCP socket";
    }
}

CS_RESULT cs_activation_take(struct cs_activation *a, const char *name, bool tls, int *out_fd,
                             struct cs_note *note)
{
    int *found = NULL;
    for (uint32_t i = 0; i < a->n; i++) {
        if (strcmp(a->socket[i].name, name) != 0)
            continue;
        if (found != NULL) {
            cs_note_set(note, "systemd: two descriptors are named %s; FileDescriptorName= has to differ",
                        name);
            return CS_ERR(CONFIG);
        }
        found = &a->socket[i].fd;
    }
    if (found == NULL || *found < 0) {
        cs_note_set(note, "systemd: the service manager passes no descriptor named %s (%u passed)", name,
                    a->n);
        return CS_ERR(CONFIG);
    }
    const char *fault = fault_of(*found, tls);
    if (fault != NULL) {
        cs_note_set(note, "systemd: %s %s", name, fault);
        return CS_ERR(CONFIG);
    }
    *out_fd = *found;
    *found = -1;
    return CS_OK;
}

CS_RESULT cs_activation_end(const struct cs_activation *a, struct cs_note *note)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (a->socket[i].fd >= 0) {
            cs_note_set(note, "systemd: descriptor %s was passed and no listen entry takes it",
                        a->socket[i].name);
            return CS_ERR(CONFIG);
        }
    return CS_OK;
}

void cs_activation_done(struct cs_activation *a)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (a->socket[i].fd >= 0)
            (void)close(a->socket[i].fd);
    *a = (struct cs_activation){ 0 };
}
