/* permessage-deflate, inwards only: the generator offers it and never compresses what it sends. */
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* A server that compresses once for a room sends all members the same bytes. Inflating them once here keeps the
 * generator from being the limit; only without context takeover do equal bytes mean equal text. */
#define REMEMBERED 4096
struct memory {
    uint64_t hash;
    size_t size, text_size;
    uint8_t *bytes, *text;
};
static struct memory memories[REMEMBERED];
static uint8_t *text;
static size_t text_capacity;

void start_inflater(struct connection *c, bool no_context_takeover) {
    static z_stream shared; /* without context takeover one inflater serves all */
    static bool shared_ready;
    c->no_context_takeover = no_context_takeover;
    if (no_context_takeover && shared_ready) {
        c->inflater = &shared;
        return;
    }
    c->inflater = no_context_takeover ? &shared : calloc(1, sizeof shared);
    if (!c->inflater || inflateInit2(c->inflater, -15) != Z_OK) fail("out of memory");
    shared_ready |= no_context_takeover;
}

static uint64_t hash_of(const uint8_t *bytes, size_t size) {
    uint64_t hash = size, word = 0;
    for (; size >= 8; size -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
        hash ^= hash >> 29;
    }
    word = 0;
    memcpy(&word, bytes, size);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
    return hash ^ hash >> 32;
}

static bool inflate_into(z_stream *stream, const uint8_t *bytes, size_t size, uint8_t **out, size_t *out_size) {
    static const uint8_t flush_mark[4] = {0, 0, 0xff, 0xff};
    size_t n = 0;
    for (int part = 0; part < 2; part++) {
        stream->next_in = (uint8_t *)(part ? flush_mark : bytes);
        stream->avail_in = (uInt)(part ? sizeof flush_mark : size);
        do {
            if (text_capacity - n < 4096) {
                text_capacity = text_capacity * 2 + 65536;
                if (!(text = realloc(text, text_capacity))) fail("out of memory");
            }
            stream->next_out = text + n;
            stream->avail_out = (uInt)(text_capacity - n);
            int result = inflate(stream, Z_SYNC_FLUSH);
            n = (size_t)(stream->next_out - text);
            if (result != Z_OK && result != Z_BUF_ERROR) return false;
        } while (stream->avail_in || !stream->avail_out);
    }
    *out = text;
    *out_size = n;
    return true;
}

static void remember(struct memory *m, uint64_t hash, const uint8_t *bytes, size_t size, size_t text_size) {
    free(m->bytes);
    m->bytes = malloc(size + text_size);
    if (!m->bytes) fail("out of memory");
    m->text = m->bytes + size;
    memcpy(m->bytes, bytes, size);
    memcpy(m->text, text, text_size);
    m->hash = hash, m->size = size, m->text_size = text_size;
}

bool inflate_payload(struct connection *c, const uint8_t **payload, size_t *size) {
    uint8_t *out;
    size_t out_size;
    if (!c->no_context_takeover) {
        if (!inflate_into(c->inflater, *payload, *size, &out, &out_size)) return false;
        *payload = out, *size = out_size;
        return true;
    }
    uint64_t hash = hash_of(*payload, *size);
    struct memory *m = &memories[hash % REMEMBERED];
    if (!m->bytes || m->hash != hash || m->size != *size || memcmp(m->bytes, *payload, *size)) {
        inflateReset(c->inflater);
        if (!inflate_into(c->inflater, *payload, *size, &out, &out_size)) return false;
        remember(m, hash, *payload, *size, out_size);
    }
    *payload = m->text, *size = m->text_size;
    return true;
}
