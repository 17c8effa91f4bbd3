#include "proxy/base/secret.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

struct cs_secret {
    size_t len;
    bool locked;
    char text[CS_SECRET_MAX_LEN + 1];
};

void cs_wipe(void *at, size_t len)
{
    explicit_bzero(at, len);
}

CS_RESULT cs_secret_read_fd(int fd, struct cs_secret **out)
{
    struct cs_secret *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return CS_ERR(NO_MEMORY);
    s->locked = mlock(s, sizeof *s) == 0; /* RLIMIT_MEMLOCK may forbid it: the caller may say so */
    (void)madvise(s, sizeof *s, MADV_DONTDUMP);
    (void)madvise(s, sizeof *s, MADV_WIPEONFORK);
    for (;;) {
        ssize_t n = read(fd, s->text + s->len, sizeof s->text - s->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || s->len + (size_t)n > CS_SECRET_MAX_LEN) {
            cs_secret_free(s);
            return n < 0 ? CS_ERR(IO) : CS_ERR(LIMIT);
        }
        if (n == 0)
            break;
        s->len += (size_t)n;
    }
    if (s->len != 0 && s->text[s->len - 1] == '\n')
        s->len--;
    s->text[s->len] = '\0';
    if (s->len == 0) {
        cs_secret_free(s);
        return CS_ERR(FORM);
    }
    *out = s;
    return CS_OK;
}

const char *cs_secret_text(const struct cs_secret *s)
{
    return s->text;
}
size_t cs_secret_len(const struct cs_secret *s)
{
    return s->len;
}
bool cs_secret_is_locked(const struct cs_secret *s)
{
    return s->locked;
}

void cs_secret_free(struct cs_secret *s)
{
    if (s == NULL)
        return;
    cs_wipe(s, sizeof *s);
    (void)munmap(s, sizeof *s);
}
