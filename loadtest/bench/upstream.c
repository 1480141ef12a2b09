/* The upstream of a bench: answers POST /v1/messages as Anthropic does, with bytes that follow from the request.
 *
 * Owns: HTTP/1.1 with keep-alive and Content-Length bodies, one thread, one epoll set, one timerfd per open stream.
 * Refuses to know: who calls (direct or through a gateway), credentials, JSON beyond the order at the end of the body.
 * Strategy: be so cheap that it is never what is measured. Bodies are counted and dropped, only their last bytes are kept. Each
 * stream ticks on its own timer, so events of different streams do not arrive in bursts that would flatter a proxy.
 *
 * usage: upstream [port]      prints "port N" once it listens; dies with its parent.
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
#include <sys/timerfd.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, READ_MAX = 262144, BATCH = 256 };

enum phase { IN_HEAD, IN_BODY, ANSWERING };

struct conn;

struct source {
    struct conn *conn; /* NULL: the listening socket */
    bool is_timer;
};

struct conn {
    struct source socket_source, timer_source;
    struct conn *next_dead;
    int fd, timer; /* timer is -1 until the first paced stream */
    bool dead, wants_out;
    enum phase phase;
    char head[HEAD_MAX];
    size_t head_used;
    size_t body_length, body_left;
    bool right_path;
    char tail[TAIL_MAX + 1];
    size_t tail_used;
    struct order order;
    unsigned next_frame;
    char *out; /* bytes the socket did not take at once */
    size_t out_used, out_room;
};

static int epoll_fd;
static struct conn *dead_conns; /* freed after the batch: a later event of it may still name them */

static void conn_kill(struct conn *conn)
{
    if (conn->dead)
        return;
    conn->dead = true;
    close(conn->fd);
    if (conn->timer >= 0)
        close(conn->timer);
    conn->next_dead = dead_conns;
    dead_conns = conn;
}

static void watch(struct conn *conn, bool out)
{
    if (conn->wants_out == out)
        return;
    conn->wants_out = out;
    struct epoll_event event = {.events = EPOLLIN | (out ? EPOLLOUT : 0u), .data.ptr = &conn->socket_source};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
}

static void conn_send(struct conn *conn, const char *bytes, size_t length)
{
    if (conn->dead)
        return;
    if (conn->out_used == 0) {
        ssize_t sent = send(conn->fd, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            conn_kill(conn);
            return;
        }
        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        }
    }
    if (length == 0)
        return;
    if (conn->out_used + length > conn->out_room) {
        conn->out_room = (conn->out_used + length) * 2;
        conn->out = realloc(conn->out, conn->out_room);
        if (conn->out == NULL)
            abort();
    }
    memcpy(conn->out + conn->out_used, bytes, length);
    conn->out_used += length;
    watch(conn, true);
}

static void conn_flush(struct conn *conn)
{
    ssize_t sent = send(conn->fd, conn->out, conn->out_used, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN)
            conn_kill(conn);
        return;
    }
    conn->out_used -= (size_t)sent;
    memmove(conn->out, conn->out + sent, conn->out_used);
    if (conn->out_used == 0)
        watch(conn, false);
}

static size_t head_write(char *out, size_t room, const char *status, const char *type, const char *framing, unsigned seed)
{
    return (size_t)snprintf(out, room,
                            "HTTP/1.1 %s\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: %s\r\n%s\r\n"
                            "anthropic-ratelimit-requests-limit: 4000\r\nanthropic-ratelimit-requests-remaining: 3999\r\n"
                            "anthropic-ratelimit-requests-reset: 2026-01-01T00:00:00Z\r\n"
                            "anthropic-ratelimit-input-tokens-limit: 2000000\r\n"
                            "anthropic-ratelimit-input-tokens-remaining: 1999000\r\n"
                            "anthropic-ratelimit-output-tokens-limit: 400000\r\n"
                            "anthropic-ratelimit-output-tokens-remaining: 399000\r\n"
                            "request-id: req_011Bench%08x\r\nanthropic-organization-id: 00000000-0000-4000-8000-000000000000\r\n"
                            "x-robots-tag: none\r\nvia: 1.1 upstream\r\n\r\n",
                            status, type, framing, seed);
}

static void stream_send_frame(struct conn *conn)
{
    char frame[FRAME_MAX], chunk[FRAME_MAX + 32];
    size_t length = frame_write(frame, &conn->order, conn->next_frame++);
    bool last = conn->next_frame == frame_count(&conn->order);
    int used = snprintf(chunk, sizeof chunk, "%zx\r\n%s\r\n%s", length, frame, last ? "0\r\n\r\n" : "");
    if (last) {
        struct itimerspec stop = {0};
        conn->phase = IN_HEAD;
        if (conn->timer >= 0)
            timerfd_settime(conn->timer, 0, &stop, NULL);
    }
    conn_send(conn, chunk, (size_t)used);
}

/* One tick is one delta; the frames after the last delta leave together on the tick that follows it. */
static void stream_tick(struct conn *conn)
{
    bool closing = conn->next_frame >= FRAMES_BEFORE + conn->order.events;
    do
        stream_send_frame(conn);
    while (closing && conn->phase == ANSWERING && !conn->dead);
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000ull), .tv_nsec = (long)(ns % 1000000000ull)};
}

/* Ticks at the stream's rate; the first comes after a part of the gap that follows from the seed, or streams opened at even
 * distances would tick in step. */
static void timer_start(struct conn *conn)
{
    uint64_t gap_ns = 1000000000ull / conn->order.rate;
    uint64_t phase_ns = gap_ns * ((conn->order.seed * 2654435761u >> 16) + 1) >> 16;
    struct itimerspec every = {.it_interval = timespec_of(gap_ns), .it_value = timespec_of(phase_ns + 1)};
    if (conn->timer < 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &conn->timer_source};
        conn->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        if (conn->timer < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, conn->timer, &event) < 0) {
            perror("upstream: timer");
            exit(1);
        }
    }
    timerfd_settime(conn->timer, 0, &every, NULL);
}

static void stream_open(struct conn *conn)
{
    char head[2048];
    conn->phase = ANSWERING;
    conn->next_frame = 0;
    conn_send(conn, head,
              head_write(head, sizeof head, "200 OK", "text/event-stream; charset=utf-8",
                         "cache-control: no-cache\r\ntransfer-encoding: chunked", conn->order.seed));
    unsigned at_once = conn->order.rate == 0 ? frame_count(&conn->order) : FRAMES_BEFORE + (conn->order.events > 0);
    while (conn->next_frame < at_once && !conn->dead)
        stream_send_frame(conn);
    if (conn->order.rate != 0 && !conn->dead)
        timer_start(conn);
}

static void refuse(struct conn *conn, const char *status, const char *why)
{
    char answer[512];
    int used = snprintf(answer, sizeof answer,
                        "HTTP/1.1 %s\r\ncontent-type: text/plain\r\ncontent-length: %zu\r\n\r\n%s", status, strlen(why), why);
    conn_send(conn, answer, (size_t)used);
}

static void request_done(struct conn *conn)
{
    conn->phase = IN_HEAD;
    conn->tail[conn->tail_used] = 0;
    if (!conn->right_path) {
        refuse(conn, "404 Not Found", "only POST /v1/messages is served");
    } else if (!tail_read(conn->tail, &conn->order)) {
        refuse(conn, "400 Bad Request", "the body does not end with an order");
    } else if (conn->order.bytes != conn->body_length) {
        refuse(conn, "400 Bad Request", "the body has not the length its sender gave it");
    } else if (conn->order.stream) {
        stream_open(conn);
    } else {
        char framing[64], body[REPLY_MAX], answer[REPLY_MAX + 2048];
        size_t length = reply_write(body, &conn->order);
        snprintf(framing, sizeof framing, "content-length: %zu", length);
        size_t used = head_write(answer, sizeof answer - length, "200 OK", "application/json", framing, conn->order.seed);
        memcpy(answer + used, body, length);
        conn_send(conn, answer, used + length);
    }
}

static void head_done(struct conn *conn)
{
    conn->head[conn->head_used] = 0;
    const char *length = strcasestr(conn->head, "\r\ncontent-length:");
    conn->right_path = strncmp(conn->head, "POST /v1/messages ", 18) == 0 || strncmp(conn->head, "POST /v1/messages?", 18) == 0;
    conn->body_length = conn->body_left = length ? strtoul(length + 17, NULL, 10) : 0;
    conn->head_used = conn->tail_used = 0;
    conn->phase = IN_BODY;
    if (conn->body_left == 0)
        request_done(conn);
}

/* Takes from the bytes what belongs to the head, returns how many that was. */
static size_t head_feed(struct conn *conn, const char *bytes, size_t length)
{
    size_t before = conn->head_used, take = length;
    if (before + take > HEAD_MAX - 1)
        take = HEAD_MAX - 1 - before;
    memcpy(conn->head + before, bytes, take);
    size_t from = before < 3 ? 0 : before - 3;
    const char *end = memmem(conn->head + from, before + take - from, "\r\n\r\n", 4);
    if (end == NULL) {
        conn->head_used += take;
        if (conn->head_used == HEAD_MAX - 1)
            conn_kill(conn);
        return take;
    }
    conn->head_used = (size_t)(end - conn->head) + 4;
    take = conn->head_used - before;
    head_done(conn);
    return take;
}

static size_t body_feed(struct conn *conn, const char *bytes, size_t length)
{
    size_t take = length < conn->body_left ? length : conn->body_left;
    if (take >= TAIL_MAX) {
        memcpy(conn->tail, bytes + take - TAIL_MAX, TAIL_MAX);
        conn->tail_used = TAIL_MAX;
    } else {
        size_t keep = conn->tail_used + take > TAIL_MAX ? TAIL_MAX - take : conn->tail_used;
        memmove(conn->tail, conn->tail + conn->tail_used - keep, keep);
        memcpy(conn->tail + keep, bytes, take);
        conn->tail_used = keep + take;
    }
    conn->body_left -= take;
    if (conn->body_left == 0)
        request_done(conn);
    return take;
}

static void conn_read(struct conn *conn)
{
    static char bytes[READ_MAX];
    ssize_t got = recv(conn->fd, bytes, sizeof bytes, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            conn_kill(conn);
        return;
    }
    for (size_t at = 0; at < (size_t)got && !conn->dead;) {
        if (conn->phase == ANSWERING)
            conn_kill(conn); /* a second request before the first answer has ended: no proxy may do that here */
        else if (conn->phase == IN_HEAD)
            at += head_feed(conn, bytes + at, (size_t)got - at);
        else
            at += body_feed(conn, bytes + at, (size_t)got - at);
    }
}

static void timer_fired(struct conn *conn)
{
    uint64_t ticks = 0;
    if (read(conn->timer, &ticks, sizeof ticks) != sizeof ticks)
        return;
    while (ticks-- > 0 && conn->phase == ANSWERING && !conn->dead)
        stream_tick(conn);
}

static void accept_all(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
        if (fd < 0)
            return;
        struct conn *conn = calloc(1, sizeof *conn);
        if (conn == NULL)
            abort();
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        conn->fd = fd;
        conn->timer = -1;
        conn->socket_source = (struct source){.conn = conn, .is_timer = false};
        conn->timer_source = (struct source){.conn = conn, .is_timer = true};
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &conn->socket_source};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_on(unsigned short port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 4096) < 0) {
        perror("upstream: listen");
        exit(1);
    }
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int listener = listen_on(argc > 1 ? (unsigned short)atoi(argv[1]) : 0);
    struct source listening = {.conn = NULL};
    struct epoll_event events[BATCH], first = {.events = EPOLLIN, .data.ptr = &listening};
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &first);
    for (;;) {
        int count = epoll_wait(epoll_fd, events, BATCH, -1);
        for (int index = 0; index < count; index++) {
            struct source *source = events[index].data.ptr;
            struct conn *conn = source->conn;
            if (conn == NULL)
                accept_all(listener);
            else if (conn->dead)
                continue;
            else if (source->is_timer)
                timer_fired(conn);
            else if (events[index].events & EPOLLOUT)
                conn_flush(conn);
            else
                conn_read(conn);
        }
        while (dead_conns != NULL) {
            struct conn *conn = dead_conns;
            dead_conns = conn->next_dead;
            free(conn->out);
            free(conn);
        }
    }
}
