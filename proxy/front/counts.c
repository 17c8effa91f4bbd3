#include "proxy/front/counts.h"

#include <inttypes.h>

static void family(struct cs_buf *out, const char *name, const char *type, const char *help)
{
    cs_buf_printf(out, "# HELP countersign_front_%s %s\n# TYPE countersign_front_%s %s\n", name, help, name,
                  type);
}

static void one(struct cs_buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
    family(out, name, type, help);
    cs_buf_printf(out, "countersign_front_%s %" PRIu64 "\n", name, value);
}

static void labelled(struct cs_buf *out, const char *name, const char *label, const char *const *names,
                     const uint64_t *value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cs_buf_printf(out, "countersign_front_%s{%s=\"%s\"} %" PRIu64 "\n", name, label, names[i], value[i]);
}

/* Methods with a name; the front's own question is none of the clients' calls. */
static void by_method(struct cs_buf *out, const char *name, const uint64_t *value)
{
    static const struct {
        const char *service, *method;
    } rows[CS_METHOD_COUNT] = {
#define X(id, service, method, shape) [CS_METHOD_##id] = { service, method },
        CS_METHODS(X)
#undef X
    };
    for (size_t i = 1; i < CS_METHOD_COUNT; i++)
        if (rows[i].method[0] != '\0')
            cs_buf_printf(out, "countersign_front_%s{service=\"%s\",method=\"%s\"} %" PRIu64 "\n", name,
                          rows[i].service, rows[i].method, value[i]);
}

void cs_counts_put(struct cs_buf *out, const struct cs_counts *c, const struct cs_gauges *g)
{
    static const char *const refused[] = { "full", "memory", "tls" };
    static const char *const evicted[] = { "silent", "idle" };
    static const char *const kinds[] = { "connection", "frame", "stream", "calm" };
    one(out, "connections", "gauge", "Connections that are open.", g->conns);
    one(out, "connections_accepted_total", "counter", "Connections that were let in.", c->accepted);
    family(out, "connections_refused_total", "counter", "Connections that were closed at once, by reason.");
    labelled(out, "connections_refused_total", "reason", refused, c->refused, CS_REFUSED_COUNT);
    family(out, "connections_evicted_total", "counter",
           "Connections that made room for others, by what they did.");
    labelled(out, "connections_evicted_total", "was", evicted, c->evicted, CS_EVICTED_COUNT);
    one(out, "connections_cut_total", "counter", "Connections that were closed for what their peer did.",
        c->cut);
    one(out, "handshake_failures_total", "counter", "TLS handshakes that failed.", c->handshake_failures);
    one(out, "streams", "gauge", "HTTP/2 streams that are open.", g->streams);
    one(out, "streams_total", "counter", "HTTP/2 streams that were opened.", c->streams);
    family(out, "http2_errors_total", "counter", "Faults of HTTP/2 peers, by what they cost them.");
    labelled(out, "http2_errors_total", "kind", kinds, c->http2_errors, CS_HTTP2_COUNT);
    one(out, "received_bytes_total", "counter", "Bytes read from clients.", c->bytes_in);
    one(out, "sent_bytes_total", "counter", "Bytes written to clients.", c->bytes_out);
    one(out, "unfinished_requests_bytes", "gauge", "Bytes of requests that are not whole.", g->bodies_len);
    one(out, "waiting_answers_bytes", "gauge", "Bytes of answers that clients have not taken.", g->held_len);
    family(out, "calls_total", "counter", "Calls that were handed to the gate.");
    by_method(out, "calls_total", c->calls);
    family(out, "calls_in_flight", "gauge", "Calls the gate has not answered.");
    by_method(out, "calls_in_flight", g->calls);
    one(out, "calls_refused_total", "counter", "Calls that found no place on their way to the gate.",
        c->calls_refused);
    one(out, "reflection_streams_total", "counter", "Reflection streams that were opened.", c->reflections);
    one(out, "scrapes_total", "counter", "Requests for these numbers.", c->scrapes);
    one(out, "draining", "gauge", "1 while the front finishes its calls.", g->draining);
}
