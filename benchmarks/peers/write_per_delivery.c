/* The limit without batching: a C program that does nothing for a delivery but one write().
 *
 * It takes whole, final frames, unmasks them and sends the payload on to every member of the room as it is: no JSON,
 * no user, no time, no timer, no check. It exists to be compared with and for nothing else; its one pretence of a
 * handshake answers the key that the load generator always sends.
 *
 * cc -O2 -o write_per_delivery write_per_delivery.c && ./write_per_delivery PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOMS 100000
#define BUFFER 16384

struct client {
    int fd, room, place, upgraded;
    size_t size, pending, pending_capacity;
    unsigned char *pending_bytes; /* what the socket did not take */
    unsigned char bytes[BUFFER];
};

struct room {
    struct client **members;
    int count, capacity;
};

static struct room rooms[ROOMS];
static int epoll_fd;

static const char answer[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static void join(struct client *c, int number) {
    struct room *room = &rooms[number];
    if (room->count == room->capacity) {
        room->capacity = room->capacity * 2 + 8;
        room->members = realloc(room->members, sizeof *room->members * (size_t)room->capacity);
    }
    c->room = number;
    c->place = room->count;
    room->members[room->count++] = c;
}

static void leave(struct client *c) {
    if (c->upgraded) {
        struct room *room = &rooms[c->room];
        struct client *last = room->members[--room->count];
        room->members[c->place] = last;
        last->place = c->place;
    }
    close(c->fd);
    free(c->pending_bytes);
    free(c);
}

static void put(struct client *c, const unsigned char *bytes, size_t size) {
    ssize_t sent = 0;
    if (!c->pending) sent = write(c->fd, bytes, size);
    if (sent == (ssize_t)size) return;
    if (sent < 0) sent = 0; /* a full socket; a broken one is told by epoll */
    size -= (size_t)sent;
    if (c->pending + size > c->pending_capacity) {
        c->pending_capacity = (c->pending + size) * 2;
        c->pending_bytes = realloc(c->pending_bytes, c->pending_capacity);
    }
    memcpy(c->pending_bytes + c->pending, bytes + sent, size);
    c->pending += size;
}

static void put_pending(struct client *c) {
    ssize_t sent = c->pending ? write(c->fd, c->pending_bytes, c->pending) : 0;
    if (sent <= 0) return;
    c->pending -= (size_t)sent;
    memmove(c->pending_bytes, c->pending_bytes + sent, c->pending);
}

static void publish(struct client *from, const unsigned char *payload, size_t size) {
    unsigned char frame[BUFFER + 4] = {0x81};
    size_t header = size < 126 ? 2 : 4;
    frame[1] = (unsigned char)(size < 126 ? size : 126);
    if (header == 4) frame[2] = (unsigned char)(size >> 8), frame[3] = (unsigned char)size;
    memcpy(frame + header, payload, size);
    struct room *room = &rooms[from->room];
    for (int i = 0; i < room->count; i++) put(room->members[i], frame, header + size);
}

/* Returns the bytes used, 0 if the frame is not whole yet, -1 to end the connection. */
static ssize_t take_frame(struct client *c, unsigned char *frame, size_t size) {
    if (size < 6) return 0;
    size_t length = frame[1] & 127, header = 6;
    if (length == 127 || !(frame[1] & 128)) return -1;
    if (length == 126) {
        length = (size_t)frame[2] << 8 | frame[3];
        header = 8;
    }
    if (header + length > BUFFER || (frame[0] & 15) == 8) return -1;
    if (size < header + length) return 0;
    unsigned char *mask = frame + header - 4, *payload = frame + header;
    for (size_t i = 0; i < length; i++) payload[i] ^= mask[i & 3];
    if ((frame[0] & 15) <= 2) publish(c, payload, length);
    return (ssize_t)(header + length);
}

static int take(struct client *c) {
    size_t at = 0;
    if (!c->upgraded) {
        unsigned char *end = memmem(c->bytes, c->size, "\r\n\r\n", 4);
        if (!end) return 0;
        int number = 0;
        sscanf((char *)c->bytes, "GET /ws/%d", &number);
        if (number < 0 || number >= ROOMS) return -1;
        at = (size_t)(end + 4 - c->bytes);
        join(c, number);
        c->upgraded = 1;
        put(c, (const unsigned char *)answer, sizeof answer - 1);
    }
    for (ssize_t used; (used = take_frame(c, c->bytes + at, c->size - at)); at += (size_t)used)
        if (used < 0) return -1;
    memmove(c->bytes, c->bytes + at, c->size - at);
    c->size -= at;
    return 0;
}

static void on_client(struct client *c, unsigned events) {
    if (events & EPOLLOUT) put_pending(c);
    while (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        size_t space = BUFFER - c->size;
        ssize_t n = read(c->fd, c->bytes + c->size, space);
        if (n < 0 && errno == EAGAIN) return;
        if (n > 0) c->size += (size_t)n;
        if (n <= 0 || take(c) < 0) {
            leave(c);
            return;
        }
        if ((size_t)n < space) return; /* emptied; reading on would favour who answers fastest */
    }
}

static void on_listener(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct client *c = calloc(1, sizeof *c);
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
    }
}

int main(int count, char **arguments) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((unsigned short)(count > 1 ? atoi(arguments[1]) : 0));
    signal(SIGPIPE, SIG_IGN);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 8192)) {
        perror("write_per_delivery");
        return 1;
    }
    epoll_fd = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(epoll_fd, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) on_client(events[i].data.ptr, events[i].events);
            else on_listener(listener);
        }
    }
}
