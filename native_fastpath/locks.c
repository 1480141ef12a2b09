/* The C twin of locks.py: the locks of accounts, and logs that undo what their owner's death has cut in two.
 *
 * A dead owner's stores need no order of ours to be seen: whoever recovers has learned of the death from the kernel, which had
 * ended all threads of the process before. What must hold is the order of the stores themselves, so that the log is whole
 * before the first row changes and empty only after the last. */

#include "limits.h"

#include <sched.h>
#include <time.h>

enum { SPINS = 100, LOCK_WAIT_NS = 2000000 };

static uint64_t monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* pure.Region._lock. 0 once the lock is ours, else the word of the owner who kept it for 2 ms. A holder needs less than a
 * microsecond; if it lost the processor in the middle, yielding gives it back. */
uint64_t lock_account(Word *lock, uint64_t owner) {
    uint64_t until_ns = 0;
    for (unsigned tries = 0;; tries++) {
        uint64_t expected = 0;
        if (atomic_compare_exchange_strong_explicit(lock, &expected, owner, memory_order_acquire, memory_order_relaxed)) {
            return 0;
        }
        if (tries < SPINS) {
            pause_briefly();
            continue;
        }
        uint64_t now_ns = monotonic_ns();
        if (until_ns == 0) {
            until_ns = now_ns + LOCK_WAIT_NS;
        } else if (now_ns > until_ns) {
            return expected;
        }
        sched_yield();
    }
}

void unlock_account(Word *lock) { set_release(lock, 0); }

/* pure.Region._undo_row. Bounds: read_undo, and `position` is below CHARGES_MAX. */
void undo_row(Word *undo, uint64_t position, uint64_t index, Word *row) {
    Word *entry = undo + UNDO_HEADER + position * UNDO_WORDS;
    set_relaxed(entry, index);
    for (unsigned word = 0; word < CHANGING; word++) {
        set_relaxed(entry + 1 + word, get_relaxed(row + USED + word));
    }
}

/* pure.Region._undo_begin. The second fence keeps the changes behind the count. */
void undo_begin(Word *undo, uint64_t count, uint64_t account, uint64_t holds_at, uint64_t state) {
    set_relaxed(undo + UNDO_ACCOUNT, account);
    set_relaxed(undo + UNDO_HOLDS, holds_at);
    set_relaxed(undo + UNDO_STATE, state);
    set_release(undo + UNDO_COUNT, count);
    atomic_thread_fence(memory_order_release);
}

void undo_end(Word *undo) { set_release(undo + UNDO_COUNT, 0); }

PyObject *locked_by(uint64_t owner) {
    PyObject *word = PyLong_FromUnsignedLongLong(owner);
    return word == NULL ? NULL : Py_BuildValue("(iN)", -1, word);
}

/* pure.Region._table. Bounds: the capacity comes from the file, so it is proved at every call; the division stands for a product
 * that could wrap. */
bool read_table(const Region *region, PyObject *argument, Table *table) {
    if (!read_word_offset(region, argument, &table->at)) {
        return false;
    }
    uint64_t room = (region->size - table->at) / LIMIT_BYTES;
    if (room == 0) {
        PyErr_SetString(PyExc_IndexError, "the limit table is out of bounds");
        return false;
    }
    table->region = region;
    table->capacity = get_relaxed(word_at(region, table->at) + 1);
    if (table->capacity == 0 || table->capacity > room) {
        PyErr_SetString(PyExc_ValueError, "the limit table is damaged: its header makes no sense");
        return false;
    }
    return true;
}

bool read_owner(PyObject *argument, uint64_t *owner) {
    if (!read_word(argument, owner)) {
        return false;
    }
    if (*owner == 0) {
        PyErr_SetString(PyExc_ValueError, "an owner is not zero");
        return false;
    }
    return true;
}

/* pure.Region._undo: an empty log. One that is not empty must be recovered first, or its change would stay in two. */
bool read_undo(const Region *region, PyObject *argument, Word **undo) {
    uint64_t offset;
    if (!read_word_offset(region, argument, &offset)) {
        return false;
    }
    if (region->size - offset < UNDO_BYTES) {
        PyErr_SetString(PyExc_IndexError, "the undo log is out of bounds");
        return false;
    }
    *undo = word_at(region, offset);
    if (get_relaxed(*undo + UNDO_COUNT) != 0) {
        PyErr_SetString(PyExc_ValueError, "the undo log is not empty");
        return false;
    }
    return true;
}

/* Takes back the change in a log, if it is one of `account`. What the log says is proved: it comes from the file. */
static void take_back(const Table *table, Word *undo, uint64_t account) {
    uint64_t count = get_acquire(undo + UNDO_COUNT);
    if (count == 0 || get_relaxed(undo + UNDO_ACCOUNT) != account) {
        return;
    }
    for (uint64_t position = 0; position < count && position < CHARGES_MAX; position++) {
        Word *entry = undo + UNDO_HEADER + position * UNDO_WORDS;
        uint64_t index = get_relaxed(entry);
        if (index >= table->capacity) {
            continue;
        }
        for (unsigned word = 0; word < CHANGING; word++) {
            set_relaxed(limit_row(table, index) + USED + word, get_relaxed(entry + 1 + word));
        }
    }
    uint64_t holds_at = get_relaxed(undo + UNDO_HOLDS);
    if (holds_at != 0 && !(holds_at & 7) && holds_at <= table->region->size - 8) {
        set_relaxed(word_at(table->region, holds_at), get_relaxed(undo + UNDO_STATE));
    }
    undo_end(undo);
}

/* pure.Region.limits_recover. Bounds: the division stands for a product that could wrap. */
PyObject *region_limits_recover(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    Region *region = (Region *)self;
    Table table;
    uint64_t logs, dead, owner;
    long long log_count, account;
    if (!check_count("limits_recover", count, 6) || !read_table(region, arguments[0], &table) ||
        !read_word_offset(region, arguments[1], &logs) || !read_signed(arguments[2], &log_count) ||
        !read_signed(arguments[3], &account) || !read_owner(arguments[4], &dead) || !read_owner(arguments[5], &owner)) {
        return NULL;
    }
    if (log_count < 0 || (uint64_t)log_count > (region->size - logs) / UNDO_BYTES || account < 0 ||
        (uint64_t)account >= table.capacity) {
        PyErr_SetString(PyExc_IndexError, "the undo logs or the account are out of bounds");
        return NULL;
    }
    Word *lock = limit_row(&table, (uint64_t)account) + LOCK;
    if (!atomic_compare_exchange_strong(lock, &dead, owner)) {
        Py_RETURN_FALSE;
    }
    for (uint64_t log = 0; log < (uint64_t)log_count; log++) {
        take_back(&table, word_at(region, logs + log * UNDO_BYTES), (uint64_t)account);
    }
    unlock_account(lock);
    Py_RETURN_TRUE;
}
