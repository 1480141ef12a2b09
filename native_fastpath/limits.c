/* The C twin of limits.py: counting a request against every limit of its caller, all or none. */

#include "limits.h"

#include <string.h>

#define MINUTE_NS 60000000000ull
#define SECOND_NS 1000000000ll
#define FIVE_HOURS_S 18000
#define BACKWARDS_S_MAX 1 /* how far a clock may go back before a window that began later is another one */


__extension__ typedef unsigned __int128 Wide;

typedef struct {
    int64_t wall_s, day_start_s, day_end_s, month_start_s, month_end_s;
    uint64_t mono_ns;
} Moment;

/* What a request asks of each metric: all of it, or at least so much. */
typedef struct {
    int64_t full[METRICS], least[METRICS];
} Asked;

/* A limit as it stands at a moment. */
typedef struct {
    Word *row;
    uint64_t index, head;
    int64_t amount, used, held, start_s, end_s, available;
    int64_t grant; /* -1 while it is passed by */
    bool rolls;
    Debt debt;
} Limit;

typedef struct {
    uint64_t account;
    unsigned count;
    Limit limits[CHARGES_MAX];
} Chain;

enum { GROUPS = 4, FIGURES = METRICS + 3 * GROUPS };

/* The places of a metric's figures in the answer; the others have none. */
static const int GROUP_OF[METRICS] = {[REQUESTS] = 1, [TOTAL_TOKENS] = 2, [INPUT_TOKENS] = 3, [OUTPUT_TOKENS] = 4};

/* limits.time_of. Bounds: 2^63 units of a minute make less than 2^99 in the wide product; the quotient is cut. */
Debt time_of(uint64_t units, uint64_t amount) {
    Wide product = (Wide)units * MINUTE_NS;
    if (product >> 64 == 0) {
        uint64_t narrow = (uint64_t)product;
        return (Debt){narrow / amount, narrow % amount};
    }
    Wide ns = product / amount;
    return ns > INT64_MAX ? (Debt){INT64_MAX, 0} : (Debt){(uint64_t)ns, (uint64_t)(product % amount)};
}

/* limits.debt_at. A time further ahead than any we store is of a machine that has been started anew. */
Debt debt_at(Word *row, uint64_t amount, uint64_t mono_ns) {
    Debt debt = {get_relaxed(row + DEBT), get_relaxed(row + DEBT_FRACTION)};
    if (debt.ns < mono_ns || debt.ns - mono_ns > 2 * DEBT_NS_MAX) {
        return (Debt){mono_ns, 0};
    }
    if (debt.fraction >= amount) {
        debt.fraction = 0;
    }
    return debt;
}

/* limits.debt_add. Bounds: both fractions are below `amount`, which is below 2^63; times are below 2^63 and 2^64 - 2^63. */
void debt_add(Debt *debt, uint64_t units, uint64_t amount) {
    Debt more = time_of(units, amount);
    debt->ns += more.ns;
    debt->fraction += more.fraction;
    if (debt->fraction >= amount) {
        debt->fraction -= amount;
        debt->ns++;
    }
}

void debt_store(Word *row, Debt debt, uint64_t mono_ns) {
    if (debt.ns > mono_ns + DEBT_NS_MAX) {
        debt = (Debt){mono_ns + DEBT_NS_MAX, 0};
    }
    set_relaxed(row + DEBT_FRACTION, debt.fraction);
    set_relaxed(row + DEBT, debt.ns);
}

/* limits.fits_now: units that may come now. Bounds: at most a minute times 2^63 in the wide product. */
static int64_t fits_now(Debt debt, uint64_t amount, uint64_t mono_ns) {
    if (debt.ns - mono_ns >= MINUTE_NS) {
        return 0;
    }
    Wide room = (Wide)(MINUTE_NS - (debt.ns - mono_ns)) * amount - debt.fraction;
    return (int64_t)(room >> 64 == 0 ? (uint64_t)room / MINUTE_NS : (uint64_t)(room / MINUTE_NS));
}

/* limits.stands: whether the window in the row counts now. */
static bool stands(const Limit *limit, const Moment *now) {
    return limit->end_s != 0 && limit->start_s <= now->wall_s + BACKWARDS_S_MAX && now->wall_s < limit->end_s;
}

static void begin_window(Limit *limit, const Moment *now) {
    unsigned window = window_of(limit->head);
    limit->rolls = true;
    limit->used = limit->held = 0;
    limit->start_s = window == DAY ? now->day_start_s : window == MONTH ? now->month_start_s : now->wall_s;
    limit->end_s = window == DAY ? now->day_end_s : window == MONTH ? now->month_end_s : now->wall_s + FIVE_HOURS_S;
}

/* limits.limit_at: reads a row as it stands at a moment; changes nothing. */
static void limit_at(Limit *limit, Word *row, uint64_t index, uint64_t head, const Moment *now) {
    limit->row = row;
    limit->index = index;
    limit->head = head;
    limit->grant = -1;
    limit->rolls = false;
    limit->amount = amount_in(row + AMOUNT);
    if (is_smooth(head)) {
        limit->available = 0;
        limit->debt = (Debt){now->mono_ns, 0};
        if (limit->amount > 0) {
            limit->debt = debt_at(row, (uint64_t)limit->amount, now->mono_ns);
            limit->available = fits_now(limit->debt, (uint64_t)limit->amount, now->mono_ns);
        }
        return;
    }
    limit->used = amount_in(row + USED);
    limit->held = amount_in(row + HELD);
    limit->start_s = amount_in(row + WINDOW_START);
    limit->end_s = amount_in(row + WINDOW_END);
    if (metric_of(head) == CONCURRENCY) {
        limit->used = limit->start_s = limit->end_s = 0;
    } else if (window_of(head) != TOTAL && !stands(limit, now)) {
        begin_window(limit, now);
    }
    limit->available = limit->amount - add_capped(limit->used, limit->held);
}

/* limits._least. Adding 1 to an amount does not wrap as an unsigned number. */
static int64_t least_of(const Limit *limit, const Asked *asked) {
    unsigned metric = metric_of(limit->head) & (METRICS - 1);
    int64_t least = asked->least[metric];
    if (is_smooth(limit->head) && metric == OUTPUT_TOKENS) {
        return least < 1 ? least : 1;
    }
    if (is_smooth(limit->head) && metric == TOTAL_TOKENS && (uint64_t)least > (uint64_t)asked->full[INPUT_TOKENS] + 1) {
        return asked->full[INPUT_TOKENS] + 1;
    }
    return least;
}

/* limits.decide: how much a limit grants, -1 to pass it by. False when it refuses. */
static bool decide(Limit *limit, const Asked *asked) {
    unsigned metric = metric_of(limit->head) & (METRICS - 1);
    int64_t full = asked->full[metric], least = least_of(limit, asked);
    if (full == 0) {
        if (least == 0 || (metric != COST && metric != TOTAL_TOKENS)) {
            return true;
        }
        limit->grant = 0;
        return limit->available > 0;
    }
    limit->grant = full <= limit->available ? full : limit->available;
    return full <= limit->available || (limit->available > 0 && least <= limit->available);
}

/* A time span in seconds, cut to what nanoseconds can hold. */
static int64_t span_ns(int64_t span_s) { return span_s > INT64_MAX / SECOND_NS ? INT64_MAX : span_s * SECOND_NS; }

/* limits.wait_ns: until a limit that refuses may grant again; -1 for never. */
static int64_t wait_ns(const Limit *limit, const Asked *asked, const Moment *now) {
    int64_t least = least_of(limit, asked);
    if (limit->amount == 0) {
        return -1;
    }
    if (metric_of(limit->head) == CONCURRENCY) {
        return 0;
    }
    if (least > limit->amount || window_of(limit->head) == TOTAL) {
        return -1;
    }
    if (!is_smooth(limit->head)) {
        return span_ns(limit->end_s - now->wall_s);
    }
    Debt until = limit->debt;
    debt_add(&until, (uint64_t)(least > 0 ? least : 1), (uint64_t)limit->amount);
    uint64_t free_ns = now->mono_ns + MINUTE_NS;
    return until.ns < free_ns ? 0 : (int64_t)(until.ns - free_ns) + (until.fraction != 0);
}

static void read_figures(const Limit *limit, const Moment *now, int64_t *figures) {
    int64_t left = limit->available - (limit->grant > 0 ? limit->grant : 0);
    int64_t reset_ns = 0;
    if (is_smooth(limit->head)) {
        Debt debt = limit->debt;
        if (limit->grant > 0) {
            debt_add(&debt, (uint64_t)limit->grant, (uint64_t)limit->amount);
        }
        reset_ns = (int64_t)(debt.ns - now->mono_ns);
    } else if (limit->end_s != 0) {
        reset_ns = span_ns(limit->end_s - now->wall_s);
    }
    figures[0] = limit->amount;
    figures[1] = left > 0 ? left : 0;
    figures[2] = reset_ns;
}

/* limits.figures_of: granted by metric, then limit, remaining and reset of the tightest limit of each group, -1 without one. */
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
            read_figures(limit, now, fresh);
            if (tightest[0] < 0 || fresh[1] < tightest[1]) {
                memcpy(tightest, fresh, sizeof fresh);
            }
        }
    }
}

/* limits._head_of: the anchor that a reference names; 0 when it names none any more. */
static uint64_t head_of(const Table *table, uint64_t reference, uint64_t *index) {
    *index = reference & 0xfffff;
    if (*index == 0 || *index >= table->capacity || reference >> 32 != 0) {
        return 0;
    }
    uint64_t head = get_acquire(limit_row(table, *index));
    unsigned kind = kind_of(head);
    return kind >= KIND_WORKSPACE && kind <= KIND_KEY && (generation_of(head) & 0xfff) == reference >> 20 ? head : 0;
}

/* limits._account_of: the row with the lock of a row's chain; 0 when there is none. */
static uint64_t account_of(const Table *table, Word *row) {
    uint64_t account = get_relaxed(row + LINKS) >> 32;
    return account < table->capacity ? account : 0;
}

/* limits.walk: the limits of the mask's classes behind an anchor. False when the chain makes no sense. Bounds: no more steps than
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

/* limits.grant: writes down what was granted. Used and held are cleared before the window is named, so
 * that `limits_peek` never joins an old figure with a new window. */
static void grant(Limit *limit, Word *hold, const Moment *now) {
    uint64_t since = 0;
    if (is_smooth(limit->head)) {
        debt_add(&limit->debt, (uint64_t)limit->grant, (uint64_t)limit->amount);
        debt_store(limit->row, limit->debt, now->mono_ns);
        since = limit->debt.ns;
    } else if (limit->rolls) {
        set_relaxed(limit->row + USED, 0);
        set_relaxed(limit->row + HELD, (uint64_t)limit->grant);
        set_release(limit->row + WINDOW_START, (uint64_t)limit->start_s);
        set_release(limit->row + WINDOW_END, (uint64_t)limit->end_s);
        since = (uint64_t)limit->start_s;
    } else {
        set_relaxed(limit->row + HELD, (uint64_t)(limit->held + limit->grant));
        since = (uint64_t)limit->start_s;
    }
    set_relaxed(hold + HOLD_ROW, limit->index | (uint64_t)generation_of(limit->head) << 32);
    set_relaxed(hold + HOLD_SINCE, since);
    set_relaxed(hold + HOLD_AMOUNT, (uint64_t)limit->grant);
    set_relaxed(hold + HOLD_CHARGED, 0);
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
            grant(&chain->limits[position], hold, now);
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
        if (!decide(limit, asked)) {
            int64_t its_wait = wait_ns(limit, asked, now);
            if (refuser == NULL || (*wait >= 0 && (its_wait < 0 || its_wait > *wait))) {
                refuser = limit;
                *wait = its_wait;
            }
        }
    }
    return refuser;
}

/* limits._amounts. Eight whole numbers by metric; negative ones count as nothing. */
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

/* limits._moment. Bounds: seconds below 2^32 and nanoseconds up to 2^62 leave room for every sum made of them. */
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
                return Py_BuildValue("(KL)", (unsigned long long)index, (long long)wait_ns(&limit, &one, &now));
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

/* limits._take_locked. */
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

/* pure.Region.limits_take. Bounds: the readers prove table, log and hold area; walk proves the chain. */
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
