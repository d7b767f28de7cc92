/* The phases of a run: open, settle, warm up, measure, drain, check. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

#define MS 1000000ull
#define OPENING_LIMIT (90000 * MS)
#define BYSTANDER_RATE 50 /* messages a second of each */

struct histogram latency, opening_time;

static int finished(void) {
    return counters.ready + counters.failed;
}

static void open_range(int from, int to) {
    uint64_t limit = now_ns() + OPENING_LIMIT;
    for (int next = from; finished() < to && now_ns() < limit; pump(100 * MS))
        while (next < to && next - finished() < options.opening) open_connection(next++);
    if (counters.ready >= to) return;
    fprintf(stderr, "load: only %d of %d connections opened\n", counters.ready, to);
    exit(1);
}

static void wait_ms(uint64_t ms) {
    for (uint64_t end = now_ns() + ms * MS, now; (now = now_ns()) < end;) pump((int64_t)(end - now));
}

static void open_connections(struct run *run) {
    /* The first handshakes import and compile things in the server: not what the others cost. */
    int first = options.mode == CONNECT ? options.connections / 10 : 0;
    open_range(0, first);
    wait_ms(first ? 200 : 0);
    opening_time = (struct histogram){0};
    take_snapshot(&run->opening);
    open_range(first, options.connections);
    run->opened_count = options.connections - first;
    run->opened.time = now_ns();
    uint64_t opened = run->opened.time;
    wait_ms(200); /* what the server puts off until after its answer counts too */
    take_snapshot(&run->opened);
    run->opened.time = opened;
}

static void fill_windows(void) {
    for (int i = 0; i < options.connections; i++) {
        struct connection *c = &connections[i];
        if (c->publisher < 0) continue;
        for (int k = 0; k < options.window; k++) publish(c, now_ns());
        flush(c);
    }
}

/* Messages at fixed times, whatever the server does; its publishers take turns. */
struct pace {
    double rate;
    int first, count;
    uint64_t start, tick;
};
static struct pace paces[2]; /* of the rooms, and of the bystanders */

static uint64_t due_at(const struct pace *pace, uint64_t tick) {
    return pace->start + (uint64_t)((double)tick * 1e9 / pace->rate);
}

/* Sends what is due and returns the time of the next. The timestamp is the time at which the message should have
 * left, so that a server that stalls is charged for all that waited behind it. */
static uint64_t send_due(struct pace *pace, uint64_t now) {
    for (;; pace->tick++) {
        uint64_t due = due_at(pace, pace->tick);
        if (due > now) return due;
        if (counters.measuring && now - due > counters.pace_lag) counters.pace_lag = now - due;
        struct connection *c = &connections[pace->first + (int)(pace->tick % (uint64_t)pace->count)];
        if (c->state != READY) continue;
        publish(c, due);
        flush(c);
    }
}

static void start_paces(uint64_t start) {
    int crowd = options.connections - options.bystanders;
    paces[0] = (struct pace){options.rate, 0, options.publishers * options.rooms, start, 0};
    paces[1] = (struct pace){BYSTANDER_RATE * options.bystanders, crowd, options.bystanders, start, 0};
}

static void start_measuring(struct run *run) {
    counters.measuring = true;
    for (int i = 0; i < options.connections; i++)
        if (connections[i].slow && connections[i].state == READY) stop_reading(&connections[i]);
    take_snapshot(&run->started);
}

static void exchange(struct run *run) {
    uint64_t start = now_ns(), warm = start + (uint64_t)(options.warmup * 1e9);
    uint64_t end = warm + (uint64_t)(options.seconds * 1e9);
    counters.sending = true;
    if (options.rate == 0) fill_windows();
    start_paces(start);
    for (uint64_t now; (now = now_ns()) < end && !counters.closed;) {
        if (!counters.measuring && now >= warm) start_measuring(run);
        uint64_t wake = counters.measuring ? end : warm;
        for (int i = 0; i < 2; i++) {
            uint64_t due = paces[i].rate > 0 ? send_due(&paces[i], now) : wake;
            if (due < wake) wake = due;
        }
        now = now_ns();
        pump(wake > now ? (int64_t)(wake - now) : 0);
    }
    take_snapshot(&run->ended);
    counters.measuring = counters.sending = false;
}

static const struct connection *publisher_for(const struct connection *c, int number) {
    return c->bystander ? c : &connections[c->room + number * options.rooms];
}

static uint64_t missing_for(const struct connection *c) {
    uint64_t missing = 0;
    if (c->slow) return 0; /* what it did not read is not a loss */
    for (int p = 0; p < c->publishers; p++) missing += publisher_for(c, p)->next - c->expected[p];
    return missing;
}

static uint64_t missing_now(void) {
    uint64_t missing = 0;
    for (int i = 0; i < options.connections; i++) missing += missing_for(&connections[i]);
    return missing;
}

/* A paced message that never came has waited until now: left out, a server that stalls would look fast. */
static void charge_missing(const struct run *run) {
    uint64_t now = now_ns();
    for (int i = 0; i < options.connections; i++) {
        struct connection *c = &connections[i];
        const struct pace *pace = &paces[c->bystander];
        for (int p = 0; p < c->publishers && is_timed(c); p++) {
            const struct connection *from = publisher_for(c, p);
            for (uint64_t number = c->expected[p]; number < from->next; number++) {
                uint64_t due = due_at(pace, number * (uint64_t)pace->count + (uint64_t)(from->index - pace->first));
                if (due >= run->started.time && due < run->ended.time) record(&latency, now - due);
            }
        }
    }
}

/* Members of one room must have seen one order: the hashes of what they received are equal. */
static int disagreeing(void) {
    int count = 0;
    for (int i = options.rooms; i < options.connections - options.bystanders; i++)
        count += !connections[i].slow && connections[i].order != connections[i % options.rooms].order;
    return count;
}

void run_workload(struct run *run) {
    open_connections(run);
    run->started = run->ended = run->opened;
    if (options.mode == CONNECT) return;
    if (options.mode == IDLE) {
        take_snapshot(&run->started);
        wait_ms((uint64_t)(options.seconds * 1000));
        take_snapshot(&run->ended);
        return;
    }
    exchange(run);
    uint64_t limit = now_ns() + (uint64_t)(options.drain * 1e9);
    while ((run->missing = missing_now()) && now_ns() < limit && !counters.closed) pump(20 * MS);
    if (run->missing && options.rate > 0) charge_missing(run);
    if (!run->missing && !counters.lost && !counters.reordered) run->disagreeing = disagreeing();
}
