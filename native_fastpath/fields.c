/* The C twin of fields.py: a record of fixed size from its figures and texts. */

#include "region.h"

#include <string.h>

static bool is_field(unsigned char kind, unsigned char width) {
    switch (kind) {
    case 'i':
    case 'n':
        return width == 8;
    case 'u':
        return width == 1 || width == 2 || width == 4 || width == 8;
    case 's':
        return width > 0;
    default:
        return false;
    }
}

/* How many bytes a record of this form has; -1 with an error set when it is none or `values` are not as many. */
static Py_ssize_t size_of(const unsigned char *form, Py_ssize_t bytes, Py_ssize_t values) {
    Py_ssize_t size = 0;
    bool fits = bytes % 2 == 0;
    for (Py_ssize_t at = 0; fits && at < bytes; at += 2) {
        fits = is_field(form[at], form[at + 1]);
        size += form[at + 1];
    }
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "a form has a kind and a width for every field");
        return -1;
    }
    if (bytes / 2 != values) {
        PyErr_Format(PyExc_ValueError, "%zd values are expected", bytes / 2);
        return -1;
    }
    return size;
}

/* The figure as the bits of its field. */
static bool read_figure(PyObject *value, unsigned char kind, unsigned char width, uint64_t *bits) {
    if (!PyLong_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "an integer is expected");
        return false;
    }
    int overflow = 0;
    long long figure = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (kind != 'i' && (overflow < 0 || (overflow == 0 && figure < 0))) {
        *bits = 0;
    } else if (overflow < 0) {
        *bits = (uint64_t)INT64_MIN;
    } else if (kind != 'u') {
        *bits = overflow > 0 ? (uint64_t)INT64_MAX : (uint64_t)figure;
    } else if (width == 8) {
        *bits = overflow == 0 ? (uint64_t)figure : PyLong_AsUnsignedLongLong(value);
        PyErr_Clear(); /* what is larger than all 64 bits can say has come as all of them */
    } else {
        uint64_t most = (UINT64_C(1) << (8 * width)) - 1;
        *bits = overflow > 0 || (uint64_t)figure > most ? most : (uint64_t)figure;
    }
    return true;
}

/* Little endian, as shifts that the compiler makes one store of. */
static void put_figure(unsigned char *to, unsigned char width, uint64_t bits) {
    if (width == 8) {
        to[7] = (unsigned char)(bits >> 56);
        to[6] = (unsigned char)(bits >> 48);
        to[5] = (unsigned char)(bits >> 40);
        to[4] = (unsigned char)(bits >> 32);
    }
    if (width >= 4) {
        to[3] = (unsigned char)(bits >> 24);
        to[2] = (unsigned char)(bits >> 16);
    }
    if (width >= 2) {
        to[1] = (unsigned char)(bits >> 8);
    }
    to[0] = (unsigned char)bits;
}

static void put_bytes(unsigned char *to, unsigned char width, const char *from, Py_ssize_t length) {
    memcpy(to, from, (size_t)length);
    memset(to + length, 0, (size_t)(width - length));
}

/* Bytes that fit into the field and end with a character. */
static Py_ssize_t cut(const char *text, Py_ssize_t length, unsigned char width) {
    if (length <= width) {
        return length;
    }
    length = width;
    while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80) {
        length--;
    }
    return length;
}

static bool put_text(unsigned char *to, unsigned char width, PyObject *value) {
    if (PyBytes_Check(value)) {
        Py_ssize_t length = PyBytes_GET_SIZE(value);
        put_bytes(to, width, PyBytes_AS_STRING(value), length < width ? length : width);
        return true;
    }
    if (!PyUnicode_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "a text or bytes are expected");
        return false;
    }
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(value, &length);
    if (text != NULL) {
        put_bytes(to, width, text, cut(text, length, width));
        return true;
    }
    PyErr_Clear(); /* half of a pair of surrogates */
    PyObject *replaced = PyUnicode_AsEncodedString(value, "utf-8", "replace");
    if (replaced == NULL) {
        return false;
    }
    put_bytes(to, width, PyBytes_AS_STRING(replaced), cut(PyBytes_AS_STRING(replaced), PyBytes_GET_SIZE(replaced), width));
    Py_DECREF(replaced);
    return true;
}

/* fields.pack_fields, twice for every request. */
PyObject *pack_fields(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count) {
    if (count < 1 || !PyBytes_Check(arguments[0])) {
        PyErr_SetString(PyExc_TypeError, "a form is bytes");
        return NULL;
    }
    const unsigned char *form = (const unsigned char *)PyBytes_AS_STRING(arguments[0]);
    Py_ssize_t size = size_of(form, PyBytes_GET_SIZE(arguments[0]), count - 1);
    PyObject *record = size < 0 ? NULL : PyBytes_FromStringAndSize(NULL, size);
    if (record == NULL) {
        return NULL;
    }
    unsigned char *to = (unsigned char *)PyBytes_AS_STRING(record);
    for (Py_ssize_t index = 1; index < count; index++, form += 2) {
        uint64_t bits = 0;
        if (form[0] == 's' ? !put_text(to, form[1], arguments[index]) : !read_figure(arguments[index], form[0], form[1], &bits)) {
            Py_DECREF(record);
            return NULL;
        }
        if (form[0] != 's') {
            put_figure(to, form[1], bits);
        }
        to += form[1];
    }
    return record;
}
