/* The vectors of the formats: a log and a witness with known keys, and a tree of eight known leaves. */
#ifndef CS_TESTS_TLOG_VECTORS_H
#define CS_TESTS_TLOG_VECTORS_H

#include "proxy/tlog/checkpoint.h"
#include "proxy/tlog/proof.h"

#define LOG_NAME     "ca.example/countersign-audit"
#define WITNESS_NAME "witness.example/w1"
#define LOG_VKEY     LOG_NAME "+98267374+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
#define WITNESS_VKEY WITNESS_NAME "+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU"
#define ROOT_OF_8    "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg="
#define TEXT_OF_8    LOG_NAME "\n8\n" ROOT_OF_8 "\n"
#define LOG_LINE                                                                                    \
    "\xe2\x80\x94 " LOG_NAME                                                                        \
    " mCZzdLj0updnEE0Rhlyec/EaUBuT1TSxt1hfcDe6qzIVa8J39kDwWvR4pP7QaFVrXRMbYbWjGX7ZVn05+41aLeTh1Q4=" \
    "\n"
#define WITNESS_LINE                                                                                     \
    "\xe2\x80\x94 " WITNESS_NAME                                                                         \
    " 3xwKNQAAAABpVbkAF+WR+4aohWt+WZH7khyCeTPJW5hEsvBPHeChQOlnm8GthGyZfAn3wq+ELPJksK5xgGW6xzk6BNg3/H7W9" \
    "J0QAw=="                                                                                            \
    "\n"
#define NOTE_OF_8    TEXT_OF_8 "\n" LOG_LINE WITNESS_LINE
#define WITNESS_TIME 1767225600u

/* The signer with the seed byte*32. */
struct cs_tlog_signer signer_of(uint8_t byte, const char *name, enum cs_tlog_type type);
struct cs_tlog_key key_of(const char *vkey);
struct cs_sha256 leaf_of(unsigned i); /* 0..7 */
/* cs_tlog_node_get over the eight leaves. */
cs_result node_of_8(void *ctx, unsigned height, uint64_t index, struct cs_sha256 *out);

#endif
