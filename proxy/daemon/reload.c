#include "proxy/daemon/reload.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/io.h"
#include "proxy/base/log.h"
#include "proxy/ipc/process.h"

static bool send_material(int lifeline, int fd)
{
    uint8_t word = CS_LIFELINE_TLS;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec one = { &word, 1 };
    struct msghdr m = {
        .msg_iov = &one, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof fd),
                           .cmsg_level = SOL_SOCKET,
                           .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    return sendmsg(lifeline, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

static void reload(struct cs_house *h, const char *because)
{
    const struct cs_child *front = &h->child[h->n_children - 1];
    CS_AUTO_FD int fd = -1;
    struct cs_note note = { "" };
    cs_tls_files_stamp(h->config, &h->stamps); /* first: what changes while it is read shows again */
    cs_result r = cs_tls_files_open(h->config, h->policy, CS_TLS_FILES_RELOAD, &fd, &note);
    if (!cs_ok(r))
        cs_log(CS_LOG_ERROR, "reload-failed", "%s: %s; the old TLS files stay in use", because, note.text);
    else if (front->lifeline < 0 || !send_material(front->lifeline, fd))
        cs_log(CS_LOG_ERROR, "reload-failed", "%s: the front does not take it: %s", because, strerror(errno));
    else
        cs_log(CS_LOG_INFO, "reload", "%s: TLS files read again", because);
}

void cs_house_reload(struct cs_house *h)
{
    if (cs_tls_files_any(h->config))
        reload(h, "SIGHUP");
    cs_log(CS_LOG_WARNING, "reload", "a new policy or configuration needs a restart");
}

void cs_house_watch(struct cs_house *h)
{
    struct cs_tls_stamps now;
    cs_tls_files_stamp(h->config, &now);
    if (memcmp(&now, &h->stamps, sizeof now) != 0)
        reload(h, "a revocation list changed");
}
