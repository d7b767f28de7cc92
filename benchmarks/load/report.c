/* One JSON object: the figures, then the faults, which must all be 0. */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>

static double ratio(double a, double b) {
    return b > 0 ? a / b : 0;
}

/* The share of a core that neither the server nor the generator used: near 0, or the figures are not worth much. */
static double others(const struct run *run, int core, uint64_t own_ns, double seconds) {
    double busy = ratio((double)(run->ended.busy[core] - run->started.busy[core]),
                        (double)(run->ended.total[core] - run->started.total[core]));
    double rest = busy - ratio((double)own_ns / 1e9, seconds);
    return rest > 0 ? rest : 0;
}

static void print_figure(const char *name, double value) {
    printf(", \"%s\": %.6g", name, value);
}

static void print_count(const char *name, uint64_t value) {
    printf(", \"%s\": %" PRIu64, name, value);
}

static void print_exchange(const struct run *run) {
    const struct snapshot *a = &run->started, *b = &run->ended;
    double seconds = (double)(b->time - a->time) / 1e9;
    double broker = (double)(b->broker - a->broker) / 1e9;
    double server = (double)(b->server - a->server) / 1e9, own = (double)(b->own - a->own) / 1e9;
    double user = (double)(b->user_ticks - a->user_ticks), system = (double)(b->system_ticks - a->system_ticks);
    print_figure("seconds", seconds);
    print_count("sent", counters.sent);
    print_count("deliveries", counters.deliveries);
    print_count("frames", counters.frames);
    print_count("bytes", counters.bytes);
    print_count("reads", counters.reads);
    print_figure("messages_per_second", ratio((double)counters.sent, seconds));
    print_figure("deliveries_per_second", ratio((double)counters.deliveries, seconds));
    print_figure("us_per_delivery", ratio(server * 1e6, (double)counters.deliveries));
    print_figure("p50_us", (double)quantile(&latency, 0.50) / 1e3);
    print_figure("p95_us", (double)quantile(&latency, 0.95) / 1e3);
    print_figure("p99_us", (double)quantile(&latency, 0.99) / 1e3);
    print_figure("max_us", (double)latency.highest / 1e3);
    print_figure("server_share", ratio(server, seconds));
    print_figure("server_user_share", ratio(user, user + system));
    print_figure("broker_share", ratio(broker, seconds));
    print_figure("load_share", ratio(own, seconds));
    print_figure("server_core_others", others(run, 0, b->server - a->server + b->broker - a->broker, seconds));
    print_figure("load_core_others", others(run, 1, b->own - a->own, seconds));
    print_figure("pace_lag_us", (double)counters.pace_lag / 1e3);
}

static void print_opening(const struct run *run) {
    double seconds = (double)(run->opened.time - run->opening.time) / 1e9;
    double cpu = (double)(run->opened.server - run->opening.server);
    print_figure("connects_per_second", ratio(run->opened_count, seconds));
    print_figure("connect_cpu_us", ratio(cpu / 1e3, run->opened_count));
    print_figure("connect_p50_us", (double)quantile(&opening_time, 0.50) / 1e3);
    print_figure("connect_p99_us", (double)quantile(&opening_time, 0.99) / 1e3);
    print_figure("kib_per_connection", ratio((double)(run->ended.rss - run->opening.rss), run->opened_count));
    print_figure("server_mib", (double)run->ended.rss / 1024);
}

static int slow_count(void) {
    int count = 0;
    for (int i = 0; i < options.connections; i++) count += connections[i].slow;
    return count;
}

int report(const struct run *run) {
    static const char *modes[] = {"fanout", "echo", "idle", "connect"};
    bool deflate = connections[0].inflater != NULL;
    printf("{\"mode\": \"%s\", \"connections\": %d, \"rooms\": %d, \"publishers\": %d, \"window\": %d, \"size\": %d",
           modes[options.mode], options.connections, options.rooms, options.publishers, options.window,
           options.size);
    print_figure("rate", options.rate);
    printf(", \"deflate\": %s", deflate ? "true" : "false");
    print_exchange(run);
    print_opening(run);
    print_count("slow", (uint64_t)slow_count());
    print_count("slow_closed", (uint64_t)counters.slow_closed);
    print_count("lost", counters.lost);
    print_count("reordered", counters.reordered);
    print_count("corrupt", counters.corrupt);
    print_count("misrouted", counters.misrouted);
    print_count("missing", run->missing);
    print_count("disagreeing", (uint64_t)run->disagreeing);
    print_count("closed", (uint64_t)counters.closed);
    printf("}\n");
    return counters.lost || counters.reordered || counters.corrupt || counters.misrouted || run->missing ||
                   run->disagreeing || counters.closed
               ? 3
               : 0;
}
