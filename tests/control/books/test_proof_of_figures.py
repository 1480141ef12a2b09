"""Figures are proven by the requests that they sum up, whatever was changed and wherever."""

import pytest

from gateway.control.store import rollups as rows
from tests.control.books.sound import DAY_START_S, Books
from tests.control.books.test_rollups import mark_minutes

DAY = DAY_START_S // 86400


def figures(books: Books) -> list[str]:
    return [one.which for one in books.verifier().books().differences if one.what == "figures"]


@pytest.fixture
def kept(books: Books) -> Books:
    """Books whose figures stand on every level."""
    mark_minutes(books.office.store)
    books.drain.rollups.fold()
    books.use(2)
    return books


def test_sound_figures_are_proven_and_counted(kept: Books) -> None:
    report = kept.verifier().books()
    assert report.differences == []
    assert report.figures > 2 + 5 + 5
    kept.drain.rollups.fold()
    assert kept.verifier().books().figures == report.figures


@pytest.mark.parametrize("level", rows.LEVELS)
@pytest.mark.parametrize("cube", rows.CUBES)
@pytest.mark.parametrize("column", ["succeeded", "broken", "output_tokens", "cost_nanodollars"])
def test_a_changed_sum_is_named(kept: Books, level: str, cube: int, column: str) -> None:
    one = "(SELECT min(id) FROM rollup_series WHERE cube = ?)"
    kept.change(f"UPDATE rollup_{level} SET {column} = {column} + 1 WHERE series_id = {one}", cube)
    assert figures(kept)


@pytest.mark.parametrize("level", [*rows.LEVELS, "fresh"])
def test_a_lost_sum_is_named(kept: Books, level: str) -> None:
    kept.change(f"DELETE FROM rollup_{level}")
    assert figures(kept)


def test_a_request_that_is_in_no_sum_is_found_by_key_and_day(kept: Books) -> None:
    kept.change("UPDATE requests SET cost_nanodollars = cost_nanodollars + 1 WHERE rowid = 5")
    [named] = figures(kept)
    assert named.endswith(f"on day {DAY}")


def test_requests_that_are_not_filled_in_yet_are_no_difference(kept: Books) -> None:
    for level in (*rows.LEVELS, "fresh"):
        kept.change(f"DELETE FROM rollup_{level}")
    kept.office.store.set_meta("rollups_unfilled", str(len(kept.office.rows())))
    assert figures(kept) == []
    kept.drain.rollups.fill(7)
    assert figures(kept) == []
    while kept.drain.rollups.fill(7):
        pass
    assert figures(kept) == []
    assert kept.verifier().books().figures > 10


def test_what_is_forgotten_is_not_missed(kept: Books) -> None:
    kept.drain.rollups.fold()
    kept.drain.rollups.forget((DAY_START_S + 500 * 86400) * 10**9)
    report = kept.verifier().books()
    assert (report.differences, report.figures) == ([], 0)


@pytest.mark.parametrize("column", ["started_ns", "key_id", "status", "output_tokens", "cost_nanodollars", "workspace_id"])
@pytest.mark.parametrize("value", ["text", b"\xff", None, 1.5, 2**62])
def test_any_value_in_a_request_is_survived(kept: Books, column: str, value: object) -> None:
    if value is None:
        value = ""
    kept.change(f"UPDATE requests SET {column} = ? WHERE rowid = 3", value)
    assert figures(kept)
