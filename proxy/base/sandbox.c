#include "proxy/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proxy/base/io.h"
#include "proxy/base/log.h"
#include "proxy/base/sandbox_build.h"

CS_RESULT cs_sandbox_basic(void)
{
    const struct rlimit none = { 0, 0 };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        setrlimit(RLIMIT_CORE, &none) != 0)
        return CS_ERR(IO);
    return CS_OK;
}

#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* Needed to keep files of one's own in a directory: SQLite's WAL, SoftHSM's objects. */
#define WRITING                                                                                      \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |     \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_FIFO | \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define NEVER (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)
/* What may be granted on something that is not a directory. */
#define FILE_RIGHTS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)

static CS_RESULT grant(int ruleset, const char *const *paths, uint64_t rights, struct cs_note *note)
{
    for (; paths != NULL && *paths != NULL; paths++) {
        CS_AUTO_FD int fd = open(*paths, O_PATH | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) != 0) {
            cs_note_set(note, "%s: %s", *paths, strerror(errno));
            return CS_ERR(IO);
        }
        struct landlock_path_beneath_attr rule = { .parent_fd = fd,
                                                   .allowed_access =
                                                       S_ISDIR(st.st_mode) ? rights : rights & FILE_RIGHTS };
        if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
            cs_note_set(note, "%s: %s", *paths, strerror(errno));
            return CS_ERR(IO);
        }
    }
    return CS_OK;
}

CS_RESULT cs_sandbox_confine(const struct cs_sandbox_files *files, struct cs_note *note)
{
    if (CS_SANDBOX_SANITIZED) {
        cs_note_set(note, "not in a build with sanitizers");
        return CS_ERR(NOT_FOUND);
    }
    struct landlock_ruleset_attr attr = { .handled_access_fs = READING | NEVER };
    if (files->write != NULL)
        attr.handled_access_fs |= WRITING;
    CS_AUTO_FD int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0) {
        cs_note_set(note, "the kernel has no Landlock: %s", strerror(errno));
        return CS_ERR(NOT_FOUND);
    }
    CS_TRY(grant(ruleset, files->read, READING, note));
    CS_TRY(grant(ruleset, files->write, READING | WRITING, note));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) {
        cs_note_set(note, "restrict: %s", strerror(errno));
        return CS_ERR(IO);
    }
    return CS_OK;
}

void cs_sandbox_enter(enum cs_sandbox_role role, const struct cs_sandbox_files *files)
{
    struct cs_note landlock = { "on" }, seccomp = { "on" };
    bool confined = cs_ok(cs_sandbox_confine(files, &landlock)); /* first: the filter forbids it */
    bool filtered = cs_ok(cs_sandbox_filter(role, &seccomp));
    cs_log_begin(confined && filtered ? CS_LOG_INFO : CS_LOG_WARNING, "sandbox");
    cs_log_str("landlock", landlock.text);
    cs_log_str("seccomp", seccomp.text);
    cs_log_end();
}
