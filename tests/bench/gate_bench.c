/*
 * Bench: calls to a running countersign over its Unix socket, pipelined on one connection.
 *
 *   gate_bench --socket PATH --rpc /package.Service/Method --requests FILE
 *              [--in-flight N] [--seconds S] [--again] [--cpu-of PID] [--save FILE]
 *
 * FILE holds request messages, each behind its length (4 octets, big-endian). Without --seconds all of
 * them are sent; with it, sending stops after that time or when they are used up; --again starts over
 * instead. A status other than OK ends the run with exit code 1. --save keeps the first answer.
 * --cpu-of gives the CPU time of that process and its descendants. Prints one line of JSON.
 */
#include <getopt.h>
#include <stdlib.h>

#include "client/lib/client.h"
#include "proxy/base/io.h"
#include "tests/bench/sample.h"

enum { IN_FLIGHT_MAX = 1024, LATENCIES_MAX = 1 << 21, TIMEOUT_MS = 20000 };
static const size_t REQUESTS_MAX_LEN = (size_t)2 << 30;

struct options {
    const char *socket, *rpc, *requests, *save;
    unsigned in_flight;
    double seconds; /* 0: until the requests are used up */
    bool again;
    pid_t cpu_of;
};

struct run {
    const struct options *options;
    struct cs_client *client;
    struct cs_buf file;
    struct cs_reader left;
    struct {
        uint64_t id;
        double sent_us;
    } call[IN_FLIGHT_MAX];
    unsigned n_calls;
    struct cs_latencies latencies;
    bool dry;
};

static bool send_next(struct run *r)
{
    if (r->left.left == 0 && r->options->again)
        r->left = cs_reader_init(cs_buf_span(&r->file));
    if (r->left.left == 0)
        return false;
    struct cs_span request = cs_get_span(&r->left, CS_CLIENT_REQUEST_MAX_LEN);
    if (r->left.failed)
        cs_bench_fail("%s is cut short", r->options->requests);
    uint64_t id;
    cs_result sent = cs_client_send(r->client, r->options->rpc, request, TIMEOUT_MS, &id);
    if (!cs_ok(sent))
        cs_bench_fail("send: %s %s", cs_result_name(sent), cs_client_failure(r->client));
    r->call[r->n_calls].id = id;
    r->call[r->n_calls++].sent_us = cs_sample_now_us();
    return true;
}

static void save(const struct options *o, const struct cs_client_answer *a)
{
    struct cs_note note;
    cs_result r = cs_write_file(o->save, cs_buf_span(&a->response), 0600, &note);
    if (!cs_ok(r))
        cs_bench_fail("%s", note.text);
}

static void take_answer(struct run *r)
{
    struct cs_client_answer a;
    cs_result polled = cs_client_poll(r->client, -1, &a);
    if (!cs_ok(polled))
        cs_bench_fail("poll: %s %s", cs_result_name(polled), cs_client_failure(r->client));
    double now = cs_sample_now_us();
    if (a.status != 0)
        cs_bench_fail("call %llu: status %u, %.*s", (unsigned long long)a.id, a.status, (int)a.message.len,
                      (const char *)a.message.at);
    if (r->latencies.n == 0 && r->options->save != NULL)
        save(r->options, &a);
    unsigned i = 0;
    while (i < r->n_calls && r->call[i].id != a.id)
        i++;
    if (i == r->n_calls)
        cs_bench_fail("an answer to no call");
    cs_latencies_add(&r->latencies, now - r->call[i].sent_us);
    r->call[i] = r->call[--r->n_calls];
    cs_client_answer_done(&a);
}

static double measure(struct run *r)
{
    double from = cs_sample_now_us(), until = from + r->options->seconds * 1e6;
    bool sending = true;
    while (sending || r->n_calls != 0) {
        if (sending && r->options->seconds != 0 && cs_sample_now_us() >= until)
            sending = false;
        while (sending && r->n_calls < r->options->in_flight)
            if (!send_next(r)) {
                sending = false;
                r->dry = true;
            }
        if (r->n_calls != 0)
            take_answer(r);
    }
    return cs_sample_now_us() - from;
}

static struct options options_get(int argc, char **argv)
{
    static const struct option table[] = {
        { "socket", required_argument, NULL, 's' },
        { "rpc", required_argument, NULL, 'r' },
        { "requests", required_argument, NULL, 'q' },
        { "in-flight", required_argument, NULL, 'n' },
        { "seconds", required_argument, NULL, 't' },
        { "again", no_argument, NULL, 'a' },
        { "cpu-of", required_argument, NULL, 'c' },
        { "save", required_argument, NULL, 'w' },
        { NULL, 0, NULL, 0 },
    };
    struct options o = { .in_flight = 32 };
    for (int c; (c = getopt_long(argc, argv, "", table, NULL)) != -1;)
        switch (c) {
        case 's':
            o.socket = optarg;
            break;
        case 'r':
            o.rpc = optarg;
            break;
        case 'q':
            o.requests = optarg;
            break;
        case 'w':
            o.save = optarg;
            break;
        case 'n':
            o.in_flight = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 't':
            o.seconds = strtod(optarg, NULL);
            break;
        case 'a':
            o.again = true;
            break;
        case 'c':
            o.cpu_of = (pid_t)strtol(optarg, NULL, 10);
            break;
        default:
            exit(2);
        }
    if (o.socket == NULL || o.rpc == NULL || o.requests == NULL)
        cs_bench_fail("--socket, --rpc and --requests are needed");
    if (o.in_flight == 0 || o.in_flight > IN_FLIGHT_MAX)
        cs_bench_fail("--in-flight is 1 to %d", IN_FLIGHT_MAX);
    if (o.again && o.seconds <= 0)
        cs_bench_fail("--again needs --seconds");
    return o;
}

int main(int argc, char **argv)
{
    static struct run r;
    struct options o = options_get(argc, argv);
    struct cs_note note;
    r.options = &o;
    cs_result done = cs_read_file(o.requests, REQUESTS_MAX_LEN, &r.file, &note);
    if (!cs_ok(done))
        cs_bench_fail("%s", note.text);
    r.left = cs_reader_init(cs_buf_span(&r.file));
    r.latencies.room = LATENCIES_MAX;
    r.latencies.ns = malloc(LATENCIES_MAX * sizeof *r.latencies.ns);
    done = cs_client_open(o.socket, &r.client, &note);
    if (!cs_ok(done) || r.latencies.ns == NULL)
        cs_bench_fail("%s", cs_ok(done) ? "no memory" : note.text);

    struct cs_cpu before, after;
    cs_cpu_of_tree(o.cpu_of, &before);
    double machine = cs_cpu_machine_us(), own = cs_cpu_own_us();
    double took = measure(&r);
    own = cs_cpu_own_us() - own;
    machine = cs_cpu_machine_us() - machine;
    cs_cpu_of_tree(o.cpu_of, &after);

    double n = (double)r.latencies.n, server = cs_cpu_total_us(&after) - cs_cpu_total_us(&before);
    (void)printf("{\"n\":%llu,\"seconds\":%.3f,\"rate\":%.1f,\"dry\":%s,", (unsigned long long)r.latencies.n,
                 took / 1e6, n * 1e6 / took, r.dry ? "true" : "false");
    cs_latencies_put(stdout, &r.latencies);
    (void)printf(",\"client_cpu_us\":%.2f,\"server_cpu_us\":%.2f,\"machine_cpu_us\":%.0f,\"own_cpu_us\":%.0f,"
                 "\"by_program\":",
                 own / n, server / n, machine, own + server);
    cs_cpu_put(stdout, &before, &after, n);
    (void)printf("}\n");
    cs_client_close(r.client);
    cs_buf_done(&r.file);
    free(r.latencies.ns);
    return 0;
}
