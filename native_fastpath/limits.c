/* The C twin of limits.py: one limit at a moment: what it has left, whether it grants, and how it is told of. */

#include "limits.h"

#define SECOND_NS 1000000000ll
#define FIVE_HOURS_S 18000
#define BACKWARDS_S_MAX 1 /* how far a clock may go back before a window that began later is another one */

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
void limit_at(Limit *limit, Word *row, uint64_t index, uint64_t head, const Moment *now) {
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
            limit->available = debt_room(limit->debt, (uint64_t)limit->amount, now->mono_ns);
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

/* limits.least_of. Adding 1 to an amount does not wrap as an unsigned number. */
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
bool limit_decides(Limit *limit, const Asked *asked) {
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
int64_t limit_wait_ns(const Limit *limit, const Asked *asked, const Moment *now) {
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

/* limits.seen: size, what is left, ns until all of it is there again. */
void limit_seen(const Limit *limit, const Moment *now, int64_t *figures) {
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

/* limits.grant: writes down what was granted. Used and held are cleared before the window is named, so that `limits_peek` never
 * joins an old figure with a new window. */
void limit_grant(Limit *limit, Word *hold, const Moment *now) {
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
