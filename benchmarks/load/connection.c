/* Sockets, the upgrade, WebSocket frames both ways, and the event loop. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#define READ_BUFFER (256 << 10)
#define KEY "dGhlIHNhbXBsZSBub25jZQ==" /* the key of RFC 6455 and its answer: no SHA-1 needed here */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

struct counters counters;
struct connection *connections;
static int epoll_fd;
static uint8_t *read_buffer;
static uint64_t random_state = 88172645463325252ull;

void prepare_connections(void) {
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    read_buffer = malloc(READ_BUFFER);
    connections = calloc((size_t)options.connections, sizeof *connections);
    if (epoll_fd < 0 || !read_buffer || !connections) fail("cannot prepare");
    random_state ^= now_ns();
}

void append(struct buffer *b, const void *bytes, size_t size) {
    if (b->start == b->end) b->start = b->end = 0;
    if (b->end + size > b->capacity && b->start) {
        memmove(b->bytes, b->bytes + b->start, b->end - b->start);
        b->end -= b->start;
        b->start = 0;
    }
    if (b->end + size > b->capacity) {
        b->capacity = (b->end + size) * 2;
        if (!(b->bytes = realloc(b->bytes, b->capacity))) fail("out of memory");
    }
    if (bytes) memcpy(b->bytes + b->end, bytes, size);
    b->end += size;
}

static void lose(struct connection *c, const char *why) {
    static int shown;
    if (c->state == CLOSED) return;
    if (!c->stopped && (options.verbose || shown++ < 5))
        fprintf(stderr, "load: connection %d ended: %s\n", c->index, why);
    if (c->state != READY) counters.failed++;
    else if (c->slow) counters.slow_closed++;
    else counters.closed++;
    c->state = CLOSED;
    close(c->fd);
    c->fd = -1;
}

void flush(struct connection *c) {
    while (c->state != CLOSED && c->out.start < c->out.end) {
        ssize_t n = send(c->fd, c->out.bytes + c->out.start, c->out.end - c->out.start, MSG_NOSIGNAL);
        if (n > 0) c->out.start += (size_t)n;
        else if (errno == EAGAIN) return;
        else if (errno != EINTR) lose(c, strerror(errno));
    }
}

void send_frame(struct connection *c, int opcode, const uint8_t *payload, size_t size) {
    uint8_t header[14] = {(uint8_t)(0x80 | opcode)};
    size_t used = 2;
    if (size < 126) {
        header[1] = (uint8_t)(0x80 | size);
    } else if (size < 65536) {
        header[1] = 0x80 | 126, header[2] = (uint8_t)(size >> 8), header[3] = (uint8_t)size;
        used = 4;
    } else {
        header[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++) header[2 + i] = (uint8_t)((uint64_t)size >> (56 - 8 * i));
        used = 10;
    }
    random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
    uint64_t mask = random_state & 0xffffffffu;
    mask |= mask << 32;
    memcpy(header + used, &mask, 4);
    append(&c->out, header, used + 4);
    append(&c->out, NULL, size);
    uint8_t *to = c->out.bytes + c->out.end - size;
    size_t i = 0;
    for (uint64_t word; i + 8 <= size; i += 8) {
        memcpy(&word, payload + i, 8);
        word ^= mask;
        memcpy(to + i, &word, 8);
    }
    for (; i < size; i++) to[i] = payload[i] ^ ((uint8_t *)&mask)[i & 7];
}

static void go_on_with_script(struct connection *c) {
    uint8_t text[4096];
    for (; c->step < options.step_count && !options.steps[c->step].wait; c->step++) {
        size_t size = expand(c, options.steps[c->step].text, text, sizeof text, NULL, NULL);
        send_frame(c, options.binary ? 2 : 1, text, size);
    }
    flush(c);
    if (c->state != SCRIPT || c->step < options.step_count) return;
    c->state = READY;
    counters.ready++;
    record(&opening_time, now_ns() - c->opened);
}

static void on_script_message(struct connection *c, const uint8_t *payload, size_t size) {
    uint8_t text[4096];
    size_t wanted = expand(c, options.steps[c->step].text, text, sizeof text, NULL, NULL);
    if (!memmem(payload, size, text, wanted)) return;
    c->step++;
    go_on_with_script(c);
}

static void on_message(struct connection *c, bool compressed, const uint8_t *payload, size_t size, uint64_t now) {
    if (compressed && (!c->inflater || !inflate_payload(c, &payload, &size))) {
        lose(c, "a compressed message that does not inflate");
        return;
    }
    if (options.verbose > 1) fprintf(stderr, "load: %d < %.*s\n", c->index, (int)size, payload);
    if (c->state == SCRIPT) {
        on_script_message(c, payload, size);
    } else if (options.stream) {
        append(&c->message, payload, size);
        c->message.start += check_contents(c, c->message.bytes + c->message.start,
                                           c->message.end - c->message.start, now);
    } else {
        check_contents(c, payload, size, now);
    }
}

static void on_close_frame(struct connection *c, const uint8_t *payload, size_t size) {
    char why[128];
    int code = size >= 2 ? payload[0] << 8 | payload[1] : 1005;
    snprintf(why, sizeof why, "closed by the server, %d %.*s", code, size > 2 ? (int)size - 2 : 0, payload + 2);
    lose(c, why);
}

static void on_frame(struct connection *c, const uint8_t *frame, const uint8_t *payload, size_t size, uint64_t now) {
    int opcode = frame[0] & 15;
    bool final = frame[0] & 0x80, compressed = frame[0] & 0x40;
    if (opcode == 8) on_close_frame(c, payload, size);
    else if (opcode == 9) send_frame(c, 10, payload, size);
    else if (opcode == 10) return;
    else if (opcode > 2) lose(c, "unknown opcode");
    else if (opcode && final) on_message(c, compressed, payload, size, now);
    else {
        if (opcode) c->compressed = compressed, c->message.start = c->message.end = 0;
        append(&c->message, payload, size);
        if (!final) return;
        on_message(c, c->compressed, c->message.bytes, c->message.end, now);
        c->message.start = c->message.end = 0;
    }
}

/* Returns the size of the answer to the upgrade, 0 if it is not whole yet, -1 if it refuses. */
static ssize_t read_upgrade(struct connection *c, uint8_t *bytes, size_t size) {
    uint8_t *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (!end) return size > 16384 ? -1 : 0;
    *end = 0;
    char *head = (char *)bytes;
    if (!strstr(head, " 101") || !strstr(head, ACCEPT)) {
        if (counters.failed < 3) fprintf(stderr, "load: upgrade refused: %.300s\n", head);
        return -1;
    }
    if (strcasestr(head, "permessage-deflate")) {
        if (!options.deflate) return -1;
        start_inflater(c, strcasestr(head, "server_no_context_takeover") != NULL);
    }
    return end + 4 - bytes;
}

static void on_bytes(struct connection *c, uint8_t *bytes, size_t size) {
    size_t at = 0;
    if (c->state == HANDSHAKE) {
        ssize_t head = read_upgrade(c, bytes, size);
        if (head < 0) lose(c, "the upgrade was refused");
        if (head > 0) {
            at = (size_t)head;
            c->state = SCRIPT;
            go_on_with_script(c);
        }
    }
    uint64_t now = now_ns();
    while (c->state > HANDSHAKE && c->state != CLOSED && size - at >= 2) {
        uint8_t *frame = bytes + at;
        uint64_t header = 2, length = frame[1] & 127;
        if (frame[1] & 0x80) lose(c, "a frame from the server is masked");
        if (length == 126) header = 4;
        else if (length == 127) header = 10;
        if (size - at < header) break;
        if (header > 2) length = 0;
        for (size_t i = 2; i < header; i++) length = length << 8 | frame[i];
        if (size - at < header + length) break;
        at += header + length;
        if (counters.measuring) counters.frames++, counters.bytes += header + length;
        on_frame(c, frame, frame + header, length, now);
    }
    c->unread.start = c->unread.end = 0;
    if (c->state == CLOSED) return;
    if (at < size) append(&c->unread, bytes + at, size - at);
    flush(c);
    if (c->answers && c->answers != c) flush(c->answers);
}

static void read_all(struct connection *c) {
    while (c->state != CLOSED && !c->stopped) {
        size_t kept = c->unread.end - c->unread.start, space = READ_BUFFER - kept;
        if (space < 4096) {
            lose(c, "a frame is larger than the read buffer");
            return;
        }
        if (kept) memcpy(read_buffer, c->unread.bytes + c->unread.start, kept);
        ssize_t n = recv(c->fd, read_buffer + kept, space, 0);
        if (counters.measuring) counters.reads++;
        if (n == 0) lose(c, "end of stream without a close frame");
        else if (n > 0) on_bytes(c, read_buffer, kept + (size_t)n);
        else if (errno == EAGAIN) return;
        else if (errno != EINTR) lose(c, strerror(errno));
        if (n > 0 && (size_t)n < space) return; /* edge triggered: a short read has emptied the socket */
    }
}

static void send_upgrade(struct connection *c) {
    char request[2048];
    uint8_t path[1024];
    size_t size = expand(c, options.path, path, sizeof path, NULL, NULL);
    int n = snprintf(request, sizeof request,
                     "GET %.*s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n%s%s%s%s\r\n",
                     (int)size, (char *)path, options.host, c->port,
                     options.subprotocol ? "Sec-WebSocket-Protocol: " : "",
                     options.subprotocol ? options.subprotocol : "", options.subprotocol ? "\r\n" : "",
                     options.deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
    c->state = HANDSHAKE;
    append(&c->out, request, (size_t)n);
    flush(c);
}

static void on_event(struct connection *c, uint32_t events) {
    const uint32_t ending = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if (c->state == CLOSED) return;
    if (c->stopped) {
        if (events & ending) lose(c, "closed by the server while it did not read");
        return;
    }
    if (c->state == CONNECTING) {
        if (events & (EPOLLHUP | EPOLLERR)) lose(c, "cannot connect");
        else if (events & EPOLLOUT) send_upgrade(c);
    } else if (events & EPOLLOUT) {
        flush(c);
    }
    if (events & (EPOLLIN | ending)) read_all(c);
    if (events & ending) read_all(c); /* the end stands behind what a short read took */
}

int pump(int64_t wait_ns) {
    static struct epoll_event events[1024];
    struct timespec wait = {wait_ns / 1000000000, wait_ns % 1000000000};
    int n = epoll_pwait2(epoll_fd, events, 1024, &wait, NULL);
    for (int i = 0; i < n; i++) on_event(events[i].data.ptr, events[i].events);
    return n;
}

static struct sockaddr_in own_address(int index) {
    /* 4,000 connections for each source address, and other addresses for each run: ports never run out */
    uint32_t host = 0x7f000001u | (uint32_t)(10 + getpid() % 200) << 16 | (uint32_t)(index / 4000) << 8;
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
}

/* Where there are several servers, a publisher waits for what crosses from its own to another: else it would go on
 * while the others fall ever further behind. */
static void assign_server(struct connection *c, int members, int member) {
    int apart = options.apart, servers = options.port_count, publishers = options.publishers;
    int of = servers == 1 ? member : apart ? member - publishers : (member + members - 1) % members;
    int server = !apart ? member % servers : member < publishers ? 0 : 1 + (member - publishers) % (servers - 1);
    c->port = options.ports[server];
    if (of >= 0 && of < publishers) c->answers = &connections[c->room + of * options.rooms];
}

static void assign_room(struct connection *c) {
    int crowd = options.connections - options.bystanders;
    int members = crowd / options.rooms, member = c->index / options.rooms;
    c->bystander = c->index >= crowd;
    c->publishers = c->bystander ? 1 : options.publishers;
    if (c->bystander) {
        c->room = options.rooms + c->index - crowd;
        c->port = options.ports[0];
        c->answers = c;
        return;
    }
    c->room = c->index % options.rooms;
    c->publisher = member < options.publishers ? member : -1;
    c->slow = c->publisher < 0 && member >= members - (int)(options.stop_share * members + 0.5);
    assign_server(c, members, member);
}

void open_connection(int index) {
    struct connection *c = &connections[index];
    int one = 1;
    c->index = index, c->opened = now_ns();
    assign_room(c);
    if (c->publishers) c->expected = calloc((size_t)c->publishers, sizeof *c->expected);
    if (c->publisher >= 0) prepare_publisher(c);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) fail("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (c->slow) {
        /* With loopback's segments of 64 KiB the server's kernel takes megabytes for a member that does not read.
         * With Ethernet's it takes what it would take from afar. */
        int segment = 1448;
        setsockopt(c->fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    }
    struct sockaddr_in from = own_address(index), to = {.sin_family = AF_INET};
    to.sin_port = htons((uint16_t)c->port);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from)) fail("bind");
    inet_pton(AF_INET, options.host, &to.sin_addr);
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) lose(c, "cannot connect");
}

void stop_reading(struct connection *c) {
    int small = 4096; /* a small window makes the server feel it within the run */
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    struct epoll_event e = {.events = EPOLLRDHUP | EPOLLET, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
    c->stopped = true;
}

void close_connections(void) {
    struct linger reset = {1, 0};
    int open = 0;
    options.verbose = -1;
    for (int i = 0; i < options.connections; i++) {
        struct connection *c = &connections[i];
        if (c->state != READY || c->stopped) continue;
        c->out.start = c->out.end = 0;
        c->stopped = true; /* its end is no news any more */
        send_frame(c, 8, (const uint8_t *)"\x03\xe8", 2);
        flush(c);
        open++;
    }
    for (uint64_t limit = now_ns() + 1500000000u, before = (uint64_t)counters.closed;
         (uint64_t)counters.closed < before + (uint64_t)open && now_ns() < limit;)
        pump(50000000);
    for (int i = 0; i < options.connections; i++) {
        if (connections[i].fd <= 0) continue;
        setsockopt(connections[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(connections[i].fd);
    }
}
