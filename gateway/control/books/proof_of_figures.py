"""The proof of figures: rollups = requests, for every day that is kept, key by key.

Fed with every request of a walk, it adds them up by day and key, and then compares: with the days of every key, those with the
days of every other cube of series, days with their quarters of an hour, quarters with their minutes. Requests that were not
filled in yet are in neither sum.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from gateway.control.books.differences import Difference
from gateway.control.books.rollup import CLIENT_GONE, ending
from gateway.control.store import Connection, audit
from gateway.control.store import rollups as rows
from gateway.control.store.rollups import ALL

DAY_NS: Final = 86_400_000_000_000

Place = tuple[int, ...]
Line = tuple[int, ...]  # requests, errors, tokens, cost
WORDS: Final = ("requests", "errors", "tokens", "nanodollars")
_FIGURES: Final = (1, 4, 5, 6, *range(12, 17), 25, 27)  # what is read of a row
_NOTHING: Final[Line] = (0, 0, 0, 0)


class ProofOfFigures:
    """Compares requests with the rollups at the moment of a connection's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._unfilled = rows.unfilled(connection)
        self._days_from = rows.days_from(connection)
        self._lines: defaultdict[tuple[int, ...], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self.compared = 0

    def add(self, rowid: int, row: list[Any]) -> None:
        """Takes one request. Raises TypeError when its figures are none."""
        if not all(type(row[place]) is int for place in _FIGURES):
            raise TypeError
        day = row[1] // DAY_NS
        if rowid <= self._unfilled or day < self._days_from or not row[4]:
            return
        line = self._lines[day, row[4], row[27]]
        line[0] += 1
        line[1] += ending(row[5], row[6]) > CLIENT_GONE
        line[2] += sum(row[12:17])
        line[3] += row[25]

    def differences(self) -> Iterator[Difference]:
        """Every sum that is not what it is made of. Its values are all of both sums, and `by`, what the second was made by."""
        days, first_minute = self._days_from, rows.minutes_from(self._connection)
        requests = {place: tuple(line) for place, line in self._lines.items()}
        by_key = audit.days_by_key(self._connection, days)
        told: dict[Place, Line] = {(day, key_id, workspace_id): tuple(line) for day, key_id, workspace_id, *line in by_key}
        yield from self._compared("key {1} of workspace {2} on day {0}", told, requests, "its requests")
        whole = self._figures("days", 1, days)
        of_all = {day: line for (cube, day), line in whole.items() if cube == ALL}
        same: dict[Place, Line] = {(cube, day): of_all.get(day, _NOTHING) for cube, day in whole}
        yield from self._compared("days of cube {0}, day {1}", whole, same, "those of all keys together")
        yield from self._compared("quarters of cube {0}, day {1}", self._figures("quarters", 96, days * 96), whole, "its days")
        minutes, quarters = self._figures("minutes", 15, first_minute), self._figures("quarters", 1, first_minute // 15)
        yield from self._compared("minutes of cube {0}, quarter {1}", minutes, quarters, "the quarter")

    def _figures(self, level: str, width: int, start: int) -> dict[Place, Line]:
        found = audit.figures(self._connection, level, width, start)
        return {(cube, bucket): tuple(line) for cube, bucket, *line in found}

    def _compared(self, name: str, told: dict[Place, Line], made: dict[Place, Line], by: str) -> Iterator[Difference]:
        for place in sorted(told.keys() | made.keys()):
            self.compared += 1
            one, other = told.get(place, _NOTHING), made.get(place, _NOTHING)
            if one != other:
                differing = [(a, b, word) for a, b, word in zip(one, other, WORDS, strict=True) if a != b]
                have = ", ".join(f"{a} {word}" for a, _, word in differing)
                how = f"have {have}; {by} make {', '.join(str(b) for _, b, _ in differing)}"
                yield Difference(
                    "figures", name.format(*place), how, "figures", {"by": by} | _named("told", one) | _named("made", other)
                )


def _named(beginning: str, line: Line) -> dict[str, int | str]:
    return {f"{beginning}_{word}": amount for word, amount in zip(WORDS, line, strict=True)}
