/*
 * Folder of runs: which runs there are, which of them cover the numbers from 1 on, sealing the next
 * group and merging. Everything in the folder is derived; whatever is missing or bad is made again.
 *
 * Groups: a run of level 0 covers CS_RUN_GROUP numbers, aligned; CS_RUN_FAN runs of a level merge into
 * one of the next. 10^7 numbers stand in about 35 runs.
 *
 * One writer at a time (a lock file); any number of readers, without a lock: a reader keeps the runs it
 * opened, also when the writer has replaced them by a merged one.
 */
#ifndef CS_KEYINDEX_FOLDER_H
#define CS_KEYINDEX_FOLDER_H

#include "proxy/keyindex/run.h"
#include "proxy/keyindex/run_write.h"

enum { CS_RUN_GROUP = 4096, CS_RUN_FAN = CS_RUN_MERGE_MAX };

struct cs_run_folder {
    char *path; /* for notes */
    int fd;
    int lock_fd; /* -1: reader */
    uint32_t index;
    struct cs_run **run; /* ascending, beside one another, from number 1; gaps are possible */
    uint32_t n_runs;
    uint32_t n_bad; /* files that were refused, since open */
};

/* cs_run_folder_open opens path; a writer makes it (0700) when it is missing and takes the lock. AGAIN
 * when another writer has it, NOT_FOUND when a reader's folder is missing, IO with a note. The zero
 * state with fd -1 is what is left on failure. Bad files are skipped, by a writer also removed, and
 * counted; *note then names the last of them. */
CS_RESULT cs_run_folder_open(const char *path, uint32_t index, bool write, struct cs_run_folder *out,
                             struct cs_note *note);
void cs_run_folder_close(struct cs_run_folder *f);

/* cs_run_folder_covers is true when a run of the folder holds the number. */
bool cs_run_folder_covers(const struct cs_run_folder *f, uint64_t number);

/* cs_run_folder_seal writes the run of the group that begins at from (aligned: from - 1 is a multiple of
 * CS_RUN_GROUP) and takes it up. Writer only. */
CS_RESULT cs_run_folder_seal(struct cs_run_folder *f, uint64_t from, const struct cs_sha256 *cover,
                             struct cs_postings *p, struct cs_note *note);

/* cs_run_folder_merge merges while there are CS_RUN_FAN aligned runs of a level side by side. A run that
 * turns out bad is dropped, its file removed, and counted in n_bad; the caller seals its groups again.
 * *out_merges counts. Writer only. */
CS_RESULT cs_run_folder_merge(struct cs_run_folder *f, uint32_t *out_merges, struct cs_note *note);

/* cs_run_folder_drop closes run i; a writer removes its file too. */
void cs_run_folder_drop(struct cs_run_folder *f, uint32_t i);

#endif
