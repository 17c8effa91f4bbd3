/*
 * Sample: what the measuring programs of this folder share: CPU time of processes, latencies,
 * percentiles. Only for tests.
 */
#ifndef CS_BENCH_SAMPLE_H
#define CS_BENCH_SAMPLE_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* CPU time by program name (at most 15 characters, as the kernel keeps it), all threads. */
struct cs_cpu {
    unsigned n;
    struct {
        char name[16];
        double us;
    } row[16];
};

/* cs_cpu_of_tree sums up a process and all its living descendants; empty when root is 0. */
void cs_cpu_of_tree(pid_t root, struct cs_cpu *out);
/* cs_cpu_total_us is the sum of all rows. */
double cs_cpu_total_us(const struct cs_cpu *c);
/* cs_cpu_put prints {"name":us per operation, ...} of the difference. */
void cs_cpu_put(FILE *out, const struct cs_cpu *before, const struct cs_cpu *after, double n_operations);
/* CPU time of this process, all threads, and of the calling machine while not idle (all cores). */
double cs_cpu_own_us(void);
double cs_cpu_machine_us(void);

double cs_sample_now_us(void); /* monotonic */

/* Latencies in nanoseconds; what does not fit the memory is counted but not kept. */
struct cs_latencies {
    uint64_t n;
    uint32_t room;
    uint32_t *ns;
};
void cs_latencies_add(struct cs_latencies *l, double us);
/* cs_latencies_put sorts and prints "p50_us":..,"p99_us":..,"max_us":.. */
void cs_latencies_put(FILE *out, struct cs_latencies *l);

/* cs_bench_fail prints and ends the process with status 1. */
_Noreturn void cs_bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
