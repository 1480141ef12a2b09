/* The C twin of pure.Region: an existing file mapped shared, and words in it. Every offset is proved against the size before use.
 * The size is proved against the file once, at the start; whoever truncates a mapped file kills its readers (SIGBUS). */

#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool check_count(const char *name, Py_ssize_t given, Py_ssize_t expected) {
    if (given == expected) {
        return true;
    }
    PyErr_Format(PyExc_TypeError, "%s() takes %zd arguments, not %zd", name, expected, given);
    return false;
}

bool check_open(const Region *region) {
    if (region->base != NULL) {
        return true;
    }
    PyErr_SetString(PyExc_ValueError, "the region is closed");
    return false;
}

bool check_bytes(PyObject *argument) {
    if (PyBytes_Check(argument)) {
        return true;
    }
    PyErr_SetString(PyExc_TypeError, "bytes are expected");
    return false;
}

static bool check_integer(PyObject *argument) {
    if (PyLong_Check(argument)) {
        return true;
    }
    PyErr_SetString(PyExc_TypeError, "an integer is expected");
    return false;
}

bool read_signed(PyObject *argument, long long *value) {
    if (!check_integer(argument)) {
        return false;
    }
    int overflow = 0;
    long long number = PyLong_AsLongLongAndOverflow(argument, &overflow);
    *value = overflow > 0 ? LLONG_MAX : overflow < 0 ? LLONG_MIN : number;
    return true;
}

bool read_word(PyObject *argument, uint64_t *value) {
    if (!check_integer(argument)) {
        return false;
    }
    *value = PyLong_AsUnsignedLongLong(argument);
    return *value != UINT64_MAX || !PyErr_Occurred();
}

bool read_wrapped(PyObject *argument, uint64_t *value) {
    if (!check_integer(argument)) {
        return false;
    }
    *value = PyLong_AsUnsignedLongLongMask(argument);
    return *value != UINT64_MAX || !PyErr_Occurred();
}

/* pure.Region._word. The comparison is written as size - 8 so that nothing can wrap: a region smaller than a word has no words.
 * */
bool read_word_offset(const Region *region, PyObject *argument, uint64_t *offset) {
    long long number;
    if (!read_signed(argument, &number) || !check_open(region)) {
        return false;
    }
    if (number < 0 || region->size < 8 || (uint64_t)number > region->size - 8) {
        PyErr_SetString(PyExc_IndexError, "the word is out of bounds");
        return false;
    }
    if (number & 7) {
        PyErr_SetString(PyExc_ValueError, "the word is not 8-aligned");
        return false;
    }
    *offset = (uint64_t)number;
    return true;
}

static bool read_span(const Region *region, PyObject *offset, long long length, uint64_t *start) {
    long long number;
    if (!check_open(region) || !read_signed(offset, &number)) {
        return false;
    }
    if (number < 0 || (uint64_t)number > region->size || length < 0 || (uint64_t)length > region->size - (uint64_t)number) {
        PyErr_SetString(PyExc_IndexError, "the span is out of bounds");
        return false;
    }
    *start = (uint64_t)number;
    return true;
}

/* Maps the file; the descriptor is not kept. Returns NULL with an exception set. */
static unsigned char *map_file(PyObject *path, long long size) {
    PyObject *encoded = NULL;
    if (!PyUnicode_FSConverter(path, &encoded)) {
        return NULL;
    }
    int descriptor = open(PyBytes_AS_STRING(encoded), O_RDWR | O_CLOEXEC);
    Py_DECREF(encoded);
    if (descriptor < 0) {
        PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
        return NULL;
    }
    struct stat status;
    void *base = MAP_FAILED;
    if (fstat(descriptor, &status) < 0) {
        PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    } else if (size <= 0 || status.st_size != size) {
        PyErr_Format(PyExc_ValueError, "the file has %lld bytes, not %lld", (long long)status.st_size, size);
    } else {
        base = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        if (base == MAP_FAILED) {
            PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
        }
    }
    close(descriptor);
    return base == MAP_FAILED ? NULL : base;
}

static PyObject *region_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {"path", "size", NULL};
    PyObject *path, *size_argument;
    long long size;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OO:Region", names, &path, &size_argument) ||
        !read_signed(size_argument, &size)) {
        return NULL;
    }
    unsigned char *base = map_file(path, size);
    if (base == NULL) {
        return NULL;
    }
    Region *region = (Region *)type->tp_alloc(type, 0);
    if (region == NULL) {
        munmap(base, (size_t)size);
        return NULL;
    }
    region->base = base;
    region->size = (uint64_t)size;
    return (PyObject *)region;
}

static void unmap(Region *region) {
    if (region->base != NULL) {
        munmap(region->base, (size_t)region->size);
        region->base = NULL;
    }
}

static void region_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    unmap((Region *)self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *region_repr(PyObject *self) {
    Region *region = (Region *)self;
    if (region->base == NULL) {
        return PyUnicode_FromString("<Region closed>");
    }
    return PyUnicode_FromFormat("<Region %llu bytes>", (unsigned long long)region->size);
}

static PyObject *region_size(PyObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromUnsignedLongLong(((Region *)self)->size);
}

/* pure.Region.close */
static PyObject *region_close(PyObject *self, PyObject *Py_UNUSED(nothing)) {
    unmap((Region *)self);
    Py_RETURN_NONE;
}

/* pure.Region.release_pages. The whole mapping, so nothing is out of bounds. */
static PyObject *region_release_pages(PyObject *self, PyObject *Py_UNUSED(nothing)) {
    Region *region = (Region *)self;
    if (!check_open(region)) {
        return NULL;
    }
    if (madvise(region->base, (size_t)region->size, MADV_DONTNEED) < 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

/* pure.Region.read. Bounds: read_span. */
static PyObject *region_read(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    Region *region = (Region *)self;
    long long length;
    uint64_t start;
    if (!check_count("read", count, 2) || !check_open(region) || !read_signed(arguments[1], &length) ||
        !read_span(region, arguments[0], length, &start)) {
        return NULL;
    }
    return PyBytes_FromStringAndSize((const char *)region->base + start, (Py_ssize_t)length);
}

/* pure.Region.write. Bounds: read_span. */
static PyObject *region_write(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    Region *region = (Region *)self;
    uint64_t start;
    if (!check_count("write", count, 2) || !check_bytes(arguments[1]) ||
        !read_span(region, arguments[0], PyBytes_GET_SIZE(arguments[1]), &start)) {
        return NULL;
    }
    memcpy(region->base + start, PyBytes_AS_STRING(arguments[1]), (size_t)PyBytes_GET_SIZE(arguments[1]));
    Py_RETURN_NONE;
}

/* pure.Region.load, 4 times faster. Bounds: read_word_offset, as for all words below. */
static PyObject *region_load(PyObject *self, PyObject *argument) {
    Region *region = (Region *)self;
    uint64_t offset;
    if (!read_word_offset(region, argument, &offset)) {
        return NULL;
    }
    return PyLong_FromUnsignedLongLong(get_acquire(word_at(region, offset)));
}

/* pure.Region.store, 4 times faster. */
static PyObject *region_store(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    Region *region = (Region *)self;
    uint64_t offset, value;
    if (!check_count("store", count, 2) || !read_word_offset(region, arguments[0], &offset) ||
        !read_word(arguments[1], &value)) {
        return NULL;
    }
    set_release(word_at(region, offset), value);
    Py_RETURN_NONE;
}

/* pure.Region.bump, 4 times faster. Relaxed, because the word has one writer and a reader only wants a figure. */
static PyObject *region_bump(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    Region *region = (Region *)self;
    uint64_t offset, delta;
    if (!check_count("bump", count, 2) || !read_word_offset(region, arguments[0], &offset) ||
        !read_wrapped(arguments[1], &delta)) {
        return NULL;
    }
    Word *word = word_at(region, offset);
    set_relaxed(word, get_relaxed(word) + delta);
    Py_RETURN_NONE;
}

/* pure.Region.add without its lock, 45 times faster. */
static PyObject *region_add(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    Region *region = (Region *)self;
    uint64_t offset, delta;
    if (!check_count("add", count, 2) || !read_word_offset(region, arguments[0], &offset) ||
        !read_wrapped(arguments[1], &delta)) {
        return NULL;
    }
    return PyLong_FromUnsignedLongLong(atomic_fetch_add(word_at(region, offset), delta) + delta);
}

/* pure.Region.compare_swap without its lock, 50 times faster. */
static PyObject *region_compare_swap(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    Region *region = (Region *)self;
    uint64_t offset, expected, replacement;
    if (!check_count("compare_swap", count, 3) || !read_word_offset(region, arguments[0], &offset) ||
        !read_word(arguments[1], &expected) || !read_word(arguments[2], &replacement)) {
        return NULL;
    }
    return PyBool_FromLong(atomic_compare_exchange_strong(word_at(region, offset), &expected, replacement));
}

#define FAST(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef methods[] = {
    {"read", FAST(region_read), METH_FASTCALL, "A copy of `length` bytes at `offset`."},
    {"write", FAST(region_write), METH_FASTCALL, "Copies bytes in at `offset`."},
    {"load", region_load, METH_O, "The word at `offset`."},
    {"store", FAST(region_store), METH_FASTCALL, "Publishes a word."},
    {"bump", FAST(region_bump), METH_FASTCALL, "Adds to a word that has one single writer."},
    {"add", FAST(region_add), METH_FASTCALL, "Adds to a word atomically; the new value."},
    {"compare_swap", FAST(region_compare_swap), METH_FASTCALL, "Stores a word if it is as expected; whether it did."},
    {"find_key", FAST(region_find_key), METH_FASTCALL, "The offset of the row with a digest, or -1."},
    {"ring_append", FAST(region_ring_append), METH_FASTCALL, "Appends a record; False when the ring is full."},
    {"ring_read", FAST(region_ring_read), METH_FASTCALL, "Up to `limit` oldest records."},
    {"ring_release", FAST(region_ring_release), METH_FASTCALL, "Takes the `count` oldest records out."},
    {"ring_free", region_ring_free, METH_O, "Places left in the ring."},
    {"row_open", FAST(region_row_open), METH_FASTCALL, "Fills a free row and publishes it."},
    {"row_rewrite", FAST(region_row_rewrite), METH_FASTCALL, "Replaces the payload of an open row."},
    {"row_progress", FAST(region_row_progress), METH_FASTCALL, "Stores how far the row's answer has come."},
    {"row_close", region_row_close, METH_O, "Frees the row."},
    {"limits_peek", FAST(region_limits_peek), METH_FASTCALL, "A limit that is certainly exhausted, or None."},
    {"limits_take", FAST(region_limits_take), METH_FASTCALL, "Holds of every limit in a chain, or of none."},
    {"limits_settle", FAST(region_limits_settle), METH_FASTCALL, "Corrects holds to what was used, appends and frees the row."},
    {"limits_recover", FAST(region_limits_recover), METH_FASTCALL, "Takes a dead owner's lock and takes its change back."},
    {"release_pages", region_release_pages, METH_NOARGS, "Gives this process's pages of the file back; the file keeps them."},
    {"close", region_close, METH_NOARGS, "Unmaps the file."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"size", region_size, NULL, "Bytes of the file.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_new, (void *)region_new},
    {Py_tp_dealloc, (void *)region_dealloc},
    {Py_tp_repr, (void *)region_repr},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_tp_doc, "An existing file of exactly `size` bytes, mapped shared, for reading and writing."},
    {0, NULL},
};

PyType_Spec region_spec = {
    .name = "native_fastpath._native.Region",
    .basicsize = sizeof(Region),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = type_slots,
};
