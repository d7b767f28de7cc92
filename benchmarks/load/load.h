/* What the files of the load generator share. One thread, one epoll, loopback only. */
#ifndef LOAD_H
#define LOAD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MARK 43 /* bytes of the marker at the start of every content, see content.c */
#define MAX_STEPS 16
#define MAX_PIDS 16
#define MAX_PORTS 8
#define MAX_CONTENT 65536

enum mode { FANOUT, ECHO, IDLE, CONNECT };

struct step { /* one line of the handshake script */
    bool wait;
    const char *text;
};

struct options {
    enum mode mode;
    const char *host, *path, *template, *subprotocol;
    int connections, rooms, publishers, bystanders, window, size, opening;
    double seconds, warmup, drain, rate, stop_share;
    bool deflate, binary, stream, apart;
    int verbose;
    int server_core, load_core;
    struct step steps[MAX_STEPS];
    int step_count;
    int ports[MAX_PORTS], port_count;
    int pids[MAX_PIDS], pid_count;
    int broker_pids[MAX_PIDS], broker_pid_count;
};

struct buffer {
    uint8_t *bytes;
    size_t start, end, capacity;
};

enum state { CONNECTING, HANDSHAKE, SCRIPT, READY, CLOSED };

struct connection {
    int fd;
    enum state state;
    int index, room, port;
    int publisher;  /* its number in the room, or -1 */
    int publishers; /* in its room */
    struct connection *answers; /* the publisher that sends its next message when its last one arrives here */
    int step;
    bool bystander; /* alone in a room of its own, to feel what the others do to the server */
    bool slow;      /* one of those that stop reading, or will */
    bool stopped;   /* it has */
    uint64_t opened;
    struct buffer unread, message, out;
    uint32_t *expected; /* next number due from each publisher of the room */
    uint64_t order;     /* hash of everything received, in order */
    uint32_t next;      /* next number to send */
    int opcode;
    bool compressed, no_context_takeover;
    struct z_stream_s *inflater;
    uint8_t *frame; /* a publisher's frame, unmasked, and where its marker stands */
    size_t frame_size, marker_at;
};

struct counters {
    bool measuring, sending;
    int ready, failed, closed, slow_closed;
    uint64_t sent, deliveries, frames, bytes, reads;
    uint64_t lost, reordered, corrupt, misrouted;
    uint64_t pace_lag; /* ns by which the generator itself was late, at most */
};

struct histogram {
    uint64_t count, sum, highest;
    uint32_t buckets[60 * 32];
};

struct snapshot {
    uint64_t time, server, broker, user_ticks, system_ticks, own;
    uint64_t busy[2], total[2]; /* of the server's core and of the generator's, in ticks */
    long rss;                   /* KiB */
};

struct run {
    struct snapshot opening, opened, started, ended;
    uint64_t missing;
    int opened_count, disagreeing;
};

extern struct options options;
extern struct counters counters;
extern struct histogram latency, opening_time;
extern struct connection *connections;

void parse_options(int count, char **arguments);
void fail(const char *what) __attribute__((noreturn));

/* measure.c */
uint64_t now_ns(void);
void record(struct histogram *histogram, uint64_t value);
uint64_t quantile(const struct histogram *histogram, double share);
void take_snapshot(struct snapshot *snapshot);

/* content.c */
bool is_timed(const struct connection *connection);
size_t expand(const struct connection *connection, const char *text, uint8_t *out, size_t room_left,
              const uint8_t *content, size_t *content_at);
void prepare_publisher(struct connection *connection);
void publish(struct connection *connection, uint64_t timestamp);
size_t check_contents(struct connection *connection, const uint8_t *bytes, size_t size, uint64_t now);

/* compression.c */
void start_inflater(struct connection *connection, bool no_context_takeover);
bool inflate_payload(struct connection *connection, const uint8_t **payload, size_t *size);

/* connection.c */
void prepare_connections(void);
void open_connection(int index);
void stop_reading(struct connection *connection);
void send_frame(struct connection *connection, int opcode, const uint8_t *payload, size_t size);
void flush(struct connection *connection);
void append(struct buffer *buffer, const void *bytes, size_t size);
int pump(int64_t wait_ns);
void close_connections(void);

/* workload.c and report.c */
void run_workload(struct run *run);
int report(const struct run *run);

#endif
