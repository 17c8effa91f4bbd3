#include "tests/bench/sample.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES_MAX = 4096, STAT_LEN = 1024 };

struct process {
    pid_t pid, parent;
    char name[16];
    double us;
    bool inside;
};

double cs_sample_now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

double cs_cpu_own_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double tick_us(void)
{
    return 1e6 / (double)sysconf(_SC_CLK_TCK);
}

double cs_cpu_machine_us(void)
{
    unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
    FILE *f = fopen("/proc/stat", "re");
    if (f == NULL)
        return 0;
    int n = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait,
                   &irq, &softirq, &steal);
    (void)fclose(f);
    return n == 8 ? (double)(user + nice + system + irq + softirq + steal) * tick_us() : 0;
}

/* The name in /proc/PID/stat may hold anything: it ends at the last ')'. */
static bool process_read(pid_t pid, struct process *out)
{
    char path[64], text[STAT_LEN];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    size_t len = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[len] = '\0';
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    int parent;
    unsigned long user, system;
    if (open == NULL || close == NULL ||
        sscanf(close + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &parent, &user, &system) !=
            3)
        return false;
    *out = (struct process){ .pid = pid, .parent = parent, .us = (double)(user + system) * tick_us() };
    *close = '\0';
    (void)snprintf(out->name, sizeof out->name, "%.15s", open + 1);
    return true;
}

static void cpu_add(struct cs_cpu *c, const char *name, double us)
{
    unsigned i = 0;
    while (i < c->n && strcmp(c->row[i].name, name) != 0)
        i++;
    if (i == sizeof c->row / sizeof *c->row)
        cs_bench_fail("more than %u different programs", i);
    if (i == c->n) {
        (void)snprintf(c->row[i].name, sizeof c->row[i].name, "%s", name);
        c->row[i].us = 0;
        c->n++;
    }
    c->row[i].us += us;
}

void cs_cpu_of_tree(pid_t root, struct cs_cpu *out)
{
    static struct process all[PROCESSES_MAX];
    unsigned n = 0;
    *out = (struct cs_cpu){ 0 };
    DIR *d = root != 0 ? opendir("/proc") : NULL;
    if (d == NULL)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL && n < PROCESSES_MAX;) {
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
        if (pid > 0 && process_read(pid, &all[n]))
            all[n++].inside = pid == root;
    }
    (void)closedir(d);
    for (bool grew = true; grew;) {
        grew = false;
        for (unsigned i = 0; i < n; i++)
            for (unsigned k = 0; k < n && !all[i].inside; k++)
                if (all[k].inside && all[k].pid == all[i].parent)
                    grew = all[i].inside = true;
    }
    for (unsigned i = 0; i < n; i++)
        if (all[i].inside)
            cpu_add(out, all[i].name, all[i].us);
}

double cs_cpu_total_us(const struct cs_cpu *c)
{
    double sum = 0;
    for (unsigned i = 0; i < c->n; i++)
        sum += c->row[i].us;
    return sum;
}

void cs_cpu_put(FILE *out, const struct cs_cpu *before, const struct cs_cpu *after, double n_operations)
{
    (void)fputc('{', out);
    for (unsigned i = 0; i < after->n; i++) {
        double us = after->row[i].us;
        for (unsigned k = 0; k < before->n; k++)
            if (strcmp(before->row[k].name, after->row[i].name) == 0)
                us -= before->row[k].us;
        (void)fprintf(out, "%s\"%s\":%.2f", i != 0 ? "," : "", after->row[i].name, us / n_operations);
    }
    (void)fputc('}', out);
}

void cs_latencies_add(struct cs_latencies *l, double us)
{
    double ns = us * 1e3;
    if (l->n < l->room)
        l->ns[l->n] = ns < (double)UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
    l->n++;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void cs_latencies_put(FILE *out, struct cs_latencies *l)
{
    size_t n = l->n < l->room ? (size_t)l->n : l->room;
    if (n == 0)
        cs_bench_fail("nothing was measured");
    qsort(l->ns, n, sizeof *l->ns, by_size);
    (void)fprintf(out, "\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f", (double)l->ns[n / 2] / 1e3,
                  (double)l->ns[n * 99 / 100] / 1e3, (double)l->ns[n - 1] / 1e3);
}

void cs_bench_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(1);
}
