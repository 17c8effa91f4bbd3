/* A program that has nothing but countersign.h and libcountersign: every call, threads and fork. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <countersign.h>

#define NEED(what)                                                                                 \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            (void)fprintf(stderr, "line %d: " #what " does not hold: %s\n", __LINE__, error.text); \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static struct countersign_options options = { .size = sizeof options, .timeout_ms = 5000 };
static uint8_t tbs[65536], refused[65536], digest[32];
static size_t tbs_len, refused_len;
static struct countersign_error error;

static size_t read_file(const char *folder, const char *name, uint8_t *out, size_t room)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    NEED(f != NULL);
    size_t n = fread(out, 1, room, f);
    (void)fclose(f);
    return n;
}

static struct countersign *connected(void)
{
    struct countersign *c = NULL;
    NEED(countersign_open(&options, &c, &error) == COUNTERSIGN_DONE);
    return c;
}

static struct countersign_request request_for(const uint8_t *at, size_t len)
{
    return (struct countersign_request){ .size = sizeof(struct countersign_request),
                                         .issuer = { (const uint8_t *)"ec", 2 },
                                         .tbs_certificate = { at, len } };
}

static void sign_once(struct countersign *c)
{
    struct countersign_request r = request_for(tbs, tbs_len);
    struct countersign_answer *a = NULL, *again = NULL;
    NEED(countersign_sign(c, &r, &a, &error) == COUNTERSIGN_DONE);
    NEED(a->grpc_status == 0 && a->admitted && a->ledger_entry == 42 && a->certificate.len > tbs_len);
    NEED(a->request_id.len == 16 && a->signature.len > 60 && !a->replayed && a->n_reasons == 0);
    r.request_id = a->request_id;
    NEED(countersign_sign(c, &r, &again, &error) == COUNTERSIGN_DONE);
    NEED(again->replayed && again->certificate.len == a->certificate.len &&
         memcmp(again->certificate.at, a->certificate.at, a->certificate.len) == 0);
    countersign_answer_free(again);
    countersign_answer_free(a);
}

static void each_call(struct countersign *c)
{
    struct countersign_answer *a = NULL;
    struct countersign_request r = request_for(refused, refused_len);
    sign_once(c);
    NEED(countersign_sign(c, &r, &a, &error) == COUNTERSIGN_REFUSED);
    NEED(a->grpc_status == 9 && strcmp(a->grpc_status_name, "FAILED_PRECONDITION") == 0);
    NEED(a->n_reasons == 1 && a->total_reasons == 1 && strcmp(a->reasons[0].rule, "V01") == 0);
    NEED(strcmp(a->reasons[0].found, "nothing \"at all\"") == 0 && a->ledger_entry == 4711);
    NEED(strstr(error.text, "refused: V01") != NULL && a->certificate.len == 0);
    countersign_answer_free(a);

    r = request_for(NULL, 0);
    r.digest = (struct countersign_bytes){ digest, sizeof digest };
    static const uint8_t algorithm[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                         0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
    r.signature_algorithm = (struct countersign_bytes){ algorithm, sizeof algorithm };
    NEED(countersign_sign_authorized(c, &r, &a, &error) == COUNTERSIGN_REFUSED); /* nobody authorised it */
    NEED(strcmp(a->reasons[0].rule, "N05") == 0);
    countersign_answer_free(a);

    NEED(countersign_list_issuers(c, &a, &error) == COUNTERSIGN_DONE);
    NEED(a->n_issuers == 4 && a->issuers[3].id.len == 3 && a->issuers[3].n_signature_algorithms == 6);
    NEED(a->issuers[0].ready && a->issuers[0].certificate.len > 100);
    countersign_answer_free(a);
    NEED(countersign_health(c, "", &a, &error) == COUNTERSIGN_DONE && a->serving);
    countersign_answer_free(a);
    NEED(countersign_deposit(c, NULL, 0, &a, &error) == COUNTERSIGN_REFUSED && a->grpc_status == 12);
    countersign_answer_free(a);
    r = request_for(tbs, tbs_len);
    NEED(countersign_evaluate(c, &r, &a, &error) == COUNTERSIGN_REFUSED && a->grpc_status == 12);
    countersign_answer_free(a);
    NEED(countersign_authorize(c, &r, &a, &error) == COUNTERSIGN_REFUSED && a->grpc_status == 12);
    countersign_answer_free(a);
    NEED(countersign_call(c, "/grpc.health.v1.Health/Check", (struct countersign_bytes){ NULL, 0 }, &a,
                          &error) == COUNTERSIGN_DONE);
    NEED(a->response.len == 2 && a->response.at[1] == 1);
    countersign_answer_free(a);
}

static void wrong_arguments(struct countersign *c)
{
    struct countersign_answer *a;
    struct countersign *none = NULL;
    struct countersign_request r = request_for(tbs, tbs_len);
    r.request_id = (struct countersign_bytes){ tbs, 15 };
    NEED(countersign_sign(c, &r, &a, &error) == COUNTERSIGN_ARGUMENT && a == NULL);
    r.request_id.len = 65;
    NEED(countersign_sign(c, &r, &a, &error) == COUNTERSIGN_ARGUMENT && a == NULL);
    r.size++;
    NEED(countersign_sign(c, &r, &a, &error) == COUNTERSIGN_ARGUMENT && a == NULL);
    static const char *const addresses[] = { NULL,           "",         "unix:",    "/path",
                                             "tls:",         "tls:h",    "tls:h:",   "tls:h:0",
                                             "tls:h:65536",  "tls::443", "tls:h:1x", "tls:[::1]",
                                             "tls:[::1:443", "http://h" };
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        struct countersign_options o = { .size = sizeof o, .address = addresses[i] };
        NEED(countersign_open(&o, &none, &error) == COUNTERSIGN_ARGUMENT && none == NULL);
    }
    struct countersign_options o = { .size = sizeof o, .address = "tls:localhost:1", .tls_ca = "x" };
    NEED(countersign_open(&o, &none, &error) == COUNTERSIGN_ARGUMENT);
    o = (struct countersign_options){ .size = sizeof o, .address = "unix:/x", .tls_key = "x" };
    NEED(countersign_open(&o, &none, &error) == COUNTERSIGN_ARGUMENT);
    o = (struct countersign_options){ .size = sizeof o, .address = "unix:/nowhere/at/all" };
    NEED(countersign_open(&o, &none, &error) == COUNTERSIGN_UNREACHABLE && none == NULL);
    NEED(countersign_open(&o, &none, NULL) == COUNTERSIGN_UNREACHABLE);
}

static void *thread_body(void *unused)
{
    struct countersign *c = connected();
    for (int i = 0; i < 10; i++)
        sign_once(c);
    countersign_close(c);
    return unused;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    (void)signal(SIGPIPE, SIG_DFL);
    options.address = argv[2];
    if (argc == 6) {
        options.tls_ca = argv[3];
        options.tls_certificate = argv[4];
        options.tls_key = argv[5];
    }
    tbs_len = read_file(argv[1], "tbs", tbs, sizeof tbs);
    refused_len = read_file(argv[1], "tbs-refused", refused, sizeof refused);
    struct countersign *c = connected();
    each_call(c);
    wrong_arguments(c);
    pthread_t thread[8];
    for (int i = 0; i < 8; i++)
        NEED(pthread_create(&thread[i], NULL, thread_body, NULL) == 0);
    for (int i = 0; i < 8; i++)
        NEED(pthread_join(thread[i], NULL) == 0);
    for (int i = 0; i < 3; i++) { /* a child uses what it inherited, and the parent goes on */
        pid_t pid = fork();
        if (pid == 0) {
            sign_once(c);
            countersign_close(c);
            exit(0);
        }
        int status = -1;
        NEED(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
        sign_once(c);
    }
    countersign_close(c);
    countersign_close(NULL);
    countersign_answer_free(NULL);
    (void)printf("%s\n", countersign_version());
    return 0;
}
