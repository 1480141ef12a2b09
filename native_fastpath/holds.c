/* The C twin of holds.py: what a request holds of its limits, corrected to what it used, in one call with the end of its row. */

#include "limits.h"

#include <string.h>

typedef struct {
    Table table;
    Word *undo, *holds;
    uint64_t holds_at, owner, mono_ns;
    int64_t real[METRICS];
} Settling;

/* The area comes from the file, so its count is cut to what there is room for. */
static uint64_t count_of(Word *holds) {
    uint64_t count = get_relaxed(holds + HOLDS_COUNT);
    return count < CHARGES_MAX ? count : CHARGES_MAX;
}

static Word *hold_at(Word *holds, uint64_t position) { return holds + HOLDS_HEADER + position * HOLD_WORDS; }

/* holds.row_of: the row that a hold is of; NULL when it has been removed. Bounds: the index is compared with the capacity. */
static Word *row_of(const Table *table, Word *holds, Word *hold) {
    uint64_t name = get_relaxed(hold + HOLD_ROW);
    if ((name & UINT32_MAX) == 0 || (name & UINT32_MAX) >= table->capacity) {
        return NULL;
    }
    Word *row = limit_row(table, name & UINT32_MAX);
    uint64_t head = get_relaxed(row);
    bool same = kind_of(head) == KIND_LIMIT && generation_of(head) == name >> 32 &&
                get_relaxed(row + LINKS) >> 32 == get_relaxed(holds + HOLDS_ACCOUNT);
    return same ? row : NULL;
}

static void settle_smooth(Word *row, Word *hold, int64_t held, int64_t real, uint64_t mono_ns) {
    uint64_t amount = (uint64_t)amount_in(row + AMOUNT);
    if (amount == 0 || held == real) {
        return;
    }
    Debt debt = {get_relaxed(row + DEBT), get_relaxed(row + DEBT_FRACTION)};
    if (debt.fraction >= amount) {
        debt.fraction = 0;
    }
    if (debt.ns > mono_ns + 2 * DEBT_NS_MAX) {
        debt = (Debt){mono_ns, 0};
    }
    if (real > held) {
        debt_add(&debt, (uint64_t)(real - held), amount);
    } else {
        debt_give_back(&debt, (uint64_t)(held - real), amount, get_relaxed(hold + HOLD_SINCE), mono_ns);
    }
    debt_store(row, debt, mono_ns);
}

/* holds.settle_row: one limit. What was held in a window that is over has gone with it; it is charged to that window all the same. */
static void settle_row(Word *row, Word *hold, const int64_t *reals, uint64_t mono_ns) {
    uint64_t head = get_relaxed(row);
    int64_t held = amount_in(hold + HOLD_AMOUNT);
    int64_t real = reals[metric_of(head) & (METRICS - 1)];
    if (is_smooth(head)) {
        settle_smooth(row, hold, held, real, mono_ns);
        return;
    }
    bool same_window = get_relaxed(row + WINDOW_START) == get_relaxed(hold + HOLD_SINCE);
    if (is_durable(head)) {
        set_relaxed(hold + HOLD_CHARGED, (uint64_t)real);
        if (!same_window) {
            return;
        }
        set_relaxed(row + USED, (uint64_t)add_capped(amount_in(row + USED), real));
    }
    int64_t all_held = amount_in(row + HELD);
    set_relaxed(row + HELD, (uint64_t)(all_held > held ? all_held - held : 0));
}

/* holds._settle_locked. Bounds: count_of. */
static void settle_locked(const Settling *settling) {
    Word *holds = settling->holds;
    uint64_t count = count_of(holds), changed = 0;
    for (uint64_t position = 0; position < count; position++) {
        Word *row = row_of(&settling->table, holds, hold_at(holds, position));
        if (row != NULL) {
            uint64_t index = get_relaxed(hold_at(holds, position) + HOLD_ROW) & UINT32_MAX;
            undo_row(settling->undo, changed++, index, row);
        }
    }
    undo_begin(settling->undo, changed, get_relaxed(holds + HOLDS_ACCOUNT), settling->holds_at, STATE_HELD);
    for (uint64_t position = 0; position < count; position++) {
        Word *row = row_of(&settling->table, holds, hold_at(holds, position));
        if (row != NULL) {
            settle_row(row, hold_at(holds, position), settling->real, settling->mono_ns);
        }
    }
    set_release(holds + HOLDS_STATE, STATE_SETTLED);
    undo_end(settling->undo);
}

/* Locks, settles what is still held, and unlocks. 0, or the word of whoever holds the lock. A recovery may have taken the holds
 * back before we got the lock, so their state is looked at under it. */
static uint64_t settle(const Settling *settling) {
    uint64_t account = get_relaxed(settling->holds + HOLDS_ACCOUNT);
    if (account == 0 || account >= settling->table.capacity) {
        set_release(settling->holds + HOLDS_STATE, STATE_SETTLED);
        return 0;
    }
    Word *lock = limit_row(&settling->table, account) + LOCK;
    uint64_t holder = lock_account(lock, settling->owner);
    if (holder != 0) {
        return holder;
    }
    if (get_relaxed(settling->holds + HOLDS_STATE) == STATE_HELD) {
        settle_locked(settling);
    }
    unlock_account(lock);
    return 0;
}

/* holds.charges_of: {limit id, start of window}, amount; for what was counted against a limit that is still there. Bounds: `to`
 * has room for a count and CHARGES_MAX charges. */
static void write_charges(const Table *table, Word *holds, Word *to) {
    uint64_t written = 0;
    for (uint64_t position = 0; position < count_of(holds); position++) {
        Word *hold = hold_at(holds, position);
        Word *row = row_of(table, holds, hold);
        uint64_t charged = get_relaxed(hold + HOLD_CHARGED);
        if (row != NULL && charged != 0) {
            const uint32_t whose[2] = {(uint32_t)get_relaxed(row + OWNER), (uint32_t)get_relaxed(hold + HOLD_SINCE)};
            memcpy((void *)(to + 1 + 2 * written), whose, sizeof whose);
            set_relaxed(to + 2 + 2 * written, charged);
            written++;
        }
    }
    set_relaxed(to, written);
}

static bool read_settling(const Region *region, PyObject *const *arguments, Settling *settling) {
    long long mono_ns;
    if (!read_table(region, arguments[0], &settling->table) || !read_undo(region, arguments[1], &settling->undo) ||
        !read_owner(arguments[2], &settling->owner) || !read_amounts(arguments[3], settling->real) ||
        !read_signed(arguments[4], &mono_ns)) {
        return false;
    }
    if (mono_ns < 0 || mono_ns > 1LL << 62) {
        PyErr_SetString(PyExc_OverflowError, "a moment is out of range");
        return false;
    }
    settling->mono_ns = (uint64_t)mono_ns;
    return true;
}

/* Bounds: read_row proved both copies; the hold area lies behind them. A ring's records leave room for all charges. */
static bool read_place(const Region *region, PyObject *const *arguments, uint64_t *row_at, uint64_t *holds_at, Ring *ring) {
    if (!read_row(region, arguments[1], arguments[2], row_at)) {
        return false;
    }
    uint64_t length = (uint64_t)PyBytes_GET_SIZE(arguments[2]);
    *holds_at = *row_at + ROW_HEADER + 2 * length;
    if (region->size - *holds_at < HOLDS_BYTES) {
        PyErr_SetString(PyExc_IndexError, "the row is out of bounds");
        return false;
    }
    if ((length & 7) || get_relaxed(word_at(region, *row_at)) == 0) {
        PyErr_SetString(PyExc_ValueError, length & 7 ? "a record has whole words" : "the row is free");
        return false;
    }
    long long ring_at;
    if (!read_signed(arguments[0], &ring_at)) {
        return false;
    }
    if (ring_at == 0) {
        ring->capacity = 0;
        return true;
    }
    if (!read_ring(region, arguments[0], ring)) {
        return false;
    }
    if (ring->record_size != length + 8 + 16 * CHARGES_MAX) {
        PyErr_SetString(PyExc_ValueError, "the ring's records are of another size");
        return false;
    }
    return true;
}

/* pure.Region.limits_settle. Without holds as fast as ring_append and row_close were together; with five limits, take and settle
 * cost 0.4 us instead of 65. Bounds: read_place; the charges fit behind the record, because the ring's records leave room for
 * CHARGES_MAX. */
PyObject *region_limits_settle(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    Region *region = (Region *)self;
    Settling settling;
    Ring ring;
    uint64_t row_at;
    if (!check_count("limits_settle", count, 8) || !read_place(region, arguments, &row_at, &settling.holds_at, &ring)) {
        return NULL;
    }
    if (ring.capacity != 0 && ring.appended - ring.released == ring.capacity) {
        Py_RETURN_FALSE;
    }
    settling.holds = word_at(region, settling.holds_at);
    uint64_t state = get_acquire(settling.holds + HOLDS_STATE);
    if (state != STATE_NONE) {
        if (!read_settling(region, arguments + 3, &settling)) {
            return NULL;
        }
        if (state == STATE_HELD) {
            rewrite_row(region, row_at, arguments[2]);
            uint64_t holder = settle(&settling);
            if (holder != 0) {
                return locked_by(holder);
            }
        }
    }
    if (ring.capacity != 0) {
        uint64_t length = (uint64_t)PyBytes_GET_SIZE(arguments[2]);
        Word *slot = slot_of(&ring, ring.appended);
        memcpy((void *)(slot + 1), PyBytes_AS_STRING(arguments[2]), length);
        set_relaxed(slot + 1 + length / 8, 0);
        if (state != STATE_NONE) {
            write_charges(&settling.table, settling.holds, slot + 1 + length / 8);
        }
        set_relaxed(slot, ring.appended + 1);
        set_release(ring.head, ring.appended + 1);
        set_release(settling.holds + HOLDS_STATE, STATE_NONE);
        set_release(word_at(region, row_at), 0);
    }
    Py_RETURN_TRUE;
}
