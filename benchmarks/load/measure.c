/* Time, a histogram of it, and what /proc says about the server, this process and their cores. */
#include "load.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Buckets are exact below 64 ns and within 1/32 above: each power of two is cut into 32. */
void record(struct histogram *h, uint64_t value) {
    int shift = value < 64 ? 0 : 58 - __builtin_clzll(value);
    h->buckets[shift * 32 + (value >> shift)]++;
    h->count++;
    h->sum += value;
    if (value > h->highest) h->highest = value;
}

uint64_t quantile(const struct histogram *h, double share) {
    uint64_t wanted = (uint64_t)(share * (double)h->count), seen = 0;
    for (int i = 0; i < (int)(sizeof h->buckets / sizeof *h->buckets); i++) {
        seen += h->buckets[i];
        if (seen <= wanted) continue;
        int shift = i < 64 ? 0 : i / 32 - 1;
        uint64_t low = (uint64_t)(i - shift * 32) << shift;
        return low + ((1ull << shift) >> 1);
    }
    return h->highest;
}

static uint64_t ticks_of(int pid, uint64_t *user, uint64_t *system) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = 0;
    unsigned long long u = 0, s = 0;
    char *after_name = strrchr(text, ')'); /* the name may hold spaces */
    if (after_name) sscanf(after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &u, &s);
    *user += u;
    *system += s;
    return u + s;
}

/* schedstat counts nanoseconds, stat only ticks of 10 ms: the difference shows in a run of two seconds. */
static uint64_t cpu_of(int pid) {
    char path[512];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *threads = opendir(path);
    if (!threads) return 0;
    uint64_t sum = 0;
    struct dirent *entry;
    while ((entry = readdir(threads))) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, entry->d_name);
        FILE *file = fopen(path, "r");
        unsigned long long ns = 0;
        if (!file) continue;
        if (fscanf(file, "%llu", &ns) == 1) sum += ns;
        fclose(file);
    }
    closedir(threads);
    if (sum) return sum;
    uint64_t user = 0, system = 0;
    return ticks_of(pid, &user, &system) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

static long rss_of(int pid) {
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1) break;
    fclose(file);
    return kib;
}

static void core_ticks(int core, uint64_t *busy, uint64_t *total) {
    char line[512], name[16];
    int length = snprintf(name, sizeof name, "cpu%d ", core);
    FILE *file = fopen("/proc/stat", "r");
    if (!file) return;
    while (fgets(line, sizeof line, file)) {
        unsigned long long v[8] = {0};
        if (strncmp(line, name, (size_t)length)) continue;
        sscanf(line + length, "%llu %llu %llu %llu %llu %llu %llu %llu", v, v + 1, v + 2, v + 3, v + 4, v + 5,
               v + 6, v + 7);
        for (int i = 0; i < 8; i++) {
            *total += v[i];
            if (i != 3 && i != 4) *busy += v[i]; /* neither idle nor waiting for a disk */
        }
    }
    fclose(file);
}

void take_snapshot(struct snapshot *s) {
    *s = (struct snapshot){.time = now_ns()};
    for (int i = 0; i < options.pid_count; i++) {
        s->server += cpu_of(options.pids[i]);
        s->rss += rss_of(options.pids[i]);
        ticks_of(options.pids[i], &s->user_ticks, &s->system_ticks);
    }
    for (int i = 0; i < options.broker_pid_count; i++) s->broker += cpu_of(options.broker_pids[i]);
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    s->own = (uint64_t)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) * 1000000000u +
             (uint64_t)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) * 1000u;
    core_ticks(options.server_core, &s->busy[0], &s->total[0]);
    core_ticks(options.load_core, &s->busy[1], &s->total[1]);
}
