"""Moments: when a limit is counted, with the bounds of the day and the month it falls into, in UTC."""

from datetime import UTC, datetime
from typing import Final

DAY_S: Final = 86_400

# Wall clock, start and end of its day, start and end of its month, all in Unix seconds; monotonic nanoseconds.
Moment = tuple[int, int, int, int, int, int]


class Calendar:
    """Makes moments; remembers the bounds of the day of the last one."""

    __slots__ = ("_bounds",)

    def __init__(self) -> None:
        self._bounds = bounds(0)

    def moment(self, wall_ns: int, mono_ns: int) -> Moment:
        """Of both clocks. A wall clock before 1970 counts as 1970, one after 2106 as 2106."""
        wall_s = wall_ns // 1_000_000_000
        day, day_end, month, month_end = self._bounds
        if day <= wall_s < day_end:
            return wall_s, day, day_end, month, month_end, mono_ns
        wall_s = min(max(wall_s, 0), 2**32 - 1)
        self._bounds = bounds(wall_s)
        return (wall_s, *self._bounds, mono_ns)


def bounds(wall_s: int) -> tuple[int, int, int, int]:
    """Start and end of the day and of the month."""
    day = wall_s - wall_s % DAY_S
    first = datetime.fromtimestamp(wall_s, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    # A moment has no room for what lies beyond: the last day and month are cut.
    most = 2**32 - 1
    return day, min(day + DAY_S, most), int(first.timestamp()), min(int(following.timestamp()), most)
