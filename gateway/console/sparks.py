"""Sparks: the small curves under figures, as paths of an SVG that the server draws, so that they need no script.

Pure. A curve stands in a box of WIDTH by HEIGHT and begins at zero, so that a small change looks small. A point without a value
is a gap, and one that stands alone a dot. Its lowest, highest and last value are kept beside it: they are what is said to whoever
does not see it.
"""

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 100, 24
_EDGE = 1.5  # so that a line of full height is not cut in half


class Spark(NamedTuple):
    """A curve. `line`, `area` and `dots` are the `d` of paths; a dot has no area below it."""

    line: str
    area: str
    dots: str
    low: float
    high: float
    last: float


def spark(values: Sequence[float | None]) -> Spark | None:
    """The curve of these values, the oldest first; None without any."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    high = max(*known, 0)
    runs = _runs(values)
    step = WIDTH / max(len(values) - 1, 1)

    def at(place: int, value: float) -> str:
        height = HEIGHT - _EDGE - (HEIGHT - 2 * _EDGE) * (max(value, 0) / high if high else 0)
        return f"{place * step:.1f} {height:.1f}"

    lines = ["M" + "L".join(at(first + place, value) for place, value in enumerate(run)) for first, run in runs]
    dots = [f"{line}h0.01" for line, (_, run) in zip(lines, runs, strict=True) if len(run) == 1]
    areas = [
        f"{line}L{(first + len(run) - 1) * step:.1f} {HEIGHT}L{first * step:.1f} {HEIGHT}Z"
        for line, (first, run) in zip(lines, runs, strict=True)
        if len(run) > 1
    ]
    curves = [line for line, (_, run) in zip(lines, runs, strict=True) if len(run) > 1]
    return Spark("".join(curves), "".join(areas), "".join(dots), min(known), high, known[-1])


def _runs(values: Sequence[float | None]) -> list[tuple[int, list[float]]]:
    """Values without a gap between them, each run with the place of its first."""
    runs: list[tuple[int, list[float]]] = []
    for place, value in enumerate(values):
        if value is None:
            continue
        if runs and runs[-1][0] + len(runs[-1][1]) == place:
            runs[-1][1].append(value)
        else:
            runs.append((place, [value]))
    return runs
