"""Measures: the words of limits, and amounts that survive being written and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog import measures
from gateway.catalog.measures import AMOUNT_MAX, METRICS, WINDOWS
from gateway.core.refusals import Refusal
from gateway.core.usage import Usage
from gateway.state.layout import PATTERN_BYTES
from gateway.state.limits import CLASS_BITS, Metric, Window


def test_the_numbers_are_those_of_the_shared_file() -> None:
    assert {word.upper(): number for word, number in METRICS.items()} == {one.name: one.value for one in Metric}
    assert list(WINDOWS.values()) == [one.value for one in Window]
    assert tuple(CLASS_BITS) == measures.CLASSES
    assert measures.PATTERN_BYTES_MAX == PATTERN_BYTES


@pytest.mark.parametrize(("metric", "written", "amount"), [
    ("requests", 5, 5), ("requests", "5", 5), ("requests", 0, 0), ("cost", "12.5", 12_500_000_000), ("cost", 3, 3_000_000_000),
    ("cost", "0.000000001", 1), ("messages", "0.4", 400), ("messages", 225, 225_000), ("requests", AMOUNT_MAX, AMOUNT_MAX),
])  # fmt: skip
def test_amounts_are_read_in_the_unit_of_their_metric(metric: str, written: int | str, amount: int) -> None:
    assert measures.read_amount(metric, written) == amount


@pytest.mark.parametrize(("metric", "written"), [
    ("requests", -1), ("requests", "-1"), ("requests", "1.5"), ("requests", True), ("requests", ""), ("requests", "1e3"),
    ("requests", "nan"), ("requests", " 1"), ("requests", AMOUNT_MAX + 1), ("requests", "9" * 5000), ("cost", "0.0000000001"),
    ("cost", "1000001"), ("messages", "0.0001"), ("requests", "٣"), ("cost", "1."), ("cost", ".5"),
])  # fmt: skip
def test_amounts_that_make_no_sense(metric: str, written: int | str) -> None:
    with pytest.raises(Refusal, match="amount"):
        measures.read_amount(metric, written)


@pytest.mark.parametrize(("metric", "amount", "written"), [
    ("cost", 0, "0.00"), ("cost", 1_500_000_000, "1.50"), ("cost", 1, "0.000000001"), ("cost", -3_000_000_000, "-3.00"),
    ("messages", 2500, "2.5"), ("messages", 225_000, "225"), ("requests", 7, "7"), ("input_tokens", 0, "0"),
])  # fmt: skip
def test_amounts_are_written_as_people_write_them(metric: str, amount: int, written: str) -> None:
    assert measures.write_amount(metric, amount) == written


@given(st.sampled_from(list(METRICS)), st.integers(0, AMOUNT_MAX))
def test_what_is_written_is_read_again(metric: str, amount: int) -> None:
    assert measures.read_amount(metric, measures.write_amount(metric, amount)) == amount


@pytest.mark.parametrize("model_class", ["all", "opus", "other", "claude-opus-5*", "*", "gpt-4*", "o3", "x" * 63 + "*"])
def test_classes_and_patterns(model_class: str) -> None:
    measures.check_class(model_class)


@pytest.mark.parametrize("model_class", ["", "opuss", "Opus 4", "a\nb*", "ü*", "x" * 64 + "*", "all_models", "\x00"])
def test_what_is_no_class(model_class: str) -> None:
    with pytest.raises(Refusal, match=r"class|pattern"):
        measures.check_class(model_class)


def test_windows() -> None:
    assert measures.check_window("concurrency", None) == measures.check_window("concurrency", "total") == "total"
    assert [measures.check_window("cost", window) for window in WINDOWS] == list(WINDOWS)
    for metric, window in (("concurrency", "minute"), ("cost", None), ("cost", "hour"), ("requests", "")):
        with pytest.raises(Refusal, match="window"):
            measures.check_window(metric, window)
    with pytest.raises(Refusal, match="unknown metric `money`"):
        measures.check_metric("money")


def test_a_request_counts_in_every_metric() -> None:
    found = measures.amounts(Usage(1, 10, 100, 1000, 7), 55, 2000)
    assert {one.name.lower(): found[one] for one in Metric} == {
        "requests": 1,
        "input_tokens": 1101,
        "output_tokens": 7,
        "total_tokens": 1118,
        "cost": 55,
        "concurrency": 0,
        "messages": 2000,
    }
