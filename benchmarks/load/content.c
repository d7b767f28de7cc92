/* What is sent, and the check of what arrives.
 *
 * Every content starts with a marker of fixed width and is padded with x:
 *
 *     @<19 digits: when, ns>,<5: room>,<5: publisher>,<9: number>@xxxx...
 *
 * so that a member finds it whatever the server wraps around it, and frames without one (a welcome, a notice that
 * somebody joined) pass by. Each member expects the numbers of each publisher of its own room in order, each once.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t padding[MAX_CONTENT];

static inline void write_digits(uint8_t *at, int width, uint64_t value) {
    for (int i = width - 1; i >= 0; i--, value /= 10) at[i] = (uint8_t)('0' + value % 10);
}

static inline uint32_t read_digits(const uint8_t *at, int width) {
    uint32_t value = 0;
    for (int i = 0; i < width; i++) value = value * 10 + (uint32_t)(at[i] - '0');
    return value;
}

/* Eight digits in three multiplications: a busy run reads millions of timestamps a second. */
static inline uint32_t read_eight(const uint8_t *at) {
    uint64_t v;
    memcpy(&v, at, 8);
    v = (v & 0x0f0f0f0f0f0f0f0full) * 2561 >> 8;
    v = (v & 0x00ff00ff00ff00ffull) * 6553601 >> 16;
    return (uint32_t)((v & 0x0000ffff0000ffffull) * 42949672960001ull >> 32);
}

static inline uint64_t read_timestamp(const uint8_t *at) {
    return (uint64_t)read_digits(at, 3) * 10000000000000000ull + (uint64_t)read_eight(at + 3) * 100000000u +
           read_eight(at + 11);
}

static int escaped(const char *text, uint8_t *out) {
    if (text[1] == 'x' && text[2] && text[3]) {
        char hex[3] = {text[2], text[3], 0};
        *out = (uint8_t)strtol(hex, NULL, 16);
        return 4;
    }
    *out = (uint8_t)(text[1] == 'r' ? '\r' : text[1] == 'n' ? '\n' : text[1]);
    return 2;
}

size_t expand(const struct connection *c, const char *text, uint8_t *out, size_t room_left,
              const uint8_t *content, size_t *content_at) {
    size_t n = 0;
    while (*text) {
        if (room_left - n < 16 + (content ? (size_t)options.size : 0)) fail("a template is too long");
        if (text[0] == '\\' && text[1]) {
            text += escaped(text, out + n++);
        } else if (text[0] == '%' && (text[1] == 'r' || text[1] == 'i')) {
            n += (size_t)sprintf((char *)out + n, "%d", text[1] == 'r' ? c->room : c->index);
            text += 2;
        } else if (text[0] == '%' && text[1] == 's' && content) {
            *content_at = n;
            memcpy(out + n, content, (size_t)options.size);
            n += (size_t)options.size;
            content = NULL;
            text += 2;
        } else {
            out[n++] = (uint8_t)*text++;
        }
    }
    return n;
}

void prepare_publisher(struct connection *c) {
    size_t capacity = strlen(options.template) * 8 + 2 * (size_t)options.size + 64;
    uint8_t *content = malloc((size_t)options.size);
    c->frame = malloc(capacity);
    if (!content || !c->frame) fail("out of memory");
    memset(content, 'x', (size_t)options.size);
    memset(padding, 'x', sizeof padding);
    content[0] = content[42] = '@';
    content[20] = content[26] = content[32] = ',';
    write_digits(content + 1, 19, 0);
    write_digits(content + 21, 5, (uint64_t)c->room);
    write_digits(content + 27, 5, (uint64_t)c->publisher);
    write_digits(content + 33, 9, 0);
    c->frame_size = expand(c, options.template, c->frame, capacity, content, &c->marker_at);
    free(content);
}

void publish(struct connection *c, uint64_t timestamp) {
    uint8_t *marker = c->frame + c->marker_at;
    write_digits(marker + 1, 19, timestamp);
    write_digits(marker + 33, 9, c->next++);
    if (counters.measuring) counters.sent++;
    send_frame(c, options.binary ? 2 : 1, c->frame, c->frame_size);
}

/* Whether its latency counts: not of who does not read, and only of the bystanders where there are any. */
bool is_timed(const struct connection *c) {
    return options.bystanders ? c->bystander : !c->slow;
}

static void check_number(struct connection *c, int publisher, uint32_t number) {
    uint32_t due = c->expected[publisher];
    if (number < due) {
        counters.reordered++; /* or delivered twice */
        return;
    }
    counters.lost += number - due;
    c->expected[publisher] = number + 1;
    c->order = (c->order ^ ((uint64_t)publisher << 32 | number)) * 0x9e3779b97f4a7c15ull;
}

/* Returns how many bytes are done with: a stream may go on in the middle of a content. */
size_t check_contents(struct connection *c, const uint8_t *bytes, size_t size, uint64_t now) {
    const uint8_t *end = bytes + size, *at = bytes, *done = bytes;
    size_t whole = (size_t)options.size;
    int own = 0;
    while ((size_t)(end - at) >= whole && (at = memchr(at, '@', (size_t)(end - at) - whole + 1))) {
        if (at[20] != ',' || at[26] != ',' || at[32] != ',' || at[42] != '@') {
            at++;
            continue;
        }
        uint64_t sent = read_timestamp(at + 1);
        int room = (int)read_digits(at + 21, 5), publisher = (int)read_digits(at + 27, 5);
        uint32_t number = read_digits(at + 33, 9);
        if (memcmp(at + MARK, padding, whole - MARK)) counters.corrupt++;
        done = at += whole;
        if (room != c->room || publisher >= c->publishers) {
            counters.misrouted++;
            continue;
        }
        if (counters.measuring && !c->slow) {
            counters.deliveries++;
            if (is_timed(c)) record(&latency, now > sent ? now - sent : 0);
        }
        check_number(c, publisher, number);
        own += c->answers && publisher == c->answers->publisher;
    }
    if (own && counters.sending && options.rate == 0)
        for (uint64_t timestamp = now_ns(); own; own--) publish(c->answers, timestamp);
    return (size_t)(done - bytes);
}
