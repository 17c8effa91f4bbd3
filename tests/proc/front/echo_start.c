#include "tests/proc/front/echo_start.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/base/io.h"
#include "proxy/ipc/frontconf.h"
#include "proxy/ipc/process.h"

void echo_die(const char *what)
{
    perror(what);
    exit(1);
}

/* The front, with its descriptors at their numbers and every other one closed. */
static pid_t start_front(const char *program, const int *inherits, int n)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int high[8];
    for (int i = 0; i < n; i++)
        if ((high[i] = fcntl(inherits[i], F_DUPFD, 100)) < 0)
            echo_die("fcntl");
    for (int i = 0; i < n; i++)
        if (dup2(high[i], CS_FD_LIFELINE + i) < 0)
            echo_die("dup2");
    (void)close(0);
    (void)close(1);
    (void)close_range((unsigned)(CS_FD_LIFELINE + n), ~0u, 0);
    (void)execl(program, "countersign-front", (char *)NULL);
    _exit(127);
}

/* Memory with these bytes, to be read from its start. */
static int memory_of(struct cs_span bytes)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    if (fd < 0 || !cs_ok(cs_write_all(fd, bytes)) || lseek(fd, 0, SEEK_SET) != 0)
        echo_die("memfd");
    return fd;
}

static int conf_of(const struct cs_frontconf *conf)
{
    CS_AUTO_BUF struct cs_buf bytes = { 0 };
    if (!cs_ok(cs_frontconf_put(&bytes, conf)))
        echo_die("configuration");
    return memory_of(cs_buf_span(&bytes));
}

static int listen_at(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof addr.sun_path)
        echo_die("path");
    memcpy(addr.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof addr) != 0 || listen(fd, 256) != 0)
        echo_die("listen");
    return fd;
}

static int listen_on_port(const char *path)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof addr) != 0 || listen(fd, 256) != 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
        echo_die("listen");
    char file[256];
    (void)snprintf(file, sizeof file, "%s.port", path);
    FILE *out = fopen(file, "w");
    if (out == NULL || fprintf(out, "%u", ntohs(addr.sin_port)) < 0 || fclose(out) != 0)
        echo_die("port");
    return fd;
}

int echo_open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        echo_die(path);
    return fd;
}

pid_t echo_start(const char *program, const char *path, const char *material, int take_lifeline,
                 int take_channel)
{
    enum { FIXED = 5 };
    struct cs_frontconf conf = { .n_listeners = 1, .listener = { { .name = "door" } } };
    conf.listener[0].reflection = getenv("CS_ECHO_REFLECTION") != NULL;
    if (getenv("CS_ECHO_MAX_AGE_S") != NULL)
        conf.listener[0].max_age_s = (uint32_t)strtoul(getenv("CS_ECHO_MAX_AGE_S"), NULL, 10);
    int inherits[FIXED + 2] = { take_lifeline, take_channel, -1, -1, listen_at(path) }, n = FIXED;
    inherits[3] = material != NULL ? echo_open_file(material) : memory_of((struct cs_span){ NULL, 0 });
    if (material != NULL) {
        inherits[n++] = listen_on_port(path);
        conf.listener[conf.n_listeners++] = (struct cs_listener_facts){ .name = "api-tls", .tls = true };
    }
    if (getenv("CS_ECHO_METRICS") != NULL) {
        char numbers[sizeof(struct sockaddr_un)];
        (void)snprintf(numbers, sizeof numbers, "%s.m", path);
        inherits[n++] = listen_at(numbers);
        conf.listener[conf.n_listeners++] = (struct cs_listener_facts){ .name = "numbers", .metrics = true };
    }
    inherits[2] = conf_of(&conf);
    pid_t pid = start_front(program, inherits, n);
    if (pid < 0)
        echo_die("fork");
    for (int i = 0; i < n; i++)
        (void)close(inherits[i]);
    return pid;
}
