/* The load of a bench: many clients in one thread, which compare every byte they get with the byte that must come.
 *
 * Owns: the clients' sockets, the check of every answer, the clock of latencies, the window that is measured.
 * Refuses to know: what stands behind the port. Direct, nginx and gateway get the same bytes.
 * Strategy: prints "begin" and "end" when the measured window opens and closes, so that whoever started it can read the CPU
 * clocks of the target at these moments; then lets everything in flight finish, and prints one JSON object.
 *
 * usage: load calls   --port P [--key K --connections C --body-bytes B --warm-ms W --window-ms T]
 *        load streams --port P [--key K --connections S --body-bytes B --window-ms T --rate R --spread-ms X --then-events M]
 * calls:   C connections, each sends its next request when it has the whole answer to the last one.
 * streams: S streams opened over X ms; the window opens when all of them deliver. Each that ends is followed by one short
 *          stream of M events, opened while the others run: those tell the time to the first content event.
 */
#define _GNU_SOURCE
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, READ_MAX = 131072, BATCH = 256, CONNECTIONS_MAX = 8192, ERRORS_MAX = 200 };
enum { STALL_MS = 30000 }; /* nothing here takes this long unless it hangs */

enum fault { F_CONNECT, F_STATUS, F_FRAMING, F_CLOSED, F_MISMATCH, F_STALLED, FAULTS };
static const char *const fault_names[FAULTS] = {"connect", "status", "framing", "closed", "mismatch", "stalled"};

enum chunk_part { IN_SIZE, IN_DATA, IN_DATA_END, IN_TRAILER };

struct client {
    int fd; /* -1: not connected */
    bool busy, wants_out, in_body, chunked, reconnects;
    unsigned round; /* requests begun */
    struct order order;
    char tail[TAIL_MAX], request_head[1536];
    size_t head_length, tail_length, sent;
    char head[HEAD_MAX];
    size_t head_used;
    enum chunk_part part;
    size_t left; /* of the body, or of the chunk */
    unsigned line_length;
    char want[REPLY_MAX]; /* the frame, or whole plain answer, that must come now */
    size_t want_length, want_at;
    unsigned frame;
    bool complete;
    uint64_t start_at_ns, started_ns, last_event_ns;
};

struct samples {
    uint32_t *values; /* in units of 100 ns */
    size_t used, room;
};

static struct {
    bool streams;
    unsigned port, connections, body_bytes, warm_ms, window_ms, rate, spread_ms, then_events;
    const char *key;
} options = {.connections = 1, .body_bytes = 2048, .warm_ms = 200, .window_ms = 1000, .rate = 50, .spread_ms = 1000, .key = "none"};

static struct client *clients;
static int epoll_fd;
static char *prompt; /* body without its tail, the same for all */
static size_t prompt_length;
static unsigned next_seed, delivering, finished, first_stream_events;
static uint64_t opens_ns, closes_ns; /* the window; 0: not yet */
static bool closed;
static uint64_t window_calls, window_events, all_calls, all_events, all_bytes;
static uint64_t errors[FAULTS], error_count;
static char first_error[256];
static struct samples latencies, firsts, gaps;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static bool in_window(void)
{
    return opens_ns != 0 && !closed;
}

static void sample(struct samples *samples, uint64_t ns)
{
    if (samples->used == samples->room) {
        samples->room = samples->room ? samples->room * 2 : 4096;
        samples->values = realloc(samples->values, samples->room * sizeof *samples->values);
        if (samples->values == NULL)
            abort();
    }
    uint64_t units = ns / 100;
    samples->values[samples->used++] = units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
}

static void client_open(struct client *client);

static void disconnect(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    client->wants_out = false;
}

static void fail(struct client *client, enum fault fault, const char *detail)
{
    if (error_count++ == 0)
        snprintf(first_error, sizeof first_error, "%s: %.160s (request %08x)", fault_names[fault], detail, client->order.seed);
    errors[fault]++;
    disconnect(client);
    client->busy = false;
    if (options.streams) {
        delivering += client->round == 1 && client->frame <= FRAMES_BEFORE; /* the window waits for nobody who is gone */
        finished++;
    } else if (!closed && error_count < ERRORS_MAX) {
        client->start_at_ns = now_ns() + 10000000; /* a target that refuses is not hammered */
    } else {
        finished++;
    }
}

static void watch(struct client *client, bool out)
{
    if (client->wants_out == out)
        return;
    client->wants_out = out;
    struct epoll_event event = {.events = EPOLLIN | (out ? EPOLLOUT : 0u), .data.ptr = client};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
}

/* Words of a chat with line ends, quotes and the odd letter beyond ASCII: what a gateway's JSON scan meets in prompts. */
static void prompt_write(size_t length)
{
    static const char *const words[] = {"the ", "gate ", "opens ", "when ", "water ", "rises, ", "and ", "\\\"closes\\\" ",
                                        "again.\\n", "def flow(level): ", "return ", "caf\xc3\xa9 ", "seven ", "\xe2\x80\x94 ",
                                        "message ", "canal "};
    static const char *const openings[] = {"{\"role\":\"user\",\"content\":\"", "{\"role\":\"assistant\",\"content\":\""};
    unsigned state = 7, message = 0;
    size_t used = 0, message_end;
    prompt = malloc(length + 64);
    if (prompt == NULL)
        abort();
    used += (size_t)sprintf(prompt, "{\"messages\":[");
    while (length - used > 200) {
        used += (size_t)sprintf(prompt + used, "%s%s", message ? "," : "", openings[message % 2]);
        message++;
        message_end = used + 1800 < length - 200 ? used + 1800 : length - 60;
        while (used < message_end) {
            state = state * 1664525u + 1013904223u;
            used += (size_t)sprintf(prompt + used, "%s", words[state >> 28]);
        }
        used += (size_t)sprintf(prompt + used, "\"}");
    }
    while (used < length)
        prompt[used++] = ' ';
    prompt_length = length;
}

static void expect_next(struct client *client)
{
    client->want_at = 0;
    if (client->order.stream)
        client->want_length = frame_write(client->want, &client->order, client->frame);
    else
        client->want_length = reply_write(client->want, &client->order);
}

static void request_write(struct client *client)
{
    static const char format[] =
        "POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
        "Accept: application/json\r\nContent-Type: application/json\r\nUser-Agent: Anthropic/Python 2.11.0\r\n"
        "X-Stainless-Lang: python\r\nX-Stainless-Package-Version: 2.11.0\r\nX-Stainless-OS: Linux\r\n"
        "X-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\nX-Stainless-Runtime-Version: 3.11.7\r\n"
        "X-Stainless-Async: false\r\nx-stainless-retry-count: 0\r\nx-stainless-timeout: 600\r\n"
        "x-stainless-read-timeout: 600\r\nX-Api-Key: %s\r\nanthropic-version: 2023-06-01\r\nContent-Length: %u\r\n\r\n";
    unsigned events = client->round == 1 ? first_stream_events : options.then_events;
    client->order = (struct order){.seed = next_seed++, .events = options.streams ? events : 0, .rate = options.rate,
                                   .bytes = options.body_bytes, .stream = options.streams};
    client->tail_length = tail_write(client->tail, &client->order);
    client->head_length = (size_t)snprintf(client->request_head, sizeof client->request_head, format, options.port, options.key,
                                           options.body_bytes);
    client->sent = client->head_used = client->frame = 0;
    client->in_body = client->complete = client->reconnects = false;
    expect_next(client);
}

static void client_send(struct client *client)
{
    struct iovec parts[] = {{client->request_head, client->head_length}, {prompt, prompt_length}, {client->tail, client->tail_length}};
    size_t total = client->head_length + prompt_length + client->tail_length, skip = client->sent;
    int first = 0;
    if (skip == total)
        return;
    while (skip >= parts[first].iov_len)
        skip -= parts[first++].iov_len;
    parts[first].iov_base = (char *)parts[first].iov_base + skip;
    parts[first].iov_len -= skip;
    ssize_t sent = writev(client->fd, parts + first, 3 - first);
    if (sent < 0 && errno != EAGAIN && errno != EINPROGRESS && errno != ENOTCONN) {
        fail(client, client->round == 1 ? F_CONNECT : F_CLOSED, strerror(errno));
        return;
    }
    client->sent += sent > 0 ? (size_t)sent : 0;
    watch(client, client->sent < total);
}

static bool client_connect(struct client *client)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0 || (connect(client->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)) {
        fail(client, F_CONNECT, strerror(errno));
        return false;
    }
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client->fd, &event);
    return true;
}

static void client_open(struct client *client)
{
    client->round++;
    client->busy = true;
    client->start_at_ns = 0;
    request_write(client);
    client->started_ns = client->last_event_ns = now_ns();
    if (client->fd >= 0 || client_connect(client))
        client_send(client);
}

static void frame_done(struct client *client)
{
    unsigned index = client->frame++;
    all_events++;
    window_events += in_window();
    if (index >= FRAMES_BEFORE && index < FRAMES_BEFORE + client->order.events) {
        uint64_t now = now_ns();
        if (index > FRAMES_BEFORE) {
            if (in_window())
                sample(&gaps, now - client->last_event_ns);
        } else if (client->round == 1) {
            delivering++;
        } else {
            sample(&firsts, now - client->started_ns);
        }
        client->last_event_ns = now;
    }
    client->complete = client->frame == frame_count(&client->order);
    if (!client->complete)
        expect_next(client);
}

/* Compares body bytes with what must come; false after a failure. */
static bool verify(struct client *client, const char *bytes, size_t length)
{
    all_bytes += length;
    while (length > 0) {
        size_t take = client->want_length - client->want_at;
        take = take < length ? take : length;
        if (client->complete || memcmp(client->want + client->want_at, bytes, take) != 0) {
            char detail[96];
            snprintf(detail, sizeof detail, "body differs in frame %u, bytes %zu to %zu", client->frame, client->want_at,
                     client->want_at + take);
            fail(client, F_MISMATCH, detail);
            return false;
        }
        client->want_at += take;
        bytes += take;
        length -= take;
        if (client->want_at < client->want_length)
            continue;
        if (client->order.stream)
            frame_done(client);
        else
            client->complete = true;
    }
    return true;
}

static void answer_done(struct client *client)
{
    if (!client->complete) {
        fail(client, F_MISMATCH, "the answer ended too early");
        return;
    }
    client->busy = false;
    all_calls++;
    if (client->reconnects)
        disconnect(client);
    if (options.streams) {
        if (client->round == 1 && options.then_events > 0 && error_count < ERRORS_MAX)
            client_open(client);
        else
            finished++;
        return;
    }
    if (in_window()) {
        window_calls++;
        sample(&latencies, now_ns() - client->started_ns);
    }
    if (closed)
        finished++;
    else
        client_open(client);
}

static void head_done(struct client *client)
{
    const char *length = strcasestr(client->head, "\r\ncontent-length:");
    client->chunked = strcasestr(client->head, "\r\ntransfer-encoding: chunked") != NULL;
    client->reconnects = strcasestr(client->head, "\r\nconnection: close") != NULL;
    client->in_body = true;
    client->part = IN_SIZE;
    client->left = length ? strtoul(length + 17, NULL, 10) : 0;
    client->line_length = 0;
    if (client->chunked)
        client->left = 0;
    if (strncmp(client->head, "HTTP/1.1 200", 12) != 0)
        fail(client, F_STATUS, strndupa(client->head, strcspn(client->head, "\r")));
    else if (!client->chunked && length == NULL)
        fail(client, F_FRAMING, "an answer with neither length nor chunks");
    else if (client->order.stream && strcasestr(client->head, "\r\ncontent-type: text/event-stream") == NULL)
        fail(client, F_FRAMING, "a stream that is not text/event-stream");
}

static size_t head_feed(struct client *client, const char *bytes, size_t length)
{
    size_t before = client->head_used, take = length;
    if (before + take > HEAD_MAX - 1)
        take = HEAD_MAX - 1 - before;
    memcpy(client->head + before, bytes, take);
    size_t from = before < 3 ? 0 : before - 3;
    const char *end = memmem(client->head + from, before + take - from, "\r\n\r\n", 4);
    client->head_used += take;
    if (end == NULL) {
        if (client->head_used == HEAD_MAX - 1)
            fail(client, F_FRAMING, "endless head");
        return take;
    }
    take = (size_t)(end - client->head) + 4 - before;
    client->head[before + take] = 0;
    head_done(client);
    return take;
}

/* One step of the chunked framing, returns the bytes used. */
static size_t chunk_feed(struct client *client, const char *bytes, size_t length)
{
    if (client->part == IN_DATA) {
        size_t take = client->left < length ? client->left : length;
        client->left -= take;
        if (client->left == 0)
            client->part = IN_DATA_END;
        verify(client, bytes, take);
        return take;
    }
    char byte = *bytes;
    if (byte != '\n') {
        if (client->part == IN_SIZE && byte != '\r') {
            int digit = byte >= '0' && byte <= '9' ? byte - '0' : (byte | 32) >= 'a' && (byte | 32) <= 'f' ? (byte | 32) - 'a' + 10 : -1;
            if (digit < 0 || client->line_length > 7)
                fail(client, F_FRAMING, "bad chunk size");
            client->left = client->left * 16 + (size_t)digit;
        }
        client->line_length += byte != '\r';
        return 1;
    }
    bool empty = client->line_length == 0;
    client->line_length = 0;
    if (client->part == IN_SIZE && empty)
        fail(client, F_FRAMING, "empty chunk size");
    else if (client->part == IN_SIZE)
        client->part = client->left > 0 ? IN_DATA : IN_TRAILER;
    else if (client->part == IN_DATA_END && empty)
        client->part = IN_SIZE;
    else if (client->part == IN_DATA_END)
        fail(client, F_FRAMING, "a chunk longer than its size");
    else if (empty)
        answer_done(client);
    return 1;
}

static size_t body_feed(struct client *client, const char *bytes, size_t length)
{
    if (client->chunked)
        return chunk_feed(client, bytes, length);
    size_t take = client->left < length ? client->left : length;
    client->left -= take;
    if (verify(client, bytes, take) && client->left == 0)
        answer_done(client);
    return take;
}

static void client_read(struct client *client)
{
    static char bytes[READ_MAX];
    ssize_t got = recv(client->fd, bytes, sizeof bytes, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        fail(client, client->sent == 0 ? F_CONNECT : F_CLOSED, got == 0 ? "closed by the other side" : strerror(errno));
        return;
    }
    unsigned round = client->round;
    for (size_t at = 0; at < (size_t)got && client->busy;) {
        if (client->round != round) {
            fail(client, F_FRAMING, "bytes after the end of the answer");
            return;
        }
        at += client->in_body ? body_feed(client, bytes + at, (size_t)got - at) : head_feed(client, bytes + at, (size_t)got - at);
    }
}

/* Opens and closes the window; says how long epoll may sleep. */
static int schedule(uint64_t now, uint64_t began)
{
    bool ready = options.streams ? delivering >= options.connections : now >= began + options.warm_ms * 1000000ull;
    if (opens_ns == 0 && ready) {
        opens_ns = now;
        puts("begin");
        fflush(stdout);
    }
    if (in_window() && now >= opens_ns + options.window_ms * 1000000ull) {
        closes_ns = now;
        closed = true;
        puts("end");
        fflush(stdout);
    }
    uint64_t next = opens_ns == 0 ? (options.streams ? now + 1000000 : began + options.warm_ms * 1000000ull)
                    : closed      ? now + 50000000
                                  : opens_ns + options.window_ms * 1000000ull;
    for (unsigned index = 0; index < options.connections; index++) {
        struct client *client = &clients[index];
        if (client->start_at_ns == 0)
            continue;
        if (client->start_at_ns <= now && (options.streams || !closed))
            client_open(client);
        else if (client->start_at_ns <= now)
            client->start_at_ns = 0, finished++;
        else if (client->start_at_ns < next)
            next = client->start_at_ns;
    }
    return next <= now ? 0 : (int)((next - now + 999999) / 1000000);
}

static int by_value(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static void print_samples(const char *name, struct samples *samples)
{
    static const double points[] = {0.5, 0.9, 0.99, 0.999, 1.0};
    static const char *const names[] = {"p50", "p90", "p99", "p999", "max"};
    if (samples->used > 0)
        qsort(samples->values, samples->used, sizeof *samples->values, by_value);
    printf(",\"%s\":{\"count\":%zu", name, samples->used);
    for (size_t point = 0; point < sizeof points / sizeof *points && samples->used > 0; point++)
        printf(",\"%s\":%.1f", names[point], samples->values[(size_t)(points[point] * (double)(samples->used - 1) + 0.5)] / 10.0);
    printf("}");
}

static void print_report(void)
{
    printf("{\"window_s\":%.6f,\"window_calls\":%llu,\"window_events\":%llu", closed ? (double)(closes_ns - opens_ns) / 1e9 : 0.0,
           (unsigned long long)window_calls, (unsigned long long)window_events);
    printf(",\"all_calls\":%llu,\"all_events\":%llu,\"all_bytes\":%llu,\"errors\":{", (unsigned long long)all_calls,
           (unsigned long long)all_events, (unsigned long long)all_bytes);
    for (int fault = 0; fault < FAULTS; fault++)
        printf("%s\"%s\":%llu", fault ? "," : "", fault_names[fault], (unsigned long long)errors[fault]);
    for (char *byte = first_error; *byte; byte++)
        if (*byte == '"' || *byte == '\\' || (unsigned char)*byte < 32 || (unsigned char)*byte > 126)
            *byte = '.';
    printf("},\"first_error\":\"%s\"", first_error);
    print_samples("latency_us", &latencies);
    print_samples("first_event_us", &firsts);
    print_samples("gap_us", &gaps);
    printf(",\"first_event_samples_us\":[");
    for (size_t index = 0; index < firsts.used; index++)
        printf("%s%.1f", index ? "," : "", firsts.values[index] / 10.0);
    printf("]}\n");
}

static void read_options(int argc, char **argv)
{
    const struct {
        const char *name;
        unsigned *value;
    } table[] = {{"--port", &options.port},           {"--connections", &options.connections}, {"--body-bytes", &options.body_bytes},
                 {"--warm-ms", &options.warm_ms},     {"--window-ms", &options.window_ms},     {"--rate", &options.rate},
                 {"--spread-ms", &options.spread_ms}, {"--then-events", &options.then_events}};
    options.streams = argc > 1 && strcmp(argv[1], "streams") == 0;
    for (int at = 2; at + 1 < argc; at += 2) {
        if (strcmp(argv[at], "--key") == 0)
            options.key = argv[at + 1];
        for (size_t row = 0; row < sizeof table / sizeof *table; row++)
            if (strcmp(argv[at], table[row].name) == 0)
                *table[row].value = (unsigned)strtoul(argv[at + 1], NULL, 10);
    }
    if (options.port == 0 || options.connections == 0 || options.connections > CONNECTIONS_MAX || options.body_bytes < 512 ||
        options.body_bytes > 99999999 || options.rate == 0 || options.rate > 99999 || strlen(options.key) > 256) {
        fprintf(stderr, "load: an option is missing or out of range\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    read_options(argc, argv);
    /* Streams last from the first opening to the end of the window, with 1.5 s to spare for a slow opening. */
    first_stream_events = (unsigned)((uint64_t)options.rate * (options.spread_ms + options.window_ms + 1500) / 1000);
    struct order order = {.stream = options.streams, .bytes = options.body_bytes};
    char tail[TAIL_MAX];
    prompt_write(options.body_bytes - tail_write(tail, &order));
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    clients = calloc(options.connections, sizeof *clients);
    if (clients == NULL)
        abort();
    uint64_t began = now_ns(), last_progress_ns = began, progress = 0;
    next_seed = (unsigned)began; /* two runs in a row differ, so an answer of the last run is no answer of this one */
    for (unsigned index = 0; index < options.connections; index++) {
        clients[index].fd = -1;
        clients[index].start_at_ns = began + (options.streams ? options.spread_ms * 1000000ull * index / options.connections : 0);
    }
    while (finished < options.connections) {
        struct epoll_event events[BATCH];
        uint64_t now = now_ns();
        int sleep_ms = schedule(now, began);
        if (progress != all_bytes + error_count) {
            progress = all_bytes + error_count;
            last_progress_ns = now;
        } else if (now > last_progress_ns + STALL_MS * 1000000ull) {
            for (unsigned index = 0; index < options.connections; index++)
                if (clients[index].busy)
                    fail(&clients[index], F_STALLED, "no byte for too long");
            break;
        }
        int count = epoll_wait(epoll_fd, events, BATCH, sleep_ms > 1000 ? 1000 : sleep_ms);
        for (int index = 0; index < count; index++) {
            struct client *client = events[index].data.ptr;
            if (client->fd >= 0 && (events[index].events & EPOLLOUT))
                client_send(client);
            if (client->fd >= 0 && (events[index].events & ~(uint32_t)EPOLLOUT))
                client_read(client);
        }
    }
    print_report();
    return error_count == 0 && closed ? 0 : 1;
}
