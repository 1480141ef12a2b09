/* The C twin of sampling.py. */

#include "region.h"

#include <string.h>

enum { ESCAPE_AS = 0xEA, ESCAPE_BYTES = 6, WEIGHTS_BYTES = 512 };

typedef struct {
    uint64_t weight;
    bool blob; /* a window held nothing but base64 letters */
} Weighed;

static bool is_hex(unsigned char byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

static bool is_base64(unsigned char byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '+' ||
           byte == '/' || byte == '=';
}

static bool is_escape(const unsigned char *at, const unsigned char *end) {
    return end - at >= ESCAPE_BYTES && at[0] == '\\' && at[1] == 'u' && is_hex(at[2]) && is_hex(at[3]) && is_hex(at[4]) &&
           is_hex(at[5]);
}

static bool is_blob(const unsigned char *at, const unsigned char *end) {
    bool blob = at < end;
    for (; blob && at < end; at++) { /* a text has a blank or a quote before long */
        blob = is_base64(*at);
    }
    return blob;
}

/* The weight of bytes among which there is no escape, four at a time. */
static uint64_t weigh_plain(const unsigned char *at, const unsigned char *end, const uint16_t *weights) {
    uint64_t weight = 0;
    for (; end - at >= 4; at += 4) {
        weight += (uint32_t)weights[at[0]] + weights[at[1]] + weights[at[2]] + weights[at[3]];
    }
    for (; at < end; at++) {
        weight += weights[*at];
    }
    return weight;
}

static void weigh_window(const unsigned char *at, const unsigned char *end, const uint16_t *weights, Weighed *weighed) {
    weighed->blob = weighed->blob || is_blob(at, end);
    while (at < end) {
        const unsigned char *backslash = memchr(at, '\\', (size_t)(end - at));
        const unsigned char *stop = backslash == NULL ? end : backslash;
        weighed->weight += weigh_plain(at, stop, weights);
        at = stop;
        if (at < end) {
            bool escape = is_escape(at, end);
            weighed->weight += weights[escape ? ESCAPE_AS : '\\'];
            at += escape ? ESCAPE_BYTES : 1;
        }
    }
}

/* sampling.weigh, for every request of a caller with a limit on tokens or cost. Bounds: with windows and window_bytes at most 2^20
 * no product wraps below a body of 2^43 bytes, and every window begins at most window_bytes before the end. */
PyObject *weigh(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    long long windows, window_bytes;
    if (!check_count("weigh", count, 4) || !check_bytes(arguments[0]) || !check_bytes(arguments[1]) ||
        !read_signed(arguments[2], &windows) || !read_signed(arguments[3], &window_bytes)) {
        return NULL;
    }
    const long long most = 1 << 20;
    if (PyBytes_GET_SIZE(arguments[1]) != WEIGHTS_BYTES || windows < 2 || windows > most || window_bytes < 1 ||
        window_bytes > most) {
        PyErr_SetString(PyExc_ValueError, "a table has 512 bytes, and there are two windows or more of a byte or more");
        return NULL;
    }
    const unsigned char *body = (const unsigned char *)PyBytes_AS_STRING(arguments[0]);
    const unsigned char *table = (const unsigned char *)PyBytes_AS_STRING(arguments[1]);
    long long size = PyBytes_GET_SIZE(arguments[0]), sampled = size;
    uint16_t weights[WEIGHTS_BYTES / 2];
    for (int byte = 0; byte < WEIGHTS_BYTES / 2; byte++) {
        weights[byte] = (uint16_t)(table[2 * byte] | table[2 * byte + 1] << 8);
    }
    Weighed weighed = {0, false};
    if (size <= windows * window_bytes) {
        weigh_window(body, body + size, weights, &weighed);
    } else {
        sampled = windows * window_bytes;
        for (long long step = 0; step < windows; step++) {
            const unsigned char *start = body + (size - window_bytes) * step / (windows - 1);
            weigh_window(start, start + window_bytes, weights, &weighed);
        }
    }
    return Py_BuildValue("(KLO)", (unsigned long long)weighed.weight, sampled, weighed.blob ? Py_True : Py_False);
}
