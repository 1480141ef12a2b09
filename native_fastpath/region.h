/* What all C files share: the mapped region, and the readers of arguments that every method uses. */

#ifndef NATIVE_FASTPATH_REGION_H
#define NATIVE_FASTPATH_REGION_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { KEY_USED = 1, ROW_HEADER = 64, RING_HEADER = 192 };

typedef struct {
    PyObject_HEAD
    unsigned char *base; /* NULL once closed */
    uint64_t size;
} Region;

typedef _Atomic uint64_t Word;

/* The word at a proved offset. mmap aligns `base` to a page, so an 8-aligned offset is an aligned word. */
static inline Word *word_at(const Region *region, uint64_t offset) { return (Word *)(void *)(region->base + offset); }

static inline uint64_t get_relaxed(Word *word) { return atomic_load_explicit(word, memory_order_relaxed); }
static inline uint64_t get_acquire(Word *word) { return atomic_load_explicit(word, memory_order_acquire); }
static inline void set_relaxed(Word *word, uint64_t value) { atomic_store_explicit(word, value, memory_order_relaxed); }
static inline void set_release(Word *word, uint64_t value) { atomic_store_explicit(word, value, memory_order_release); }

/* A ring whose header was proved to describe one inside the region. */
typedef struct {
    Word *head, *tail;
    unsigned char *slots;
    uint64_t appended, released, capacity, record_size;
} Ring;

static inline Word *slot_of(const Ring *ring, uint64_t number) {
    return (Word *)(void *)(ring->slots + (number & (ring->capacity - 1)) * (ring->record_size + 8));
}

/* All of these return false with an exception set. */
bool check_count(const char *name, Py_ssize_t given, Py_ssize_t expected);
bool check_open(const Region *region);
bool check_bytes(PyObject *argument);
bool read_signed(PyObject *argument, long long *value);    /* clipped to the range of long long */
bool read_word(PyObject *argument, uint64_t *value);       /* OverflowError outside 0 to 2^64 - 1 */
bool read_wrapped(PyObject *argument, uint64_t *value);    /* modulo 2^64 */
bool read_word_offset(const Region *region, PyObject *argument, uint64_t *offset);
bool read_ring(const Region *region, PyObject *argument, Ring *ring);
bool read_row(const Region *region, PyObject *offset_argument, PyObject *payload, uint64_t *offset);

void rewrite_row(const Region *region, uint64_t offset, PyObject *payload);

PyObject *base62(PyObject *module, PyObject *identifier);
PyObject *members(PyObject *module, PyObject *body);
PyObject *outline(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *sort_headers(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *keep_headers(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *fold_names(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *pack_fields(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *tell_limits(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *weigh(PyObject *module, PyObject *const *arguments, Py_ssize_t count);

extern PyType_Spec region_spec;

PyObject *region_find_key(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *region_ring_append(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *region_ring_read(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *region_ring_release(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *region_ring_free(PyObject *self, PyObject *ring_offset);
PyObject *region_row_open(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *region_row_rewrite(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *region_row_progress(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *region_row_close(PyObject *self, PyObject *offset);
PyObject *region_limits_peek(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *region_limits_take(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *region_limits_settle(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *region_limits_recover(PyObject *self, PyObject *const *arguments, Py_ssize_t count);

#endif
