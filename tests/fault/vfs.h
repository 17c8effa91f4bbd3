/*
 * Fault VFS: stands in for SQLite's own and lets the n-th operation of one kind fail, or ends the
 * process at it.
 */
#ifndef CS_TESTS_FAULT_VFS_H
#define CS_TESTS_FAULT_VFS_H

#include <stdbool.h>

enum fault_kind {
    FAULT_NONE = 0,
    FAULT_OPEN,
    FAULT_READ,
    FAULT_WRITE,      /* nothing of it is written */
    FAULT_WRITE_TORN, /* the first half of it is */
    FAULT_FULL,       /* a write finds the disk full */
    FAULT_SYNC,
    FAULT_SHM,    /* mapping the index of the log */
    FAULT_MEMORY, /* SQLite's allocator */
    FAULT_KINDS,
};

enum fault_way { FAULT_ONCE, FAULT_FOR_GOOD, FAULT_KILL };

/* fault_install makes it the default; before the first use of SQLite in the process. */
void fault_install(void);
/* The nth (from 0) operation of the kind from now on fails; FOR_GOOD: and all later ones. */
void fault_arm(enum fault_kind kind, unsigned nth, enum fault_way way);
/* fault_disarm says whether the fault was met. */
bool fault_disarm(void);

#endif
