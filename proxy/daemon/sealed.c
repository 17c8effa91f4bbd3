#include "proxy/daemon/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proxy/base/io.h"

CS_RESULT cs_sealed_copy(const char *name, struct cs_span bytes, int *out_fd, struct cs_note *note)
{
    CS_AUTO_FD int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || !cs_ok(cs_write_all(fd, bytes)) || lseek(fd, 0, SEEK_SET) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
        cs_note_set(note, "%s: %s", name, strerror(errno));
        return CS_ERR(IO);
    }
    *out_fd = fd;
    fd = -1;
    return CS_OK;
}
