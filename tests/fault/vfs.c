#include "tests/fault/vfs.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
    enum fault_kind kind;
    unsigned left;
    enum fault_way way;
    bool fired;
} plan;

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
};

static sqlite3_vfs own, *real_vfs;
static sqlite3_mem_methods real_memory;

static bool met(enum fault_kind kind)
{
    if (plan.kind != kind)
        return false;
    if (plan.fired && plan.way == FAULT_ONCE)
        return false;
    if (plan.left != 0) {
        plan.left--;
        return false;
    }
    plan.fired = true;
    return true;
}

static void end_here(void)
{
    if (plan.way != FAULT_KILL)
        return;
    (void)kill(getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

void fault_arm(enum fault_kind kind, unsigned nth, enum fault_way way)
{
    plan.kind = kind;
    plan.left = nth;
    plan.way = way;
    plan.fired = false;
}

bool fault_disarm(void)
{
    plan.kind = FAULT_NONE;
    return plan.fired;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct fault_file *)(void *)f)->real;
}

static int on_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int on_read(sqlite3_file *f, void *at, int n, sqlite3_int64 off)
{
    if (met(FAULT_READ)) {
        end_here();
        return SQLITE_IOERR_READ;
    }
    return real_of(f)->pMethods->xRead(real_of(f), at, n, off);
}

static int on_write(sqlite3_file *f, const void *at, int n, sqlite3_int64 off)
{
    if (met(FAULT_WRITE)) {
        end_here();
        return SQLITE_IOERR_WRITE;
    }
    if (met(FAULT_FULL)) {
        end_here();
        return SQLITE_FULL;
    }
    if (met(FAULT_WRITE_TORN)) {
        (void)real_of(f)->pMethods->xWrite(real_of(f), at, n / 2, off);
        end_here();
        return SQLITE_IOERR_WRITE;
    }
    return real_of(f)->pMethods->xWrite(real_of(f), at, n, off);
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int on_sync(sqlite3_file *f, int flags)
{
    if (met(FAULT_SYNC)) {
        end_here();
        return SQLITE_IOERR_FSYNC;
    }
    return real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int on_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}
static int on_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}
static int on_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}
static int on_check_lock(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}
static int on_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}
static int on_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}
static int on_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int on_shm_map(sqlite3_file *f, int region, int size, int extend, void volatile **out)
{
    if (met(FAULT_SHM)) {
        end_here();
        return SQLITE_IOERR_SHMMAP;
    }
    return real_of(f)->pMethods->xShmMap(real_of(f), region, size, extend, out);
}

static int on_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}
static void on_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}
static int on_shm_unmap(sqlite3_file *f, int drop)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), drop);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_traits,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    (void)vfs;
    struct fault_file *file = (struct fault_file *)(void *)f;
    file->base.pMethods = NULL;
    if (met(FAULT_OPEN)) {
        end_here();
        return SQLITE_CANTOPEN;
    }
    file->real = (sqlite3_file *)(void *)(file + 1);
    int rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out_flags);
    if (rc == SQLITE_OK)
        file->base.pMethods = &methods;
    else if (file->real->pMethods != NULL)
        (void)file->real->pMethods->xClose(file->real);
    return rc;
}

static void *on_malloc(int n)
{
    return met(FAULT_MEMORY) ? NULL : real_memory.xMalloc(n);
}
static void *on_realloc(void *p, int n)
{
    return met(FAULT_MEMORY) ? NULL : real_memory.xRealloc(p, n);
}

void fault_install(void)
{
    sqlite3_mem_methods memory;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) != SQLITE_OK)
        abort();
    memory = real_memory;
    memory.xMalloc = on_malloc;
    memory.xRealloc = on_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &memory) != SQLITE_OK || sqlite3_initialize() != SQLITE_OK)
        abort();
    real_vfs = sqlite3_vfs_find(NULL);
    own = *real_vfs;
    own.zName = "fault";
    own.szOsFile = (int)sizeof(struct fault_file) + real_vfs->szOsFile;
    own.xOpen = on_open;
    if (sqlite3_vfs_register(&own, 1) != SQLITE_OK)
        abort();
}
