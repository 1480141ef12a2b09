/* The C twin of chains.py: counting a request against every limit of its caller, all or none. */

#include "limits.h"

#include <string.h>

typedef struct {
    uint64_t account;
    unsigned count;
    Limit limits[CHARGES_MAX];
} Chain;

enum { GROUPS = 4, FIGURES = METRICS + 3 * GROUPS };

/* The places of a metric's figures in the answer; the others have none. */
static const int GROUP_OF[METRICS] = {[REQUESTS] = 1, [TOTAL_TOKENS] = 2, [INPUT_TOKENS] = 3, [OUTPUT_TOKENS] = 4};

/* chains.figures_of: granted by metric, then limit, remaining and reset of the tightest limit of each group, -1 without one. */
static void figures_of(const Chain *chain, const Asked *asked, const Moment *now, int64_t *figures) {
    for (unsigned place = 0; place < FIGURES; place++) {
        figures[place] = -1;
    }
    for (unsigned position = 0; position < chain->count; position++) {
        const Limit *limit = &chain->limits[position];
        unsigned metric = metric_of(limit->head) & (METRICS - 1);
        if (is_durable(limit->head) && limit->grant >= 0 && limit->grant < asked->full[metric] &&
            (figures[metric] < 0 || limit->grant < figures[metric])) {
            figures[metric] = limit->grant;
        }
        int group = GROUP_OF[metric];
        if (group != 0) {
            int64_t fresh[3];
            int64_t *tightest = figures + METRICS + 3 * (group - 1);
            limit_seen(limit, now, fresh);
            if (tightest[0] < 0 || fresh[1] < tightest[1]) {
                memcpy(tightest, fresh, sizeof fresh);
            }
        }
    }
}

/* chains._head_of: the anchor that a reference names; 0 when it names none any more. */
static uint64_t head_of(const Table *table, uint64_t reference, uint64_t *index) {
    *index = reference & 0xfffff;
    if (*index == 0 || *index >= table->capacity || reference >> 32 != 0) {
        return 0;
    }
    uint64_t head = get_acquire(limit_row(table, *index));
    unsigned kind = kind_of(head);
    return kind >= KIND_WORKSPACE && kind <= KIND_KEY && (generation_of(head) & 0xfff) == reference >> 20 ? head : 0;
}

/* chains._account_of: the row with the lock of a row's chain; 0 when there is none. */
static uint64_t account_of(const Table *table, Word *row) {
    uint64_t account = get_relaxed(row + LINKS) >> 32;
    return account < table->capacity ? account : 0;
}

/* chains.walk: the limits of the mask's classes behind an anchor. False when the chain makes no sense. Bounds: no more steps than
 * a chain can have, no more limits than there is room for; every index is below the capacity. */
static bool walk(const Table *table, uint64_t first, uint64_t mask, const Moment *now, Chain *chain) {
    uint64_t index = first;
    chain->count = 0;
    for (unsigned steps = 0; index != 0; steps++) {
        if (steps == CHAIN_MAX || index >= table->capacity) {
            return false;
        }
        Word *row = limit_row(table, index);
        uint64_t head = get_relaxed(row), links = get_relaxed(row + LINKS);
        if (kind_of(head) == KIND_FREE || links >> 32 != chain->account) {
            return false;
        }
        if (kind_of(head) == KIND_LIMIT && mask >> class_of(head) & 1) {
            if (chain->count == CHARGES_MAX) {
                return false;
            }
            limit_at(&chain->limits[chain->count++], row, index, head, now);
        }
        index = links & UINT32_MAX;
    }
    return true;
}

static void grant_all(Chain *chain, Word *undo, Word *holds, uint64_t holds_at, const Moment *now) {
    uint64_t count = 0;
    for (unsigned position = 0; position < chain->count; position++) {
        if (chain->limits[position].grant >= 0) {
            undo_row(undo, count++, chain->limits[position].index, chain->limits[position].row);
        }
    }
    if (count == 0) {
        return;
    }
    undo_begin(undo, count, chain->account, holds_at, STATE_NONE);
    Word *hold = holds + HOLDS_HEADER;
    for (unsigned position = 0; position < chain->count; position++) {
        if (chain->limits[position].grant >= 0) {
            limit_grant(&chain->limits[position], hold, now);
            hold += HOLD_WORDS;
        }
    }
    set_relaxed(holds + HOLDS_COUNT, count);
    set_relaxed(holds + HOLDS_ACCOUNT, chain->account);
    set_release(holds + HOLDS_STATE, STATE_HELD);
    undo_end(undo);
}

/* The refusing limit whose end is furthest away, NULL when all grant. */
static const Limit *refuser_of(Chain *chain, const Asked *asked, const Moment *now, int64_t *wait) {
    const Limit *refuser = NULL;
    for (unsigned position = 0; position < chain->count; position++) {
        Limit *limit = &chain->limits[position];
        if (!limit_decides(limit, asked)) {
            int64_t its_wait = limit_wait_ns(limit, asked, now);
            if (refuser == NULL || (*wait >= 0 && (its_wait < 0 || its_wait > *wait))) {
                refuser = limit;
                *wait = its_wait;
            }
        }
    }
    return refuser;
}

/* chains._amounts. Eight whole numbers by metric; negative ones count as nothing. */
bool read_amounts(PyObject *argument, int64_t *amounts) {
    if (!PyTuple_CheckExact(argument) || PyTuple_GET_SIZE(argument) != METRICS) {
        PyErr_SetString(PyExc_TypeError, "a tuple of eight amounts is expected");
        return false;
    }
    for (unsigned metric = 0; metric < METRICS; metric++) {
        long long amount;
        if (!read_signed(PyTuple_GET_ITEM(argument, metric), &amount)) {
            return false;
        }
        amounts[metric] = amount > 0 ? amount : 0;
    }
    return true;
}

/* chains._moment. Bounds: seconds below 2^32 and nanoseconds up to 2^62 leave room for every sum made of them. */
static bool read_moment(PyObject *argument, Moment *now) {
    long long numbers[6];
    if (!PyTuple_Check(argument) || PyTuple_GET_SIZE(argument) != 6) {
        PyErr_SetString(PyExc_TypeError, "a moment has six numbers");
        return false;
    }
    for (unsigned place = 0; place < 6; place++) {
        if (!read_signed(PyTuple_GET_ITEM(argument, place), &numbers[place])) {
            return false;
        }
        if (numbers[place] < 0 || numbers[place] > (place < 5 ? (long long)UINT32_MAX : 1LL << 62)) {
            PyErr_SetString(PyExc_OverflowError, "a moment is out of range");
            return false;
        }
    }
    *now = (Moment){numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], (uint64_t)numbers[5]};
    return true;
}

/* pure.Region.limits_peek. Bounds: as walk's. Without the lock: a row is believed when its window was the same before and after,
 * and it belongs to the anchor's account. */
PyObject *region_limits_peek(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    Table table;
    Moment now;
    uint64_t first, mask, index;
    if (!check_count("limits_peek", count, 4) || !read_table((Region *)self, arguments[0], &table) ||
        !read_word(arguments[1], &first) || !read_word(arguments[2], &mask) || !read_moment(arguments[3], &now)) {
        return NULL;
    }
    if (head_of(&table, first, &index) == 0) {
        Py_RETURN_NONE;
    }
    const Asked one = {{1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1}};
    uint64_t account = account_of(&table, limit_row(&table, index));
    for (unsigned steps = 0; index != 0 && index < table.capacity && steps < CHAIN_MAX; steps++) {
        Limit limit;
        Word *row = limit_row(&table, index);
        uint64_t head = get_acquire(row), links = get_acquire(row + LINKS);
        if (kind_of(head) == KIND_FREE || links >> 32 != account) {
            break;
        }
        if (kind_of(head) == KIND_LIMIT && mask >> class_of(head) & 1) {
            uint64_t end_s = get_acquire(row + WINDOW_END);
            limit_at(&limit, row, index, head, &now);
            atomic_thread_fence(memory_order_acquire);
            if (limit.available <= 0 && get_relaxed(row + WINDOW_END) == end_s && get_relaxed(row) == head) {
                return Py_BuildValue("(KL)", (unsigned long long)index, (long long)limit_wait_ns(&limit, &one, &now));
            }
        }
        index = links & UINT32_MAX;
    }
    Py_RETURN_NONE;
}

/* Bounds: the hold area is proved to lie inside the region. */
static bool read_holds(const Region *region, PyObject *argument, uint64_t *holds_at) {
    if (!read_word_offset(region, argument, holds_at)) {
        return false;
    }
    if (region->size - *holds_at < HOLDS_BYTES) {
        PyErr_SetString(PyExc_IndexError, "the hold area is out of bounds");
        return false;
    }
    if (get_relaxed(word_at(region, *holds_at) + HOLDS_STATE) != STATE_NONE) {
        PyErr_SetString(PyExc_ValueError, "the row holds something already");
        return false;
    }
    return true;
}

/* What a take came to. Objects are made of it once the lock is given back: making them may run a collection, and that anything. */
typedef struct {
    int64_t answer, wait_ns, figures[FIGURES];
} Taken;

enum { GRANTED = 0, ANCHOR_GONE = -2, DAMAGED = -3 };

/* chains._take_locked. */
static void take_locked(
    const Table *table, uint64_t first, uint64_t mask, const Asked *asked, const Moment *now, Chain *chain, Word *undo,
    uint64_t holds_at, Taken *taken
) {
    if (!walk(table, first, mask, now, chain)) {
        taken->answer = DAMAGED;
        return;
    }
    const Limit *refuser = refuser_of(chain, asked, now, &taken->wait_ns);
    taken->answer = refuser == NULL ? GRANTED : (int64_t)refuser->index;
    if (refuser != NULL) {
        for (unsigned position = 0; position < chain->count; position++) {
            chain->limits[position].grant = -1; /* what the others would have granted is not taken */
        }
    }
    figures_of(chain, asked, now, taken->figures);
    if (refuser == NULL) {
        grant_all(chain, undo, word_at(table->region, holds_at), holds_at, now);
    }
}

/* Locks, looks whether the anchor is still there, takes and unlocks. 0, or the word of whoever holds the lock. */
static uint64_t take(
    const Table *table, uint64_t reference, uint64_t mask, const Asked *asked, const Moment *now, uint64_t owner, Word *undo,
    uint64_t holds_at, Taken *taken
) {
    Chain chain;
    uint64_t index;
    uint64_t head = head_of(table, reference, &index);
    chain.account = head == 0 ? 0 : account_of(table, limit_row(table, index));
    taken->answer = ANCHOR_GONE;
    if (chain.account == 0) {
        return 0;
    }
    Word *lock = limit_row(table, chain.account) + LOCK;
    uint64_t holder = lock_account(lock, owner);
    if (holder != 0) {
        return holder;
    }
    /* If the anchor has gone while we waited, the lock may be another chain's by now; but it is ours, so it is given back. */
    if (get_relaxed(limit_row(table, index)) == head && account_of(table, limit_row(table, index)) == chain.account) {
        take_locked(table, index, mask, asked, now, &chain, undo, holds_at, taken);
    }
    unlock_account(lock);
    return 0;
}

/* pure.Region.limits_take: 0.25 us instead of 40 for five limits. Bounds: the readers prove table, log and hold area; walk proves the chain. */
PyObject *region_limits_take(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    Region *region = (Region *)self;
    Table table;
    Word *undo;
    Moment now;
    Asked asked;
    Taken taken;
    uint64_t owner, first, holds_at, mask;
    if (!check_count("limits_take", count, 9) || !read_table(region, arguments[0], &table) ||
        !read_undo(region, arguments[1], &undo) || !read_owner(arguments[2], &owner) || !read_word(arguments[3], &first) ||
        !read_holds(region, arguments[4], &holds_at) || !read_word(arguments[5], &mask) ||
        !read_amounts(arguments[6], asked.full) || !read_amounts(arguments[7], asked.least) ||
        !read_moment(arguments[8], &now)) {
        return NULL;
    }
    uint64_t holder = take(&table, first, mask, &asked, &now, owner, undo, holds_at, &taken);
    if (holder != 0) {
        return locked_by(holder);
    }
    if (taken.answer == DAMAGED) {
        PyErr_SetString(PyExc_ValueError, "the limit table is damaged: a chain makes no sense");
        return NULL;
    }
    if (taken.answer == ANCHOR_GONE) {
        return Py_BuildValue("(ii)", ANCHOR_GONE, 0);
    }
    PyObject *figures = PyBytes_FromStringAndSize((const char *)taken.figures, sizeof taken.figures);
    if (figures == NULL || taken.answer == GRANTED) {
        return figures; /* without memory for it the request holds what it took, until it settles */
    }
    return Py_BuildValue("(LLN)", (long long)taken.answer, (long long)taken.wait_ns, figures);
}
