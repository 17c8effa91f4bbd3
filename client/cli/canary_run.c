/* One process for each identity: it becomes the peer, works, and tells what came of it in lines of JSON. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/cli/canary.h"
#include "proxy/base/io.h"

enum { OUTPUT_MAX_LEN = 16 * 1024 * 1024, NO_PRIVILEGE = 1, NO_OUTPUT = 2 };

void cs_canary_say(int fd, json_t *line)
{
    char *text = line != NULL ? json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(line);
    bool said = text != NULL && cs_ok(cs_write_all(fd, cs_span_str(text))) &&
                cs_ok(cs_write_all(fd, cs_span_str("\n")));
    free(text);
    if (!said)
        _exit(NO_OUTPUT); /* the parent sees that the end is missing */
}

struct countersign_options cs_canary_options(const struct cs_canary_config *config,
                                             const struct cs_canary_peer *peer)
{
    return (struct countersign_options){
        .size = sizeof(struct countersign_options),
        .address = peer->address,
        .tls_ca = peer->tls_ca,
        .tls_certificate = peer->tls_certificate,
        .tls_key = peer->tls_key,
        .tls_name = peer->tls_name,
        .timeout_ms = config->timeout_ms,
    };
}

/* For good: real, effective and saved ids, no supplementary groups, nothing to be gained by execve. */
static bool become(const struct cs_canary_peer *p)
{
    uid_t uid = p->has_uid ? (uid_t)p->uid : geteuid();
    gid_t gid = p->has_gid ? (gid_t)p->gid : getegid();
    bool groups = geteuid() != 0 || (uid == 0 && gid == getegid()) || setgroups(1, &gid) == 0;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && groups && setresgid(gid, gid, gid) == 0 &&
           setresuid(uid, uid, uid) == 0 && geteuid() == uid && getegid() == gid;
}

static _Noreturn void be_the_peer(const struct cs_canary_peer *peer, cs_canary_work *work, const void *job,
                                  int fd)
{
    if (!become(peer))
        _exit(NO_PRIVILEGE);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) /* after the change of uid, which clears it */
        _exit(NO_OUTPUT);
    work(job, fd);
    _exit(0);
}

static bool take_lines(int fd, cs_canary_take *take, void *to)
{
    CS_AUTO_BUF struct cs_buf line = { 0 };
    size_t total = 0;
    uint8_t room[65536];
    for (;;) {
        ssize_t n = read(fd, room, sizeof room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || (total += (size_t)n) > OUTPUT_MAX_LEN)
            return n == 0 && line.len == 0;
        for (ssize_t i = 0; i < n; i++) {
            if (room[i] != '\n') {
                cs_buf_put_u8(&line, room[i]);
                continue;
            }
            json_t *document =
                line.failed ? NULL
                            : json_loadb((const char *)line.at, line.len, JSON_REJECT_DUPLICATES, NULL);
            if (document == NULL)
                return false;
            take(to, document);
            json_decref(document);
            cs_buf_reset(&line);
        }
    }
}

static bool is_own(const struct cs_canary_peer *p)
{
    return (!p->has_uid || p->uid == geteuid()) && (!p->has_gid || p->gid == getegid());
}

bool cs_canary_child(const struct cs_canary_peer *peer, cs_canary_work *work, const void *job,
                     cs_canary_take *take, void *to, struct cs_note *note)
{
    int fds[2] = { -1, -1 }, status = 0;
    if (geteuid() != 0 && !is_own(peer)) {
        cs_note_set(note, "only root can be another uid or gid; this is uid %u, gid %u", geteuid(),
                    getegid());
        return false;
    }
    if (pipe2(fds, O_CLOEXEC) != 0) {
        cs_note_set(note, "no pipe: %s", strerror(errno));
        return false;
    }
    CS_AUTO_FD int out_fd = fds[0], in_fd = fds[1];
    pid_t pid = fork();
    if (pid == 0)
        be_the_peer(peer, work, job, in_fd);
    cs_auto_fd(&in_fd);
    in_fd = -1;
    if (pid < 0) {
        cs_note_set(note, "no process: %s", strerror(errno));
        return false;
    }
    bool whole = take_lines(out_fd, take, to);
    if (!whole)
        (void)kill(pid, SIGTERM);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (whole && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_PRIVILEGE)
        cs_note_set(note, "cannot become uid %u, gid %u: not permitted here",
                    peer->has_uid ? peer->uid : geteuid(), peer->has_gid ? peer->gid : getegid());
    else
        cs_note_set(note, "the process that asked did not come to its end (status %d)", status);
    return false;
}
