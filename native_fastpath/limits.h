/* What locks.c, debts.c, limits.c, chains.c and holds.c share: rows of the limit table, what a request holds of them, and changes
 * that can be undone. The forms are described in their twins. */

#ifndef NATIVE_FASTPATH_LIMITS_H
#define NATIVE_FASTPATH_LIMITS_H

#include "region.h"

enum { LIMIT_BYTES = 128, CHARGES_MAX = 24, CHAIN_MAX = CHARGES_MAX + 3, METRICS = 8, UNDO_BYTES = 1408 };

/* Words of a row. USED to DEBT_FRACTION change together and are what an undo log keeps. */
enum { HEAD, OWNER, LINKS, AMOUNT, USED, HELD, WINDOW_START, WINDOW_END, DEBT, DEBT_FRACTION, LOCK = 15 };
enum { CHANGING = DEBT_FRACTION - USED + 1 };

enum { KIND_FREE = 0, KIND_WORKSPACE = 1, KIND_KEY = 3, KIND_LIMIT = 4 };
enum { REQUESTS = 1, INPUT_TOKENS = 2, OUTPUT_TOKENS = 3, TOTAL_TOKENS = 4, COST = 5, CONCURRENCY = 6 };
enum { MINUTE = 1, FIVE_HOURS = 2, DAY = 3, MONTH = 4, TOTAL = 5 };

/* Words of a hold area, and of each hold in it. */
enum { HOLDS_STATE, HOLDS_COUNT, HOLDS_ACCOUNT, HOLDS_HEADER = 4 };
enum { HOLD_ROW, HOLD_SINCE, HOLD_AMOUNT, HOLD_CHARGED, HOLD_WORDS };
enum { STATE_NONE = 0, STATE_HELD = 1, STATE_SETTLED = 2, HOLDS_BYTES = 8 * (HOLDS_HEADER + HOLD_WORDS * CHARGES_MAX) };

/* Words of an undo log. */
enum { UNDO_COUNT, UNDO_ACCOUNT, UNDO_HOLDS, UNDO_STATE, UNDO_HEADER, UNDO_WORDS = CHANGING + 1 };

#define MINUTE_NS 60000000000ull
/* How far a request that took more than it held may put a smooth limit into debt. */
#define DEBT_NS_MAX 600000000000ull

typedef struct {
    const Region *region;
    uint64_t at, capacity;
} Table;

/* The theoretical arrival time of a smooth limit: ns and a fraction in 1/amount. */
typedef struct {
    uint64_t ns, fraction;
} Debt;

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

/* Bounds: the index is below the table's capacity, which read_table proved to lie inside the region. */
static inline Word *limit_row(const Table *table, uint64_t index) {
    return word_at(table->region, table->at + index * LIMIT_BYTES);
}

static inline unsigned kind_of(uint64_t head) { return head & 15; }
static inline unsigned metric_of(uint64_t head) { return head >> 8 & 255; }
static inline unsigned window_of(uint64_t head) { return head >> 16 & 255; }
static inline unsigned class_of(uint64_t head) { return head >> 24 & 63; }
static inline uint32_t generation_of(uint64_t head) { return (uint32_t)(head >> 32); }
static inline bool is_smooth(uint64_t head) { return window_of(head) == MINUTE && metric_of(head) != CONCURRENCY; }
static inline bool is_durable(uint64_t head) { return window_of(head) != MINUTE && metric_of(head) != CONCURRENCY; }

/* An amount as the file has it; what cannot be is cut. */
static inline int64_t amount_in(Word *word) {
    uint64_t value = get_relaxed(word);
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static inline int64_t add_capped(int64_t left, int64_t right) { return left > INT64_MAX - right ? INT64_MAX : left + right; }

bool read_table(const Region *region, PyObject *argument, Table *table);
bool read_owner(PyObject *argument, uint64_t *owner);
bool read_undo(const Region *region, PyObject *argument, Word **undo);
bool read_amounts(PyObject *argument, int64_t *amounts);

uint64_t lock_account(Word *lock, uint64_t owner);
void unlock_account(Word *lock);
void undo_row(Word *undo, uint64_t position, uint64_t index, Word *row);
void undo_begin(Word *undo, uint64_t count, uint64_t account, uint64_t holds_at, uint64_t state);
void undo_end(Word *undo);
PyObject *locked_by(uint64_t owner);

Debt debt_at(Word *row, uint64_t amount, uint64_t mono_ns);
int64_t debt_room(Debt debt, uint64_t amount, uint64_t mono_ns);
void debt_add(Debt *debt, uint64_t units, uint64_t amount);
void debt_give_back(Debt *debt, uint64_t units, uint64_t amount, uint64_t until_ns, uint64_t mono_ns);
void debt_store(Word *row, Debt debt, uint64_t mono_ns);

void limit_at(Limit *limit, Word *row, uint64_t index, uint64_t head, const Moment *now);
bool limit_decides(Limit *limit, const Asked *asked);
int64_t limit_wait_ns(const Limit *limit, const Asked *asked, const Moment *now);
void limit_seen(const Limit *limit, const Moment *now, int64_t *figures);
void limit_grant(Limit *limit, Word *hold, const Moment *now);

#endif
