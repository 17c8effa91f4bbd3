#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/lib/library.h"
#include "proxy/base/clock.h"

enum {
    TIMEOUT_DEFAULT_MS = 30000,
    PAUSE_FIRST_MS = 50, /* between repeats; doubled each time */
    PAUSE_MAX_MS = 2000,
    STATUS_UNAVAILABLE = 14,
};

struct countersign {
    struct cs_address address;
    struct cs_client *client; /* NULL: to be opened by the next call */
    uint32_t timeout_ms;
    pid_t owner; /* the process whose socket it is */
};

const char *countersign_version(void)
{
    return CS_VERSION;
}

int cs_library_say(struct countersign_error *error, int outcome, const char *text)
{
    if (error != NULL)
        (void)snprintf(error->text, sizeof error->text, "%s", text);
    return outcome;
}

static int outcome_of(cs_result r)
{
    if (cs_is(r, CS_NUM_NO_MEMORY))
        return COUNTERSIGN_NO_MEMORY;
    if (cs_class(r) == CS_CLASS_CALLER || cs_class(r) == CS_CLASS_CONFIG)
        return COUNTERSIGN_ARGUMENT;
    return COUNTERSIGN_UNREACHABLE;
}

static unsigned left_ms(int64_t deadline_mono_us)
{
    int64_t left_us = deadline_mono_us - cs_clock_mono_us();
    return left_us > 0 ? (unsigned)((left_us + 999) / 1000) : 0;
}

static cs_result reach(struct countersign *c, int64_t deadline_mono_us, struct cs_note *note)
{
    if (c->client != NULL && (c->owner != getpid() || !cs_client_usable(c->client))) {
        cs_client_close(c->client);
        c->client = NULL;
    }
    if (c->client != NULL)
        return CS_OK;
    unsigned timeout_ms = left_ms(deadline_mono_us);
    if (timeout_ms == 0)
        timeout_ms = 1;
    struct cs_client_tls tls = { c->address.host,     c->address.port,
                                 c->address.ca_file,  c->address.certificate_file,
                                 c->address.key_file, c->address.name };
    CS_TRY(c->address.socket_path != NULL
               ? cs_client_open_unix(c->address.socket_path, timeout_ms, &c->client, note)
               : cs_client_open_tls(&tls, timeout_ms, &c->client, note));
    c->owner = getpid();
    return CS_OK;
}

int countersign_open(const struct countersign_options *options, struct countersign **out,
                     struct countersign_error *error)
{
    struct countersign_options o = { 0 };
    struct cs_note note = { 0 };
    if (options->size == 0 || options->size > sizeof o)
        return cs_library_say(error, COUNTERSIGN_ARGUMENT,
                              "options: size is not one of this version or an earlier one");
    memcpy(&o, options, options->size);
    struct countersign *c = calloc(1, sizeof *c);
    if (c == NULL)
        return cs_library_say(error, COUNTERSIGN_NO_MEMORY, "no memory");
    c->timeout_ms = o.timeout_ms > 0 ? o.timeout_ms : TIMEOUT_DEFAULT_MS;
    cs_result r = cs_address_read(&o, &c->address, &note);
    if (cs_ok(r))
        r = reach(c, cs_clock_mono_us() + c->timeout_ms * INT64_C(1000), &note);
    if (!cs_ok(r)) {
        countersign_close(c);
        return cs_library_say(error, outcome_of(r), note.text[0] != '\0' ? note.text : cs_result_text(r));
    }
    *out = c;
    return COUNTERSIGN_DONE;
}

void countersign_close(struct countersign *c)
{
    if (c == NULL)
        return;
    cs_client_close(c->client);
    cs_address_done(&c->address);
    free(c);
}

/* ---- one call ---- */

static cs_result try_call(struct countersign *c, const struct cs_library_call *call, int64_t deadline_mono_us,
                          struct cs_client_answer *out, struct cs_note *note)
{
    CS_TRY(reach(c, deadline_mono_us, note));
    unsigned timeout_ms = left_ms(deadline_mono_us);
    if (timeout_ms == 0)
        timeout_ms = 1;
    cs_result r = call->part != NULL
                      ? cs_client_stream(c->client, call->method, call->message, timeout_ms, call->part,
                                         call->part_ctx, out)
                      : cs_client_call(c->client, call->method, call->message, timeout_ms, out);
    if (!cs_ok(r)) {
        if (cs_class(r) == CS_CLASS_PEER)
            cs_note_set(note, "%s", cs_client_failure(c->client));
        cs_client_close(c->client);
        c->client = NULL;
    }
    return r;
}

static bool may_repeat(const struct cs_library_call *call, cs_result r, const struct cs_client_answer *a)
{
    if (call->once)
        return false;
    return cs_ok(r) ? a->status == STATUS_UNAVAILABLE : cs_class(r) == CS_CLASS_PEER;
}

static cs_result call_repeatedly(struct countersign *c, const struct cs_library_call *call,
                                 struct cs_client_answer *out, struct cs_note *note)
{
    int64_t deadline_us = cs_clock_mono_us() + c->timeout_ms * INT64_C(1000);
    for (int pause_ms = PAUSE_FIRST_MS;;
         pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS) {
        struct cs_client_answer answer = { 0 };
        cs_result r = try_call(c, call, deadline_us, &answer, note);
        if (!may_repeat(call, r, &answer) || left_ms(deadline_us) <= (unsigned)pause_ms) {
            *out = answer;
            return r;
        }
        cs_client_answer_done(&answer);
        (void)poll(NULL, 0, pause_ms); /* a signal only makes the pause shorter */
    }
}

static int finish(struct cs_answer *a, const struct cs_library_call *call, struct countersign_answer **out,
                  struct countersign_error *error)
{
    cs_result r = cs_answer_read(a, call->kind, call->request_id);
    if (!cs_ok(r)) {
        countersign_answer_free(&a->shown);
        return cs_is(r, CS_NUM_NO_MEMORY)
                   ? cs_library_say(error, COUNTERSIGN_NO_MEMORY, "no memory")
                   : cs_library_say(error, COUNTERSIGN_PROTOCOL, "the answer cannot be decoded");
    }
    *out = &a->shown;
    if (a->shown.grpc_status == 0)
        return COUNTERSIGN_DONE;
    if (error != NULL)
        (void)snprintf(error->text, sizeof error->text, "%s: %s", a->shown.grpc_status_name,
                       a->shown.message);
    return COUNTERSIGN_REFUSED;
}

int cs_library_run(struct countersign *c, const struct cs_library_call *call, struct countersign_answer **out,
                   struct countersign_error *error)
{
    struct cs_note note = { 0 };
    *out = NULL;
    struct cs_answer *a = calloc(1, sizeof *a);
    if (a == NULL)
        return cs_library_say(error, COUNTERSIGN_NO_MEMORY, "no memory");
    cs_result r = call_repeatedly(c, call, &a->wire, &note);
    if (!cs_ok(r)) {
        countersign_answer_free(&a->shown);
        return cs_library_say(error, outcome_of(r), note.text[0] != '\0' ? note.text : cs_result_text(r));
    }
    return finish(a, call, out, error);
}
