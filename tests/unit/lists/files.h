/* Files of one test in a folder of its own. */
#ifndef TESTS_UNIT_LISTS_FILES_H
#define TESTS_UNIT_LISTS_FILES_H

#include "proxy/base/bytes.h"

#define PSL_HEAD "// ===BEGIN ICANN DOMAINS===\n"
#define PSL_TAIL "// ===END ICANN DOMAINS===\n"

enum { FILES_PATH_LEN = 128 };

/* cmocka group fixtures: make and remove the folder. */
int files_setup(void **state);
int files_teardown(void **state);
/* files_put writes name in the folder, last modified at modified_unix_s (0: now), and returns its path,
 * which is good until the same slot is used again. */
const char *files_put(unsigned slot, struct cs_span content, int64_t modified_unix_s);

#endif
