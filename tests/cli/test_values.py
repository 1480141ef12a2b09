import time

import click
import pytest

from gateway.cli.values import Dollars, Moment, Span


def test_spans() -> None:
    assert [Span().convert(text, None, None) for text in ("0", "45s", "30m", "24h", "7d", "4w", 9)] == [
        0, 45, 1800, 86400, 604800, 2419200, 9,
    ]  # fmt: skip


def test_moments_to_come() -> None:
    before_s = int(time.time())
    assert before_s <= Moment().convert("30d", None, None) - 30 * 86400 <= time.time()
    assert Moment().convert("2100-01-01", None, None) == 4102444800
    assert Moment().convert("2100-01-01T01:00:00+01:00", None, None) == 4102444800


@pytest.mark.parametrize(("value", "text"), [
    (Span(), "7"), (Span(), "-7d"), (Span(), "d"), (Span(), "7y"), (Moment(), "soon"), (Moment(), "2100-13-01"), (Moment(), ""),
    (Moment(), "2001-01-01"), (Dollars(), "-1"), (Dollars(), "1e3"), (Dollars(), "1.2345678901"), (Dollars(), ""),
])  # fmt: skip
def test_other_values_are_refused(value: click.ParamType[object], text: str) -> None:
    with pytest.raises(click.BadParameter):
        value.convert(text, None, None)
