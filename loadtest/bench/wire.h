/* The bytes both ends of a bench agree on: the upstream writes them, the load compares against them.
 *
 * Owns: the order a request carries, the frames of a stream, the body of a plain answer.
 * Refuses to know: sockets, HTTP, time.
 * Strategy: every byte of an answer follows from (seed, events), and the load puts both into the request. So an answer that is
 * cut, doubled, reordered or handed to the wrong client differs from what its client computes, and no copy has to be kept.
 *
 * The order travels in metadata.user_id at the end of the body, because the SDKs write `messages` before the short fields: a
 * gateway has to look past the prompt to find `model` and `stream`, and the bench should make it do so.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum {
    FRAMES_BEFORE = 3, /* message_start, content_block_start, ping */
    FRAMES_AFTER = 3,  /* content_block_stop, message_delta, message_stop */
    FRAME_MAX = 1024,  /* longest is message_start, under 600 bytes */
    REPLY_MAX = 2048,  /* the plain answer is about 1 kB */
    TAIL_MAX = 256     /* the end of a request body, order included, is under 200 bytes */
};

struct order {
    unsigned seed;   /* one per request: makes each answer unlike all others */
    unsigned events; /* content_block_delta events of a stream */
    unsigned rate;   /* events per second, 0: all at once */
    size_t bytes;    /* length of the whole request body */
    bool stream;
};

static const char TAIL_FORMAT[] =
    "],\"model\":\"claude-sonnet-5-5\",\"max_tokens\":4096,\"metadata\":{\"user_id\":"
    "\"bench seed=%08x events=%06u rate=%05u bytes=%08zu\"},\"stream\":%s}";

/* End of a request body; its length does not depend on the numbers in it as long as `stream` stays the same. */
static inline size_t tail_write(char out[TAIL_MAX], const struct order *order)
{
    return (size_t)snprintf(out, TAIL_MAX, TAIL_FORMAT, order->seed, order->events, order->rate, order->bytes,
                            order->stream ? "true" : "false");
}

/* The order in the end of a body (NUL-terminated by the caller); false if there is none. */
static inline bool tail_read(const char *tail, struct order *order)
{
    const char *text = strstr(tail, "\"bench seed=");
    if (text == NULL || sscanf(text, "\"bench seed=%8x events=%6u rate=%5u bytes=%8zu\"", &order->seed, &order->events,
                               &order->rate, &order->bytes) != 4)
        return false;
    order->stream = strstr(text, "\"stream\":true}") != NULL;
    return order->stream || strstr(text, "\"stream\":false}") != NULL;
}

static inline unsigned frame_count(const struct order *order)
{
    return FRAMES_BEFORE + order->events + FRAMES_AFTER;
}

/* Frame `index` of the stream, returns its length. */
static inline size_t frame_write(char out[FRAME_MAX], const struct order *order, unsigned index)
{
    static const char *const names[FRAMES_AFTER] = {"content_block_stop", "message_delta", "message_stop"};
    int used;
    if (index == 0)
        used = snprintf(out, FRAME_MAX,
                        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-sonnet-5-5\","
                        "\"id\":\"msg_01Bench%08x\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],"
                        "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":%zu,"
                        "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"cache_creation\":"
                        "{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},\"output_tokens\":1,"
                        "\"service_tier\":\"standard\"}}}\n\n",
                        order->seed, order->bytes / 4);
    else if (index == 1)
        used = snprintf(out, FRAME_MAX,
                        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
                        "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
    else if (index == 2)
        used = snprintf(out, FRAME_MAX, "event: ping\ndata: {\"type\": \"ping\"}\n\n");
    else if (index < FRAMES_BEFORE + order->events)
        used = snprintf(out, FRAME_MAX,
                        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
                        "\"delta\":{\"type\":\"text_delta\",\"text\":\" %08x.%06u\"}}\n\n",
                        order->seed, index - FRAMES_BEFORE);
    else if (index == FRAMES_BEFORE + order->events)
        used = snprintf(out, FRAME_MAX, "event: %s\ndata: {\"type\":\"%s\",\"index\":0}\n\n", names[0], names[0]);
    else if (index == FRAMES_BEFORE + order->events + 1)
        used = snprintf(out, FRAME_MAX,
                        "event: %s\ndata: {\"type\":\"%s\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},"
                        "\"usage\":{\"input_tokens\":%zu,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
                        "\"output_tokens\":%u}}\n\n",
                        names[1], names[1], order->bytes / 4, order->events);
    else
        used = snprintf(out, FRAME_MAX, "event: %s\ndata: {\"type\":\"%s\"}\n\n", names[2], names[2]);
    return (size_t)used;
}

/* The body of a plain answer, about 1 kB, returns its length. */
static inline size_t reply_write(char out[REPLY_MAX], const struct order *order)
{
    static const char sentence[] = "A sluice lets through what is asked for and keeps count of what has passed. ";
    char text[9 * sizeof sentence];
    size_t used = 0;
    for (int copy = 0; copy < 7; copy++) {
        memcpy(text + used, sentence, sizeof sentence - 1);
        used += sizeof sentence - 1;
    }
    text[used] = 0;
    return (size_t)snprintf(out, REPLY_MAX,
                            "{\"model\":\"claude-sonnet-5-5\",\"id\":\"msg_01Bench%08x\",\"type\":\"message\","
                            "\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"%s%08x\"}],"
                            "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":%zu,"
                            "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"cache_creation\":"
                            "{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},\"output_tokens\":128,"
                            "\"service_tier\":\"standard\"}}",
                            order->seed, text, order->seed, order->bytes / 4);
}

#endif
