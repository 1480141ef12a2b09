/* The C twin of outlines.py: a JSON text with its long strings cut short. Every index is compared with the length before it is read;
 * what is written is a part of what was read, in the same order, so it fits a buffer of the same size. */

#include "region.h"

#include <string.h>

typedef struct {
    const unsigned char *bytes;
    size_t length;
    size_t chars_max;
} Source;

/* How many of the AT_ONCE bytes from `bytes` on stand for themselves: before the first quote, backslash, control character or part of
 * a character beyond ASCII. Sixteen at once by vector instructions are no faster: each step waits for the one before. */
enum { AT_ONCE = 8 };

#define EVERY(byte) (0x0101010101010101ull * (byte))

static size_t plain_length(const unsigned char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    uint64_t quote = word ^ EVERY('"'), backslash = word ^ EVERY('\\');
    /* A borrow only reaches bytes above one that is found already. */
    uint64_t found = ((quote - EVERY(1)) | (backslash - EVERY(1)) | (word - EVERY(0x20)) | word) & EVERY(0x80);
    return found == 0 ? 8 : (size_t)__builtin_ctzll(found) >> 3;
}

static int hex_value(unsigned char byte) {
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The unit of the `\uXXXX` at `index`, or -1. */
static int unit_at(const Source *source, size_t index) {
    if (source->length - index < 6 || source->bytes[index] != '\\' || source->bytes[index + 1] != 'u') {
        return -1;
    }
    int unit = 0;
    for (size_t place = index + 2; place < index + 6; place++) {
        int value = hex_value(source->bytes[place]);
        if (value < 0) {
            return -1;
        }
        unit = unit << 4 | value;
    }
    return unit;
}

/* How many bytes the escape at `index` takes, a pair of surrogates being one; 0 when it is none. */
static size_t escape_length(const Source *source, size_t index) {
    if (source->length - index < 2) {
        return 0;
    }
    switch (source->bytes[index + 1]) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        return 2;
    case 'u':
        break;
    default:
        return 0;
    }
    int unit = unit_at(source, index);
    if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) {
        return 0;
    }
    if (unit < 0xD800 || unit > 0xDFFF) {
        return 6;
    }
    int second = unit_at(source, index + 6);
    return second >= 0xDC00 && second <= 0xDFFF ? 12 : 0;
}

static bool continues(const Source *source, size_t index) { return index < source->length && (source->bytes[index] & 0xC0) == 0x80; }

/* How many bytes the character at `index` takes, by the table of RFC 3629; 0 when it is none, or a control character. */
static size_t character_length(const Source *source, size_t index) {
    unsigned char lead = source->bytes[index];
    if (lead < 0x80) {
        return lead < 0x20 ? 0 : 1;
    }
    if (!continues(source, index + 1)) {
        return 0;
    }
    unsigned char second = source->bytes[index + 1];
    if (lead < 0xE0) {
        return lead >= 0xC2 ? 2 : 0;
    }
    if (!continues(source, index + 2)) {
        return 0;
    }
    if (lead < 0xF0) {
        return (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ? 0 : 3;
    }
    if (!continues(source, index + 3) || lead > 0xF4) {
        return 0;
    }
    return (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F) ? 0 : 4;
}

/* By the first byte of a character: how many bytes it takes when all that follows is continuation, whatever their values. The four
 * first bytes after which not all of them are allowed have 0 here and are looked at by `character_length`. */
static const unsigned char steps[256] = {
    [0xC2 ... 0xDF] = 2, [0xE1 ... 0xEC] = 3, [0xEE ... 0xEF] = 3, [0xF1 ... 0xF3] = 4,
};
static const uint32_t continuation_bits[5] = {0, 0, 0xC000, 0xC0C000, 0xC0C0C000};
static const uint32_t continuation_signs[5] = {0, 0, 0x8000, 0x808000, 0x80808000};
static const unsigned char simple_escapes[256] = {
    ['"'] = 2, ['\\'] = 2, ['/'] = 2, ['b'] = 2, ['f'] = 2, ['n'] = 2, ['r'] = 2, ['t'] = 2,
};

/* How many bytes stand at `index` for what is no plain character: an escape, or a character beyond ASCII. 0 when it is neither. Almost
 * without branches, because nothing foretells which of them comes next. Four bytes can be read. */
static size_t special_length(const Source *source, size_t index) {
    unsigned char lead = source->bytes[index];
    if (lead == '\\') {
        size_t step = simple_escapes[source->bytes[index + 1]];
        return step != 0 ? step : escape_length(source, index);
    }
    uint32_t word;
    memcpy(&word, source->bytes + index, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    size_t step = steps[lead];
    return step != 0 && (word & continuation_bits[step]) == continuation_signs[step] ? step : character_length(source, index);
}

/* The index of the quote that ends the string whose text begins at `index`, or 0 when the string is not valid. `cut` becomes the
 * index behind its first `chars_max` characters, and stays when it has no more. */
static size_t text_end(const Source *source, size_t index, size_t *cut) {
    size_t left = source->chars_max; /* until the cut */
    bool counts = true;
    while (index < source->length) {
        bool roomy = source->length - index >= AT_ONCE + 4; /* for the longest character after all but one */
        size_t plain = roomy ? plain_length(source->bytes + index) : 0, special = 0;
        bool ends = plain < AT_ONCE && source->bytes[index + plain] == '"';
        if (plain < AT_ONCE && !ends) {
            unsigned char byte = source->bytes[index + plain];
            special = roomy          ? special_length(source, index + plain)
                      : byte == '\\' ? escape_length(source, index)
                                     : character_length(source, index);
            if (special == 0) {
                return 0;
            }
        }
        if (counts) {
            size_t chars = plain + (special != 0);
            if (chars > left) {
                *cut = index + left; /* each of those before is one byte */
                counts = false;
            }
            left -= chars;
        }
        index += plain + special;
        if (ends) {
            return index;
        }
    }
    return 0;
}

static bool is_key(const Source *source, size_t index) {
    while (index < source->length && memchr(" \t\n\r", source->bytes[index], 4) != NULL) {
        index++;
    }
    return index < source->length && source->bytes[index] == ':';
}

/* outlines.outline, 25 to 50 times faster. Bounds: every index is below the length before a byte is read there; what is written is never
 * longer than what was read. */
PyObject *outline(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count) {
    long long chars_max;
    if (!check_count("outline", count, 2) || !check_bytes(arguments[0]) || !read_signed(arguments[1], &chars_max)) {
        return NULL;
    }
    if (chars_max < 0) {
        PyErr_SetString(PyExc_ValueError, "a string cannot keep less than nothing");
        return NULL;
    }
    Source source = {(const unsigned char *)PyBytes_AS_STRING(arguments[0]), (size_t)PyBytes_GET_SIZE(arguments[0]),
                     (size_t)chars_max};
    PyObject *written = NULL;
    size_t used = 0, kept_from = 0, index = 0;
    long long depth = 0;
    while (index < source.length) {
        unsigned char byte = source.bytes[index++];
        if (byte == '{' || byte == '[') {
            depth++;
        } else if (byte == '}' || byte == ']') {
            depth--;
        } else if (byte == '"') {
            size_t cut = 0, end = text_end(&source, index, &cut);
            if (end == 0) {
                Py_XDECREF(written);
                return Py_NewRef(arguments[0]);
            }
            index = end + 1;
            if (cut == 0 || depth < 2 || is_key(&source, index)) {
                continue;
            }
            if (written == NULL && (written = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)source.length)) == NULL) {
                return NULL;
            }
            memcpy(PyBytes_AS_STRING(written) + used, source.bytes + kept_from, cut - kept_from);
            used += cut - kept_from;
            kept_from = end;
        }
    }
    if (written == NULL) {
        return Py_NewRef(arguments[0]);
    }
    memcpy(PyBytes_AS_STRING(written) + used, source.bytes + kept_from, source.length - kept_from);
    used += source.length - kept_from;
    return _PyBytes_Resize(&written, (Py_ssize_t)used) == 0 ? written : NULL;
}
