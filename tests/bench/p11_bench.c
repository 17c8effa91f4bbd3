/*
 * Bench: signing straight through a PKCS#11 module, what countersign is compared with.
 *
 *   p11_bench --module PATH --token LABEL --key LABEL --mechanism ecdsa|rsa --pin-file PATH
 *             [--threads N] [--processes N] [--seconds S] [--cpu-of PID]
 *
 * Every thread has its own session and signs a SHA-256 digest (in a DigestInfo for RSA). Processes
 * initialise one after the other: SoftHSM loses its token when several start at once. With
 * p11-kit-client.so and P11_KIT_SERVER_ADDRESS the same program measures p11-kit's remoting, and
 * --cpu-of adds the CPU time of that server and its children. Prints one line of JSON.
 */
#include <dlfcn.h>
#include <getopt.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/sample.h"

enum { WORKERS_MAX = 64, LATENCIES_MAX = 1 << 19, WARM_UP = 30, SLOTS_MAX = 64, SIGNATURE_MAX_LEN = 1024 };

struct options {
    const char *module, *token, *key, *pin_file;
    CK_MECHANISM_TYPE mechanism;
    unsigned threads, processes;
    double seconds;
    pid_t cpu_of;
};

/* Shared by all processes. Workers are numbered through them. */
struct stage {
    atomic_uint n_ready, n_done;
    atomic_bool go, leave;
    double until_us;
    double cpu_us[WORKERS_MAX]; /* by process */
    struct {
        double last_us;
        uint64_t n;
        uint32_t ns[LATENCIES_MAX];
    } worker[WORKERS_MAX];
};

struct worker {
    const struct options *options;
    struct stage *stage;
    unsigned number;
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    pthread_t thread;
};

static void must(CK_RV rv, const char *what)
{
    if (rv != CKR_OK)
        cs_bench_fail("%s: 0x%lx", what, rv);
}

static void nap(void)
{
    (void)usleep(500);
}

static CK_FUNCTION_LIST *module_open(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        cs_bench_fail("%s", dlerror());
    union {
        void *object;
        CK_C_GetFunctionList function;
    } u = { .object = dlsym(handle, "C_GetFunctionList") };
    CK_FUNCTION_LIST *f = NULL;
    if (u.object == NULL)
        cs_bench_fail("%s has no C_GetFunctionList", path);
    must(u.function(&f), "C_GetFunctionList");
    CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
    must(f->C_Initialize(&args), "C_Initialize");
    return f;
}

static CK_SLOT_ID slot_of(CK_FUNCTION_LIST *f, const char *label)
{
    CK_SLOT_ID slot[SLOTS_MAX];
    CK_ULONG n = SLOTS_MAX;
    must(f->C_GetSlotList(CK_TRUE, slot, &n), "C_GetSlotList");
    for (CK_ULONG i = 0; i < n; i++) {
        CK_TOKEN_INFO info;
        must(f->C_GetTokenInfo(slot[i], &info), "C_GetTokenInfo");
        size_t len = strlen(label);
        if (len <= sizeof info.label && memcmp(info.label, label, len) == 0 &&
            (len == sizeof info.label || info.label[len] == ' '))
            return slot[i];
    }
    cs_bench_fail("no token \"%s\"", label);
}

static void login(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, const char *pin_file)
{
    unsigned char pin[256];
    FILE *file = fopen(pin_file, "re");
    if (file == NULL)
        cs_bench_fail("cannot open %s", pin_file);
    size_t len = fread(pin, 1, sizeof pin, file);
    (void)fclose(file);
    while (len != 0 && (pin[len - 1] == '\n' || pin[len - 1] == '\r'))
        len--;
    must(f->C_Login(session, CKU_USER, pin, len), "C_Login");
}

static CK_OBJECT_HANDLE key_of(const struct worker *w)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    char label[128];
    (void)snprintf(label, sizeof label, "%s", w->options->key);
    CK_ATTRIBUTE want[] = { { CKA_CLASS, &class, sizeof class }, { CKA_LABEL, label, strlen(label) } };
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG n = 0;
    must(w->f->C_FindObjectsInit(w->session, want, 2), "C_FindObjectsInit");
    must(w->f->C_FindObjects(w->session, &key, 1, &n), "C_FindObjects");
    must(w->f->C_FindObjectsFinal(w->session), "C_FindObjectsFinal");
    if (n != 1)
        cs_bench_fail("no private key \"%s\"", w->options->key);
    return key;
}

/* The digest differs each time; a length is all there is to check without a second library. */
static void sign_one(const struct worker *w, uint64_t n)
{
    static const unsigned char digest_info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                                 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
    unsigned char data[sizeof digest_info + 32] = { 0 }, signature[SIGNATURE_MAX_LEN];
    memcpy(data, digest_info, sizeof digest_info);
    memcpy(data + sizeof digest_info, &n, sizeof n);
    memcpy(data + sizeof digest_info + 8, &w->number, sizeof w->number);
    bool ec = w->options->mechanism == CKM_ECDSA;
    CK_MECHANISM mechanism = { w->options->mechanism, NULL, 0 };
    CK_ULONG len = sizeof signature, least = ec ? 64 : 128;
    must(w->f->C_SignInit(w->session, &mechanism, w->key), "C_SignInit");
    must(w->f->C_Sign(w->session, ec ? data + sizeof digest_info : data, ec ? 32 : sizeof data, signature,
                      &len),
         "C_Sign");
    if (len < least)
        cs_bench_fail("C_Sign gave %lu octets", len);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct stage *s = w->stage;
    struct cs_latencies l = { .room = LATENCIES_MAX, .ns = s->worker[w->number].ns };
    for (uint64_t i = 0; i < WARM_UP; i++)
        sign_one(w, ~i);
    atomic_fetch_add(&s->n_ready, 1);
    while (!atomic_load(&s->go))
        nap();
    for (double from = cs_sample_now_us(), to; from < s->until_us; from = to) {
        sign_one(w, l.n);
        to = cs_sample_now_us();
        cs_latencies_add(&l, to - from);
        s->worker[w->number].last_us = to;
    }
    s->worker[w->number].n = l.n;
    return NULL;
}

static void process_main(const struct options *o, struct stage *s, unsigned process)
{
    static struct worker workers[WORKERS_MAX];
    CK_FUNCTION_LIST *f = module_open(o->module);
    CK_SLOT_ID slot = slot_of(f, o->token);
    for (unsigned i = 0; i < o->threads; i++) {
        struct worker *w = &workers[i];
        *w = (struct worker){ .options = o, .stage = s, .number = process * o->threads + i, .f = f };
        must(f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &w->session), "C_OpenSession");
        if (i == 0)
            login(f, w->session, o->pin_file);
        w->key = key_of(w);
    }
    for (unsigned i = 0; i < o->threads; i++)
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            cs_bench_fail("pthread_create failed");
    while (!atomic_load(&s->go))
        nap();
    double cpu = cs_cpu_own_us();
    for (unsigned i = 0; i < o->threads; i++)
        (void)pthread_join(workers[i].thread, NULL);
    s->cpu_us[process] = cs_cpu_own_us() - cpu;
    atomic_fetch_add(&s->n_done, 1);
    while (!atomic_load(&s->leave)) /* the server's processes live as long as their clients */
        nap();
    (void)f->C_Finalize(NULL);
}

static void wait_for(atomic_uint *count, unsigned wanted)
{
    while (atomic_load(count) < wanted) {
        int status;
        if (waitpid(-1, &status, WNOHANG) > 0)
            cs_bench_fail("a signing process ended early");
        nap();
    }
}

static void report(const struct options *o, struct stage *s, double from_us, const struct cs_cpu *before,
                   const struct cs_cpu *after, double machine_us)
{
    unsigned n_workers = o->threads * o->processes;
    uint64_t n = 0;
    double last_us = from_us, own_us = 0;
    for (unsigned i = 0; i < n_workers; i++) {
        n += s->worker[i].n;
        last_us = s->worker[i].last_us > last_us ? s->worker[i].last_us : last_us;
    }
    for (unsigned i = 0; i < o->processes; i++)
        own_us += s->cpu_us[i];
    struct cs_latencies all = { .room = n_workers * LATENCIES_MAX };
    all.ns = malloc(all.room * sizeof *all.ns);
    if (all.ns == NULL)
        cs_bench_fail("no memory");
    for (unsigned i = 0; i < n_workers; i++)
        for (uint64_t k = 0; k < s->worker[i].n && k < LATENCIES_MAX; k++)
            all.ns[all.n++] = s->worker[i].ns[k];
    double count = (double)n, server_us = cs_cpu_total_us(after) - cs_cpu_total_us(before);
    (void)printf("{\"n\":%llu,\"seconds\":%.3f,\"rate\":%.1f,", (unsigned long long)n,
                 (last_us - from_us) / 1e6, count * 1e6 / (last_us - from_us));
    cs_latencies_put(stdout, &all);
    (void)printf(
        ",\"client_cpu_us\":%.2f,\"server_cpu_us\":%.2f,\"machine_cpu_us\":%.0f,\"own_cpu_us\":%.0f}\n",
        own_us / count, server_us / count, machine_us, own_us + server_us);
    free(all.ns);
}

static unsigned number(const char *text, unsigned long max)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || v == 0 || v > max)
        cs_bench_fail("\"%s\" is not a number from 1 to %lu", text, max);
    return (unsigned)v;
}

static struct options options_get(int argc, char **argv)
{
    static const struct option table[] = {
        { "module", required_argument, NULL, 'm' },    { "token", required_argument, NULL, 't' },
        { "key", required_argument, NULL, 'k' },       { "pin-file", required_argument, NULL, 'f' },
        { "mechanism", required_argument, NULL, 'a' }, { "threads", required_argument, NULL, 'n' },
        { "processes", required_argument, NULL, 'p' }, { "seconds", required_argument, NULL, 's' },
        { "cpu-of", required_argument, NULL, 'c' },    { NULL, 0, NULL, 0 },
    };
    struct options o = { .mechanism = CKM_ECDSA, .threads = 1, .processes = 1, .seconds = 1 };
    for (int c; (c = getopt_long(argc, argv, "", table, NULL)) != -1;)
        switch (c) {
        case 'm':
            o.module = optarg;
            break;
        case 't':
            o.token = optarg;
            break;
        case 'k':
            o.key = optarg;
            break;
        case 'f':
            o.pin_file = optarg;
            break;
        case 'a':
            o.mechanism = strcmp(optarg, "rsa") == 0 ? CKM_RSA_PKCS : CKM_ECDSA;
            break;
        case 'n':
            o.threads = number(optarg, WORKERS_MAX);
            break;
        case 'p':
            o.processes = number(optarg, WORKERS_MAX);
            break;
        case 's':
            o.seconds = strtod(optarg, NULL);
            break;
        case 'c':
            o.cpu_of = (pid_t)number(optarg, INT32_MAX);
            break;
        default:
            exit(2);
        }
    if (o.module == NULL || o.token == NULL || o.key == NULL || o.pin_file == NULL)
        cs_bench_fail("--module, --token, --key and --pin-file are needed");
    if (o.threads * o.processes > WORKERS_MAX)
        cs_bench_fail("at most %d workers", WORKERS_MAX);
    return o;
}

int main(int argc, char **argv)
{
    struct options o = options_get(argc, argv);
    struct stage *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        cs_bench_fail("no memory");
    for (unsigned i = 0; i < o.processes; i++) {
        pid_t pid = fork();
        if (pid < 0)
            cs_bench_fail("fork failed");
        if (pid == 0) {
            process_main(&o, s, i);
            _exit(0);
        }
        wait_for(&s->n_ready, (i + 1) * o.threads);
    }
    struct cs_cpu before, after;
    cs_cpu_of_tree(o.cpu_of, &before);
    double machine = cs_cpu_machine_us(), from = cs_sample_now_us();
    s->until_us = from + o.seconds * 1e6;
    atomic_store(&s->go, true);
    wait_for(&s->n_done, o.processes);
    machine = cs_cpu_machine_us() - machine;
    cs_cpu_of_tree(o.cpu_of, &after);
    atomic_store(&s->leave, true);
    while (wait(NULL) > 0)
        ;
    report(&o, s, from, &before, &after, machine);
    return 0;
}
