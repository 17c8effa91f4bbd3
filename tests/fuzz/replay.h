/* What a fuzz target gives: the function under the fuzzer, and seeds to begin with. */
#ifndef CS_TESTS_FUZZ_REPLAY_H
#define CS_TESTS_FUZZ_REPLAY_H

#include "proxy/base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);
/* The n-th seed, valid until the next call; false past the last one. */
bool fuzz_seed(unsigned n, struct cs_span *out);

#endif
