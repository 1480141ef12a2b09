/* The C twin of texts.py: identifiers as text, and the headers that tell a caller of its limits. */

#include "region.h"

#include <string.h>
#include <time.h>

enum { ID_BYTES = 16, ID_CHARS = 22, HALF_CHARS = 11, FIGURES = 12, GROUP = 3, NUMBER_CHARS = 24 };
#define SECOND_NS 1000000000LL
#define FAR_NS (9000000000LL * SECOND_NS) /* 285 years; beyond it no date is given */
#define LAST_SECOND 253402300799LL        /* of the year 9999 */

static const char DIGITS[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void put_half(char *to, const unsigned char *from) {
    uint64_t value = 0;
    for (int index = 0; index < ID_BYTES / 2; index++) {
        value = value << 8 | from[index];
    }
    for (int place = HALF_CHARS - 1; place >= 0; place--) {
        to[place] = DIGITS[value % 62];
        value /= 62;
    }
}

/* texts.base62, without tables that would push out of the caches what is needed next. */
PyObject *base62(PyObject *Py_UNUSED(module), PyObject *identifier) {
    if (!check_bytes(identifier)) {
        return NULL;
    }
    if (PyBytes_GET_SIZE(identifier) != ID_BYTES) {
        PyErr_SetString(PyExc_ValueError, "an identifier has 16 bytes");
        return NULL;
    }
    const unsigned char *bytes = (const unsigned char *)PyBytes_AS_STRING(identifier);
    PyObject *text = PyUnicode_New(ID_CHARS, 127);
    if (text != NULL) {
        put_half((char *)PyUnicode_1BYTE_DATA(text), bytes);
        put_half((char *)PyUnicode_1BYTE_DATA(text) + HALF_CHARS, bytes + ID_BYTES / 2);
    }
    return text;
}

/* A header whose last value is kept: limits hardly ever change, and moments do once a second. */
typedef struct {
    const char *name;
    PyObject *name_bytes;
    long long value;
    PyObject *pair; /* NULL before the first */
} Told;

typedef enum { LIMIT, LEFT, MOMENT, SPAN } Form;

/* Each group: Anthropic's three, OpenAI's three; input and output have Anthropic's alone. */
static Told groups[4][6] = {
    {{.name = "anthropic-ratelimit-requests-limit"},
     {.name = "anthropic-ratelimit-requests-remaining"},
     {.name = "anthropic-ratelimit-requests-reset"},
     {.name = "x-ratelimit-limit-requests"},
     {.name = "x-ratelimit-remaining-requests"},
     {.name = "x-ratelimit-reset-requests"}},
    {{.name = "anthropic-ratelimit-tokens-limit"},
     {.name = "anthropic-ratelimit-tokens-remaining"},
     {.name = "anthropic-ratelimit-tokens-reset"},
     {.name = "x-ratelimit-limit-tokens"},
     {.name = "x-ratelimit-remaining-tokens"},
     {.name = "x-ratelimit-reset-tokens"}},
    {{.name = "anthropic-ratelimit-input-tokens-limit"},
     {.name = "anthropic-ratelimit-input-tokens-remaining"},
     {.name = "anthropic-ratelimit-input-tokens-reset"}},
    {{.name = "anthropic-ratelimit-output-tokens-limit"},
     {.name = "anthropic-ratelimit-output-tokens-remaining"},
     {.name = "anthropic-ratelimit-output-tokens-reset"}},
};
static Told plain[2] = {{.name = "x-ratelimit-limit"}, {.name = "x-ratelimit-remaining"}};

static int put_number(char *to, long long value) {
    char digits[NUMBER_CHARS];
    int count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (int place = 0; place < count; place++) {
        to[place] = digits[count - 1 - place];
    }
    return count;
}

static int put_two(char *to, int value) {
    to[0] = (char)('0' + value / 10);
    to[1] = (char)('0' + value % 10);
    return 2;
}

/* RFC 3339 in UTC of a second of the years 1970 to 9999. */
static int put_moment(char *to, long long second) {
    time_t seconds = (time_t)(second < 0 ? 0 : second > LAST_SECOND ? LAST_SECOND : second);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL) {
        return 0;
    }
    int year = parts.tm_year + 1900, at = 0;
    at += put_two(to + at, year / 100);
    at += put_two(to + at, year % 100);
    to[at++] = '-';
    at += put_two(to + at, parts.tm_mon + 1);
    to[at++] = '-';
    at += put_two(to + at, parts.tm_mday);
    to[at++] = 'T';
    at += put_two(to + at, parts.tm_hour);
    to[at++] = ':';
    at += put_two(to + at, parts.tm_min);
    to[at++] = ':';
    at += put_two(to + at, parts.tm_sec);
    to[at++] = 'Z';
    return at;
}

/* A duration as OpenAI writes it. */
static int put_span(char *to, long long ns) {
    int at = 0;
    if (ns < SECOND_NS) {
        at = put_number(to, (ns + 999999) / 1000000);
        to[at++] = 'm';
        to[at++] = 's';
        return at;
    }
    long long seconds = ns / SECOND_NS, tenths = ns % SECOND_NS / 100000000, minutes = seconds / 60, hours = minutes / 60;
    if (hours) {
        at += put_number(to + at, hours);
        to[at++] = 'h';
    }
    if (minutes) {
        at += put_number(to + at, minutes % 60);
        to[at++] = 'm';
    }
    at += put_number(to + at, seconds % 60);
    if (tenths && !hours) {
        to[at++] = '.';
        at += put_number(to + at, tenths);
    }
    to[at++] = 's';
    return at;
}

/* The pair of a header with this value, kept or made; a borrowed reference, NULL with an exception. */
static PyObject *pair_of(Told *told, Form form, long long value) {
    if (told->pair != NULL && told->value == value) {
        return told->pair;
    }
    if (told->name_bytes == NULL && (told->name_bytes = PyBytes_FromString(told->name)) == NULL) {
        return NULL;
    }
    char text[2 * NUMBER_CHARS];
    int length = form == MOMENT ? put_moment(text, value) : form == SPAN ? put_span(text, value) : put_number(text, value);
    PyObject *bytes = PyBytes_FromStringAndSize(text, length);
    if (bytes == NULL) {
        return NULL;
    }
    PyObject *pair = PyTuple_Pack(2, told->name_bytes, bytes);
    Py_DECREF(bytes);
    if (pair != NULL) {
        Py_XSETREF(told->pair, pair);
        told->value = value;
    }
    return pair;
}

static bool tell(PyObject *pairs, Told *told, Form form, long long value) {
    PyObject *pair = pair_of(told, form, value);
    return pair != NULL && PyList_Append(pairs, pair) == 0;
}

static bool tell_group(PyObject *pairs, Told *group, const long long *figures, long long wall_ns, bool both) {
    long long reset_ns = figures[2], seconds = wall_ns / SECOND_NS + reset_ns / SECOND_NS;
    long long rest_ns = wall_ns % SECOND_NS + reset_ns % SECOND_NS;
    /* The next second when it is not whole, so that nobody comes too early. */
    long long second = seconds + rest_ns / SECOND_NS + (rest_ns % SECOND_NS > 0);
    return tell(pairs, &group[0], LIMIT, figures[0]) && tell(pairs, &group[1], LEFT, figures[1]) &&
           (reset_ns >= FAR_NS || tell(pairs, &group[2], MOMENT, second)) &&
           (!both || (tell(pairs, &group[3], LIMIT, figures[0]) && tell(pairs, &group[4], LEFT, figures[1]) &&
                      tell(pairs, &group[5], SPAN, reset_ns)));
}

/* texts.tell_limits. Most headers are those of the call before, so few are made anew. */
PyObject *tell_limits(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count) {
    long long figures[FIGURES], wall_ns;
    if (!check_count("tell_limits", count, 2)) {
        return NULL;
    }
    if (!PyTuple_CheckExact(arguments[0]) || PyTuple_GET_SIZE(arguments[0]) != FIGURES) {
        PyErr_SetString(PyExc_TypeError, "twelve figures are expected");
        return NULL;
    }
    for (int index = 0; index < FIGURES; index++) {
        if (!read_signed(PyTuple_GET_ITEM(arguments[0], index), &figures[index])) {
            return NULL;
        }
    }
    if (!read_signed(arguments[1], &wall_ns)) {
        return NULL;
    }
    const long long *requests = figures, *tokens = figures + GROUP, *fresh = figures + 2 * GROUP, *output = figures + 3 * GROUP;
    for (int group = 0; group < FIGURES; group += GROUP) {
        figures[group + 1] = figures[group + 1] < 0 ? 0 : figures[group + 1];
        figures[group + 2] = figures[group + 2] < 0 ? 0 : figures[group + 2];
    }
    wall_ns = wall_ns < 0 ? 0 : wall_ns;
    if (tokens[0] < 0) {
        tokens = fresh[0] < 0 || (output[0] >= 0 && output[1] < fresh[1]) ? output : fresh;
    }
    const long long *first = requests[0] >= 0 ? requests : tokens;
    PyObject *pairs = PyList_New(0);
    if (pairs != NULL &&
        ((requests[0] >= 0 && !tell_group(pairs, groups[0], requests, wall_ns, true)) ||
         (tokens[0] >= 0 && !tell_group(pairs, groups[1], tokens, wall_ns, true)) ||
         (fresh[0] >= 0 && !tell_group(pairs, groups[2], fresh, wall_ns, false)) ||
         (output[0] >= 0 && !tell_group(pairs, groups[3], output, wall_ns, false)) ||
         (first[0] >= 0 &&
          !(tell(pairs, &plain[0], LIMIT, first[0]) && tell(pairs, &plain[1], LEFT, first[1]))))) {
        Py_CLEAR(pairs);
    }
    return pairs;
}
