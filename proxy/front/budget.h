/*
 * Frame budget: frames that cost us work and carry nothing (SETTINGS, WINDOW_UPDATE, PRIORITY, empty
 * DATA, unknown types) are paid from a bucket that refills with time and with every frame of payload that
 * passes. A client that works never empties it; a flood of SETTINGS, of WINDOW_UPDATE or of empty DATA
 * does, and its connection ends (protocols: rapid reset and PING have limits of their own). Pure.
 */
#ifndef CS_FRONT_BUDGET_H
#define CS_FRONT_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CS_BUDGET_MAX = 1000,
    CS_BUDGET_PER_S = 100,
    CS_BUDGET_DEAR = 10,  /* SETTINGS, empty DATA, unknown types */
    CS_BUDGET_CHEAP = 1,  /* WINDOW_UPDATE, PRIORITY */
    CS_BUDGET_EARNED = 4, /* by a frame with payload, either way */
};

struct cs_budget {
    bool begun;
    int64_t left;
    int64_t last_mono_us;
};

/* cs_budget_cost of one frame as it comes in; 0 for what has a limit of its own, negative when it earns. */
int cs_budget_cost(uint8_t type, uint8_t flags, size_t len);
/* cs_budget_spend takes cost (or adds, when negative); false when the bucket is empty. */
bool cs_budget_spend(struct cs_budget *b, int64_t now_mono_us, int cost);

#endif
