import pytest

from loadtest.bench.spread import Spread, differences, median, percentile, ratios, spread


def test_median_of_odd_and_even_numbers_of_rounds() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert median([4.0, 1.0, 2.0, 3.0]) == 2.5


def test_percentile_is_nearest_rank() -> None:
    values = [float(value) for value in range(101)]
    assert [percentile(values[::-1], share) for share in (0, 0.5, 0.99, 1)] == [0.0, 50.0, 99.0, 100.0]
    assert percentile([7.0], 0.99) == 7.0


def test_one_disturbed_round_does_not_move_the_median() -> None:
    assert spread([1.0, 1.1, 0.9, 50.0, 1.05]) == Spread(1.05, 0.9, 50.0)


def test_ratios_are_taken_pair_by_pair() -> None:
    assert ratios([2.0, 40.0], [1.0, 10.0]) == [2.0, 4.0]
    assert ratios([2.0, 40.0], [0.0, 10.0]) == [4.0]
    assert differences([2.0, 40.0], [1.0, 10.0]) == [1.0, 30.0]


def test_nothing_measured_is_an_error_and_not_a_zero() -> None:
    for ask in (median, spread, lambda values: percentile(values, 0.5)):
        with pytest.raises(ValueError, match="no values"):
            ask([])


def test_unpaired_rounds_are_refused() -> None:
    with pytest.raises(ValueError):
        differences([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="share"):
        percentile([1.0], 50)
