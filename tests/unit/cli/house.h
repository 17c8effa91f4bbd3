/* Runs commands inside the test, in a temporary folder of its own. */
#ifndef CS_TESTS_CLI_HOUSE_H
#define CS_TESTS_CLI_HOUSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/cli/cli.h"

/* cmocka group set-up and tear-down: the working directory is the temporary folder in between. */
int house_enter(void **state);
int house_leave(void **state);

struct ran {
    int code;
    char *out, *err;
    size_t out_len, err_len;
};
/* run takes the words behind "countersign", the last one NULL; free with ran_done. */
struct ran run(const char *word, ...) __attribute__((sentinel));
struct ran run_words(int n, const char *const *words);
void ran_done(struct ran *r);
/* Runs, asserts the code, and frees; prints both streams when the code differs. */
void expect(int code, const char *word, ...) __attribute__((sentinel));

void put_file(const char *name, const char *text);
struct cs_span get_file(const char *name, struct cs_buf *out);

/* An EC CA with SKI (ca.pem, ca.key) and a CSR (leaf.csr) for the names given. */
void make_ca(const char *curve);
void make_csr(const char *san, bool spoil_signature);

#endif
