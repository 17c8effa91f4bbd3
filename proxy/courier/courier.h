/*
 * Courier: the only process that speaks HTTP to witnesses. It has neither ledger nor keys and understands
 * nothing of what it carries: bytes to one of the addresses the parent gave it, and what came back.
 */
#ifndef CS_COURIER_COURIER_H
#define CS_COURIER_COURIER_H

#include <curl/curl.h>

#include "proxy/ipc/dispatch.h"
#include "proxy/ipc/errand.h"

enum {
    CS_COURIER_CONNECT_MS = 5000,
    CS_COURIER_TOTAL_MS = 10000,
    CS_COURIER_CHANNEL_MAX = 4 * 1024 * 1024,
};

/* One errand on its way; a witness has at most one. */
struct cs_trip {
    bool busy;
    uint64_t id;
    CURL *easy; /* kept between trips: the connection stays open */
    struct curl_slist *headers;
    struct cs_buf body;   /* what is sent */
    struct cs_buf answer; /* what came; bounded */
    char trouble[CURL_ERROR_SIZE];
    char add_url[CS_ROUTE_URL_MAX_LEN + 1], read_url[CS_ROUTE_URL_MAX_LEN + 1];
};

struct cs_courier {
    int lifeline_fd;
    struct cs_chan gate;
    struct cs_dispatch table[3];
    CURLM *multi;
    uint32_t n;
    struct cs_trip trip[CS_WITNESSES_MAX];
};

/* cs_courier_init copies the routes and takes the channel's descriptor; curl is initialised. */
CS_RESULT cs_courier_init(struct cs_courier *c, const struct cs_routes *routes, int take_gate_fd);
void cs_courier_done(struct cs_courier *c);
/* cs_courier_run carries until the lifeline or the gate closes (OK), or something errs. */
CS_RESULT cs_courier_run(struct cs_courier *c);

/* ---- one trip (trip.c) ---- */

/* BUSY: it is on its way already. */
CS_RESULT cs_trip_begin(struct cs_courier *c, struct cs_trip *t, uint64_t id, const struct cs_errand *m);
/* cs_trip_end tells the gate what came of it, and how the library ended it. */
CS_RESULT cs_trip_end(struct cs_courier *c, struct cs_trip *t, CURLcode how);

#endif
