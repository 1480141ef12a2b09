/* The C twin of debts.py: how far a smooth limit is used, as the time at which it will be whole again. */

#include "limits.h"

__extension__ typedef unsigned __int128 Wide;

/* debts.time_of. Bounds: 2^63 units of a minute make less than 2^99 in the wide product; the quotient is cut. */
static Debt time_of(uint64_t units, uint64_t amount) {
    Wide product = (Wide)units * MINUTE_NS;
    if (product >> 64 == 0) {
        uint64_t narrow = (uint64_t)product;
        return (Debt){narrow / amount, narrow % amount};
    }
    Wide ns = product / amount;
    return ns > INT64_MAX ? (Debt){INT64_MAX, 0} : (Debt){(uint64_t)ns, (uint64_t)(product % amount)};
}

/* debts.debt_at. A time further ahead than any we store is of a machine that has been started anew. */
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

/* debts.debt_added. Bounds: both fractions are below `amount`, which is below 2^63; times are below 2^63 and 2^64 - 2^63. */
void debt_add(Debt *debt, uint64_t units, uint64_t amount) {
    Debt more = time_of(units, amount);
    debt->ns += more.ns;
    debt->fraction += more.fraction;
    if (debt->fraction >= amount) {
        debt->fraction -= amount;
        debt->ns++;
    }
}

/* debts.store_debt. */
void debt_store(Word *row, Debt debt, uint64_t mono_ns) {
    if (debt.ns > mono_ns + DEBT_NS_MAX) {
        debt = (Debt){mono_ns + DEBT_NS_MAX, 0};
    }
    set_relaxed(row + DEBT_FRACTION, debt.fraction);
    set_relaxed(row + DEBT, debt.ns);
}

/* debts.room: units that may come now. Bounds: at most a minute times 2^63 in the wide product. */
int64_t debt_room(Debt debt, uint64_t amount, uint64_t mono_ns) {
    if (debt.ns - mono_ns >= MINUTE_NS) {
        return 0;
    }
    Wide room = (Wide)(MINUTE_NS - (debt.ns - mono_ns)) * amount - debt.fraction;
    return (int64_t)(room >> 64 == 0 ? (uint64_t)room / MINUTE_NS : (uint64_t)(room / MINUTE_NS));
}

/* debts.given_back: at most what has not come back by itself since: `until_ns` is when the last of it would. */
void debt_give_back(Debt *debt, uint64_t units, uint64_t amount, uint64_t until_ns, uint64_t mono_ns) {
    uint64_t left_ns = until_ns > mono_ns ? until_ns - mono_ns : 0;
    Debt back = time_of(units, amount);
    if (back.ns >= left_ns) {
        back = (Debt){left_ns, 0};
    }
    if (debt->ns <= back.ns) {
        *debt = (Debt){0, 0};
        return;
    }
    debt->ns -= back.ns;
    if (debt->fraction < back.fraction) {
        debt->ns--;
        debt->fraction += amount;
    }
    debt->fraction -= back.fraction;
}
